"""Backgrounds of a wanted size for transparent images."""

import numpy as np

from clearbg.images import resize
from clearbg.synthetic.backdrops import SCENES, backdrop
from clearbg.synthetic.camera import photographed

LONGEST = 420  # pixels; the generator's scenes are made for this size and then enlarged


def generated(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A generated place without subject, uint8 `(H,W,3)`."""
    scale = min(1.0, LONGEST / max(size))
    small = tuple(max(32, round(side * scale)) for side in size)
    place = rng.choice(list(SCENES))
    return resize(photographed(rng, backdrop(rng, place, small).image), size, "bicubic")


def covering(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The middle of an image, uint8 `(H,W,3)`, scaled so that it just fills `size`."""
    height, width = size
    scale = max(height / rgb.shape[0], width / rgb.shape[1])
    wanted = max(height, round(rgb.shape[0] * scale)), max(width, round(rgb.shape[1] * scale))
    rgb = resize(rgb, wanted)
    top, left = (wanted[0] - height) // 2, (wanted[1] - width) // 2
    return rgb[top : top + height, left : left + width]
