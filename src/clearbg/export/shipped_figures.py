"""What a shipped model scores, and the refusal of one that is useless or loses in its files."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clearbg import config, models, pretrained
from clearbg.contract import Contract
from clearbg.data import leaks
from clearbg.data.pairs import FilePair
from clearbg.errors import DataError, ExportError
from clearbg.inference.predict import Network, predict_split
from clearbg.inference.sessions import open_model
from clearbg.inference.torch_network import as_network
from clearbg.metrics import baselines, bootstrap, scoring
from clearbg.metrics.names import FAMILIES, LOWER_IS_BETTER, families_of
from clearbg.models import weights

PIXELS = 10**8  # most of an image
METRICS = ("mae", "dice")
"""What is measured beside the metric that chose the weights."""


def measured(
    whole: Mapping[str, np.ndarray], contract: Contract, folder: Path, pairs: Sequence[FilePair]
) -> dict[str, Any]:
    """What the stored weights and the ONNX files score on the pairs, beside those as they came.

    Args:
        whole: `contributions` of the weights as they came.

    Returns:
        `images` and `unseen`, how many of them no training image of the model resembles;
        `figures`, file -> metric -> value and ends of its 95 % interval, on the unseen images (on
        all, where there are none); `losses`, on all images, file -> metric -> how much worse it is
        than the weights as they came.
    """
    stored = weights.load(models.build(contract.model, **contract.settings), folder / weights.FILE)
    networks = {
        weights.FILE: as_network(stored),
        pretrained.FP16: open_model(folder / pretrained.FP16).network,
        pretrained.INT8: open_model(folder / pretrained.INT8).network,
    }
    seen = leaks.of_model(folder, contract.images_sha256, contract.trained_on)
    marks = leaks.mark(leaks.hashes(pair.files()[0] for pair in pairs), seen)
    unseen = np.array([not kind for kind in marks.kinds])
    rows = unseen if unseen.any() else ~unseen
    draws = bootstrap.draw([str(k) for k in range(rows.sum())])
    figures, losses = {}, {}
    of_files = {file: contributions(network, contract, pairs) for file, network in networks.items()}
    for file, values in {"original": whole, **of_files}.items():
        figures[file] = {
            name: [round(number, 4) for number in bootstrap.estimate(found[rows], draws)]
            for name, found in values.items()
        }
        losses[file] = {name: bootstrap.figure(found) for name, found in values.items()}
    best = losses.pop("original")
    for found in losses.values():
        for name, value in found.items():
            worse = value - best[name] if name in LOWER_IS_BETTER else best[name] - value
            found[name] = round(worse, 5) + 0.0
    return {
        "images": len(pairs),
        "unseen": int(unseen.sum()),
        "figures": figures,
        "losses": losses,
    }


def held_out(table: Path | None, headline: str) -> dict[str, Any] | None:
    """How many images the table scores, and its metrics that are averages over images."""
    if table is None:
        return None
    frame = pd.read_csv(table) if table.is_file() else pd.DataFrame()
    named = [headline, *(name for family in families_of(headline) for name in FAMILIES[family])]
    figures = {
        name: [round(number, 4) for number in bootstrap.estimate(frame[[name]].to_numpy(float))]
        for name in dict.fromkeys([*named, *METRICS])
        if name in frame and name not in bootstrap.CURVES
    }
    if headline not in figures:
        raise DataError(
            f"{table} is not the per_image.csv of an evaluation by {headline}: name another."
        )
    return {"images": len(frame), "figures": figures}


def contributions(
    network: Network, contract: Contract, pairs: Sequence[FilePair]
) -> dict[str, np.ndarray]:
    """Metric -> what each image adds to its figure, see `bootstrap.contributions`."""
    scores = scoring.score_all(
        predict_split(network, contract, _read(pairs)), _families(contract), contract.threshold
    )
    found = list(scores)
    return {metric: bootstrap.contributions(found, metric) for metric in _metrics(contract)}


def _metrics(contract: Contract) -> list[str]:
    return [name for name in dict.fromkeys((contract.headline, *METRICS)) if name != "loss"]


def _families(contract: Contract) -> list[str]:
    return list(dict.fromkeys(f for metric in _metrics(contract) for f in families_of(metric)))


def _read(pairs: Sequence[FilePair]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for pair in pairs:
        image, truth, _ = pair.read(PIXELS)
        yield image.srgb(), truth


def refuse_useless(
    name: str,
    contract: Contract,
    whole: Mapping[str, np.ndarray],
    pairs: Sequence[FilePair],
    mean_mask: np.ndarray | None,
) -> None:
    """Refuse weights that are no better on the pairs than a mask that looks at no image.

    Args:
        whole: `contributions` of these weights.
        mean_mask: of their training images, see `baselines.masks`.

    Raises:
        ExportError: says by which metric, and what reaches as much.
    """
    truths = (truth for _, truth in _read(pairs))
    masks = baselines.score_all(truths, _families(contract), contract.threshold, mean_mask)
    figures = {metric: bootstrap.figure(found) for metric, found in whole.items()}
    compared = baselines.compare(contract.headline, figures, masks)
    if not compared.beats_baselines:
        raise ExportError(
            f"{name} is not shipped: {compared.sentence('images')}: {baselines.REMEDY}."
        )


def refuse_loss(name: str, losses: dict[str, dict[str, float]], budget: config.Export) -> None:
    """Hold every file to the budgets of max F and MAE against the weights as they came."""
    for file, found in losses.items():
        for metric, loss in found.items():
            allowed = budget.mae_loss if metric == "mae" else budget.max_f_loss
            if loss > allowed:
                raise ExportError(
                    f"{file} of {name} loses {loss:.4f} of {metric} against the original weights, "
                    f"more than {allowed:g}: raise export.float_layers or export.calibration."
                )
