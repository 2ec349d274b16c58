"""Is the challenger better than the champion, on all images and on every slice?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clearbg import config
from clearbg.metrics.bootstrap import Draws
from clearbg.metrics.paired import Gain, gain


@dataclass(frozen=True)
class Shown:
    """The images that both models are scored on, and how the bootstrap draws them.

    Attributes:
        draws: of their groups.
        slices: name -> bool `(n,)`.
    """

    draws: Draws
    slices: Mapping[str, np.ndarray]


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
class Slice:
    """What the challenger gains on a part of the images.

    Attributes:
        floor: the least gain that is allowed, 0 or below.
        judged: it has enough groups of images.
    """

    name: str
    gain: Gain
    floor: float
    judged: bool

    @property
    def holds(self) -> bool:
        return not self.judged or self.gain.value >= self.floor


def compare(
    champion: Scored,
    challenger: Scored,
    shown: Shown,
    lower_is_better: bool,
    settings: config.Promote,
) -> tuple[Gain, list[Slice]]:
    """The gain over all images, and that on every slice that has a value."""
    values = (champion.values, challenger.values)
    alphas = (champion.empty_alpha[:, None], challenger.empty_alpha[:, None])
    whole = gain(*values, shown.draws, lower_is_better, settings.confidence)
    parts = [
        (name, gain(*values, shown.draws, lower_is_better, rows=rows), settings.max_slice_drop)
        for name, rows in shown.slices.items()
    ]
    empty = gain(*alphas, shown.draws, lower_is_better=True)
    parts.append(("no subject: mean alpha", empty, settings.max_empty_alpha_rise))
    return whole, [
        Slice(name, found, -drop, found.groups >= settings.min_images)
        for name, found, drop in parts
        if found.images
    ]
