"""Old paper: its color, fibers, stains, foxing, creases, fixed patches and ruling.

Paper is reflectance, float32 `(H,W,3)` RGB in [0,1]; what happened to it is a transmittance
`(H,W)` or `(H,W,3)` that multiplies it.
"""

import cv2
import numpy as np
from numpy.random import Generator

from clearbg.synthetic.textures import blurred, fractal, plane

COLORS = (
    "f0ead8 e8e0c8 e0d4b4 d8c8a0 c8b48c d8b070 c49a5c b89468 f4f2ec e4e2de d4d0c8 bcb8b0 "
    "e8dca0 f0e8b8 a89880 b8c8b0 c8d0d8 8f7f68 e0c8b0"
).split()
BROWN = np.float32([0.62, 0.42, 0.22])  # what damp and age leave


def sheet(rng: Generator, shape: tuple[int, int], tidy: bool) -> np.ndarray:
    """An empty sheet; a `tidy` one is even and hardly stained."""
    color = COLORS[rng.integers(len(COLORS))]
    base = np.float32([int(color[at : at + 2], 16) / 255 for at in (0, 2, 4)])
    base *= np.float32(rng.uniform(0.85, 1.05))
    cloud = fractal(rng, shape, int(rng.integers(2, 7)), rng.uniform(0.3, 0.6))
    amount = rng.uniform(0.004, 0.015) if tidy else rng.uniform(0.008, 0.045)
    shade = 1 + np.float32(amount) * cloud + _grain(rng, shape, tidy)
    tinted = np.float32(amount * 0.8) * cloud
    paper = base * cv2.merge((shade, shade + 0.4 * tinted, shade + tinted))
    if tidy:
        return paper
    for happened, chance in (
        (_yellowed, 0.25), (_stained, 0.25), (_ringed, 0.2), (_foxed, 0.35), (_folded, 0.22),
        (_patched, 0.12), (_ruled, 0.15), (_dirty, 0.3),
    ):  # fmt: skip
        if rng.random() < chance:
            happened(rng, paper)
    return paper


def _grain(rng: Generator, shape: tuple[int, int], tidy: bool) -> np.ndarray:
    """Fibers, and the wires of the mould on laid paper."""
    amount = np.float32(rng.uniform(0.003, 0.012) * (1 if tidy else 2))
    grain = rng.standard_normal((shape[0] // 2, shape[1] // 2), dtype=np.float32)
    grain = amount * 1.5 * cv2.resize(grain, shape[::-1], interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.2:
        period = rng.uniform(5, 12)
        wires = plane(shape, np.pi / 2 * rng.integers(2), period / (2 * np.pi))[0]
        grain += 1.2 * amount * np.sin(wires + fractal(rng, shape, 2, 0.2))
    return grain


def _tint(paper: np.ndarray, amount: np.ndarray, color: np.ndarray) -> None:
    """Multiply by `color` where `amount` is 1, by white where it is 0, in place."""
    paper *= 1 - cv2.merge([amount * (1 - part) for part in color.tolist()])


def _brown(rng: Generator) -> np.ndarray:
    return np.clip(BROWN ** np.float32(rng.uniform(0.35, 1.0)) * rng.uniform(0.9, 1.1), 0, 1)


def _yellowed(rng: Generator, paper: np.ndarray) -> None:
    """Browning from the edges inwards, where air and light come to a closed book."""
    height, width = paper.shape[:2]
    y = np.minimum(np.arange(height), np.arange(height)[::-1]).astype(np.float32)[:, None]
    x = np.minimum(np.arange(width), np.arange(width)[::-1]).astype(np.float32)[None]
    reach = np.float32(rng.uniform(0.05, 0.25) * min(height, width))
    depth = np.minimum(x, y) + 0.4 * reach * fractal(rng, (height, width), 3, 0.5)
    _tint(
        paper,
        np.exp(-np.maximum(depth, 0) / reach) * np.float32(rng.uniform(0.3, 0.8)),
        _brown(rng),
    )


def _stained(rng: Generator, paper: np.ndarray) -> None:
    """A blotch with a soft or sharp outline, unevenly dark inside."""
    shape = paper.shape[:2]
    spread = fractal(rng, shape, int(rng.integers(1, 4)), rng.uniform(0.35, 0.55))
    level, sharp = rng.uniform(0.2, 1.4), rng.uniform(1.0, 9.0)
    blotch = np.clip(np.float32(sharp) * (spread - np.float32(level)), 0, 1)
    blotch *= np.clip(0.8 + 0.25 * fractal(rng, shape, 8, 0.6), 0.3, 1)
    color = _brown(rng) if rng.random() < 0.7 else np.full(3, rng.uniform(0.3, 0.7), np.float32)
    _tint(paper, blotch * np.float32(rng.uniform(0.25, 0.85)), color)


def _ringed(rng: Generator, paper: np.ndarray) -> None:
    """The tide mark that water leaves: a dark line around a paler area."""
    spread = fractal(rng, paper.shape[:2], int(rng.integers(1, 3)), rng.uniform(0.2, 0.4))
    beyond = (spread - np.float32(rng.uniform(-0.8, 0.8))) / np.float32(rng.uniform(0.03, 0.12))
    line = np.exp(-np.abs(beyond)) * np.float32(rng.uniform(0.25, 0.7))
    inside = np.clip(beyond, 0, 1) * np.float32(rng.uniform(0.0, 0.15))
    _tint(paper, np.maximum(line, inside), _brown(rng))


def _foxed(rng: Generator, paper: np.ndarray) -> None:
    """Rusty spots of many sizes, thicker in some places."""
    height, width = paper.shape[:2]
    spots = np.zeros((height, width), np.uint8)
    count = int(np.exp(rng.uniform(np.log(8), np.log(160))))
    at = rng.random((count, 2)) ** rng.uniform(0.6, 1.6, 2) * (width, height)
    sizes = np.minimum(np.exp(rng.normal(0.3, 0.7, count)), 9)
    shades = rng.integers(60, 256, count)
    for (x, y), size, shade in zip(at.astype(int).tolist(), sizes.tolist(), shades.tolist()):
        cv2.circle(spots, (x, y), max(1, round(size)), shade, -1)
    soft = blurred(spots, rng.uniform(0.6, 2.0)).astype(np.float32) / 255
    _tint(paper, soft * np.float32(rng.uniform(0.3, 0.9)), _brown(rng))


def _folded(rng: Generator, paper: np.ndarray) -> None:
    """One to three creases: a dark line, a light one beside it, and a change of shade."""
    shape = paper.shape[:2]
    bend = np.float32(rng.uniform(0.5, 3.0)) * fractal(rng, shape, 3, 0.4)
    for _ in range(rng.integers(1, 4)):
        angle = np.pi / 2 * rng.integers(2) + rng.normal(0, 0.04)
        across = bend + plane(shape, angle, 1)[0]
        across -= across[tuple((rng.uniform(0.15, 0.85, 2) * shape).astype(int))]
        across /= np.float32(rng.uniform(0.8, 3.0))
        dark = np.exp(-(across**2)) * np.float32(rng.uniform(0.08, 0.4))
        light = np.exp(-((across - 2) ** 2)) * np.float32(rng.uniform(0.0, 0.15))
        slope = np.float32(rng.uniform(0, 0.08)) * np.exp(-np.abs(across) / 12) * np.sign(across)
        paper *= (1 - dark + light + slope)[..., None]


def _patched(rng: Generator, paper: np.ndarray) -> None:
    """A straight-edged area of another shade: tape, a fix, or where another sheet lay."""
    height, width = paper.shape[:2]
    left, top = (rng.uniform(-0.2, 0.7, 2) * (width, height)).astype(int)
    size = (rng.uniform(0.15, 0.8, 2) * (width, height)).astype(int)
    area = np.zeros((height, width), np.float32)
    area[max(top, 0) : max(top + size[1], 0), max(left, 0) : max(left + size[0], 0)] = 1
    area = blurred(area, rng.uniform(0.5, 2.5)) * np.float32(rng.uniform(0.1, 0.6))
    _tint(paper, area, _brown(rng) if rng.random() < 0.5 else np.full(3, 0.45, np.float32))


def _ruled(rng: Generator, paper: np.ndarray) -> None:
    """Faint lines to write on: they belong to the paper."""
    height, width = paper.shape[:2]
    color = np.float32([(0.45, 0.55, 0.8), (0.8, 0.45, 0.45), (0.55, 0.55, 0.55)][rng.integers(3)])
    lines = np.zeros((height, width), np.float32)
    slope = rng.normal(0, 0.004) * width
    for y in np.arange(rng.uniform(0, 20), height, rng.uniform(18, 48)):
        ends = ((0, round(16 * y)), (16 * width, round(16 * (y + slope))))
        cv2.line(lines, *ends, 1.0, 1, cv2.LINE_AA, 4)
    _tint(paper, lines * np.float32(rng.uniform(0.15, 0.5)), color)


def _dirty(rng: Generator, paper: np.ndarray) -> None:
    """Soiling: specks, and a smudge of gray."""
    height, width = paper.shape[:2]
    specks = np.zeros((height, width), np.float32)
    count = int(rng.integers(10, 250))
    rows, columns = rng.integers(0, height, count), rng.integers(0, width, count)
    specks[rows, columns] = rng.uniform(0.2, 1.0, count)
    smudge = np.clip(fractal(rng, (height, width), 4, 0.6) - 0.9, 0, 1) * np.float32(
        rng.uniform(0, 0.3)
    )
    amount = np.maximum(2.0 * blurred(specks, rng.uniform(0.4, 0.8)), smudge)
    _tint(
        paper,
        np.clip(amount, 0, 1) * np.float32(rng.uniform(0.4, 1.0)),
        np.full(3, 0.3, np.float32),
    )
