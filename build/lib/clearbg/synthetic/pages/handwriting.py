"""A writer's cursive without a font: joined strokes of a pen that presses on its way down.

A writer has an alphabet of its own, made of the movements of western cursive (minims, arches,
bowls, loops) with its own proportions; words are random strings of those letters. Points are
`(x,y)` in units of the x-height, y upwards, from where the letter begins on the baseline.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

MOVEMENTS = {
    "minim": "0,0 .35,1 .4,.1 .6,0",
    "two minims": "0,0 .3,1 .35,.1 .55,.1 .8,1 .85,.1 1.1,0",
    "arch": "0,0 .2,.9 .22,0 .3,.5 .6,1 .72,.7 .74,.1 .95,0",
    "arches": "0,0 .2,.9 .2,0 .35,.8 .55,1 .62,.1 .75,.8 .95,1 1.05,.6 1.06,.1 1.3,0",
    "bowl": "0,.1 .6,.9 .3,1 .05,.5 .25,0 .6,.4 .68,1 .66,.15 .9,0",
    "round": "0,.1 .3,.9 .5,1 .2,.7 .25,.1 .5,.05 .7,.5 .5,.95 .9,.8",
    "eye": "0,0 .4,.5 .42,.95 .2,.9 .1,.4 .3,0 .65,.1",
    "crescent": "0,0 .45,.9 .35,1 .1,.6 .2,.05 .4,0 .65,.15",
    "shoulder": "0,0 .3,1.1 .45,.9 .6,.85 .6,.3 .8,0",
    "snake": "0,0 .4,1.1 .5,.6 .45,.1 .2,0 .2,.1 .7,.05",
    "tall loop": "0,0 .5,1.1 .7,2 .55,2.35 .38,1.9 .35,.3 .6,0",
    "tall stem": "0,0 .5,2.0 .45,1.2 .42,.2 .7,0",
    "tall arch": "0,0 .5,1.4 .6,2.3 .4,2.2 .25,.1 .4,.8 .65,.9 .7,.1 .95,0",
    "bowl and stem": "0,.1 .6,.9 .3,1 .05,.5 .25,0 .6,.5 .85,2.2 .75,.2 1,0",
    "low loop": "0,0 .35,.9 .42,0 .38,-.9 .1,-1.2 0,-.9 .35,-.2 .7,.3",
    "bowl and tail": "0,.1 .55,.9 .25,1 .05,.5 .25,.1 .6,.9 .5,-.8 .15,-1.2 .05,-.9 .8,.2",
    "long": "0,0 .5,1.6 .65,2.2 .4,1.8 .25,-.9 .35,-1.2 .5,-.6 .4,0 .75,.1",
}
CAPITALS = (
    "0,1.7 .35,2.2 .6,2 .45,.8 .2,0 .6,1.5 1.05,2.2 1.2,1.5 .7,1.1 1.2,.8 1.1,.1 .8,.1 1.45,.2",
    "1.2,1.8 .9,2.3 .3,1.9 .05,1 .3,.1 .9,0 1.3,.5 1.5,.4",
    "0,.2 .3,.1 .8,1.6 1.1,2.3 1.05,1.2 1.05,.2 .6,.9 1.2,1 1.5,.2",
    "1.3,1.9 .9,2.3 .5,1.7 1,1 .9,.2 .3,0 .1,.4 .9,.5 1.5,.2",
    "0,1.8 .4,2.2 .45,1.2 .3,0 .6,1.2 1,2.2 1.1,1.2 1,.1 1.3,1 1.7,2.1 1.8,.9 1.8,.2 2.1,.1",
    "0,1.9 .5,2.3 1.3,2.1 .9,2.2 .75,1.2 .6,.2 .2,.1 .3,.4 1.2,.1",
    ".9,2.1 .4,2 .1,1 .4,.1 1,.1 1.3,1.2 1,2.2 .6,1.9 1,1.5 1.6,1.7",
)
SAMPLES = 5  # points drawn between two of the letter's


@dataclass(frozen=True)
class Writer:
    """A hand: its letters, how it leans, how far apart it sets them and how unsteady it is."""

    letters: tuple[np.ndarray, ...]
    slant: float
    spread: float
    unrest: float
    pressure: float


def writer(rng: Generator) -> Writer:
    """A hand of 10 to 16 letters."""
    kinds = list(MOVEMENTS)
    few = ("minim", "arch", "eye", "bowl", "shoulder")
    chosen = [kinds[pick] for pick in rng.integers(0, len(kinds), rng.integers(6, 12))]
    stretch = np.array([rng.uniform(0.8, 1.5), 1.0])
    tall = rng.uniform(0.75, 1.25)
    letters = []
    for kind in (*few, *chosen):
        points = _points(MOVEMENTS[kind])
        high = np.abs(points[:, 1] - 0.5) > 0.6
        points[high, 1] = 0.5 + (points[high, 1] - 0.5) * tall
        points[1:] += rng.normal(0, 0.06, (len(points) - 1, 2))
        letters.append(points * stretch)
    return Writer(
        tuple(letters),
        slant=rng.normal(0.35, 0.3),
        spread=rng.uniform(0.0, 0.3),
        unrest=rng.uniform(0.015, 0.05),
        pressure=rng.uniform(0.2, 0.85),
    )


def cursive(rng: Generator, hand: Writer, length: int, capital: bool) -> list[np.ndarray]:
    """The strokes of a word of `length` letters, each float `(n,2)`; crossbars and dots last."""
    path, extras, at = [np.zeros((1, 2))], [], 0.0
    if capital:
        path = [_flourish(rng)]
        at = path[0][-1, 0] + 0.2
    for pick, extra in zip(rng.integers(0, len(hand.letters), length), rng.random(length)):
        letter = hand.letters[pick]
        moved = letter + (at, 0) + rng.normal(0, hand.unrest, letter.shape)
        path.append(moved[1:])
        top, middle = letter[:, 1].max(), at + letter[:, 0].mean()
        if extra < 0.12 and top < 1.4:
            extras.append(np.array([[0, 0], [0.05, -0.1]]) + (middle + 0.1, 1.6))
        elif extra > 0.7 and top > 1.7:
            bar = np.array([[-0.35, 0], [0, 0.08], [0.5, 0.02]])
            extras.append(bar * rng.uniform(0.7, 1.5) + (middle, 1.35))
        at += letter[-1, 0] + hand.spread * rng.uniform(0.2, 1.2)
    return [_smooth(stroke) for stroke in (np.vstack(path), *extras)]


def signature(rng: Generator, hand: Writer) -> list[np.ndarray]:
    """The strokes of a name written at speed, with a paraph under it."""
    strokes = cursive(rng, hand, int(rng.integers(4, 9)), True)
    length = strokes[0][:, 0].max()
    fade = np.clip(1 - 0.6 * strokes[0][:, :1] / length, 0.3, 1)
    strokes[0] = strokes[0] * np.hstack([np.ones_like(fade), fade])
    swing = rng.normal(0, 0.25, (5, 2)) + np.stack([np.linspace(1, 0, 5), np.zeros(5)], 1) * length
    swing[::2, 1] += 0.35
    return [*strokes, _smooth(swing - (0, 1.0))]


def _flourish(rng: Generator) -> np.ndarray:
    """A capital, freely swung."""
    points = _points(CAPITALS[rng.integers(len(CAPITALS))])
    return points * rng.uniform(0.8, 1.2, 2) + rng.normal(0, 0.07, points.shape)


def _points(text: str) -> np.ndarray:
    return np.array([pair.split(",") for pair in text.split()], float)


def _smooth(points: np.ndarray) -> np.ndarray:
    """A Catmull-Rom spline through the points, `SAMPLES` steps from each to the next."""
    ends = 2 * points[[0, -1]] - points[[1, -2]]
    points = np.vstack([ends[:1], points, ends[1:]])
    p0, p1, p2, p3 = points[:-3], points[1:-2], points[2:-1], points[3:]
    t = np.linspace(0, 1, SAMPLES, endpoint=False)[:, None, None]
    curve = 2 * p1 + t * (p2 - p0) + t**2 * (2 * p0 - 5 * p1 + 4 * p2 - p3)
    curve = (curve + t**3 * (3 * (p1 - p2) + p3 - p0)) / 2
    return np.vstack([curve.transpose(1, 0, 2).reshape(-1, 2), p2[-1:]])


def penned(
    rng: Generator, sheet: np.ndarray, strokes: list[np.ndarray], pen: float, pressure: float
) -> None:
    """Draw strokes of `(x,y)` in pixels, y downwards, on uint8 `(H,W)`, in place.

    Args:
        pen: mean width of the stroke, pixels.
        pressure: by how much of it strokes downwards are wider and strokes upwards narrower.
    """
    by_width: dict[int, list[np.ndarray]] = {}
    for stroke in strokes:
        step = np.diff(stroke, axis=0)
        down = step[:, 1] / (np.hypot(step[:, 0], step[:, 1]) + 1e-6)
        down = np.convolve(np.pad(down, 2, "edge"), np.full(5, 0.2), "valid")
        width = pen * (1 + pressure * down) * rng.uniform(0.85, 1.15)
        lines = np.rint(np.stack([stroke[:-1], stroke[1:]], 1)).astype(np.int32)
        for line, size in zip(lines, np.maximum(np.rint(width), 1).astype(int).tolist()):
            by_width.setdefault(size, []).append(line)
    for size, lines in by_width.items():
        cv2.polylines(sheet, lines, False, 255, size)
