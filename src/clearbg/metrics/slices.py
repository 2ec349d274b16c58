"""Parts of a set of images that a model may treat in another way: by size, light, contrast, ..."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clearbg.metrics.bootstrap import CONFIDENCE, Draws, interval
from clearbg.metrics.paired import MIN_GROUPS

BOUNDS: dict[str, dict[str, tuple[float, float]]] = {
    "coverage": {
        "subject small, below 10%": (0, 0.1),
        "subject medium, 10% to 30%": (0.1, 0.3),
        "subject large, 30% and more": (0.3, math.inf),
    },
    "soft_fraction": {
        "crisp outlines, below 1% soft": (0, 0.01),
        "outlines 1% to 5% soft": (0.01, 0.05),
        "soft outlines, 5% and more": (0.05, math.inf),
    },
    "luma": {
        "dark images, luma below 30%": (0, 0.3),
        "middle luma, 30% to 60%": (0.3, 0.6),
        "bright images, 60% and more": (0.6, math.inf),
    },
    "subjects": {"one subject": (1, 2), "several subjects": (2, math.inf)},
    "outline": {
        "compact subjects, outline below 5": (0, 5),
        "branched subjects, outline 5 to 8": (5, 8),
        "thin structures, outline 8 and more": (8, math.inf),
    },
    "touches_border": {
        "subject inside the image": (0, 1),
        "subject touches the border": (1, math.inf),
    },
    "contrast": {
        "low contrast, below 30": (0, 30),
        "middle contrast, 30 to 60": (30, 60),
        "high contrast, 60 and more": (60, math.inf),
    },
    "sharpness": {
        "blurred images, sharpness below 200": (0, 200),
        "middle sharpness, 200 to 2000": (200, 2000),
        "sharp images, 2000 and more": (2000, math.inf),
    },
    "megapixels": {
        "images below 0.25 megapixels": (0, 0.25),
        "images of 0.25 to 2 megapixels": (0.25, 2),
        "images of 2 megapixels and more": (2, math.inf),
    },
}
"""Fact of an image, see `image_facts` -> slice -> bounds, the upper one not included."""


def slices(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Name -> which images, bool `(n,)`: by each of `BOUNDS`, and by source.

    Args:
        table: a row an image, with `empty`, whether it has no subject. Of the facts and
            `source`, those that are columns count; a single source is no slice.
    """
    subject = ~table["empty"].to_numpy(bool)
    found = {
        name: subject & table[fact].between(*bounds, inclusive="left").to_numpy()
        for fact, ranges in BOUNDS.items()
        if fact in table
        for name, bounds in ranges.items()
    }
    sources = table["source"].unique() if "source" in table else ()
    if len(sources) > 1:
        found |= {f"source {name}": (table["source"] == name).to_numpy() for name in sources}
    return found


@dataclass(frozen=True)
class Weakness:
    """A slice on which a model is worse than on the other images.

    Attributes:
        inside, outside: the mean of the images' own values in the slice, and elsewhere.
        low, high: ends of the interval of how much worse the slice is; both are above 0.
        images: in the slice.
    """

    name: str
    inside: float
    outside: float
    low: float
    high: float
    images: int


def weakest(
    values: np.ndarray, parts: Mapping[str, np.ndarray], draws: Draws, lower_is_better: bool
) -> Weakness | None:
    """The slice that is worst against all other images; None: chance explains each of them.

    Slices of fewer than `MIN_GROUPS` groups are not looked at, nor those that leave fewer. The
    intervals of all slices together hold in 95 of 100 cases (Bonferroni's correction).

    Args:
        values: float `(n,)`, each image's own; NaN: it has none.
        parts: name -> which images, bool `(n,)`; see `slices`.
    """
    known = ~np.isnan(values)
    judged = {
        name: known & rows
        for name, rows in parts.items()
        if min(_groups(known & r, draws) for r in (rows, ~rows)) >= MIN_GROUPS
    }
    if not judged:
        return None
    inside = np.stack(list(judged.values()), axis=1).astype(float)
    drawn = _means(values, inside, draws) - _means(values, known[:, None] - inside, draws)
    sign, found = 1 if lower_is_better else -1, []
    for (name, rows), one in zip(judged.items(), drawn.T, strict=True):
        groups = min(_groups(rows, draws), _groups(known & ~rows, draws))
        low, high = interval(sign * one, CONFIDENCE, groups, len(judged))
        if low > 0:
            means = float(values[rows].mean()), float(values[known & ~rows].mean())
            found.append(Weakness(name, *means, low, high, int(rows.sum())))
    return max(found, key=lambda one: abs(one.inside - one.outside), default=None)


def _groups(rows: np.ndarray, draws: Draws) -> int:
    return len(np.unique(draws.groups[rows]))


def _means(values: np.ndarray, rows: np.ndarray, draws: Draws) -> np.ndarray:
    """The mean that each draw gives over each of the sets of images, float `(b,s)`.

    Args:
        rows: 1 for the images of a set, else 0, float `(n,s)`.
    """
    added, found = np.nan_to_num(values)[:, None] * rows, []
    with np.errstate(invalid="ignore"):  # a draw may hold none of them
        for weights in draws.weights():
            found.append((weights @ added) / (weights @ rows))
    return np.concatenate(found)
