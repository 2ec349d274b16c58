"""May an exported file stand in for the trained network? Judged on validation images.

What counts is what people would see: the same images go through torch and through the file,
at their own size (cut into tiles where the contract says so), and both are scored against the
truth. How much the scores may fall is a budget in params.yaml.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from clearbg import config
from clearbg.contract import Contract
from clearbg.data import manifest
from clearbg.errors import DataError
from clearbg.inference.predict import Network, predict_split
from clearbg.inference.sessions import open_model
from clearbg.inference.torch_network import as_network
from clearbg.metrics import scoring
from clearbg.metrics.boundary import boundary_iou
from clearbg.system.progress import progress

BUDGETS = {"mae_loss": "MAE rises", "max_f_loss": "maxF falls",
           "boundary_iou_loss": "boundary IoU falls"}  # fmt: skip
"""Figure, which is also the key in `export`, and what exceeding it means."""


@dataclass(frozen=True)
class Verdict:
    """The figures of one exported file, and the budget that it exceeds.

    Attributes:
        figures: `max_difference` of alpha as the network gives it; `mae_loss`, `max_f_loss` and
            `boundary_iou_loss`, averages over the images, positive where the file is worse.
            Rounded to digits that do not change with the processor.
        over: the beginning of a sentence that names the file, the exceeded key and the worst image;
            None: every budget is kept.
    """

    figures: dict[str, float]
    over: str | None

    def with_figure(self, name: str, value: float) -> "Verdict":
        return dataclasses.replace(self, figures={**self.figures, name: value})


@dataclass(frozen=True)
class _Outcome:
    """The results of one network: alphas, a row of scores for each image, and their averages."""

    alphas: list[list[np.ndarray]]
    table: pd.DataFrame
    averages: dict[str, float]


class Gate:
    """Scores the trained network once, then judges any number of files against it.

    Args:
        network: the trained one.
        contract: how images become its inputs.
        data: an ingested folder; the first `settings.images` of its validation split are taken.

    Raises:
        DataError: there are no validation images.
    """

    def __init__(self, network: nn.Module, contract: Contract, data: Path, settings: config.Export):
        frame = manifest.read(data)
        rows = frame[frame.split == "validation"].head(settings.images)
        if rows.empty:
            raise DataError(f"{data} holds no validation images: run `dvc repro ingest`.")
        self._data, self._contract, self._settings = data, contract, settings
        self._rows = [row for _, row in rows.iterrows()]
        self._trained = self._outcome(as_network(network), "trained model")

    def judge(self, path: Path, tolerance_key: str) -> Verdict:
        """Compare an exported file with the trained network.

        Args:
            tolerance_key: the key of `export` that limits the difference of alpha.
        """
        found = self._outcome(open_model(path).network, path.name)
        differences = np.array(
            [
                max(float(np.abs(own - other).max()) for own, other in zip(*pair, strict=True))
                for pair in zip(self._trained.alphas, found.alphas, strict=True)
            ]
        )
        largest = float(np.nan_to_num(differences, nan=1.0).max())
        losses = {
            "mae_loss": found.averages["mae"] - self._trained.averages["mae"],
            # Images without a subject have no F.
            "max_f_loss": self._trained.averages.get("max_f", 0.0)
            - found.averages.get("max_f", 0.0),
            "boundary_iou_loss": self._trained.averages["boundary_iou"]
            - found.averages["boundary_iou"],
        }
        figures = {"max_difference": float(f"{largest:.0e}")}
        figures |= {name: round(value, 4) + 0.0 for name, value in losses.items()}
        tolerance = getattr(self._settings, tolerance_key)
        if not largest <= tolerance:
            worst = self._rows[int(np.nan_to_num(differences, nan=1.0).argmax())]["id"]
            over = (
                f"{path.name}: alpha differs from the trained model's by {largest:.2g} on "
                f"{worst}, more than export.{tolerance_key} = {tolerance:g}"
            )
            return Verdict(figures, over)
        for name, value in losses.items():
            if not value <= getattr(self._settings, name):
                return Verdict(figures, self._sentence(path, name, value, found))
        return Verdict(figures, None)

    def _sentence(self, path: Path, name: str, value: float, found: _Outcome) -> str:
        metric = name.removesuffix("_loss")
        change = found.table[metric] - self._trained.table[metric]
        worst = (change if metric == "mae" else -change).fillna(-np.inf).argmax()
        return (
            f"{path.name}: {BUDGETS[name]} by {value:.4f} over {len(self._rows)} validation "
            f"images, more than export.{name} = {getattr(self._settings, name):g}; the worst "
            f"is {self._rows[worst]['id']} (from {self._trained.table[metric][worst]:.4f} to "
            f"{found.table[metric][worst]:.4f})"
        )

    def _outcome(self, network: Network, name: str) -> _Outcome:
        alphas: list[list[np.ndarray]] = []
        outlines: list[float] = []

        def recorded(batch: np.ndarray) -> np.ndarray:
            alphas[-1].append(network(batch))
            return alphas[-1][-1]

        def images() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for row in progress(self._rows, what=f"export: {name}", unit="images"):
                alphas.append([])
                yield manifest.read_pair(self._data, row)

        def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for alpha, truth in predict_split(recorded, self._contract, images()):
                outlines.append(boundary_iou(alpha, truth, self._contract.threshold))
                yield alpha, truth

        # Starting processes takes longer than scoring a handful of images.
        processes = 1 if len(self._rows) < 8 else None
        scores = list(
            scoring.score_all(pairs(), ["saliency"], self._contract.threshold, processes=processes)
        )
        table = pd.DataFrame([score.row() for score in scores]).assign(boundary_iou=outlines)
        averages = scoring.summarize(scores) | {"boundary_iou": float(np.mean(outlines))}
        return _Outcome(alphas, table, averages)
