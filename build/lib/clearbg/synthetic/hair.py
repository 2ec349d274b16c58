"""Hair as strands: functions that grow, comb and paint it, with the alpha of every strand.

Strands are `(N,S,2)` float64: N curves of S points `(x,y)`, root first. The unit is the half
height of a head whose center is the origin; `Hair.moved` brings them to pixels.
"""

import itertools
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.random import Generator

from clearbg.synthetic.canvas import FINE, coverage
from clearbg.synthetic.painting import SHIFT, Layer, fixed

STEPS = 12  # points of a strand
SHADES = 7
TIERS = ((1.0, 95), (0.8, 150), (0.55, 255))  # share of a strand's length, its opacity of 255
FLYAWAY_TIERS = ((1.0, 80), (0.7, 125))


@dataclass
class Hair:
    """One layer of hair: `masses` are closed outlines `(K,2)` without a gap to look through."""

    masses: list[np.ndarray] = field(default_factory=list)
    strands: list[np.ndarray] = field(default_factory=list)
    flyaways: list[np.ndarray] = field(default_factory=list)

    def moved(self, matrix: np.ndarray, offset: np.ndarray) -> "Hair":
        """The hair under a 2×2 `matrix` and an `offset`."""
        return Hair(
            *([curve @ matrix.T + offset for curve in curves]
              for curves in (self.masses, self.strands, self.flyaways))
        )  # fmt: skip


def curve(points, samples: int = STEPS) -> np.ndarray:
    """An open smooth curve `(samples,2)` through three or more points, evenly paced.

    A cubic Hermite spline whose slopes are the central differences.
    """
    points = np.asarray(points, float)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    way = np.concatenate([[0], np.cumsum(steps)])
    slope = np.gradient(points, way, axis=0)
    at = np.linspace(0, way[-1], samples)
    index = np.minimum(np.searchsorted(way, at, "right") - 1, len(steps) - 1)
    span = steps[index, None]
    t = (at[:, None] - way[index, None]) / span
    return (
        (1 + 2 * t) * (1 - t) ** 2 * points[index]
        + t * (1 - t) ** 2 * span * slope[index]
        + t * t * (3 - 2 * t) * points[index + 1]
        + t * t * (t - 1) * span * slope[index + 1]
    )


def grown(
    rng: Generator,
    roots: np.ndarray,
    angles: np.ndarray,
    lengths: np.ndarray,
    turns: np.ndarray,
    weight: float = 0.0,
) -> np.ndarray:
    """Strands that leave their `roots (N,2)` towards `angles (N,)`, in radians.

    Each bends by `turns (N,)` radians on its way, more so near the tip, and falls by `weight`
    of its length.
    """
    along = np.linspace(0, 1, STEPS)
    heading = angles[:, None] + turns[:, None] * along**1.3
    heading += rng.normal(0, 0.08, heading.shape)
    steps = np.stack([np.cos(heading), np.sin(heading) + 2 * weight * along], 2)
    steps *= lengths[:, None, None] / STEPS
    return roots[:, None] + np.cumsum(steps, 1) - steps[:, :1]


def combed(
    rng: Generator,
    one: np.ndarray,
    other: np.ndarray,
    across: np.ndarray,
    wave: float,
    stray: float,
    locks: int = 9,
) -> np.ndarray:
    """Strands that run between the guides `one` and `other`, both `(STEPS,2)`.

    Args:
        across: where between them, 0 to 1, `(N,)`.
        wave: amplitude of the waves at the tips.
        stray: how far single strands leave the others, as a standard deviation at the tips.
        locks: tips of neighbors meet in as many bundles.
    """
    count = len(across)
    along = np.linspace(0, 1, STEPS)
    bundle = (np.floor(across * locks) + 0.5) / locks + rng.normal(0, 0.02, count)
    pull = rng.uniform(0.1, 0.7) * along**2
    position = across[:, None] + pull * (bundle - across)[:, None]
    lines = one + position[..., None] * (other - one)
    phase = rng.uniform(0, 7) + 9 * bundle + rng.normal(0, 0.35, count)
    ripple = wave * np.sqrt(along) * np.sin(phase[:, None] + rng.uniform(4, 11) * along)
    drift = rng.normal(0, stray, (count, 1)) * along**1.5
    tangent = np.gradient((one + other) / 2, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    lines = lines + (ripple + drift)[..., None] * normal
    reach = rng.normal(0, 0.05, (count, 1, 1)) * (along**2)[:, None]
    return lines + reach * np.linalg.norm(one[-1] - one[0]) * tangent


def locks(rng: Generator, one: np.ndarray, other: np.ndarray, count: int) -> list[np.ndarray]:
    """Outlines of `count` tapering locks side by side between two guides, as for `combed`."""
    edges = np.linspace(0, 1, count + 1)
    outlines = []
    for near, far in itertools.pairwise(edges):
        stop = int(rng.integers(STEPS - 4, STEPS + 1))
        along = np.linspace(0, 1, stop)[:, None]
        half = (far - near) / 2 * (1.1 - along**6)
        middle = (near + far) / 2 + rng.normal(0, 0.3 * (far - near)) * along**2
        left, right = (one[:stop] + (middle + side * half) * (other - one)[:stop]
                       for side in (-1, 1))  # fmt: skip
        outlines.append(np.vstack([left, right[::-1]]))
    return outlines


def painted(
    rng: Generator, hair: Hair, coat: np.ndarray, sheen: np.ndarray, frame: tuple[int, int]
) -> Layer:
    """The hair as a layer over the whole `(height, width)` frame.

    Args:
        hair: in pixels.
        coat: its color, `(3,)` in [0,1].
        sheen: the brightness of every pixel, float32 `(H,W)`.
    """
    cover = np.zeros((FINE * frame[0], FINE * frame[1]), np.uint8)
    color = np.full((*frame, 3), np.round(coat * 255), np.uint8)
    for mass in hair.masses:
        cv2.fillPoly(cover, [fixed(mass, FINE)], 255, cv2.LINE_AA, SHIFT)
    sheet = np.zeros_like(cover)
    tiers = [(hair.flyaways, FLYAWAY_TIERS), (hair.strands, TIERS)]
    for opacity, share, strands in sorted(
        ((opacity, share, strands) for group, steps in tiers for strands in group
         for share, opacity in steps), key=lambda stroke: stroke[0]
    ):  # fmt: skip
        stop = max(2, round(share * STEPS))
        lines = list(fixed(strands[:, :stop], FINE))
        cv2.polylines(sheet, lines, False, opacity, 1, cv2.LINE_AA, SHIFT)
    np.maximum(cover, sheet, out=cover)
    for strands in hair.strands + hair.flyaways:
        for group in np.array_split(rng.permutation(len(strands)), SHADES):
            shade = (coat + rng.uniform(0, 0.04)) * rng.lognormal(0, 0.25)
            tone = np.clip(shade * 255, 0, 255).tolist()
            cv2.polylines(color, list(fixed(strands[group], 1)), False, tone, 1, 16, SHIFT)
    lustrous = color.astype(np.float32) / 255 * sheen[..., None]
    return Layer(np.clip(lustrous, 0, 1, out=lustrous), coverage(cover), 0, 0)
