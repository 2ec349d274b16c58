"""People: each function draws one, as parts from back to front."""

import numpy as np
from numpy.random import Generator

from clearbg.synthetic.silhouettes import Part, blob, ellipse, limb, moved, smooth, turned


def person(rng: Generator) -> list[Part]:
    """Somebody who stands, walks or holds the arms out."""
    u = rng.uniform
    wide = u(0.22, 0.34)
    parts = []
    hip, stride = 0.42, u(0.0, 0.22)
    skirt = rng.random() < 0.3
    for side in (-1, 1):
        foot = [side * (0.07 + stride) + u(-0.04, 0.04), 1.25]
        line = [[side * 0.09, hip], [side * (0.1 + stride / 2) + u(-0.05, 0.08), 0.85], foot]
        parts.append(Part(limb(line, [0.2, 0.15, 0.1]), "skin" if skirt else "second"))
        parts.append(Part(limb([foot, [foot[0] + 0.1 * side, 1.27]], [0.1, 0.08], 8), "dark"))
    for side in (-1, 1):
        elbow = [side * (wide / 2 + u(0.05, 0.25)), u(0.0, 0.3)]
        hand = [elbow[0] + side * u(-0.2, 0.25), u(-0.3, 0.6)]
        parts.append(
            Part(limb([[side * wide * 0.45, -0.08], elbow, hand], [0.14, 0.11, 0.08]), "main")
        )
        parts.append(Part(ellipse(*hand, 0.055, 0.06), "skin"))
        if side > 0 and rng.random() < 0.35:
            far = np.array(hand) + (u(-0.1, 0.5), u(-0.6, 0.4))
            parts.append(Part(limb([hand, far], [u(0.03, 0.1), u(0.03, 0.25)]), "accent"))
    chest, waist = wide / 2 + 0.03, wide / 2 - u(0, 0.05)
    torso = smooth([[-chest, -0.15], [0, -0.18], [chest, -0.15], [waist, 0.2], [waist + 0.03, hip],
                    [-waist - 0.03, hip], [-waist, 0.2]])  # fmt: skip
    if skirt:
        hem = u(0.15, 0.35)
        parts.append(
            Part(np.array([[-waist, 0.3], [waist, 0.3], [hem, 0.85], [-hem, 0.85]]), "second")
        )
    parts.append(Part(torso, "main"))
    return parts + moved(_head(rng), turned(u(-0.15, 0.15), 0.16, 0.16), (u(-0.03, 0.03), -0.36))


def bust(rng: Generator) -> list[Part]:
    """Head and shoulders; the lower edge is meant to lie outside the image."""
    u = rng.uniform
    wide = u(0.75, 1.1)
    shoulders = smooth([[-wide, 1.9], [-wide * 0.95, 0.9], [-wide * 0.5, 0.55], [0, 0.5],
                        [wide * 0.5, 0.55], [wide * 0.95, 0.9], [wide, 1.9]])  # fmt: skip
    parts = [
        Part(shoulders, "main"),
        Part(limb([[0, 0.1], [0, 0.7]], [0.4, 0.5]), "skin"),
    ]
    if rng.random() < 0.6:
        collar = np.array([[-0.3, 0.55], [0.3, 0.55], [u(-0.05, 0.05), u(0.9, 1.3)]])
        parts.append(Part(collar, rng.choice(["second", "light", "skin"]), 0.2))
    return parts + moved(_head(rng), turned(u(-0.2, 0.2), 0.45, 0.45), (u(-0.08, 0.08), -0.05))


def _head(rng: Generator) -> list[Part]:
    """A head one unit in half height, seen from the front or half turned."""
    u = rng.uniform
    turn, long = u(-0.2, 0.2), u(0.0, 1.4)
    hat = rng.random() < 0.25
    strands = u(0.05, 0.3)
    parts = [
        Part(
            blob(rng, -turn, -0.15 + long * 0.3, 0.9, 0.95 + long * 0.4, 0.08), "hair", fur=strands
        )
    ]
    parts.append(
        Part(
            smooth(
                [[-0.68, -0.3], [0, -0.95], [0.68, -0.3], [0.55, 0.45], [0, 1.0], [-0.55, 0.45]]
            ),
            "skin",
        )
    )
    for side in (-1, 1):
        x = turn + side * 0.28
        parts.append(Part(ellipse(x, -0.08, 0.12, 0.06), "light", 0.2))
        parts.append(Part(ellipse(x, -0.08, 0.06, 0.07), "dark", 0.2))
        parts.append(
            Part(limb([[x - 0.16, -0.25], [x + 0.16, -0.26]], [0.05, 0.05], 5), "hair", 0.2)
        )
    parts.append(Part(limb([[turn, -0.1], [turn * 1.3, 0.25]], [0.12, 0.2], 6), "skin"))
    parts.append(Part(ellipse(turn, 0.52, 0.22, u(0.04, 0.1)), "fruit", 0.2))
    fringe = smooth(
        [
            [-0.8, -0.1],
            [-0.7, -0.85],
            [0, -1.15],
            [0.7, -0.85],
            [0.8, -0.1],
            [0.5, -0.55],
            [u(-0.4, 0.4), -0.6],
            [-0.5, -0.55],
        ]
    )
    parts.append(Part(fringe, "hair", fur=strands / 3))
    if hat:
        parts.append(
            Part(
                smooth([[-0.8, -0.5], [-0.7, -1.2], [0, -1.5], [0.7, -1.2], [0.8, -0.5]]), "accent"
            )
        )
        parts.append(Part(ellipse(0, -0.55, u(0.85, 1.4), 0.16), "accent", 0.6))
    return parts
