"""A face, a neck and clothes from the front, painted with soft light.

Coordinates are those of `hair`: the head's center is the origin, its half height the unit.
"""

import numpy as np
from numpy.random import Generator

from clearbg.synthetic.canvas import Canvas, Pose
from clearbg.synthetic.colors import material, mixed, veil
from clearbg.synthetic.hair import curve
from clearbg.synthetic.painting import Layer
from clearbg.synthetic.silhouettes import box, ellipse, limb, smooth
from clearbg.synthetic.textures import PATTERNS, fractal, pattern

MIRROR = np.array([-1, 1])


def body(
    rng: Generator, frame: tuple[int, int], pose: Pose, colors: dict[str, np.ndarray], light
) -> Layer:
    """Shoulders, neck, ears and face as one layer over the whole frame.

    Args:
        colors: of "skin", "hair", "cloth" and "second".
        light: the direction towards the light, `(x,y,z)` of length 1.
    """
    canvas = Canvas(frame, pose)
    skin = colors["skin"]
    jaw, cheek = rng.uniform(0.46, 0.62), rng.uniform(0.66, 0.74)
    face = smooth([[0, -0.98], [0.5, -0.82], [cheek, -0.3], [cheek, 0.1], [jaw, 0.62],
                   [0.24, 0.95], [0, 1.0], [-0.24, 0.95], [-jaw, 0.62], [-cheek, 0.1],
                   [-cheek, -0.3], [-0.5, -0.82]], 72)  # fmt: skip
    ears = [ellipse(side * 0.74, 0.08, 0.09, 0.2, side * 0.15) for side in (-1, 1)]
    wide = rng.uniform(0.34, 0.48)
    neck = np.array([[-wide, 0.4], [wide, 0.4], [wide + 0.04, 1.2], [-wide - 0.04, 1.2]])
    slope, broad = rng.uniform(1.35, 1.65), rng.uniform(1.5, 2.1)
    half = curve([[0.3, 1.05], [0.62, 1.24], [broad * 0.8, slope], [broad, 2.2], [broad, 4.5]], 40)
    torso = np.vstack([half, half[::-1] * MIRROR])
    _dress(rng, canvas, torso, neck, colors)
    canvas.shade(canvas.mask(torso, neck), 0.35, light, 0.9)
    below = canvas.mask(face + (-0.1 * np.sign(light[0]), 0.16), soft=0.1)
    below *= canvas.mask(neck, soft=0.03)
    canvas.image *= 1 - 0.5 * below[..., None] * np.float32([0.8, 0.95, 1.0])
    head = Canvas(frame, pose)
    head.image[:] = skin
    head.lay(0.72 * skin, *(0.55 * ear + 0.45 * ear.mean(0) for ear in ears), soft=0.02)
    _complexion(rng, head, skin)
    head.shade(head.mask(face, *ears), 0.4, light, 0.75)
    _features(rng, head, colors)
    veil(canvas.image, canvas.mask(face, *ears, rim=4), head.image)
    return canvas.layer(torso, neck, face, *ears)


def _dress(rng: Generator, canvas: Canvas, torso, neck, colors: dict[str, np.ndarray]) -> None:
    """Clothes over the whole canvas, and as much of the neck and chest as they leave bare."""
    u, unit = rng.uniform, canvas.pose.unit
    skin, cloth, second = (colors[name] for name in ("skin", "cloth", "second"))
    kind = rng.choice(["round", "open", "jacket", "roll", "straps"], p=[0.3, 0.2, 0.25, 0.1, 0.15])
    canvas.image[:] = cloth
    if rng.random() < 0.4:
        drawn = pattern(rng, canvas.frame, rng.choice(PATTERNS), u(0.08, 0.5) * unit)
        veil(canvas.image, np.float32(u(0.2, 0.8)) * drawn, second)
    folds = fractal(rng, canvas.frame, u(3, 6), 0.45, 0.4)
    canvas.image *= (1 + np.float32(u(0.03, 0.1)) * folds)[..., None]
    wide = neck[1, 0]
    if kind == "straps":
        low = u(2.3, 2.7)
        top = np.array([[-2.2, low - 0.1], [0, low], [2.2, low - 0.1], [2.2, 5], [-2.2, 5]])
        straps = [limb([[side * 0.85, low], [side * 0.66, 1.15]], [0.14, 0.12], 5)
                  for side in (-1, 1)]  # fmt: skip
        garment = canvas.mask(top, *straps)[..., None]
        canvas.image += (1 - garment) * (skin - canvas.image)
        bones = [limb([[side * 0.12, 1.5], [side * 0.9, 1.4]], [0.05, 0.1], 6) for side in (-1, 1)]
        canvas.lay(0.75 * skin, *bones, soft=0.04, share=0.6)
        return
    if kind == "round":
        low = u(1.3, 1.55)
        canvas.lay(0.7 * cloth, ellipse(0, 1.08, wide + 0.2, low - 1.02), soft=0.01)
        canvas.lay(skin, ellipse(0, 1.08, wide + 0.15, low - 1.08))
    canvas.lay(skin, neck, rim=4)
    if kind == "roll":
        canvas.lay(cloth, box(-wide - 0.1, u(0.9, 1.1), wide + 0.1, 1.6, 0.15), rim=2)
        fold = limb([[-wide, 1.35], [0, 1.45], [wide, 1.35]], [0.05] * 2)
        canvas.lay(0.6 * cloth, fold, soft=0.03)
    elif kind in ("open", "jacket"):
        _lapels(rng, canvas, wide, cloth, mixed(cloth, second, 0.3), skin, kind == "jacket")


def _lapels(rng: Generator, canvas: Canvas, wide: float, cloth, trim, skin, jacket: bool) -> None:
    """A collar `wide` units to each side, open at the neck, or a shirt under a jacket."""
    u = rng.uniform
    opening = np.array([[-wide - 0.08, 1.1], [wide + 0.08, 1.1], [0, u(1.8, 2.6)]])
    if jacket:
        trim = material(rng, "light light sky cloth")
        canvas.lay(0.6 * cloth, 1.08 * opening + (0, 0.02), soft=0.03)
        canvas.lay(trim, opening)
        canvas.lay(skin, np.array([[-wide, 1.1], [wide, 1.1], [0, u(1.45, 1.75)]]))
        if rng.random() < 0.4:
            tie = np.array([[0.09, 1.5], [0.06, 1.65], [0.17, 4]])
            canvas.lay(material(rng, "paint any"), np.vstack([tie, tie[::-1] * MIRROR]),
                       within=opening)  # fmt: skip
    else:
        canvas.lay(skin, opening)
    for side in (-1, 1):
        wing = np.array([[side * wide, 1.0], [side * (wide + 0.22), 1.2], [side * 0.45, 1.72],
                         [side * 0.06, 1.5]])  # fmt: skip
        canvas.lay(0.5 * trim, wing + (0, 0.05), soft=0.04, share=0.5)
        canvas.lay(trim, wing)


def _complexion(rng: Generator, canvas: Canvas, skin: np.ndarray) -> None:
    """The soft lights, shadows and reds of a face."""
    turn = canvas.pose.turn
    dark, pale = skin * np.float32([0.62, 0.52, 0.48]), mixed(skin, np.ones(3, np.float32), 0.5)
    sockets = [ellipse(turn + side * 0.31, -0.02, 0.21, 0.12) for side in (-1, 1)]
    away = -np.sign(turn + 1e-3)
    nose = limb([[turn + away * 0.09, -0.05], [1.2 * turn + away * 0.13, 0.32]], [0.04, 0.13])
    canvas.lay(dark, *sockets, soft=0.06, share=0.45)
    canvas.lay(dark, nose, soft=0.04, share=0.4)
    under = [ellipse(1.2 * turn, 0.4, 0.17, 0.035), ellipse(turn, 0.77, 0.15, 0.03)]
    canvas.lay(dark, *under, soft=0.03, share=0.55)
    hollows = [ellipse(turn * 0.5 + side * 0.56, 0.48, 0.1, 0.28, -side * 0.5) for side in (-1, 1)]
    canvas.lay(dark, *hollows, soft=0.1, share=0.3)
    lights = [limb([[turn, -0.2], [1.25 * turn, 0.3]], [0.06, 0.09]),
              ellipse(0.6 * turn, -0.5, 0.3, 0.14), ellipse(turn, 0.88, 0.12, 0.06),
              *(ellipse(turn + side * 0.38, 0.2, 0.13, 0.08) for side in (-1, 1))]  # fmt: skip
    canvas.lay(pale, *lights, soft=0.06, share=rng.uniform(0.2, 0.45))
    red = mixed(skin, np.float32([0.85, 0.25, 0.22]), 0.6)
    cheeks = [ellipse(turn + side * 0.42, 0.3, 0.16, 0.12) for side in (-1, 1)]
    canvas.lay(red, *cheeks, ellipse(1.25 * turn, 0.3, 0.08, 0.07), soft=0.08,
               share=rng.uniform(0.1, 0.45))  # fmt: skip


def _features(rng: Generator, canvas: Canvas, colors: dict[str, np.ndarray]) -> None:
    """Eyes, brows, nostrils, mouth and now and then glasses."""
    u, turn, skin = rng.uniform, canvas.pose.turn, colors["skin"]
    line, black = 0.25 * skin, np.float32([0.04, 0.03, 0.03])
    iris = np.float32(rng.choice([[0.25, 0.15, 0.08], [0.2, 0.35, 0.5], [0.25, 0.35, 0.2],
                                  [0.12, 0.08, 0.06]]))  # fmt: skip
    brow = mixed(0.6 * colors["hair"], skin, 0.15)
    open_, thick, arch, look = u(0.045, 0.085), u(0.03, 0.08), u(0.0, 0.08), u(-0.04, 0.04)
    for side in (-1, 1):
        x, wide = turn + side * 0.31 * (1 - 0.3 * abs(turn)), 0.145 * (1 - 0.9 * side * turn)
        lid, near = 0.02 - open_, 0.4 * wide
        upper = curve([[x - wide, 0.03], [x - near, lid], [x + near, lid], [x + wide, 0.03]])
        lower = curve([[x - wide, 0.03], [x, 0.025 + 0.75 * open_], [x + wide, 0.03]])
        ball = np.vstack([upper, lower[::-1]])
        canvas.lay(mixed(np.float32([0.93, 0.91, 0.9]), skin, 0.15), ball)
        at = (x + look + 0.2 * turn, 0.01)
        canvas.lay(iris, ellipse(*at, 0.078, 0.078), within=ball)
        canvas.lay(black, ellipse(*at, 0.036, 0.036), within=ball)
        canvas.lay(np.ones(3, np.float32), ellipse(at[0] - 0.025, -0.015, 0.017, 0.017), share=0.9)
        canvas.lay(line, limb(upper, [0.015, 0.045, 0.03]))
        canvas.lay(line, limb(lower, [0.012, 0.012]), share=0.4)
        canvas.lay(0.6 * skin, limb(upper - (0, 0.055), [0.01, 0.025, 0.01]), share=0.6)
        inner, outer = x - side * 0.16, x + side * 0.2
        arc = [[inner, -0.17], [x + side * 0.06, -0.2 - arch], [outer, -0.15]]
        canvas.lay(brow, limb(arc, [thick, thick, 0.015]), soft=0.012, share=0.9)
        canvas.lay(
            line, ellipse(1.2 * turn + side * 0.065, 0.375, 0.035, 0.018), soft=0.01, share=0.7
        )
    _mouth(rng, canvas, skin)
    if rng.random() < 0.18:
        frame = material(rng, "dark dark metal paint")
        rims = [ellipse(turn + side * 0.31, 0.03, 0.24, 0.19) for side in (-1, 1)]
        for outline in rims:
            canvas.lay(np.ones(3, np.float32), outline, share=0.08)
            canvas.lay(frame, limb(np.vstack([outline[::3], outline[:1]]), [0.035, 0.035], 60))
        canvas.lay(frame, limb([[turn - 0.08, 0], [turn, -0.03], [turn + 0.08, 0]], [0.03, 0.03]))
        for side in (-1, 1):
            canvas.lay(
                frame, limb([[turn + side * 0.54, 0.0], [side * 0.74, -0.03]], [0.035, 0.03])
            )


def _mouth(rng: Generator, canvas: Canvas, skin: np.ndarray) -> None:
    u, x = rng.uniform, canvas.pose.turn * 1.05
    wide, smile, full = u(0.19, 0.29), u(-0.02, 0.07), u(0.04, 0.075)
    gap = u(0.03, 0.07) if rng.random() < 0.3 else 0.0
    lips = mixed(skin * np.float32([0.8, 0.5, 0.5]), np.float32([0.7, 0.08, 0.14]), u(0, 0.6))
    y = 0.6
    corner = np.array([[x - wide, y - smile], [x + wide, y - smile]])
    middle = curve([corner[0], [x, y], corner[1]])
    top = curve(
        [corner[0], [x - 0.06, y - full], [x, y - 0.8 * full], [x + 0.06, y - full], corner[1]]
    )
    chin = curve([corner[0], [x, y + gap + 1.5 * full], corner[1]])
    canvas.lay(lips, np.vstack([middle, chin[::-1]]), soft=0.008)
    canvas.lay(0.85 * lips, np.vstack([top, middle[::-1]]), soft=0.008)
    if gap:
        inside = curve([corner[0], [x, y + gap + 0.4 * full], corner[1]])
        canvas.lay(np.float32([0.92, 0.9, 0.86]), np.vstack([middle, inside[::-1]]))
    canvas.lay(0.4 * lips, limb(middle, [0.012, 0.022, 0.012]), share=0.9)
    canvas.lay(np.ones(3, np.float32), ellipse(x, y + gap + 0.8 * full, 0.07, 0.015), soft=0.02,
               share=0.25)  # fmt: skip
