"""Ink on paper: how it spreads, fades, smears, and shows through from the other side.

Coverage is float32 `(H,W)` in [0,1].
"""

import cv2
import numpy as np
from numpy.random import Generator

from clearbg.synthetic.pages.sheets import Box, Sheet
from clearbg.synthetic.textures import blurred, fractal

COLORS = {
    "black": (0.10, 0.10, 0.10),
    "soot": (0.20, 0.18, 0.17),
    "iron gall": (0.30, 0.18, 0.10),
    "faded iron gall": (0.46, 0.31, 0.18),
    "blue": (0.16, 0.20, 0.38),
    "pencil": (0.35, 0.35, 0.36),
}
SECOND = ((0.68, 0.14, 0.10), (0.60, 0.20, 0.14), (0.14, 0.22, 0.45), (0.35, 0.22, 0.12))
LEAST_CONTRAST = 0.16  # of the light that the paper returns, in the faintest writing


def settled(rng: Generator, sheet: Sheet, frame: tuple[int, int], unrest: float) -> np.ndarray:
    """The sheet as ink on a page of `frame` pixels: its lines bent, its edges spread or worn.

    Args:
        unrest: how far letters stray from their drawn shape, pixels.
    """
    height, width = frame
    ink = cv2.resize(sheet.ink, (width, height), interpolation=cv2.INTER_AREA)
    ink = ink.astype(np.float32) / 255
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    curl = np.float32(rng.uniform(0, 5)) * fractal(rng, frame, 1, 0.2)
    coarse = max(4.0, min(frame) / (12 * unrest + 8))
    stray = np.float32(unrest)
    x += stray * fractal(rng, frame, coarse, 0.4)
    y += stray * fractal(rng, frame, coarse, 0.4) + curl
    ink = cv2.remap(ink, x, y, cv2.INTER_LINEAR)
    ragged = np.float32(rng.uniform(0.0, 0.14)) * fractal(rng, frame, min(frame) / 5, 0.5)
    uneven = np.float32(rng.uniform(0.0, 0.08)) * fractal(rng, frame, 4, 0.4)
    level = np.clip(np.float32(rng.uniform(0.36, 0.54)) + ragged + uneven, 0.2, 0.7)
    return np.clip(0.5 + np.float32(2.6) * (blurred(ink, rng.uniform(0.4, 0.8)) - level), 0, 1)


def contrasts(rng: Generator, frame: tuple[int, int], tidy: bool) -> np.ndarray:
    """The share of the paper's light that ink takes at every point, float32 `(H,W)`."""
    mean = rng.uniform(0.5 if tidy else 0.32, 0.85)
    uneven = rng.uniform(0.02, 0.1) if tidy else rng.uniform(0.04, 0.3)
    fading = fractal(rng, frame, int(rng.integers(2, 9)), rng.uniform(0.3, 0.7), stretch=3.0)
    return np.clip(np.float32(mean) * (1 + np.float32(uneven) * fading), LEAST_CONTRAST, 0.93)


def laid(
    rng: Generator, paper: np.ndarray, coverage: np.ndarray, contrast: np.ndarray, second: list[Box]
) -> None:
    """Print or write on the paper, in place.

    Args:
        contrast: the share of the light that full coverage takes, `(H,W)`.
        second: boxes in another color, in pixels of the sheet, which is twice as fine.
    """
    names = list(COLORS)
    color = np.float32(COLORS[names[rng.integers(len(names))]])
    taken = _taken(color)
    depth = coverage * contrast
    if second:
        other = _taken(np.float32(SECOND[rng.integers(len(SECOND))]))
        taken = np.broadcast_to(taken, (*coverage.shape, 3)).copy()
        for top, left, bottom, right in second:
            taken[top // 2 : bottom // 2, left // 2 : right // 2] = other
    if rng.random() < 0.2:
        halo = blurred(coverage, rng.uniform(1.5, 4.0)) * np.float32(rng.uniform(0.05, 0.2))
        depth = np.maximum(depth, halo * contrast)
    if rng.random() < 0.12:
        depth = np.maximum(depth, _smeared(rng, depth))
    paper *= 1 - np.minimum(depth[..., None] * taken, 0.97)


def _taken(color: np.ndarray) -> np.ndarray:
    """What the ink takes of red, green and blue, of mean 1."""
    taken = 1 - color
    return taken / taken.mean()


def _smeared(rng: Generator, depth: np.ndarray) -> np.ndarray:
    """Wet ink drawn out by a sleeve, in some places."""
    length = int(rng.integers(4, 14)) * 2 + 1
    trail = cv2.blur(depth, (length, 3) if rng.random() < 0.7 else (3, length))
    where = np.clip(fractal(rng, depth.shape, 2, 0.4) - 0.3, 0, 1)
    return np.float32(rng.uniform(0.2, 0.6)) * where * trail


def shone_through(rng: Generator, paper: np.ndarray, other: np.ndarray, contrast: float) -> None:
    """Darken the paper, in place, by the writing of its other side.

    Args:
        other: coverage of the other side as it lies here, that is mirrored.
        contrast: mean contrast of the ink on this side, which the other stays below.
    """
    soft = blurred(other, rng.uniform(0.7, 2.6))
    where = np.clip(0.65 + 0.35 * fractal(rng, other.shape, int(rng.integers(1, 5)), 0.4), 0.05, 1)
    strength = np.float32(contrast * rng.choice([0.18, 0.35, 0.55]) * rng.uniform(0.7, 1.2))
    depth = strength * where * soft
    taken = _taken(np.float32(COLORS["soot" if rng.random() < 0.5 else "faded iron gall"]))
    paper *= 1 - depth[..., None] * taken
