"""Generated images of salient subjects with their exact alpha.

Each image has a background, some clutter, and one to three figures in front. The subject is
larger and sharper than the clutter and has more contrast. Most images are plain: they show one
whole subject before a quiet background out of focus, from which a small network learns in minutes
what a subject is. The other images are as busy as photographs.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from clearbg.synthetic.backdrops import SCENES, Backdrop, backdrop
from clearbg.synthetic.camera import photographed, sunlight
from clearbg.synthetic.colors import average, distance, lit, mixed
from clearbg.synthetic.figures import FIGURES, PERSONS, VEHICLES, Figure, chosen, paints, without
from clearbg.synthetic.painting import Layer, extent, painted, shadow, sized
from clearbg.synthetic.silhouettes import Part, moved, turned
from clearbg.synthetic.textures import blurred, fractal

PLAIN_BLUR = 8.0  # pixels
PLAIN_CONTRAST, PLAIN_LEAST_CONTRAST = 60.0, 40.0  # CIE76, of the main color and of others
BLUR_SIGMAS = (0.0, 0.6, 1.5, 4.0)  # pixels
BLUR_SHARES = (0.22, 0.25, 0.28, 0.25)
SHORT_SIDE, LONG_SIDE = 240, 420  # pixels


@dataclass(frozen=True)
class Troupe:
    """The figures in the images of a kind.

    Attributes:
        subjects: figures in the foreground, which the alpha contains.
        extras: figures that may be clutter in the background.
        plain: share of plain images, in [0,1].
        bulk: largest area of one piece of clutter, as a share of the image.
    """

    subjects: tuple[Figure, ...]
    extras: tuple[Figure, ...]
    plain: float
    bulk: float


OBJECTS = Troupe(FIGURES, FIGURES, plain=0.95, bulk=0.01)
PEOPLE = Troupe(PERSONS, without(PERSONS), plain=0.5, bulk=0.03)
CARS = Troupe(VEHICLES, without(VEHICLES), plain=0.5, bulk=0.03)


def staged(rng: Generator, troupe: Troupe, empty: bool) -> tuple[np.ndarray, np.ndarray]:
    """An image, uint8 `(H,W,3)`, and its alpha, uint8 `(H,W)`; H and W between 240 and 420.

    An `empty` image is the background and its clutter alone.
    """
    plain = rng.random() < troupe.plain
    frame = _frame(rng)
    figure = chosen(rng, troupe.subjects)
    place = _place(rng, figure, plain)
    scene = backdrop(rng, place, frame)
    light = sunlight(rng)
    image = scene.image
    if not plain and place != "studio" and rng.random() < 0.5:
        image = _cluttered(rng, troupe, scene, light)
    if not plain and place != "studio" and rng.random() < 0.5:
        _dapple(rng, image)
    focus = PLAIN_BLUR if plain else rng.choice(BLUR_SIGMAS, p=BLUR_SHARES)
    image = blurred(image, focus * rng.uniform(0.6, 1.4))
    if plain:
        image += np.float32(rng.uniform(0.2, 0.6)) * (average(image) - image)
    alpha = np.zeros(frame, np.float32)
    if not empty:
        for layer in _subjects(rng, figure, image, scene, light, plain):
            _cast(rng, layer, figure, image, scene)
            layer.over(image)
            under = alpha[layer.window]
            under += layer.alpha * (1 - under)
    return photographed(rng, image), np.round(alpha * 255).astype(np.uint8)


def _place(rng: Generator, figure: Figure, plain: bool) -> str:
    chance = rng.random()
    if chance < (0.4 if plain else 0.15):
        return "studio"
    return rng.choice(figure.scenes.split() if chance < 0.93 else list(SCENES))


def _frame(rng: Generator) -> tuple[int, int]:
    short = rng.integers(SHORT_SIDE, 321)
    long = min(round(short * rng.uniform(1.0, 1.6)), LONG_SIDE)
    shape = rng.random()
    if shape < 0.12:
        return int(short), int(short)
    return (int(short), int(long)) if shape < 0.7 else (int(long), int(short))


def _posed(rng: Generator, figure: Figure) -> list[Part]:
    parts = figure.draw(rng)
    angle = rng.normal(0, 0.06 if figure.stance in ("stands", "rises") else 0.35)
    mirror = turned(0, -1 if rng.random() < 0.5 else 1, 1)
    shear = np.array([[rng.uniform(0.85, 1.15), rng.normal(0, 0.06)], [0.0, 1.0]])
    return moved(parts, turned(angle) @ shear @ mirror)


def _dapple(rng: Generator, image: np.ndarray) -> None:
    """Add broad lights and shadows, in place."""
    broad = fractal(rng, image.shape[:2], rng.uniform(1, 4), rng.uniform(0.3, 0.7))
    light = np.clip(1 + np.float32(rng.uniform(0.05, 0.25)) * broad, 0.3, 1.7)
    lit(image, light)


def _cluttered(rng: Generator, troupe: Troupe, scene: Backdrop, light: np.ndarray) -> np.ndarray:
    """The background with small, dull, repeated figures, softer than the subject will be."""
    image = scene.image
    height, width = frame = image.shape[:2]
    figure = chosen(rng, troupe.extras)
    shape = _posed(rng, figure)
    around = average(image)
    coats = paints(rng, figure, around, 0)
    fade = rng.uniform(0.5, 0.85)
    coats = {tone: mixed(color, around, fade) for tone, color in coats.items()}
    for _ in range(rng.integers(1, 6)):
        area = rng.uniform(0.001, troupe.bulk) * height * width
        parts = sized(shape, area, (0.25 * height, 0.25 * width))
        floor = scene.horizon if scene.horizon is not None else rng.uniform(0, height)
        at = (rng.uniform(0, width), floor + rng.uniform(-0.08, 0.08) * height)
        layer = painted(rng, moved(parts, np.eye(2), at), coats, frame, light)
        if layer:
            layer.over(image)
    return blurred(image, rng.uniform(0.5, 1.5))


def _subjects(
    rng: Generator,
    figure: Figure,
    image: np.ndarray,
    scene: Backdrop,
    light: np.ndarray,
    plain: bool,
) -> list[Layer]:
    """One to three painted figures, the farthest first."""
    height, width = frame = image.shape[:2]
    count = 1 if plain else rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1])
    cut = not plain and rng.random() < 0.5
    low, high = (0.07, 0.4) if plain else (0.05, 1.0)
    share = np.exp(rng.uniform(np.log(low), np.log(high))) / count**0.4
    center = np.array([width, height]) * (0.5 + rng.normal(0, 0.08, 2))
    if cut:
        center += np.array([width, height]) * rng.uniform(-0.3, 0.3, 2)
    background = average(image[height // 5 : -height // 5, width // 5 : -width // 5])
    contrast = PLAIN_CONTRAST if plain else rng.choice([14.0, 36.0, 56.0], p=[0.06, 0.34, 0.6])
    coats = paints(rng, figure, background, contrast)
    if plain:
        for tone, color in coats.items():
            if distance(color, background) < PLAIN_LEAST_CONTRAST:
                coats[tone] = mixed(color, coats["main"], 0.8)
    limit = rng.uniform(1.0, 1.4) if cut else rng.uniform(0.84, 0.97)
    layers = []
    for step in range(count):
        parts = _posed(rng, figure)
        parts = sized(parts, share * height * width, (limit * height, limit * width))
        beside = np.array([0.28 * width, rng.normal(0, 0.1) * height])
        at = center + (step - (count - 1) / 2) * beside
        at = _within(parts, at, scene, frame, figure, cut)
        if step and rng.random() < 0.5:
            coats = paints(rng, figure, background, contrast)
        layer = painted(rng, moved(parts, np.eye(2), at), coats, frame, light)
        if layer:
            layers.append(_focused(rng, layer))
    return layers


def _within(
    parts: list[Part],
    at: np.ndarray,
    scene: Backdrop,
    frame: tuple[int, int],
    figure: Figure,
    cut: bool,
) -> np.ndarray:
    """Move a position so that feet touch the floor and, unless `cut`, all of it is visible."""
    height, width = frame
    low, high = extent(parts)
    if figure.stance == "stands" and scene.horizon is not None:
        at = np.array([at[0], max(at[1], scene.horizon + 0.08 * height - high[1])])
    if figure.stance == "rises":
        return np.array([at[0], height + 0.12 * (high[1] - low[1]) - high[1]])
    if cut:
        return np.clip(at, 0.2 * np.array([width, height]), 0.8 * np.array([width, height]))
    room = np.array([width, height]) - high
    return np.where(-low < room, np.clip(at, -low + 2, np.maximum(room - 2, -low + 2)), at)


def _focused(rng: Generator, layer: Layer) -> Layer:
    """The layer as a lens shows it: mostly sharp, sometimes slightly out of focus."""
    sigma = rng.choice([0.0, 0.5, 1.0, 2.0], p=[0.35, 0.35, 0.22, 0.08])
    if sigma == 0:
        return layer
    return replace(layer, color=blurred(layer.color, sigma), alpha=blurred(layer.alpha, sigma))


def _cast(rng: Generator, layer: Layer, figure: Figure, image: np.ndarray, scene: Backdrop):
    """Add the figure's shadow to the image, in place."""
    if figure.stance in ("floats", "rises") or rng.random() < 0.2:
        return
    frame = image.shape[:2]
    strength = np.float32(rng.uniform(0.1, 0.55))
    if figure.stance == "stands" and scene.horizon is not None:
        dark = shadow(layer, frame, rng.uniform(0.08, 0.4), rng.normal(0, 0.8), rng.uniform(2, 9))
        dark[: scene.horizon] *= 0.3
    else:
        offset = rng.choice([-1, 1]) * rng.uniform(3, 14)
        dark = shadow(layer, frame, 1, offset, rng.uniform(2, 10))
    lit(image, 1 - strength * dark)
