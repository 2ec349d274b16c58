"""Many images, one after the other: memory holds sums, and the numbers of each image's row."""

from array import array
from collections.abc import Iterable

import numpy as np
import pandas as pd

from clearbg.evaluation.one_image import OneImage
from clearbg.metrics import baselines, bootstrap, calibration, image_facts, scoring
from clearbg.metrics.segmentation import empty_alpha, pooled_curves

AT_ONCE = 64
"""Images whose numbers become a part of the table together."""


class ManyImages:
    """What many images showed; there is at least one.

    Attributes:
        own: averages of the prediction's scores.
        clean: the same, of the images that did not leak.
        leaked: how many did.
        masks: averages of the masks that have not looked at the image.
        calibration: of alpha.
        counts: pixels by gray level of alpha, see `segmentation.histograms`.
    """

    def __init__(self, metrics: Iterable[str]) -> None:
        """`metrics`: for which `contributions` will be asked."""
        self.own, self.clean, self.leaked = scoring.Averages(), scoring.Averages(), 0
        self.masks, self.calibration = baselines.Averages(), calibration.Means()
        self.counts = np.zeros((2, 256), int)
        self._rows: list[dict[str, float | bool]] = []
        self._parts: list[pd.DataFrame] = []
        self._edges: dict[str, None] = {}
        self._curves: dict[str, array[float]] = {
            name: array("d")
            for name in metrics
            if name in bootstrap.CURVES and name.startswith("max_")
        }

    def add(self, one: OneImage, leaked: bool) -> None:
        """Count an image in."""
        self.own.add(one.scores)
        if leaked:
            self.leaked += 1
        else:
            self.clean.add(one.scores)
        self.masks.add(one.masks)
        self.calibration.add(one.reliability, one.counts)
        self.counts += one.counts
        facts = {name: one.facts[name] for name in image_facts.NAMES if name in one.facts}
        self._rows.append({**facts, **one.scores.row(), **one.edges})
        self._edges |= dict.fromkeys(one.edges)
        for first in list(one.scores.saliency.values())[:1]:
            for name, curves in self._curves.items():
                curves.extend(getattr(first, bootstrap.CURVES[name]))
        if len(self._rows) == AT_ONCE:
            self._parts.append(pd.DataFrame(self._rows))
            self._rows.clear()

    def table(self) -> pd.DataFrame:
        """A row an image: what it is like, its scores, and those along the outline."""
        rest = [pd.DataFrame(self._rows)] if self._rows else []
        return pd.concat([*self._parts, *rest], ignore_index=True)

    def edges(self, table: pd.DataFrame) -> dict[str, float]:
        """Averages of the scores along the outline, over the images that have them."""
        return table[list(self._edges)].mean().dropna().to_dict()

    def curves(self) -> dict[str, dict[str, np.ndarray]]:
        """By protocol; without saliency "pooled", see `Evaluation.curves`."""
        return self.own.curves() or {"pooled": pooled_curves(self.counts)}

    def contributions(self, metric: str, table: pd.DataFrame) -> np.ndarray:
        """What each image adds to a figure by the first protocol, see `bootstrap.contributions`."""
        if curves := self._curves.get(metric):
            return np.array(curves, copy=False).reshape(len(table), -1)
        if metric == "empty_alpha":
            return np.array(
                [[empty_alpha(row)] for row in table[["mean_alpha", "empty"]].to_dict("records")]
            )
        return table[[metric]].to_numpy(float)
