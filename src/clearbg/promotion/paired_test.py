"""Is the challenger better than the champion, on all images and on every slice?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clearbg import config
from clearbg.evaluation.one_metric import Scored
from clearbg.metrics import paired
from clearbg.metrics.bootstrap import Draws
from clearbg.metrics.paired import Gain


@dataclass(frozen=True)
class Slice:
    """What the challenger gains on a part of the images.

    Attributes:
        floor: the least gain that is allowed, 0 or below.
    """

    name: str
    gain: Gain
    floor: float

    @property
    def mark(self) -> Literal["✓", "?", "✗"]:
        """?: the gain is below the floor, perhaps by chance. ✗: it is, and surely a fall."""
        if self.gain.value >= self.floor:
            return "✓"
        return "✗" if self.gain.verdict == "worse" else "?"

    @property
    def holds(self) -> bool:
        return self.mark != "✗"


def compare(
    champion: Scored,
    challenger: Scored,
    draws: Draws,
    slices: Mapping[str, np.ndarray],
    lower_is_better: bool,
    settings: config.Promote,
) -> tuple[Gain, list[Slice]]:
    """The gain over all images, and that on every slice of at least `promote.min_images` groups.

    Args:
        draws: of the images' groups.
        slices: name -> which images, bool `(n,)`.
    """
    values = (champion.values, challenger.values)
    asked, least = settings.confidence, settings.min_images
    whole = paired.gain(*values, draws, lower_is_better, asked)
    found = paired.by_slice(*values, draws, lower_is_better, slices, asked, least)
    parts = [Slice(name, gain, -settings.max_slice_drop) for name, gain in found.items()]
    alphas = (champion.empty_alpha[:, None], challenger.empty_alpha[:, None])
    empty = paired.gain(*alphas, draws, lower_is_better=True, confidence=asked)
    if empty.groups >= least:
        parts.append(Slice("no subject: mean alpha", empty, -settings.max_empty_alpha_rise))
    return whole, parts
