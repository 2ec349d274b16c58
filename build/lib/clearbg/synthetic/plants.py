"""Plants and food: each function draws one kind, as parts from back to front."""

import numpy as np
from numpy.random import Generator

from clearbg.synthetic.silhouettes import (
    Part,
    blob,
    box,
    ellipse,
    jagged,
    lathe,
    leaf,
    limb,
    moved,
    smooth,
    turned,
)


def flower(rng: Generator) -> list[Part]:
    """One to three blossoms on stems, with leaves."""
    u = rng.uniform
    parts = []
    heads = [(u(-0.15, 0.15), u(-0.2, 0.1))]
    heads += [(u(-0.8, 0.8), u(-0.1, 0.5)) for _ in range(rng.choice([0, 0, 1, 2]))]
    for x, y in reversed(heads):
        parts.append(Part(limb([[x * 0.2, 1.2], [x * 0.6, 0.7], [x, y]], [0.06, 0.05]), "leaf"))
        for side in (-1, 1):
            if rng.random() < 0.6:
                angle = -np.pi / 2 + side * u(0.4, 1.2)
                parts.append(
                    Part(leaf(x * 0.5, u(0.6, 1.0), angle, u(0.3, 0.6), 0.16, 0.1), "leaf")
                )
        parts += moved(_blossom(rng), turned(u(0, 6.3), 1, u(0.5, 1)), (x, y))
    return parts


def _blossom(rng: Generator) -> list[Part]:
    u = rng.uniform
    count, rows = rng.integers(4, 16), rng.integers(1, 3)
    width = u(1.2, 2.6) / count
    parts = []
    for row in range(rows):
        length = 0.45 * (1 - 0.3 * row)
        for step in range(count):
            angle = 2 * np.pi * (step + 0.5 * row) / count + rng.normal(0, 0.05)
            petal = leaf(0, 0, angle, length * u(0.9, 1.1), width, u(-0.1, 0.1))
            parts.append(
                Part(petal, ("main", "second")[row] if rng.random() < 0.8 else "main", 0.6)
            )
    parts.append(Part(ellipse(0, 0, 0.13, 0.13), "accent", fur=0.02))
    return parts


def tree(rng: Generator) -> list[Part]:
    """A leafy tree, a fir, a palm, or a mushroom."""
    u = rng.uniform
    trunk = u(0.08, 0.2)
    parts = [
        Part(
            limb([[u(-0.1, 0.1), 1.0], [u(-0.1, 0.1), 0.5], [0, 0.0]], [trunk, trunk * 0.7]), "wood"
        )
    ]
    kind = rng.integers(4)
    if kind == 0:
        for _ in range(rng.integers(4, 9)):
            x, y = rng.normal(0, 0.3), rng.normal(-0.2, 0.22)
            crown = jagged(rng, x, y, u(0.25, 0.45), u(0.2, 0.4), 18, 0.18)
            parts.append(Part(crown, rng.choice(["leaf", "main"]), fur=0.03))
    elif kind == 1:
        for level in np.linspace(0.5, -0.6, rng.integers(3, 7)):
            half = 0.55 * (level + 0.9) / 1.4
            fir = np.array([[-half, level], [half, level], [0, level - 0.45]])
            parts.append(Part(fir, "leaf", 0.5, fur=0.04))
    elif kind == 2:
        for angle in rng.uniform(-np.pi - 0.4, 0.4, rng.integers(6, 12)):
            parts.append(Part(leaf(0, 0, angle, u(0.5, 0.8), 0.16, 0.15), "leaf", 0.5, fur=0.02))
    else:
        cap = smooth([[-0.6, 0.1], [-0.45, -0.3], [0, -0.5], [0.45, -0.3], [0.6, 0.1], [0, 0.18]])
        parts = [Part(limb([[0, 0.9], [0, 0]], [0.35, 0.22]), "light"), Part(cap, "main")]
        parts += [Part(ellipse(x, u(-0.3, 0), 0.07, 0.05), "light", 0.4) for x in u(-0.35, 0.35, 5)]
    return parts


def potted(rng: Generator) -> list[Part]:
    """Leaves or a cactus in a pot."""
    u = rng.uniform
    parts = []
    if rng.random() < 0.75:
        for angle in rng.uniform(-2.7, -0.4, rng.integers(5, 14)):
            length, bend = u(0.4, 0.9), u(-0.2, 0.2)
            parts.append(Part(leaf(0, 0.35, angle, length, u(0.1, 0.3), bend), "leaf", 0.6))
    else:
        parts.append(Part(limb([[0, 0.5], [0, -0.5]], [0.3, 0.28]), "leaf", fur=0.03))
        for side in (-1, 1):
            arm = [[0, 0.1], [side * 0.3, 0.05], [side * 0.33, u(-0.4, -0.1)]]
            parts.append(Part(limb(arm, [0.16, 0.15]), "leaf", fur=0.03))
    top, foot = u(0.25, 0.4), u(0.15, 0.35)
    parts.append(Part(lathe([[top, 0.35], [foot, 0.9]]), "main"))
    parts.append(Part(box(-top * 1.1, 0.32, top * 1.1, 0.44, 0.03), "main"))
    return parts


def fruit(rng: Generator) -> list[Part]:
    """A piece of fruit, or a few together."""
    u = rng.uniform
    parts = []
    for step in range(rng.choice([1, 1, 2, 3, 5])):
        x, y = step * u(0.3, 0.6) - 0.5, u(-0.15, 0.15)
        size, tone = u(0.3, 0.5), ("main", "second")[step % 2]
        if rng.random() < 0.2:
            parts.append(
                Part(
                    limb(
                        [[x - size, y], [x, y + size * 0.6], [x + size, y]], [0.1, size * 0.8, 0.08]
                    ),
                    tone,
                )
            )
            continue
        parts.append(Part(blob(rng, x, y, size, size * u(0.75, 1.1), 0.05), tone))
        parts.append(
            Part(limb([[x, y - size * 0.75], [x + 0.05, y - size * 1.15]], [0.05, 0.04], 6), "wood")
        )
        if rng.random() < 0.4:
            parts.append(Part(leaf(x, y - size * 0.9, u(-0.8, 0.2), 0.4, 0.16), "leaf", 0.5))
    return parts


def dish(rng: Generator) -> list[Part]:
    """Food on a plate or in a pan, seen from an angle."""
    u = rng.uniform
    flat = u(0.45, 1.0)
    parts = []
    if rng.random() < 0.7:
        plate = rng.choice(["light", "second", "metal", "dark"])
        parts += [Part(ellipse(0, 0, 0.9, 0.9 * flat), plate, 0.3)]
        parts += [Part(ellipse(0, 0, 0.68, 0.66 * flat), plate, 0.5)]
    parts.append(Part(blob(rng, 0, -0.02, 0.58, 0.55 * flat, 0.12), "main"))
    for _ in range(rng.integers(3, 14)):
        x, y = rng.normal(0, 0.24), rng.normal(-0.03, 0.22 * flat)
        size = u(0.06, 0.25)
        tone = rng.choice(["second", "accent", "leaf", "food", "fruit"])
        parts.append(Part(blob(rng, x, y, size, size * flat, 0.2), tone))
    return parts
