"""Furniture, vessels, signs, toys, tools: each function draws one, as parts from back to front."""

import itertools

import numpy as np
from numpy.random import Generator

from clearbg.synthetic.silhouettes import (
    Part,
    blob,
    box,
    ellipse,
    jagged,
    limb,
    moved,
    ring,
    smooth,
    turned,
)


def seat(rng: Generator) -> list[Part]:
    """A chair, a stool, a bench, a table or a sofa."""
    u = rng.uniform
    half, leg, thick = u(0.3, 0.9), u(0.3, 0.8), u(0.05, 0.11)
    back = u(0.3, 0.9) if rng.random() < 0.65 else 0.0
    soft = half > 0.55 and back and rng.random() < 0.7
    tone = "main" if rng.random() < 0.5 else "wood"
    parts = []
    if soft:
        leg = 0.12
    for x, top in ((-half * 0.8, -0.1), (half * 0.8, -0.1), (-half + 0.05, 0), (half - 0.05, 0)):
        parts.append(
            Part(
                box(x - thick / 2, top, x + thick / 2, leg * (1 if top == 0 else 0.75), 0.01),
                tone,
                0.6,
            )
        )
    if back:
        parts.append(
            Part(box(-half, -back - 0.1, half, 0.05, 0.06), tone if not soft else "main", 0.4)
        )
        slats = 0 if soft else rng.integers(0, 5)
        edges = np.linspace(-half + thick, half, slats + 1)
        for left, right in itertools.pairwise(edges):
            parts.append(Part(box(left, -back, right - thick, -0.12, 0.02), hole=True))
    if soft:
        for x in (-half, half):
            parts.append(Part(box(x - 0.12, -back * 0.55, x + 0.12, leg * 0.8, 0.06), "main", 0.8))
        parts.append(Part(box(-half, -0.05, half, leg * 0.8, 0.04), "main", 0.6))
        for x in rng.uniform(-half * 0.6, half * 0.6, rng.integers(0, 3)):
            parts.append(Part(box(x - 0.14, -0.35, x + 0.14, -0.06, 0.05), "accent", 1.0))
    else:
        cushion = np.array([[-half, 0.08], [-half * 0.8, -0.12], [half * 0.8, -0.12], [half, 0.08]])
        parts.append(Part(cushion, "second" if rng.random() < 0.5 else tone, 0.3))
        parts.append(Part(box(-half, 0.07, half, 0.07 + thick, 0.02), tone, 0.4))
    return parts


def vessel(rng: Generator) -> list[Part]:
    """A bottle, a cup, a vase, a jug or a lamp: turned, with or without a handle."""
    u = rng.uniform
    heights = np.linspace(-0.8, 0.8, 6)
    widths = rng.uniform(0.15, 0.6, 6)
    if rng.random() < 0.4:
        widths = np.sort(widths)
    knots = np.stack([widths, heights], 1)
    profile = smooth(np.vstack([knots, knots[::-1] * (-1, 1)]), 72)
    parts = []
    if rng.random() < 0.4:
        x, size = widths[2:4].max() + 0.05, u(0.2, 0.38)
        parts += ring(x, u(-0.1, 0.1), size, u(0.06, 0.12), "main")
    if rng.random() < 0.25:
        spout = [[-widths[3], 0.2], [-widths[3] - 0.3, -0.1], [-widths[2] - 0.5, -0.6]]
        parts.append(Part(limb(spout, [0.25, 0.12, 0.1]), "main"))
    parts.append(Part(profile, "main"))
    mouth = widths[0]
    parts.append(
        Part(ellipse(0, -0.82, mouth * 0.95, mouth * 0.22), rng.choice(["dark", "second"]), 0.2)
    )
    if rng.random() < 0.5:
        label = widths[2:4].min() * 0.95
        parts.append(Part(box(-label, -0.25, label, 0.3), rng.choice(["second", "light"]), 0.6))
        parts.append(Part(blob(rng, 0, 0.02, label * 0.5, 0.16, 0.3), "accent", 0.2))
    return parts


def sign(rng: Generator) -> list[Part]:
    """A plate with signs on it, with or without a post."""
    u = rng.uniform
    parts = []
    if rng.random() < 0.6:
        parts.append(Part(box(-0.05, 0, 0.05, u(0.9, 1.8)), "metal"))
    corners = int(rng.choice([0, 3, 4, 4, 4, 8]))
    if corners == 4:
        wide, high = u(0.4, 1.0), u(0.3, 0.7)
        plates = [box(-wide * s, -high * s, wide * s, high * s, 0.05) for s in (1, 0.9)]
    elif corners:
        turn = np.arange(corners) * 2 * np.pi / corners - np.pi / 2 + (corners == 8) * np.pi / 8
        plates = [0.6 * s * np.stack([np.cos(turn), np.sin(turn)], 1) for s in (1, 0.82)]
    else:
        plates = [ellipse(0, 0, 0.55 * s, 0.55 * s) for s in (1, 0.8)]
    frame, fill = rng.permutation(["main", "second"])
    parts += [Part(plates[0], frame, 0.15), Part(plates[1], fill, 0.05)]
    lines = rng.integers(1, 4)
    for y in np.linspace(-0.2, 0.2, lines) if lines > 1 else [0.0]:
        edges = np.sort(rng.uniform(-0.34, 0.34, 2 * rng.integers(1, 5)))
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            parts.append(
                Part(box(left, y - 0.06, right, y + 0.06), rng.choice(["accent", "dark"]), 0.0)
            )
    return parts


def block(rng: Generator) -> list[Part]:
    """A box with three faces: a crate, a machine, a screen, a house."""
    u = rng.uniform
    wide, high = u(0.4, 0.9), u(0.3, 0.9)
    depth = np.array([u(0.15, 0.5), -u(0.1, 0.35)])
    front = box(-wide, -high, wide, high)
    top = np.array([[-wide, -high], [wide, -high], [wide, -high] + depth, [-wide, -high] + depth])
    side = np.array([[wide, -high], [wide, high], [wide, high] + depth, [wide, -high] + depth])
    parts = [Part(side, "shade", 0), Part(front, "main", 0.1)]
    if rng.random() < 0.25:
        roof = np.array([[-wide * 1.1, -high], [wide * 1.1, -high], [0, -high - u(0.3, 0.7)]])
        parts.append(Part(roof, "second", 0.1))
    else:
        parts.append(Part(top, rng.choice(["second", "main"]), 0))
    columns, rows = rng.integers(1, 5), rng.integers(1, 5)
    tone = rng.choice(["glass", "second", "accent", "dark"])
    cell = np.array([2 * wide / columns, 2 * high / rows])
    inset = cell * u(0.08, 0.3)
    for column in range(columns):
        for row in range(rows):
            left, upper = (-wide, -high) + cell * (column, row)
            if rng.random() < 0.85:
                pane = box(left + inset[0], upper + inset[1], left + cell[0] - inset[0],
                           upper + cell[1] - inset[1], 0.02)  # fmt: skip
                parts.append(Part(pane, tone, 0.15))
    return parts


def toy(rng: Generator) -> list[Part]:
    """A ball, a wheel, a star, a stone, a gear or a hat."""
    u = rng.uniform
    kind = rng.integers(6)
    if kind == 0:
        parts = [Part(ellipse(0, 0, 0.7, 0.7))]
        parts += [
            Part(blob(rng, *rng.normal(0, 0.3, 2), 0.2, 0.2, 0.2), "second", 0.3) for _ in range(4)
        ]
    elif kind == 1:
        parts = ring(0, 0, 0.8, u(0.1, 0.4), "main")
    elif kind == 2:
        parts = [Part(jagged(rng, 0, 0, 0.8, 0.8, rng.integers(5, 9), u(0.3, 0.6)), "main", 0.4)]
        parts.append(Part(ellipse(0, 0, 0.25, 0.25), "second", 0.4))
    elif kind == 3:
        stones = [(rng.normal(0, 0.35, 2), u(0.35, 0.6)) for _ in range(rng.integers(1, 4))]
        parts = [
            Part(jagged(rng, *at, size, size * 0.8, 7, 0.15), "main", 0.8) for at, size in stones
        ]
    elif kind == 4:
        parts = [Part(jagged(rng, 0, 0, 0.8, 0.8, rng.integers(9, 15), 0.2), "metal", 0.4)]
        parts.append(Part(ellipse(0, 0, 0.3, 0.3), hole=True))
    else:
        crown = smooth([[-0.5, 0.2], [-0.4, -0.5], [0, -0.6], [0.4, -0.5], [0.5, 0.2]])
        parts = [Part(ellipse(0, 0.2, 0.95, 0.25), "main", 0.6), Part(crown)]
        parts.append(Part(box(-0.5, 0.02, 0.5, 0.16), "accent", 0.3))
    return moved(parts, turned(u(-0.6, 0.6)))


def tool(rng: Generator) -> list[Part]:
    """Something long with a head: a guitar, a spoon, a hammer, a brush, a bat."""
    u = rng.uniform
    parts = [
        Part(
            limb([[0, 0.2], [0, -1.2]], [u(0.06, 0.14), u(0.05, 0.1)], 6),
            rng.choice(["wood", "second"]),
        )
    ]
    kind = rng.integers(4)
    if kind == 0:
        waist = u(0.2, 0.3)
        body = smooth(
            [
                [0, -0.1],
                [0.3, 0.1],
                [waist, 0.4],
                [0.42, 0.75],
                [0, 1.0],
                [-0.42, 0.75],
                [-waist, 0.4],
                [-0.3, 0.1],
            ]
        )
        parts = [Part(body, "main", 0.4), Part(ellipse(0, 0.45, 0.13, 0.13), "dark", 0), *parts]
        parts.append(Part(box(-0.1, -1.35, 0.1, -1.05, 0.03), "dark", 0.4))
    elif kind == 1:
        parts.append(Part(ellipse(0, 0.4, 0.25, 0.38), "main"))
    elif kind == 2:
        parts.append(Part(box(-u(0.25, 0.5), 0.1, u(0.2, 0.4), 0.4, 0.05), "main", 0.7))
    else:
        parts.append(Part(box(-0.25, 0.15, 0.25, 0.6, 0.04), "main", 0.5, fur=0.12))
    return moved(parts, turned(u(-np.pi, np.pi)))
