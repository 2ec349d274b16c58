"""Generated portraits: head and shoulders, with hair whose every strand is in the alpha.

The layers, from back to front, are the background, the hair behind the head, the body with its
face, the beard, the hair in front and sometimes a hat. Each layer has its own color under its soft
edges and is composited over the image as alpha·F + (1-alpha)·B.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.random import Generator

from clearbg.synthetic import hairstyles
from clearbg.synthetic.backdrops import backdrop
from clearbg.synthetic.camera import photographed, sunlight
from clearbg.synthetic.canvas import Pose
from clearbg.synthetic.colors import average, distance, material
from clearbg.synthetic.hair import Hair, curve, grown, painted
from clearbg.synthetic.hats import hat
from clearbg.synthetic.heads import body
from clearbg.synthetic.painting import Layer
from clearbg.synthetic.silhouettes import turned
from clearbg.synthetic.textures import blurred, fractal

HEIGHTS, WIDTHS = (240, 320), (200, 256)  # pixels
PLACES = "studio studio studio room room street street thicket thicket field night sky surface"
BLURS = ((0.0, 1.5), (2.0, 5.0), (6.0, 12.0))  # pixels
BLUR_SHARES = (0.25, 0.3, 0.45)
CONTRAST = 26.0  # CIE76, of the hair and of the skin from the background
HATTED, FURRED = 0.2, 0.1  # shares of the portraits


def portrait(rng: Generator, empty: bool) -> tuple[np.ndarray, np.ndarray]:
    """An image, uint8 `(H,W,3)`, and its alpha, uint8 `(H,W)`; H in 240..320, W in 200..256.

    An `empty` image is the background alone.
    """
    frame = int(rng.integers(*HEIGHTS, endpoint=True)), int(rng.integers(*WIDTHS, endpoint=True))
    colors = {
        "skin": material(rng, "skin", 0.04),
        "hair": material(rng, "hair hair hair hair any" if rng.random() < 0.15 else "hair", 0.03),
        "cloth": material(rng, "cloth cloth any paint light"),
        "second": material(rng, "cloth light paint"),
    }
    light = sunlight(rng)
    image = _background(rng, frame, colors)
    alpha = np.zeros(frame, np.float32)
    if not empty:
        for layer in _sitter(rng, frame, colors, light):
            layer.over(image)
            alpha += layer.alpha * (1 - alpha)
    return photographed(rng, image), np.round(alpha * 255).astype(np.uint8)


def _background(
    rng: Generator, frame: tuple[int, int], colors: dict[str, np.ndarray]
) -> np.ndarray:
    """The background, out of focus or sharp, and lighter or darker than hair and skin."""
    image = backdrop(rng, rng.choice(PLACES.split()), frame).image
    image = blurred(image, rng.uniform(*BLURS[rng.choice(3, p=BLUR_SHARES)]))
    background = average(image[: frame[0] // 2])
    near = min(("hair", "skin"), key=lambda name: distance(colors[name], background))
    if distance(colors[near], background) < CONTRAST and rng.random() < 0.85:
        toward = 0.0 if colors[near].mean() > 0.4 else 1.0
        image += np.float32(rng.uniform(0.4, 0.65)) * (np.float32(toward) - image)
    return image


def _sitter(
    rng: Generator, frame: tuple[int, int], colors: dict[str, np.ndarray], light: np.ndarray
) -> list[Layer]:
    """The layers of a person who looks into the camera, the farthest first."""
    pose = _pose(rng, frame)
    styles = list(hairstyles.STYLES)
    style = rng.choice(styles, p=list(hairstyles.STYLES.values()))
    sheen = _sheen(rng, frame, pose, light)
    behind, before = style(rng)

    def combed(hair: Hair, brightness: np.ndarray) -> Layer:
        placed = hair.moved(pose.matrix, pose.center)
        return painted(rng, placed, colors["hair"], brightness, frame)

    layers = [combed(behind, 0.75 * sheen), body(rng, frame, pose, colors, light)]
    if rng.random() < FURRED:
        collar = _collar(rng).moved(pose.matrix, pose.center)
        layers.append(painted(rng, collar, material(rng, "fur light"), sheen, frame))
    if rng.random() < hairstyles.BEARDED.get(style, hairstyles.BEARDED_ELSE):
        layers.append(combed(hairstyles.beard(rng), sheen))
    layers.append(combed(before, sheen))
    layers[1] = _overshadowed(layers[1], layers[2:], pose)
    if rng.random() < HATTED and style not in hairstyles.HIGH:
        layers += hat(rng, frame, pose, light)
    sigma = rng.choice([0.0, 0.45, 0.7, 1.0], p=[0.4, 0.3, 0.2, 0.1])
    return [_focused(layer, sigma) for layer in layers]


def _pose(rng: Generator, frame: tuple[int, int]) -> Pose:
    height, width = frame
    unit = min(height * rng.uniform(0.19, 0.26), width * rng.uniform(0.25, 0.34))
    side = rng.choice([-1, 1])
    matrix = turned(rng.normal(0, 0.07), side * unit * rng.uniform(0.94, 1.06), unit)
    center = np.array([width * (0.5 + rng.normal(0, 0.04)), height * rng.uniform(0.4, 0.48)])
    return Pose(matrix, center, unit, rng.uniform(-0.16, 0.16))


def _sheen(rng: Generator, frame: tuple[int, int], pose: Pose, light: np.ndarray) -> np.ndarray:
    """The brightness of hair: a soft ring of gloss around the crown, light from one side."""
    half = frame[0] // 2, frame[1] // 2
    y, x = 2 * np.indices(half, np.float32)
    x, y = (x - pose.center[0]) / pose.unit, (y - pose.center[1]) / pose.unit
    ring = np.hypot(x, y + 0.1)
    gloss = np.exp(-(((ring - rng.uniform(0.8, 0.95)) / 0.14) ** 2)) * (0.3 - 0.5 * y).clip(0, 1)
    side = light[0] * x + 0.5 * light[1] * y
    streaks = 1 + 0.35 * fractal(rng, half, 14, 0.6, 0.3)
    brightness = 0.8 + rng.uniform(0.1, 0.25) * side + rng.uniform(0.1, 0.7) * gloss * streaks
    return cv2.resize(np.clip(brightness, 0.35, 2).astype(np.float32), frame[::-1])


def _overshadowed(layer: Layer, above: list[Layer], pose: Pose) -> Layer:
    """The layer with the shadow that the layers above it cast on it."""
    cover = np.max([other.alpha for other in above], axis=0)
    drop = np.float32([[1, 0, 0], [0, 1, 0.07 * pose.unit]])
    dark = blurred(cv2.warpAffine(cover, drop, cover.shape[::-1]), 0.08 * pose.unit)
    return replace(layer, color=layer.color * (1 - 0.45 * dark[..., None]))


def _collar(rng: Generator) -> Hair:
    """Long fur around the neck."""
    outer = curve([[-1.3, 2.0], [-0.85, 1.35], [-0.6, 1.25], [0, 1.75], [0.6, 1.25], [0.85, 1.35],
                   [1.3, 2.0]])  # fmt: skip
    band = np.vstack([outer, (outer + (0, 0.5))[::-1]])
    roots = outer[rng.integers(0, len(outer), 900)]
    roots = roots + np.stack([rng.normal(0, 0.08, 900), rng.uniform(0.0, 0.5, 900)], 1)
    angles = np.arctan2(roots[:, 1] - 1.9, roots[:, 0]) + rng.normal(0, 0.6, 900)
    fur = grown(rng, roots, angles, rng.uniform(0.1, 0.4, 900), rng.normal(0, 1, 900), 0.3)
    return Hair([band], [fur])


def _focused(layer: Layer, sigma: float) -> Layer:
    return replace(layer, color=blurred(layer.color, sigma), alpha=blurred(layer.alpha, sigma))
