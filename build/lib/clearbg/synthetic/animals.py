"""Animals: each function draws one, as parts from back to front."""

import numpy as np
from numpy.random import Generator

from clearbg.synthetic.silhouettes import Part, blob, ellipse, leaf, limb, moved, smooth, turned


def quadruped(rng: Generator) -> list[Part]:
    """A four-legged animal from the side, from mouse to giraffe."""
    u = rng.uniform
    deep, leg = u(0.26, 0.5), u(0.12, 0.6)
    thick = u(0.08, 0.18)
    fur = u(0.02, 0.07) if rng.random() < 0.6 else 0.0
    back = np.array([[-0.5, 0], [-0.3, -deep / 2], [0.1, -deep / 2 + u(-0.05, 0.06)]])
    body = smooth(
        np.vstack([back, [[0.42, -deep / 2.2], [0.52, 0], [0.35, deep / 2], [-0.35, deep / 2.2]]])
    )
    feet = [-0.4 + u(-0.15, 0.1), -0.28 + u(-0.1, 0.15), 0.3 + u(-0.12, 0.1), 0.42 + u(-0.1, 0.2)]
    hips = [-0.36, -0.3, 0.32, 0.36]
    legs = []
    for hip, foot in zip(hips, feet, strict=True):
        knee = (hip + foot) / 2 + u(-0.06, 0.06)
        line = [[hip, deep * 0.2], [knee, deep / 2 + leg / 2], [foot, deep / 2 + leg]]
        legs.append(limb(line, [thick * 1.8, thick, thick * 0.75]))
        legs.append(ellipse(foot + 0.02, deep / 2 + leg, thick * 0.55, thick * 0.35))
    rise, reach = u(-0.1, 0.6), u(0.1, 0.3)
    skull = np.array([0.48 + reach, -deep / 3 - rise])
    head, muzzle = u(0.12, 0.2), u(0.1, 0.3)
    neck = limb([[0.3, -deep * 0.15], (0.42 + reach / 2, -deep / 4 - rise / 2), skull],
                [deep * 0.9, head * 1.5, head * 1.3])  # fmt: skip
    nose = skull + (muzzle, u(0.02, 0.14))
    tail_tip = [-0.55 - u(0.1, 0.4), u(-0.4, 0.4)]
    tail = limb([[-0.45, -deep * 0.2], [-0.6, u(-0.2, 0.1)], tail_tip], [0.1, 0.06, u(0.02, 0.12)])
    ear, ear_size = u(-2.4, -1.2), u(0.1, 0.34)
    parts = [Part(tail, "main", fur=fur)]
    parts += [Part(leg, "shade") for leg in (*legs[2:4], *legs[6:8])]
    parts.append(
        Part(leaf(*(skull + (-0.02, -head * 0.4)), ear, ear_size, ear_size * 0.5), "shade")
    )
    parts.append(Part(body, "main", fur=fur))
    if rng.random() < 0.3:
        parts.append(Part(blob(rng, u(-0.2, 0.2), -0.05, 0.22, deep * 0.3, 0.3), "second", 0.2))
    parts += [Part(leg, "main") for leg in (*legs[0:2], *legs[4:6])]
    parts.append(Part(neck, "main", fur=fur))
    if rng.random() < 0.3:
        mane = limb(
            [[0.25, -deep / 2], skull + (-0.12, 0.05), skull + (0, -head * 0.5)], [0.14, 0.12]
        )
        parts.append(Part(mane, "second", fur=0.1))
    parts.append(Part(blob(rng, *skull, head, head * 0.85, 0.04), "main", fur=fur / 2))
    parts.append(Part(limb([skull, nose], [head * 1.5, head * u(0.6, 1.0)]), "main"))
    parts.append(Part(leaf(*(skull + (-0.05, -head * 0.4)), ear - 0.3, ear_size, ear_size * 0.5)))
    if rng.random() < 0.2:
        for side in (-1.9, -1.3):
            parts.append(
                Part(leaf(*(skull + (0, -head * 0.6)), side, u(0.2, 0.4), 0.05, 0.2), "light")
            )
    parts.append(Part(ellipse(*(nose + (head * 0.3, -0.02)), 0.035, 0.03), "dark"))
    parts.append(Part(ellipse(*(skull + (0.05, -0.04)), 0.022, 0.022), "dark"))
    return parts


def resting(rng: Generator) -> list[Part]:
    """A furry animal that sits or lies, seen from the front."""
    u = rng.uniform
    fur = u(0.02, 0.07)
    wide, tall = u(0.35, 0.6), u(0.35, 0.6)
    head, lift = u(0.2, 0.32), u(0.75, 1.05)
    y = -tall * lift
    tail = np.array([[0.7, 0.35], [1.3, 0.5], [1.2, u(-0.3, 0.6)]]) * (wide, tall)
    parts = [
        Part(limb(tail, [0.14, 0.12, 0.08]), "main", fur=fur),
        Part(blob(rng, 0, 0.1 * tall, wide, tall * 0.85, 0.06), "main", fur=fur),
    ]  # fmt: skip
    if rng.random() < 0.6:
        parts.append(Part(blob(rng, 0, 0.1 * tall, wide * 0.5, tall * 0.6), "second", 0.4, fur / 2))
    for side in (-1, 1):
        paw = [[side * wide * 0.4, 0], [side * wide * 0.45, tall * 0.85]]
        parts.append(Part(limb(paw, [0.2, 0.16]), "main", fur=fur / 2))
    ear, size = u(0.3, 0.9), u(0.7, 1.6) * head
    for side in (-1, 1):
        root = (side * head * 0.6, y - head * 0.4)
        angle = -np.pi / 2 + side * ear
        parts.append(Part(leaf(*root, angle, size, size * u(0.5, 0.8)), "main", fur=fur / 2))
        parts.append(Part(leaf(*root, angle, size * 0.7, size * 0.3), "second", 0.2))
    return parts + moved(_face(rng, head, fur), np.eye(2), (0, y))


def close_up(rng: Generator) -> list[Part]:
    """An animal's head that fills the view."""
    u = rng.uniform
    fur, size = u(0.03, 0.1), u(0.3, 0.6)
    parts = [Part(blob(rng, 0, 1.0, u(0.6, 0.9), 0.8, 0.06), "main", fur=fur)]
    for side in (-1, 1):
        root = (side * 0.32, -0.3)
        angle = -np.pi / 2 + side * u(0.3, 0.9)
        parts.append(Part(leaf(*root, angle, size, size * 0.6), "main", fur=fur))
        parts.append(Part(leaf(*root, angle, size * 0.7, size * 0.35), "second", 0.2))
    return parts + _face(rng, 0.55, fur)


def _face(rng: Generator, head: float, fur: float) -> list[Part]:
    u = rng.uniform
    parts = [Part(blob(rng, 0, 0, head, head * u(0.8, 1.0), 0.04), "main", fur=fur)]
    muzzle = u(0.35, 0.55) * head
    parts.append(Part(ellipse(0, head * 0.4, muzzle, muzzle * 0.75), "second", fur=fur / 2))
    apart = u(0.3, 0.5) * head
    for side in (-1, 1):
        parts.append(Part(ellipse(side * apart, -head * 0.12, head * 0.13, head * 0.13), "accent"))
        parts.append(Part(ellipse(side * apart, -head * 0.12, head * 0.08, head * 0.1), "dark"))
    parts.append(Part(ellipse(0, head * 0.28, head * 0.14, head * 0.1), "dark"))
    return parts


def bird(rng: Generator) -> list[Part]:
    """A bird that stands or perches."""
    u = rng.uniform
    plump, lean = u(0.3, 0.5), u(-0.6, 0.2)
    neck, leg = u(0.0, 0.5) ** 1.5, u(0.08, 0.5)
    fur = 0.02 if rng.random() < 0.5 else 0.0
    body = leaf(0.45, 0, np.pi, 1.0, plump * 1.5, u(-0.05, 0.1)) @ turned(lean * 0.6).T
    skull = np.array([0.42, -0.18 - neck])
    head = u(0.13, 0.2)
    beak, droop = u(0.08, 0.35), u(-0.1, 0.5)
    parts = [
        Part(leaf(-0.3, 0.0, np.pi - lean * 0.4, u(0.3, 0.8), u(0.12, 0.3)), "shade", 0.4),
    ]
    for x in (-0.02, 0.1):
        hip = [x, plump * 0.4]
        foot = [x + u(-0.06, 0.06), plump * 0.5 + leg]
        parts.append(Part(limb([hip, foot], [0.05, 0.03], 6), "accent"))
        parts.append(
            Part(limb([foot, [foot[0] + 0.12, foot[1] + 0.02]], [0.03, 0.02], 6), "accent")
        )
    parts.append(Part(body, "main", fur=fur))
    parts.append(Part(ellipse(0.2, 0.03, 0.26, plump * 0.5), "main"))
    parts.append(
        Part(
            limb([[0.25, 0], [0.42, -0.1 - neck / 2], skull], [plump * 0.9, head, head * 1.3]),
            "main",
        )
    )
    if rng.random() < 0.6:
        parts.append(Part(ellipse(0.22, 0.1, 0.2, plump * 0.35), "second", 0.6))
    wing = leaf(0.25, -0.05, np.pi - lean * 0.5 + u(-0.15, 0.15), u(0.6, 0.85), plump * 0.8, 0.05)
    parts.append(Part(wing, "shade" if rng.random() < 0.5 else "second", 0.6))
    crown = "main" if rng.random() < 0.6 else "second"
    parts.append(Part(ellipse(*skull, head, head * 0.9), crown, fur=fur))
    parts.append(Part(leaf(*(skull + (head * 0.7, 0)), droop, beak, 0.09), "accent", 0.6))
    parts.append(Part(ellipse(*(skull + (head * 0.4, -0.03)), 0.024, 0.024), "dark"))
    return parts


def flier(rng: Generator) -> list[Part]:
    """A bird in the air, or an insect with its wings spread."""
    u = rng.uniform
    long, feathers = u(0.6, 1.2), rng.random() < 0.5
    parts = []
    spread = u(0.5, 1.3)
    for side in (-1, 1):
        for pair, tone in ((0, "second"), (1, "main")):
            angle = side * (spread + 0.8 * pair - 0.4)
            length = long * (0.7 + 0.3 * pair)
            if feathers:
                for step in range(5):
                    quill = angle + side * (0.12 * step - 0.25)
                    size = length * (1 - 0.08 * step)
                    parts.append(Part(leaf(0, 0, quill, size, 0.22), tone, 0.4))
            else:
                wing = leaf(0, 0, angle, length, u(0.4, 0.8) * length, side * 0.1)
                parts.append(Part(wing, tone, 0.2))
                eye = np.array([np.cos(angle), np.sin(angle)]) * length * 0.65
                parts.append(Part(ellipse(*eye, 0.09, 0.09), "accent", 0.2))
    body = "dark" if not feathers and rng.random() < 0.6 else "main"
    parts.append(Part(leaf(-0.55, 0, 0, 1.0, u(0.15, 0.3)), body, fur=0.02))
    parts.append(Part(ellipse(0.42, 0, 0.12, 0.1), body))
    if feathers:
        parts.append(Part(leaf(0.5, 0, 0, 0.2, 0.08), "accent"))
    else:
        for side in (-1, 1):
            parts.append(
                Part(
                    limb([[0.5, 0], [0.7, side * 0.1], [0.85, side * 0.3]], [0.02, 0.015], 8),
                    "dark",
                )
            )
    return moved(parts, turned(u(-np.pi, np.pi)))


def crawler(rng: Generator) -> list[Part]:
    """A snake, a lizard, a turtle, a beetle or a spider from above."""
    u = rng.uniform
    legs = int(rng.choice([0, 4, 6, 8]))
    if legs == 0:
        turns = rng.integers(3, 6)
        spine = np.stack([np.linspace(-0.8, 0.8, turns), rng.normal(0, 0.3, turns)], 1)
        girth = u(0.1, 0.22)
        return [
            Part(limb(spine, [0.02, girth, girth, girth * 0.8, girth * 0.6], 48), "main"),
            Part(ellipse(*spine[-1], girth * 0.7, girth * 0.5), "main"),
        ]
    wide = u(0.12, 0.4)
    parts = []
    for side in (-1, 1):
        for x in np.linspace(-0.3, 0.3, legs // 2):
            knee = [x * 1.5 + u(-0.05, 0.05), side * (wide + 0.15)]
            foot = [x * 2 + u(-0.1, 0.1), side * (wide + u(0.25, 0.4))]
            parts.append(Part(limb([[x, 0], knee, foot], [0.08, 0.06, 0.03], 12), "shade"))
    parts.append(Part(limb([[-0.4, 0], [-0.8, u(-0.2, 0.2)]], [wide * 0.8, 0.02]), "main"))
    parts.append(Part(blob(rng, 0, 0, 0.5, wide, 0.05), "main"))
    parts.append(Part(blob(rng, -0.02, 0, 0.38, wide * 0.75, 0.1), "second", 0.8))
    parts.append(Part(ellipse(0.55, 0, 0.16, min(wide, 0.16)), "main"))
    return moved(parts, turned(u(-np.pi, np.pi)))


def fish(rng: Generator) -> list[Part]:
    u = rng.uniform
    tall = u(0.2, 0.55)
    body = leaf(0.6, 0, np.pi, 1.2, tall * 1.3, u(-0.04, 0.04))
    parts = [Part(leaf(-0.45, 0, np.pi + a, u(0.3, 0.5), 0.2), "second", 0.2) for a in (-0.5, 0.5)]
    parts.append(Part(leaf(0.2, -tall * 0.3, np.pi + 0.7, u(0.3, 0.6), 0.25), "second", 0.2))
    parts.append(Part(leaf(0.0, tall * 0.3, np.pi - 0.7, 0.35, 0.15), "second", 0.2))
    parts.append(Part(body))
    for x in np.linspace(-0.2, 0.3, rng.integers(0, 4)):
        parts.append(Part(ellipse(x, 0, 0.05, tall * 0.35), "accent", 0.3))
    parts.append(Part(leaf(0.2, 0.02, np.pi - 0.4, 0.3, 0.14), "second", 0.3))
    parts.append(Part(ellipse(0.45, -0.04, 0.05, 0.05), "light"))
    parts.append(Part(ellipse(0.45, -0.04, 0.03, 0.03), "dark"))
    return parts
