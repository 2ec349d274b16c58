"""The places of tiles on an image, by one rule for training and removal. Needs no torch."""

import numpy as np


def starts(length: int, side: int, overlap: int) -> list[int]:
    """The first pixel of each tile of `side` pixels on an axis of `length >= side` pixels.

    Neighbors share `overlap` pixels; the last tile ends with the axis and may share more.
    """
    return [*range(0, length - side, side - overlap), length - side]


def extend(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Reflect `(H,W)` or `(H,W,C)` at its lower and right border until one tile fits."""
    missing = [(0, max(0, side - n)) for side, n in zip((height, width), pixels.shape)]
    return np.pad(pixels, missing + [(0, 0)] * (pixels.ndim - 2), "reflect")
