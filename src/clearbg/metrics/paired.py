"""Is one model better than another on the same images, and how sure is that?

The interval of the gain is a bootstrap's: groups of images (one subject, one car, near-duplicates)
are drawn with replacement, and with every draw both models' figures are formed anew from the same
images, as `evaluate` forms them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clearbg.metrics.bootstrap import CONFIDENCE, Draws, figure, figures, interval

Verdict = Literal["better", "worse", "cannot tell"]
MIN_GROUPS = 8
"""Fewer groups of images than these are not judged as a slice."""


@dataclass(frozen=True)
class Gain:
    """What the second model gains; positive is better, whichever way the metric points.

    Attributes:
        before, after: the figures of the first and the second model; NaN without images.
        low, high: ends of the interval of the gain.
        images, groups: how many have a value by both models.
    """

    before: float
    after: float
    value: float
    low: float
    high: float
    images: int
    groups: int

    @property
    def verdict(self) -> Verdict:
        """Of the second model: what its interval says."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "cannot tell"


def gain(
    before: np.ndarray,
    after: np.ndarray,
    draws: Draws,
    lower_is_better: bool,
    confidence: float = CONFIDENCE,
    rows: np.ndarray | None = None,
    together: int = 1,
) -> Gain:
    """Compare two models on the images that both have a value for.

    Args:
        before, after: float `(n,k)`, see `bootstrap.contributions`.
        draws: of the images' groups.
        rows: bool `(n,)`: a slice of the images; None: all.
        together: gains whose intervals all hold with this confidence, see `bootstrap.interval`.
    """
    known = ~np.isnan(np.hstack([before, after])).any(axis=1)
    known = known if rows is None else known & rows
    groups = len(np.unique(draws.groups[known]))
    if not groups:
        return Gain(np.nan, np.nan, np.nan, -np.inf, np.inf, 0, 0)
    sign = -1 if lower_is_better else 1
    old, new = (figures(values, draws, known) for values in (before, after))
    # Adding 0.0 turns -0.0, the gain of equals where lower is better, into 0.0.
    low, high = interval(sign * (new - old) + 0.0, confidence, groups, together)
    first, second = (figure(values[known]) for values in (before, after))
    return Gain(first, second, sign * (second - first) + 0.0, low, high, int(known.sum()), groups)


def by_slice(
    before: np.ndarray,
    after: np.ndarray,
    draws: Draws,
    lower_is_better: bool,
    slices: Mapping[str, np.ndarray],
    confidence: float = CONFIDENCE,
    min_groups: int = MIN_GROUPS,
) -> dict[str, Gain]:
    """Slice -> the gain there, for slices of at least `min_groups` groups, but not of all images.

    The intervals are wider than that of all images: together they hold with this confidence, so
    that the worst of many slices is not bad by chance.
    """
    known = ~np.isnan(np.hstack([before, after])).any(axis=1)
    enough = {
        name: rows
        for name, rows in slices.items()
        if len(np.unique(draws.groups[known & rows])) >= min_groups and (known & ~rows).any()
    }
    return {
        name: gain(before, after, draws, lower_is_better, confidence, rows, len(enough))
        for name, rows in enough.items()
    }


def most_changed(before: np.ndarray, after: np.ndarray, sign: int, count: int) -> Sequence[int]:
    """The images with the largest gains, best first, and as many losses, worst last.

    Args:
        before, after: float `(n,)`, each image's own value; NaN: it has none.
        sign: 1, or -1 where lower is better.
    """
    change = sign * (after - before)
    order = [int(k) for k in np.argsort(-change, kind="stable") if not np.isnan(change[k])]
    return list(dict.fromkeys([*order[:count], *order[max(count, len(order) - count) :]]))
