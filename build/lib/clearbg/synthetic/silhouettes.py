"""Outlines, of which figures are composed.

Coordinates are `(N,2)` float64, x to the right and y down, in the figure's own unit (its
body is about 1 long); `painting` scales them to pixels.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from scipy.interpolate import CubicSpline


@dataclass(frozen=True)
class Part:
    """One closed outline of a figure, painted over the parts before it.

    Attributes:
        outline: `(N,2)`.
        tone: name of its color.
        roundness: from 0 (a flat sheet) to 1 (a pillow).
        fur: length of the hair on its edge.
        hole: whether it removes what is under it.
    """

    outline: np.ndarray
    tone: str = "main"
    roundness: float = 1.0
    fur: float = 0.0
    hole: bool = False


def moved(parts: list[Part], matrix: np.ndarray, offset=(0.0, 0.0)) -> list[Part]:
    """The parts under a 2×2 `matrix` and an offset; hair grows with the scale."""
    scale = np.sqrt(abs(np.linalg.det(matrix)))
    return [
        replace(part, outline=part.outline @ matrix.T + offset, fur=part.fur * scale)
        for part in parts
    ]


def turned(angle: float, width: float = 1.0, height: float = 1.0) -> np.ndarray:
    """The 2×2 matrix that scales by `width` and `height`, then turns by `angle`."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine * width, -sine * height], [sine * width, cosine * height]])


def smooth(points, samples: int = 48) -> np.ndarray:
    """A closed smooth curve through the points."""
    points = np.asarray(points, float)
    closed = np.vstack([points, points[:1]])
    knots = np.arange(len(closed))
    return CubicSpline(knots, closed, bc_type="periodic")(
        np.linspace(0, len(points), samples, endpoint=False)
    )


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    return circle @ turned(angle, rx, ry).T + (x, y)


def blob(
    rng: Generator, x: float, y: float, rx: float, ry: float, wobble: float = 0.1
) -> np.ndarray:
    """An ellipse whose radius is stirred by a few low harmonics."""
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.ones_like(turn)
    for harmonic in range(2, 7):
        radius += rng.normal(0, wobble / harmonic * 1.5) * np.cos(
            harmonic * turn + rng.uniform(0, 2 * np.pi)
        )
    radius = np.maximum(radius, 0.3)
    return np.stack([x + rx * radius * np.cos(turn), y + ry * radius * np.sin(turn)], 1)


def jagged(
    rng: Generator, x: float, y: float, rx: float, ry: float, spikes: int, depth: float
) -> np.ndarray:
    """A ring of `spikes` teeth, each reaching in by about `depth` of the radius."""
    turn = np.linspace(0, 2 * np.pi, 2 * spikes, endpoint=False)
    turn += rng.normal(0, 0.25 * np.pi / spikes, turn.shape)
    radius = 1 - depth * rng.uniform(0.6, 1.2, turn.shape) * (np.arange(2 * spikes) % 2)
    return np.stack([x + rx * radius * np.cos(turn), y + ry * radius * np.sin(turn)], 1)


def limb(points, widths, samples: int = 20) -> np.ndarray:
    """A rounded band along a curve through the points, `widths` wide at each of them."""
    points = np.asarray(points, float)
    knots = np.linspace(0, 1, len(points))
    curve = CubicSpline(knots, points, bc_type="natural")
    steps = np.linspace(0, 1, samples)
    center, tangent = curve(steps), curve(steps, 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    half = np.interp(steps, np.linspace(0, 1, len(widths)), widths)[:, None] / 2
    bow = np.linspace(-np.pi / 2, np.pi / 2, 7)[1:-1, None]
    head = center[-1] + half[-1] * (np.cos(bow) * tangent[-1] - np.sin(bow) * normal[-1])
    tail = center[0] - half[0] * (np.cos(bow) * tangent[0] - np.sin(bow) * normal[0])
    return np.vstack([center + half * normal, head, (center - half * normal)[::-1], tail])


def leaf(x: float, y: float, angle: float, length: float, width: float, bend: float = 0.0):
    """A pointed leaf, petal, ear, fin or wing that grows from `(x,y)` towards `angle`."""
    steps = np.linspace(0, 1, 16)
    half = width / 2 * np.sin(np.pi * steps**0.8) ** 0.8
    spine = bend * length * np.sin(np.pi * steps)
    upper = np.stack([steps * length, spine - half], 1)
    lower = np.stack([steps * length, spine + half], 1)[::-1]
    return np.vstack([upper, lower]) @ turned(angle).T + (x, y)


def box(left: float, top: float, right: float, bottom: float, corner: float = 0.0) -> np.ndarray:
    """A rectangle with its corners rounded by the radius `corner`."""
    if corner <= 0:
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
    turn = np.linspace(0, np.pi / 2, 5)
    corners = (
        (right - corner, bottom - corner),
        (left + corner, bottom - corner),
        (left + corner, top + corner),
        (right - corner, top + corner),
    )
    return np.vstack(
        [
            np.stack(
                [
                    x + corner * np.cos(turn + quarter * np.pi / 2),
                    y + corner * np.sin(turn + quarter * np.pi / 2),
                ],
                1,
            )
            for quarter, (x, y) in enumerate(corners)
        ]
    )


def lathe(profile) -> np.ndarray:
    """The outline of a turned vessel from its `(radius, y)` profile, top to bottom."""
    profile = np.asarray(profile, float)
    return np.vstack([profile, profile[::-1] * (-1, 1)])


def ring(x: float, y: float, radius: float, width: float, tone: str) -> list[Part]:
    """A hoop: a disc and the hole in it."""
    inner = radius - width
    return [
        Part(ellipse(x, y, radius, radius), tone, 0.6),
        Part(ellipse(x, y, inner, inner), tone, hole=True),
    ]
