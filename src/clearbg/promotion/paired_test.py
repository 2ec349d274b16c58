"""Is the challenger better than the champion, and how sure is that? Paired, image by image.

Both are scored on the same images. The interval of the gain is a bootstrap's: groups of
images (one subject, one car, near-duplicates) are drawn with replacement, and with every draw
both models' figures are formed anew from the same images, as `evaluate` forms them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clearbg import config
from clearbg.metrics import bootstrap
from clearbg.metrics.bootstrap import figures, interval


@dataclass(frozen=True)
class Shown:
    """The images that both models are scored on, and how the bootstrap draws them.

    Attributes:
        draws: of their groups.
        slices: name -> bool `(n,)`.
    """

    draws: bootstrap.Draws
    slices: Mapping[str, np.ndarray]

    @property
    def groups(self) -> np.ndarray:
        return self.draws.groups


@dataclass(frozen=True)
class Scored:
    """One model's scores, in the images' order; NaN where an image has no value.

    Attributes:
        values: float `(n,k)`, see `clearbg.metrics.bootstrap.contributions`.
        empty_alpha: float `(n,)`: mean alpha where there is no subject.
    """

    values: np.ndarray
    empty_alpha: np.ndarray


@dataclass(frozen=True)
class Gain:
    """What the challenger gains; positive is better, whichever way the metric points.

    Attributes:
        champion, challenger: the figures themselves.
        low, high: ends of the interval.
        images, groups: how many have a value.
    """

    champion: float
    challenger: float
    value: float
    low: float
    high: float
    images: int
    groups: int


@dataclass(frozen=True)
class Slice:
    """What it gains on a part of the images.

    Attributes:
        floor: the least gain that is allowed, 0 or below.
        judged: it has enough groups of images.
    """

    name: str
    champion: float
    challenger: float
    value: float
    floor: float
    images: int
    judged: bool

    @property
    def holds(self) -> bool:
        return not self.judged or self.value >= self.floor


def compare(
    champion: Scored,
    challenger: Scored,
    shown: Shown,
    lower_is_better: bool,
    settings: config.Promote,
) -> tuple[Gain, list[Slice]]:
    """The gain over all images, and that on every slice that has a value."""
    sign = -1 if lower_is_better else 1
    both = (champion.values, challenger.values)
    whole = _known(*both)
    old, new = (figures(values, shown.draws.weights, whole) for values in both)
    groups = len(np.unique(shown.groups[whole]))
    low, high = interval(sign * (new - old), settings.confidence, groups)
    parts = [
        _part(both, rows & whole, shown, name, sign, -settings.max_slice_drop, settings.min_images)
        for name, rows in shown.slices.items()
    ]
    alphas = (champion.empty_alpha[:, None], challenger.empty_alpha[:, None])
    empty = _known(*alphas)
    parts.append(
        _part(alphas, empty, shown, "no subject: mean alpha", -1, -settings.max_empty_alpha_rise,
              settings.min_images)
    )  # fmt: skip
    before, after = (float(figures(values, np.ones((1, len(whole))), whole)[0]) for values in both)
    gain = Gain(before, after, sign * (after - before), low, high, int(whole.sum()), groups)
    return gain, [part for part in parts if part.images]


def _known(*values: np.ndarray) -> np.ndarray:
    return ~np.isnan(np.hstack(values)).any(axis=1)


def _part(both, rows, shown, name, sign, floor, least) -> Slice:
    if not rows.any():
        return Slice(name, np.nan, np.nan, np.nan, floor, 0, False)
    old, new = (float(figures(values, np.ones((1, len(rows))), rows)[0]) for values in both)
    enough = len(np.unique(shown.groups[rows])) >= least
    return Slice(name, old, new, sign * (new - old), floor, int(rows.sum()), enough)
