"""Random fields: noise with the spectrum of natural images, and man-made patterns.

Every function draws from the given generator and returns float32 `(H,W)`.
"""

import cv2
import numpy as np
from numpy.random import Generator

PATTERNS = ("stripes", "checks", "bricks", "spots", "marble", "fur", "patches", "weave")
WOVEN = ("stripes", "checks", "bricks", "weave")


def fractal(
    rng: Generator,
    shape: tuple[int, int],
    coarse: float = 4,
    persistence: float = 0.5,
    stretch: float = 1.0,
) -> np.ndarray:
    """Octaves of noise summed from coarse to fine, of mean 0 and standard deviation 1.

    Each octave halves the grid, and its amplitude is `persistence` times that of the one before.
    A persistence of 0.5 comes near the 1/f amplitude spectrum of natural scenes (Field 1987);
    larger values are rougher.

    Args:
        coarse: cells of the coarsest octave along the shorter side.
        stretch: above 1 the grain runs horizontally, below 1 vertically.
    """
    height, width = shape
    cell = min(height, width) / coarse
    rows = max(2, round(height / cell * np.sqrt(stretch)))
    columns = max(2, round(width / cell / np.sqrt(stretch)))
    field = rng.standard_normal((rows, columns), dtype=np.float32)
    weight = persistence
    while weight > 0.04 and (rows < height or columns < width):
        rows, columns = min(2 * rows, height), min(2 * columns, width)
        field = cv2.resize(field, (columns, rows), interpolation=cv2.INTER_LINEAR)
        field += weight * rng.standard_normal((rows, columns), dtype=np.float32)
        weight *= persistence
    field = cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
    mean, deviation = cv2.meanStdDev(field)
    return (field - np.float32(mean[0, 0])) / np.float32(deviation[0, 0] + 1e-6)


def plane(shape: tuple[int, int], angle: float, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates `(along, across)` of every pixel, turned by `angle`, in units of `cell`."""
    height, width = shape
    y = np.arange(height, dtype=np.float32)[:, None] / np.float32(cell)
    x = np.arange(width, dtype=np.float32)[None, :] / np.float32(cell)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cosine + y * sine, y * cosine - x * sine


def pattern(rng: Generator, shape: tuple[int, int], kind: str, cell: float) -> np.ndarray:
    """One of `PATTERNS`, in [0,1], repeating every `cell` pixels or so."""
    if kind in WOVEN:
        bend = 0.25 * rng.random() * fractal(rng, shape, 2, 0.3)
        along, across = plane(shape, rng.uniform(0, np.pi), cell)
        return _woven(rng, kind, along + bend, across + bend)
    coarse = max(2, min(shape) / cell)
    if kind == "spots":
        return _step(fractal(rng, shape, coarse, 0.2), rng.uniform(0.5, 1.1), 3.0)
    if kind == "patches":
        return _step(fractal(rng, shape, coarse / 2, 0.45), rng.uniform(-0.4, 0.6), 4.0)
    if kind == "marble":
        veins = np.abs(fractal(rng, shape, coarse / 2, 0.5))
        return np.clip(1 - 1.6 * veins, 0, 1)
    hair = fractal(rng, shape, coarse, 0.8, stretch=rng.choice([0.15, 6.0]))
    return np.clip(0.5 + 0.3 * hair, 0, 1)


def _woven(rng: Generator, kind: str, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    if kind == "stripes":
        return _wave(across, rng.uniform(-0.6, 0.6))
    if kind == "weave":
        return 0.5 * (_wave(along, 0.0) + _wave(across, 0.0))
    if kind == "bricks":
        along = along / 2 + 0.5 * (np.floor(across) % 2)
        return np.maximum(_joint(along, 0.04), _joint(across, 0.08))
    return _step((_wave(along, 0.0) - 0.5) * (_wave(across, 0.0) - 0.5), 0.0, 40.0)


def _wave(phase: np.ndarray, level: float) -> np.ndarray:
    """A softened square wave of period 1; `level` in (-1,1) shifts its duty cycle."""
    return _step(np.sin(2 * np.pi * phase), level, 3.0)


def _joint(phase: np.ndarray, width: float) -> np.ndarray:
    distance = np.abs(phase - np.round(phase))
    return np.clip(1.5 - distance / np.float32(width), 0, 1)


def _step(field: np.ndarray, level: float, steepness: float) -> np.ndarray:
    return np.clip(0.5 + np.float32(steepness) * (field - np.float32(level)), 0, 1)


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur, computed on a smaller image where it is wide."""
    if sigma < 0.3:
        return image
    if sigma < 2.5:
        return cv2.GaussianBlur(image, (0, 0), sigma)
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return cv2.resize(blurred(small, sigma / 2), image.shape[1::-1])
