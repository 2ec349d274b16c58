"""Hairstyles: each function gives the hair behind the head and the hair in front of it.

Units and strands as in `hair`: the head is two units high, its chin at y = 1, its hairline
about y = -0.6.
"""

import numpy as np
from numpy.random import Generator

from clearbg.synthetic.hair import Hair, combed, curve, grown, locks
from clearbg.synthetic.silhouettes import blob, ellipse

Worn = tuple[Hair, Hair]


def loose(rng: Generator) -> Worn:
    """Parted hair that falls to the ears, the chin or over the shoulders."""
    u = rng.uniform
    end = rng.choice([u(0.55, 1.0), u(1.2, 2.3), u(1.5, 2.6)])
    full, flare = u(0.06, 0.26), u(-0.08, 0.45)
    part, wave = u(-0.4, 0.4), rng.choice([0.01, 0.04, 0.09], p=[0.4, 0.35, 0.25])
    stray = u(0.03, 0.1)
    front, outer = Hair(), []
    for side in (-1, 1):
        inner = [[part, -0.72], [side * 0.42 + 0.3 * part, -0.6], [side * 0.66, -0.28],
                 [side * 0.69, 0.12], [side * u(0.64, 0.74), 0.55]]  # fmt: skip
        over = [[0.7 * part, -0.98 - full], [side * 0.52, -0.9 - full],
                [side * (0.8 + full), -0.4], [side * (0.86 + full), 0.1],
                [side * (0.86 + full + 0.3 * flare), 0.55]]  # fmt: skip
        if end > 0.7:
            inner.append([side * u(0.55, 0.85), end])
            over.append([side * (0.9 + full + flare), end * u(0.92, 1.05)])
        one, other = curve(inner), curve(over)
        front.masses += locks(rng, one, one + 0.92 * (other - one), 6)
        front.strands.append(combed(rng, one, other, rng.uniform(0, 1, 330), wave, stray))
        strays = rng.uniform(0.7, 1.06, 55)
        front.flyaways.append(combed(rng, one, other, strays, 2 * wave + 0.02, 3.2 * stray))
        outer.append(other)
    back = Hair([ellipse(0, -0.12, 0.82 + full, 0.88 + full)])
    left, right = outer
    if end > 0.7:
        back.masses += locks(rng, left, right, 16)
    back.strands.append(combed(rng, left, right, rng.beta(0.4, 0.4, 420), wave, 1.3 * stray, 14))
    _halo(rng, back, 1 + full, full + 0.1)
    if rng.random() < 0.3:
        _fringe(rng, front, wave)
    return back, front


def short(rng: Generator) -> Worn:
    """Short hair, combed to a side, up or forward."""
    u = rng.uniform
    full, way = u(0.02, 0.3), rng.choice([-1, 1])
    line = u(-0.72, -0.52)
    roots = 360
    back = Hair([blob(rng, 0, -0.26, 0.78, 0.78 + 0.3 * full, 0.03)])
    _halo(rng, back, 0.98, 0.12 + full / 2, 240)
    front = Hair()
    low = curve([[-0.73, 0.05], [-0.66, -0.32], [-0.4 * way, line], [0.1, line - 0.03],
                 [0.45, line + 0.02], [0.66, -0.32], [0.73, 0.05]])  # fmt: skip
    high = curve([[-0.77, 0.0], [-0.83, -0.45], [-0.55, -0.95 - 0.5 * full], [0, -1.04 - full],
                  [0.55, -0.95 - 0.5 * full], [0.83, -0.45], [0.77, 0.0]])  # fmt: skip
    front.masses.append(np.vstack([low, high[::-1]]))
    at = rng.uniform(0.03, 0.97, roots) * (len(low) - 1)
    index, rest = at.astype(int), at % 1
    sink = rng.uniform(0.1, 1.0, roots)
    base = low[index] + rest[:, None] * (low[index + 1] - low[index])
    top = high[index] + rest[:, None] * (high[index + 1] - high[index])
    places = base + sink[:, None] * (top - base)
    outward = np.arctan2(places[:, 1] + 0.2, places[:, 0])
    lean = way * u(0.2, 1.3)
    angles = outward + lean + rng.normal(0, 0.25, roots)
    lengths = rng.uniform(0.5, 1.2, roots) * (0.18 + 0.9 * full)
    turns = rng.normal(way * u(0, 1.2), 0.5, roots)
    front.strands.append(grown(rng, places, angles, lengths, turns, u(-0.2, 0.3)))
    few = rng.permutation(roots)[:70]
    front.flyaways.append(
        grown(rng, places[few], outward[few] + rng.normal(0, 0.6, 70), 1.3 * lengths[few],
              rng.normal(0, 1.5, 70))
    )  # fmt: skip
    return back, front


def curly(rng: Generator) -> Worn:
    """Curls that stand around the head or hang beside it."""
    u = rng.uniform
    wide, long = u(0.95, 1.45), u(0.0, 0.9)
    tight = u(3, 9)
    back, front = Hair(), Hair()
    center = np.array([0, -0.28 + 0.5 * long])
    radii = np.array([wide, 0.72 * wide + 0.28 + 0.5 * long])
    back.masses.append(blob(rng, *center, *(0.88 * radii), 0.09))
    angle = rng.uniform(0, 2 * np.pi, 950)
    around = np.stack([np.cos(angle), np.sin(angle)], 1)
    roots = center + radii * around * rng.uniform(0.35, 1.0, (950, 1)) ** 0.7
    lengths = rng.uniform(0.2, 0.5, 950)
    turns = rng.choice([-1, 1], 950) * rng.normal(tight, 1.5, 950)
    back.strands.append(grown(rng, roots, angle + rng.normal(0, 0.7, 950), lengths, turns, 0.2))
    few = rng.permutation(950)[:170]
    back.flyaways.append(
        grown(rng, center + radii * around[few] * 0.9, angle[few] + rng.normal(0, 0.5, 170),
              rng.uniform(0.2, 0.6, 170), rng.normal(0, 0.6 * tight, 170))
    )  # fmt: skip
    line = u(-0.75, -0.55)
    low = curve([[-0.76, 0.1], [-0.68, -0.3], [-0.4, line], [0, line - 0.05], [0.4, line],
                 [0.68, -0.3], [0.76, 0.1]])  # fmt: skip
    high = curve([[-0.9, 0.1], [-0.92, -0.4], [-0.6, -0.95], [0, -1.1], [0.6, -0.95],
                  [0.92, -0.4], [0.9, 0.1]])  # fmt: skip
    front.masses.append(np.vstack([low, high[::-1]]))
    index, depth = rng.integers(0, len(low), 420), rng.uniform(-0.15, 0.8, (420, 1))
    roots = low[index] + depth * (high - low)[index] + rng.normal(0, 0.05, (420, 2))
    turns = rng.choice([-1, 1], 420) * rng.normal(tight, 2, 420)
    angles = np.arctan2(roots[:, 1] + 0.1, roots[:, 0]) + rng.normal(0, 1.2, 420)
    front.strands.append(grown(rng, roots, angles, rng.uniform(0.15, 0.4, 420), turns, 0.2))
    return back, front


def tied(rng: Generator) -> Worn:
    """Hair combed back into a knot on top or a tail beside the neck."""
    u = rng.uniform
    back, front = short(rng)
    front.strands, front.flyaways = [], front.flyaways[:1]
    low = curve([[-0.74, 0.12], [-0.68, -0.3], [-0.42, -0.6], [0, -0.68], [0.42, -0.6],
                 [0.68, -0.3], [0.74, 0.12]])  # fmt: skip
    knot = np.array([u(-0.25, 0.25), u(-1.3, -1.15)])
    tail = rng.random() < 0.45
    if tail:
        side = rng.choice([-1, 1])
        knot = np.array([side * 0.7, -0.75])
        one = curve([knot, [side * 1.15, -0.7], [side * 1.2, 0.2], [side * 1.0, u(0.9, 2.0)]])
        other = curve([knot, [side * 0.95, -0.5], [side * 0.85, 0.3], [side * 0.8, u(0.9, 1.8)]])
        back.masses += locks(rng, one, other, 3)
        back.strands.append(combed(rng, one, other, rng.uniform(0, 1, 260), u(0.01, 0.08), 0.09, 5))
        back.flyaways.append(combed(rng, one, other, rng.uniform(-0.4, 1.4, 60), 0.08, 0.2, 5))
    else:
        size = u(0.2, 0.36)
        front.masses.append(blob(rng, *knot, size, 0.85 * size, 0.05))
        angle = rng.uniform(0, 2 * np.pi, 260)
        roots = knot + size * np.stack([np.cos(angle), 0.85 * np.sin(angle)], 1)
        roots += rng.normal(0, 0.05, roots.shape)
        lengths = rng.uniform(0.15, 0.45, 260)
        front.strands.append(grown(rng, roots, angle + 1.5, lengths, rng.normal(1.6, 0.8, 260)))
    roots = low[rng.integers(0, len(low), 300)] + rng.normal(0, 0.025, (300, 2))
    target = np.array([0, -1.0]) if tail else knot
    toward = target + rng.normal(0, 0.12, (300, 2)) - roots
    angles = np.arctan2(toward[:, 1], toward[:, 0])
    lengths = np.linalg.norm(toward, axis=1) * rng.uniform(0.5, 1.0, 300)
    front.strands.append(grown(rng, roots, angles, lengths, rng.normal(0, 0.2, 300)))
    for side in (-1, 1):
        if rng.random() < 0.6:
            one = curve([[side * 0.6, -0.45], [side * 0.74, 0.0], [side * u(0.6, 0.9), u(0.5, 1)]])
            front.flyaways.append(combed(rng, one, one + (0.05, 0), rng.random(25), 0.06, 0.06, 2))
    return back, front


def cropped(rng: Generator) -> Worn:
    """Hair of a few millimeters, or what is left at the sides."""
    back, front = Hair(), Hair()
    bald = rng.random() < 0.4
    start = 0.5 if bald else 0.0
    sides = np.concatenate([rng.uniform(np.pi, np.pi + 1.5 - start, 300),
                            rng.uniform(2 * np.pi - 1.5 + start, 2 * np.pi, 300)])  # fmt: skip
    angle = sides if bald else rng.uniform(np.pi - 0.1, 2 * np.pi + 0.1, 600)
    rim = np.stack([0.75 * np.cos(angle), -0.15 + 0.86 * np.sin(angle)], 1)
    lengths = rng.uniform(0.03, 0.13, 600)
    back.masses.append(ellipse(0, -0.15, 0.745, 0.84))
    back.strands.append(grown(rng, rim, angle, lengths, rng.normal(0, 0.8, 600)))
    if not bald:
        low = curve([[-0.73, 0.05], [-0.66, -0.35], [-0.4, -0.68], [0, -0.72], [0.4, -0.68],
                     [0.66, -0.35], [0.73, 0.05]])  # fmt: skip
        high = curve([[-0.75, 0.0], [-0.76, -0.4], [-0.5, -0.86], [0, -1.01], [0.5, -0.86],
                      [0.76, -0.4], [0.75, 0.0]])  # fmt: skip
        front.masses.append(np.vstack([low, high[::-1]]))
        roots = np.vstack([low, low, low, low, low])[rng.integers(0, 5 * len(low), 200)]
        up = rng.normal(-np.pi / 2, 0.5, 200)
        roots = roots + rng.normal(0, 0.03, (200, 2))
        front.strands.append(grown(rng, roots, up, np.full(200, 0.08), np.zeros(200)))
    return back, front


def beard(rng: Generator) -> Hair:
    """A beard from ear to ear with a moustache; or stubble, or a moustache alone."""
    u = rng.uniform
    kind = rng.choice(["full", "stubble", "moustache"], p=[0.6, 0.25, 0.15])
    hair = Hair()
    lip = rng.uniform(-0.27, 0.27, 130)
    roots = np.stack([lip, 0.47 + 0.3 * lip**2 + rng.uniform(0, 0.06, 130)], 1)
    angles = np.pi / 2 - 2.2 * np.sign(lip) * np.sqrt(np.abs(lip)) + rng.normal(0, 0.2, 130)
    hair.strands.append(grown(rng, roots, angles, rng.uniform(0.05, 0.16, 130), np.zeros(130), 0.2))
    if kind == "moustache":
        return hair
    outer = curve([[-0.71, -0.05], [-0.68, 0.35], [-0.55, 0.68], [-0.3, 0.93], [0, 1.02],
                   [0.3, 0.93], [0.55, 0.68], [0.68, 0.35], [0.71, -0.05]])  # fmt: skip
    inner = curve([[-0.66, -0.05], [-0.58, 0.3], [-0.45, 0.5], [-0.3, 0.66], [0, 0.8],
                   [0.3, 0.66], [0.45, 0.5], [0.58, 0.3], [0.66, -0.05]])  # fmt: skip
    long = 0.03 if kind == "stubble" else u(0.1, 0.7)
    count = 1100
    at = rng.uniform(0, len(outer) - 1, count)
    index, rest = at.astype(int), (at % 1)[:, None]
    rim = outer[index] + rest * (outer[index + 1] - outer[index])
    lip = inner[index] + rest * (inner[index + 1] - inner[index])
    roots = lip + rng.uniform(0, 1, (count, 1)) * (rim - lip)
    angles = np.arctan2(roots[:, 1] + 0.3, 0.7 * roots[:, 0]) + rng.normal(0, 0.3, count)
    lengths = long * rng.uniform(0.3, 1.1, count) * (0.35 + 0.65 * np.clip(roots[:, 1], 0, 1))
    turns = rng.normal(0, 0.5 + u(0, 2) * (rng.random() < 0.3), count)
    hair.strands.append(grown(rng, roots, angles, lengths, turns, 0.3))
    if long > 0.1:
        hair.masses.append(np.vstack([0.985 * outer, inner[::-1]]))
    return hair


def _halo(rng: Generator, hair: Hair, radius: float, length: float, count: int = 150) -> None:
    """Loose ends over the crown, added to the hair."""
    angle = rng.uniform(np.pi + 0.1, 2 * np.pi - 0.1, count)
    roots = np.stack([0.84 * radius * np.cos(angle), 0.93 * radius * np.sin(angle) - 0.06], 1)
    away = angle + rng.choice([-1, 1], count) * rng.uniform(0.8, 1.6, count)
    lengths = (0.1 + length) * rng.uniform(0.4, 2.0, count)
    hair.flyaways.append(grown(rng, roots, away, lengths, rng.normal(0, 1.3, count), 0.2))


def _fringe(rng: Generator, hair: Hair, wave: float) -> None:
    """Hair over the forehead down to the brows, added to the hair."""
    end = rng.uniform(-0.34, -0.2)
    one = curve([[-0.2, -1.0], [-0.5, -0.75], [-0.62, end + 0.1]])
    other = curve([[0.2, -1.0], [0.5, -0.75], [0.62, end + 0.1]])
    across = rng.uniform(0, 1, 300)
    lines = combed(rng, one, other, across, wave / 2, 0.03, 12)
    hair.masses.append(np.vstack([one[:-3], other[:-3][::-1]]))
    hair.strands.append(lines)


STYLES = {loose: 0.42, short: 0.2, curly: 0.2, tied: 0.11, cropped: 0.07}
"""Hairstyle -> its share of the portraits."""
HIGH = (curly, tied)
"""Hairstyles that leave no room for a hat."""
BEARDED = {short: 0.4, cropped: 0.5}
"""Hairstyle -> the share of portraits with a beard; for other styles it is `BEARDED_ELSE`."""
BEARDED_ELSE = 0.1
