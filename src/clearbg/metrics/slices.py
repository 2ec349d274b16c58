"""Parts of a set of images that a model may treat in another way: by size, softness and light."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clearbg.metrics.bootstrap import CONFIDENCE, Draws, figures, interval
from clearbg.metrics.names import LIGHT, OUTLINES, SUBJECT_SIZES
from clearbg.metrics.paired import MIN_GROUPS


def facts(rgb: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """What the slices look at in an image.

    Args:
        rgb: uint8 `(H,W,3)`.
        truth: uint8 `(H,W)`.
    """
    return {
        "coverage": float(truth.mean()) / 255,
        "soft_fraction": float(((truth > 0) & (truth < 255)).mean()),
        "luma": float(rgb.mean(axis=(0, 1)) @ [0.299, 0.587, 0.114]) / 255,
    }


def slices(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Name -> which images, bool `(n,)`: by size of the subject, softness, light, and source.

    Args:
        table: a row an image, with `empty`, whether it has no subject. Of the columns `coverage`,
            `soft_fraction`, `luma` and `source`, those that are there count; a single source is
            no slice.
    """
    subject = ~table["empty"].to_numpy(bool)
    kinds = (
        ("subject ", "coverage", SUBJECT_SIZES),
        ("", "soft_fraction", OUTLINES),
        ("", "luma", LIGHT),
    )
    found = {
        f"{prefix}{name}": subject & table[column].between(*bounds, inclusive="left").to_numpy()
        for prefix, column, ranges in kinds
        if column in table
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
    known, column = ~np.isnan(values), np.nan_to_num(values)[:, None]
    judged = {
        name: (known & rows, known & ~rows)
        for name, rows in parts.items()
        if min(len(np.unique(draws.groups[known & r])) for r in (rows, ~rows)) >= MIN_GROUPS
    }
    sign, found = 1 if lower_is_better else -1, []
    for name, (inside, outside) in judged.items():
        drawn = figures(column, draws.weights, inside) - figures(column, draws.weights, outside)
        groups = min(len(np.unique(draws.groups[rows])) for rows in (inside, outside))
        low, high = interval(sign * drawn, 1 - (1 - CONFIDENCE) / len(judged), groups)
        if low > 0:
            means = float(values[inside].mean()), float(values[outside].mean())
            found.append(Weakness(name, *means, low, high, int(inside.sum())))
    return max(found, key=lambda one: abs(one.inside - one.outside), default=None)
