"""Vehicles: each function draws one kind, as parts from back to front."""

import itertools

import numpy as np
from numpy.random import Generator

from clearbg.synthetic.silhouettes import (
    Part,
    box,
    ellipse,
    leaf,
    limb,
    moved,
    ring,
    smooth,
    turned,
)


def car(rng: Generator) -> list[Part]:
    """A car, a van, a lorry or a bus from the side."""
    u = rng.uniform
    high = u(0.16, 0.3)
    cabin = u(0.18, 0.5)
    front, rear = u(0.05, 0.5), u(0.6, 0.95)
    wheel = u(0.12, 0.2)
    roof = -high - cabin
    hood, boot = -high * u(0.7, 1.0), -high * u(0.8, 1.0)
    shell = np.array([[-0.98, 0], [-1, boot * 0.8], [-rear, -high], [-rear + 0.15, roof],
                      [front - 0.2, roof], [front + 0.15, -high], [0.9, hood], [1, hood * 0.5],
                      [0.98, 0]])  # fmt: skip
    parts = [Part(shell, "main", 0.5)]
    edges = np.linspace(-rear + 0.16, front - 0.1, rng.integers(3, 7))
    for left, right in itertools.pairwise(edges):
        parts.append(
            Part(box(left + 0.02, roof + 0.05, right - 0.02, -high * 0.95, 0.02), "glass", 0.2)
        )
    parts.append(
        Part(box(-0.99, -high * 0.45, 0.98, -high * 0.3), rng.choice(["second", "shade"]), 0.2)
    )
    parts.append(Part(box(-1.0, -0.06, 1.0, 0.02, 0.02), "dark", 0.4))
    parts.append(Part(ellipse(0.93, hood * 0.75, 0.06, 0.05), "light"))
    for x in (-u(0.5, 0.65), u(0.5, 0.65)):
        parts.append(Part(ellipse(x, 0.02, wheel, wheel), "dark", 0.6))
        parts.append(Part(ellipse(x, 0.02, wheel * 0.55, wheel * 0.55), "metal", 0.6))
    return parts


def bicycle(rng: Generator) -> list[Part]:
    """A bicycle or a motorcycle."""
    u = rng.uniform
    heavy = u(0.03, 0.12)
    wheel = u(0.35, 0.45)
    parts = [*ring(-0.55, 0, wheel, heavy, "dark"), *ring(0.55, 0, wheel, heavy, "dark")]
    for x in (-0.55, 0.55):
        for angle in np.linspace(0, np.pi, 5)[:-1] + u(0, 1):
            arm = 0.9 * wheel * np.array([np.cos(angle), np.sin(angle)])
            parts.append(Part(limb([(x, 0) - arm, (x, 0) + arm], [0.012, 0.012], 4), "metal"))
    pedal, seat, fork = (-0.05, 0.05), (-0.2, -0.5), (0.38, -0.5)
    for one, other in ((seat, pedal), (pedal, fork), (seat, fork), ((-0.55, 0), pedal),
                       ((-0.55, 0), seat), ((0.55, 0), fork), (fork, (0.33, -0.68))):  # fmt: skip
        parts.append(Part(limb([one, other], [heavy, heavy], 4), "main"))
    if heavy > 0.07:
        parts.append(
            Part(smooth([[-0.3, -0.45], [0.35, -0.55], [0.3, 0.05], [-0.25, 0.1]]), "main")
        )
    parts.append(Part(limb([(-0.36, -0.53), (-0.06, -0.55)], [0.1, 0.06], 6), "dark"))
    parts.append(Part(limb([(0.2, -0.72), (0.45, -0.68)], [0.05, 0.05], 6), "dark"))
    return parts


def craft(rng: Generator) -> list[Part]:
    """An aeroplane or a boat."""
    u = rng.uniform
    if rng.random() < 0.5:
        girth = u(0.16, 0.26)
        parts = [Part(leaf(-0.05, 0, np.pi + 0.9, u(0.4, 0.7), 0.3), "shade", 0.3)]
        parts.append(Part(leaf(-0.75, 0, -np.pi / 2 - 0.4, 0.45, 0.3), "second", 0.3))
        parts.append(
            Part(limb([[-0.9, -0.02], [0, 0], [0.9, 0]], [0.08, girth, girth, 0.1]), "main")
        )
        parts.append(Part(leaf(0.1, 0.04, np.pi - u(0.4, 0.9), u(0.6, 1.0), 0.34), "main", 0.3))
        parts += [
            Part(ellipse(x, -0.03, 0.03, 0.03), "glass", 0.2) for x in np.linspace(-0.4, 0.7, 9)
        ]
        return moved(parts, turned(u(-0.4, 0.2)))
    depth = u(0.15, 0.35)
    hull = np.array([[-1, 0], [1, u(-0.1, 0)], [0.75, depth], [-0.8, depth]])
    parts = [Part(limb([[0, 0], [0, -1.2]], [0.04, 0.03], 4), "wood")] if rng.random() < 0.6 else []
    if parts:
        parts.append(
            Part(np.array([[0.04, -1.15], [0.04, -0.1], [u(0.5, 0.9), -0.12]]), "light", 0.4)
        )
        parts.append(
            Part(np.array([[-0.04, -1.0], [-0.04, -0.1], [-u(0.4, 0.7), -0.1]]), "second", 0.4)
        )
    else:
        parts += [Part(box(-0.5, -0.35, 0.3, 0.02, 0.04), "light", 0.3)]
        parts += [Part(box(-0.4, -0.28, 0.2, -0.12, 0.02), "glass", 0.2)]
    return [*parts, Part(hull, "main", 0.5), Part(box(-0.9, 0.04, 0.85, 0.1), "second", 0.2)]
