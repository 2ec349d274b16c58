"""Turns a page into a scan: light, binding, the surface under it, the scanner and the file."""

import cv2
import numpy as np
from numpy.random import Generator

from clearbg.synthetic.textures import blurred, fractal

LUMA = np.float32([0.299, 0.587, 0.114])  # Rec. 601


def extent(rng: Generator, frame: tuple[int, int]) -> np.ndarray | None:
    """Where the page is, float32 `(H,W)` in [0,1]; None where it fills the image."""
    if rng.random() > 0.12:
        return None
    height, width = frame
    page = np.ones(frame, np.float32)
    for side in np.flatnonzero(rng.random(4) < 0.4).tolist():
        length = width if side % 2 else height
        along = np.linspace(0, 1, length, dtype=np.float32)
        wave = np.interp(along, np.linspace(0, 1, 30), rng.normal(0, rng.uniform(0.2, 2.0), 30))
        edge = rng.uniform(0.02, 0.09) * min(frame) + rng.normal(0, 0.02) * length * along + wave
        depth = np.arange(height if side % 2 else width, dtype=np.float32)
        inside = np.clip(depth[None] - edge.astype(np.float32)[:, None] + 0.5, 0, 1)
        inside = inside[:, ::-1] if side > 1 else inside
        page *= inside.T if side % 2 else inside
    return page


def lain(rng: Generator, paper: np.ndarray, page: np.ndarray) -> np.ndarray:
    """The page on a dark or a gray surface, with its shadow beside it."""
    surface = np.float32(rng.choice([0.03, 0.1, 0.35], p=[0.5, 0.3, 0.2]))
    shade = surface * (1 - 0.6 * blurred(page, rng.uniform(2, 7)))
    return paper * page[..., None] + (shade * (1 - page))[..., None]


def lit(rng: Generator, paper: np.ndarray, tidy: bool) -> None:
    """Uneven light, in place: a slope, a fall towards the corners, a fold, a shadow."""
    height, width = paper.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    scale = 0.2 if tidy else 1.0
    slope = rng.normal(0, 0.05 * scale, 2).astype(np.float32)
    light = 1 + slope[0] * x + slope[1] * y
    light = light * (1 - np.float32(scale * max(0, rng.normal(0, 0.08))) * (x * x + y * y) / 2)
    if not tidy and rng.random() < 0.14:
        light *= _bound(rng, x if rng.random() < 0.8 else y)
    if not tidy and rng.random() < 0.14:
        light *= _overcast(rng, (height, width))
    paper *= np.broadcast_to(light, (height, width))[..., None]


def _bound(rng: Generator, across: np.ndarray) -> np.ndarray:
    """A book's fold: darkness that gathers towards a line, mostly near the image's edge."""
    low, high = (0.85, 1.1) if rng.random() < 0.75 else (0.0, 0.6)
    at = rng.choice([-1, 1]) * rng.uniform(low, high)
    distance = np.abs(across - np.float32(at)) / np.float32(rng.uniform(0.06, 0.3))
    return 1 - np.float32(rng.uniform(0.25, 0.75)) * np.exp(-distance)


def _overcast(rng: Generator, shape: tuple[int, int]) -> np.ndarray:
    """A broad shadow with a soft edge, as of a hand or a lamp's shade."""
    field = fractal(rng, shape, 1, 0.25)
    share = np.clip(np.float32(rng.uniform(0.6, 3.0)) * field + np.float32(rng.uniform(0, 1)), 0, 1)
    return 1 - np.float32(rng.uniform(0.1, 0.45)) * share


def scanned(rng: Generator, page: np.ndarray, tidy: bool) -> np.ndarray:
    """The file that a scanner or a camera makes of the page, uint8 `(H,W,3)` RGB."""
    height, width = page.shape[:2]
    image = blurred(page, rng.uniform(0.0, 0.6 if tidy else 1.1))
    if rng.random() < 0.42:
        gray = image @ LUMA
        image = cv2.merge((gray, gray, gray))
    lift = np.float32(rng.uniform(0.0, 0.06 if tidy else 0.2))
    image = 255 * (lift + (1 - lift) * np.clip(image, 0, 1.05))
    amount = rng.uniform(0.5, 2.0) if tidy else rng.choice([1.0, 3.0, 6.0], p=[0.4, 0.4, 0.2])
    noise = np.float32(amount) * rng.standard_normal((height, width), dtype=np.float32)
    if rng.random() < 0.06:
        noise += np.float32(amount) * rng.standard_normal((height, 1), dtype=np.float32)
    taken = np.clip(image + noise[..., None], 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70 if tidy else 35, 97))]
        _, packed = cv2.imencode(".jpg", taken, quality)
        taken = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return taken
