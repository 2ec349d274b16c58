"""Draws backgrounds: places with natural textures and plausible layouts."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from clearbg.synthetic.colors import average, lit, material, mixed, tinted, veil
from clearbg.synthetic.silhouettes import leaf, limb
from clearbg.synthetic.textures import blurred, fractal, pattern

Shape = tuple[int, int]
WHITE = np.ones(3, np.float32)


@dataclass(frozen=True)
class Backdrop:
    """A background.

    Attributes:
        image: float32 `(H,W,3)` in [0,1].
        horizon: row of the image where the floor or the earth begins; None when the view is
            from above, or shows neither.
    """

    image: np.ndarray
    horizon: int | None = None


def backdrop(rng: Generator, name: str, shape: Shape) -> Backdrop:
    """Draw the named place.

    Raises:
        KeyError: the name is not in `SCENES`.
    """
    scene = SCENES[name](rng, shape)
    np.clip(scene.image, 0, 1, out=scene.image)
    return scene


def _stuff(rng: Generator, shape: Shape, names: str, rough: float = 0.6) -> np.ndarray:
    """A texture `(H,W,3)` of the named materials: patches of three of their colors, and grain."""
    one, two, three = (material(rng, names, 0.05) for _ in range(3))
    coarse = rng.uniform(2, 8)
    image = tinted(np.clip(0.5 + 0.5 * fractal(rng, shape, coarse, 0.5), 0, 1), one, two)
    grain = fractal(rng, shape, 2 * coarse, rough, rng.choice([0.5, 1.0, 1.0, 3.0]))
    veil(image, np.clip(0.6 * grain - 0.3, 0, 1), three)
    lit(image, 1 + np.float32(rng.uniform(0.05, 0.35) * rough) * grain)
    return image


def _gradient(shape: Shape, one: np.ndarray, two: np.ndarray, angle: float) -> np.ndarray:
    """A gradient from one color to the other, in the direction of `angle` (radians)."""
    y = np.linspace(-0.5, 0.5, shape[0], dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    x = np.linspace(-0.5, 0.5, shape[1], dtype=np.float32)[None, :] * np.float32(np.cos(angle))
    return tinted(np.clip(0.5 + x + y, 0, 1), one, two)


def _inlaid(rng: Generator, image: np.ndarray, kinds: str, cell: float, depth: float) -> None:
    """Darken the image, in place, by up to `depth` with one of the named patterns."""
    lines = pattern(rng, image.shape[:2], rng.choice(kinds.split()), cell)
    lit(image, 1 - np.float32(rng.uniform(0.1, depth)) * lines)


def _receding(rng: Generator, shape: Shape, horizon: int, names: str) -> np.ndarray:
    """A floor in perspective: its texture becomes coarser towards the viewer."""
    height, width = shape
    flat = _stuff(rng, (320, 320), names, rng.uniform(0.5, 0.9))
    if names == "water":
        lit(flat, 1 + 0.3 * fractal(rng, (320, 320), 30, 0.5, 8.0))
    elif rng.random() < 0.25:
        _inlaid(rng, flat, "stripes checks bricks weave", rng.uniform(20, 60), 0.5)
    far, low = rng.uniform(1.5, 4), 1.02 * height
    corners = np.float32([[0, 0], [320, 0], [320, 320], [0, 320]])
    onto = np.float32([[-0.3 * width, horizon], [1.3 * width, horizon],
                       [(0.5 + far) * width, low], [(0.5 - far) * width, low]])  # fmt: skip
    view = cv2.getPerspectiveTransform(corners, onto)
    return cv2.warpPerspective(flat, view, (width, height), borderMode=cv2.BORDER_REFLECT)


def _lights(rng: Generator, image: np.ndarray, names: str) -> None:
    """Add bokeh, in place: overlapping translucent discs."""
    height, width = image.shape[:2]
    radius = rng.uniform(0.015, 0.07) * height
    for _ in range(rng.integers(6, 30)):
        size = int(radius * rng.uniform(0.6, 1.3)) + 2
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        left, top = max(x - size, 0), max(y - size, 0)
        under = image[top : y + size + 1, left : x + size + 1]
        disc = np.zeros(under.shape[:2], np.float32)
        cv2.circle(disc, (x - left, y - top), size - 1, rng.uniform(0.1, 0.6), -1)
        veil(under, disc, material(rng, names, 0.1))


def field(rng: Generator, shape: Shape) -> Backdrop:
    floor = rng.choice(["grass", "grass soil", "grass grass soil", "soil", "sand", "snow", "stone"])
    return _landscape(rng, shape, floor)


def shore(rng: Generator, shape: Shape) -> Backdrop:
    return _landscape(rng, shape, "water")


def _landscape(rng: Generator, shape: Shape, names: str) -> Backdrop:
    height, width = shape
    horizon = int(height * rng.uniform(-0.15, 0.7))
    floor = _receding(rng, shape, max(horizon, 0), names)
    if horizon < 0.04 * height:
        return Backdrop(floor, 0)
    image = sky(rng, shape).image
    air = image[horizon - 4, width // 2].copy()
    for step in range(rng.integers(0, 4)):
        hill = mixed(material(rng, "foliage foliage stone wall"), air, 0.5 - 0.15 * step)
        rise = fractal(rng, (4, width), rng.uniform(0.1, 1.2), rng.uniform(0.3, 0.6))[0]
        crest = horizon - height * (rng.uniform(0.02, 0.22) + rise * rng.uniform(0.01, 0.06))
        top = int(np.clip(crest.min(), 0, horizon - 4))
        below = np.arange(top, horizon)[:, None] > crest[None, :]
        grain = 1 + np.float32(rng.uniform(0.05, 0.4)) * fractal(rng, below.shape, 6, 0.7)
        np.copyto(image[top:horizon], hill * grain[..., None], where=below[..., None])
    image[horizon:] = floor[horizon:]
    return Backdrop(image, horizon)


def sky(rng: Generator, shape: Shape) -> Backdrop:
    name = rng.choice(["sky", "sky", "sky", "dusk", "night"])
    angle = rng.uniform(1.2, 1.9)
    image = _gradient(shape, material(rng, name), material(rng, name), angle)
    if rng.random() < 0.7:
        clouds = fractal(rng, shape, rng.uniform(1.5, 4), 0.5, 2.5)
        tone = material(rng, "light") * np.float32(0.4 if name == "night" else 1)
        veil(image, np.clip(np.float32(rng.uniform(0.2, 0.6)) * clouds, 0, 1), tone)
    return Backdrop(image)


def thicket(rng: Generator, shape: Shape) -> Backdrop:
    """Leaves and stems, more or less out of focus, with circles of light."""
    height, width = shape
    image = _stuff(rng, shape, "foliage foliage grass soil night", 0.5)
    background = average(image)
    for _ in range(rng.integers(0, 30)):
        x, y, angle = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0, 2 * np.pi)
        size = rng.uniform(0.05, 0.35) * height
        if rng.random() < 0.7:
            outline = leaf(x, y, angle, size, size * rng.uniform(0.1, 0.5))
        else:
            far = (x + 3 * size * np.cos(angle), y + 3 * size * np.sin(angle))
            outline = limb([(x, y), far], [rng.uniform(2, 10)] * 2, 6)
        tone = mixed(material(rng, "foliage grass soil leaf", 0.1), background, 0.3)
        cv2.fillPoly(image, [outline.astype(np.int32)], tone.tolist())
    image = blurred(image, rng.uniform(0.5, 2.2) ** 2)
    if rng.random() < 0.4:
        _lights(rng, image, "foliage light sky")
    return Backdrop(image)


def street(rng: Generator, shape: Shape) -> Backdrop:
    """Fronts of houses with windows, or hedges, above a pavement."""
    height, width = shape
    horizon = int(height * rng.uniform(0.35, 0.75))
    image = sky(rng, shape).image
    edge = int(rng.uniform(-0.1, 0.1) * width)
    while edge < width:
        end = edge + int(rng.uniform(0.12, 0.5) * width)
        top = int(horizon * rng.uniform(-0.4, 0.7))
        front = image[max(top, 0) : horizon, max(edge, 0) : end]
        edge = end
        name = rng.choice(["wall", "wall", "stone", "soil", "wood", "foliage"])
        front[:] = _stuff(rng, front.shape[:2], name, 0.5)
        if name != "foliage":
            pitch, lit_share = rng.integers(12, 46, 2), rng.uniform(0.3, 0.7, 2)
            rows, columns = (
                (np.arange(size) % step < share * step).astype(np.float32)
                for size, step, share in zip(front.shape, pitch, lit_share, strict=False)
            )
            panes = np.outer(rows, columns) * np.float32(rng.uniform(0.3, 0.9))
            veil(front, panes, material(rng, "glass"))
    floor = rng.choice(["stone", "stone", "soil", "wall"])
    image[horizon:] = _receding(rng, shape, horizon, floor)[horizon:]
    return Backdrop(image, horizon)


def night(rng: Generator, shape: Shape) -> Backdrop:
    image = _stuff(rng, shape, "night night dark", 0.4)
    _lights(rng, image, "dusk light paint sky")
    return Backdrop(image)


def room(rng: Generator, shape: Shape) -> Backdrop:
    """A wall, a floor or a table, and flat things along the wall."""
    height, width = shape
    horizon = int(height * rng.uniform(0.35, 0.9))
    wall = material(rng, "wall wall wall cloth wood")
    shade = wall * np.float32(rng.uniform(0.5, 1.0))
    image = _gradient(shape, wall, shade, rng.uniform(0, 2 * np.pi))
    if rng.random() < 0.35:
        _inlaid(rng, image, "stripes checks bricks weave marble spots", rng.uniform(8, 40), 0.35)
    for _ in range(rng.integers(0, 6)):
        left, top = int(rng.uniform(-0.2, 0.9) * width), int(rng.uniform(-0.2, 0.7) * horizon)
        right = left + int(rng.uniform(0.2, 0.5) * width)
        bottom = min(top + int(rng.uniform(0.1, 0.7) * height), horizon)
        tone = mixed(material(rng, "wood wall cloth sky paper dark"), wall, 0.45)
        cv2.rectangle(image, (left, top), (right, bottom), tone.tolist(), -1)
        if rng.random() < 0.6:
            inner = mixed(material(rng, "wall sky dark"), tone, 0.5)
            cv2.rectangle(image, (left + 5, top + 5), (right - 5, bottom - 5), inner.tolist(), -1)
    lit(image, 1 + np.float32(rng.uniform(0.0, 0.06)) * fractal(rng, shape, 3, 0.6))
    floor = rng.choice(["wood", "stone", "cloth", "wall", "paper"])
    image[horizon:] = _receding(rng, shape, horizon, floor)[horizon:]
    return Backdrop(image, horizon)


def studio(rng: Generator, shape: Shape) -> Backdrop:
    """Paper or cloth behind the subject: one color and the fall of light on it."""
    tone = material(rng, "paper paper paper wall wall sky leaf wood night cloth")
    shade = tone * np.float32(rng.uniform(0.55, 1.0))
    image = _gradient(shape, tone, shade, rng.uniform(0, 2 * np.pi))
    return Backdrop(image, shape[0] // 2)


def surface(rng: Generator, shape: Shape) -> Backdrop:
    """Earth, a table or cloth, seen from above."""
    name = rng.choice(
        ["grass", "soil", "sand", "stone", "wood", "cloth", "snow", "foliage", "wall", "paper"]
    )
    image = _stuff(rng, shape, name, rng.uniform(0.3, 0.9))
    if rng.random() < (0.6 if name in ("wood", "stone", "cloth", "wall") else 0.1):
        _inlaid(rng, image, "stripes checks bricks weave marble fur", rng.uniform(8, 90), 0.5)
    image *= _gradient(shape, WHITE, rng.uniform(0.5, 1) * WHITE, rng.uniform(0, 2 * np.pi))
    return Backdrop(image)


SCENES: dict[str, Callable[[Generator, Shape], Backdrop]] = {
    "field": field, "shore": shore, "sky": sky, "thicket": thicket, "street": street,
    "night": night, "room": room, "studio": studio, "surface": surface,
}  # fmt: skip
