"""A trained network over a split, at the pictures' own size."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from clearbg import config, images, models
from clearbg.data import manifest
from clearbg.errors import DataError, SettingsError
from clearbg.metrics import saliency
from clearbg.metrics.segmentation import segmentation
from clearbg.models import weights
from clearbg.progress import progress
from clearbg.removal.contract import Contract
from clearbg.removal.predict import Network, predict
from clearbg.report import Case

CASE_SIDE = 400  # pixels of a picture in the report
CASE_SCORES = ("max_f", "weighted_f", "s_measure", "mae", "dice")


@dataclass(frozen=True)
class Evaluation:
    """What a split showed.

    Attributes:
        metrics: protocol -> metric -> average over pictures.
        curves: protocol -> threshold, f, precision, recall -> 256 values.
        per_image: one row a picture, worst first by F (by MAE where there is no subject).
    """

    metrics: dict[str, dict[str, float]]
    curves: dict[str, dict[str, np.ndarray]]
    per_image: pd.DataFrame

    def curve_table(self) -> pd.DataFrame:
        """One row a threshold; columns of all but the first protocol carry its name."""
        first, *others = (pd.DataFrame(values) for values in self.curves.values())
        named = [
            table.drop(columns="threshold").add_prefix(f"{protocol}_")
            for protocol, table in zip(list(self.curves)[1:], others, strict=True)
        ]
        return pd.concat([first, *named], axis=1)


def trained_network(folder: Path, contract: Contract, accelerator: str) -> Network:
    """The network of a models folder as the removal path sees one: numpy in, alpha out.

    Raises:
        SettingsError: CUDA is asked for and is not there.
        ModelError: the weights do not fit the contract's architecture.
    """
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            "evaluate.accelerator = cuda, but torch finds no CUDA device here: set it to cpu or "
            "auto."
        )
    device = "cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu"
    network = weights.load(models.build(contract.model), folder / "weights.safetensors")
    network = network.to(device, memory_format=torch.channels_last)

    def run(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            inputs = torch.from_numpy(batch).to(device, memory_format=torch.channels_last)
            return network(inputs)[0].sigmoid().cpu().numpy()

    return run


def evaluate(
    network: Network, contract: Contract, folder: Path, split: str, settings: config.Evaluate
) -> Evaluation:
    """Score every picture of a split of an ingested folder.

    Raises:
        DataError: the split is empty, or a picture cannot be read any more.
    """
    frame = manifest.read(folder)
    frame = frame[frame.split == split].reset_index(drop=True)
    if frame.empty:
        raise DataError(f"{folder} holds no {split} pictures: run `dvc repro ingest`.")
    hard: list[dict[str, float]] = []

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for first in range(0, len(frame), settings.batch_size):
            rows = frame.iloc[first : first + settings.batch_size]
            inputs, truths = zip(*(manifest.read_pair(folder, row) for _, row in rows.iterrows()))
            for alpha, truth in zip(predict(list(inputs), network, contract), truths):
                hard.append(segmentation(alpha, truth, contract.threshold))
                yield alpha, truth

    scored = saliency.score_all(pairs(), settings.protocols)
    scores = list(progress(scored, what="evaluate", unit="pictures", total=len(frame)))

    metrics = {
        protocol: saliency.summarise([s[protocol] for s in scores])
        for protocol in settings.protocols
    }
    metrics[settings.protocols[0]] |= pd.DataFrame(hard).mean().to_dict()
    curves = {
        protocol: saliency.curves([s[protocol] for s in scores]) for protocol in settings.protocols
    }
    table = pd.DataFrame([s[settings.protocols[0]].row() for s in scores])
    table = pd.concat([frame[["id", "coverage"]], table, pd.DataFrame(hard)], axis=1)
    order = table["max_f"].fillna(1 - table["mae"]).sort_values(kind="stable").index
    rounded = {p: {name: round(v, 6) for name, v in m.items()} for p, m in metrics.items()}
    return Evaluation(rounded, curves, table.loc[order].reset_index(drop=True))


def cases(
    result: Evaluation, network: Network, contract: Contract, folder: Path, count: int
) -> list[Case]:
    """The `count` worst pictures, and the middle and best with a subject; worst first."""
    rows = manifest.read(folder).set_index("id")
    subjects = result.per_image[~result.per_image["empty"]]
    middle = max(0, len(subjects) - count) // 2
    chosen = {
        "worst": result.per_image.head(count),
        "middle": subjects.iloc[middle : middle + count],
        "best": subjects.tail(count),
    }
    found = []
    for kind, part in chosen.items():
        for scores in part.to_dict("records"):
            name, shown = scores["id"], {key: scores[key] for key in CASE_SCORES}
            rgb, truth = manifest.read_pair(folder, rows.loc[name])
            alpha = predict([rgb], network, contract)[0]
            scale = min(1, CASE_SIDE / max(truth.shape))
            size = tuple(round(side * scale) or 1 for side in truth.shape)
            grey = np.rint(alpha * 255).astype(np.uint8)
            image, truth, grey = (images.resize(a, size) for a in (rgb, truth, grey))
            found.append(
                Case(id=name, kind=kind, scores=shown, image=image, truth=truth, alpha=grey)
            )
    return found
