"""Turns outlines into pixels: places, fills and shades them, adds hair, and composites them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from clearbg.synthetic.colors import lit, veil
from clearbg.synthetic.figures import TONES
from clearbg.synthetic.silhouettes import Part, moved, turned
from clearbg.synthetic.textures import PATTERNS, fractal, pattern

SHIFT = 4  # fractional bits of the coordinates that OpenCV's drawing takes
INDEX = {tone: index for index, tone in enumerate(TONES)}


@dataclass(frozen=True)
class Layer:
    """A painted figure, in a window of the frame.

    Attributes:
        color: float32 `(h,w,3)` in [0,1]; it reaches beyond the outline, so that soft edges
            take up no black.
        alpha: float32 `(h,w)` in [0,1].
        top, left: row and column of the frame where the window starts.
    """

    color: np.ndarray
    alpha: np.ndarray
    top: int
    left: int

    @property
    def window(self) -> tuple[slice, slice]:
        height, width = self.alpha.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def over(self, image: np.ndarray) -> None:
        """Composite the layer over an image, in place: alpha·F + (1-alpha)·B."""
        under = image[self.window]
        under += self.alpha[..., None] * (self.color - under)


def sized(parts: list[Part], area: float, limits: tuple[float, float]) -> list[Part]:
    """Scale the parts to cover `area` pixels, or fewer where they would exceed `limits`.

    The result is centered on the origin, with its bounding box at most `limits` (height,
    width) pixels large.
    """
    low, high = extent(parts)
    unit = 96 / (high - low).max()
    canvas = np.zeros((100, 100), np.uint8)
    for part in parts:
        points = ((part.outline - low) * unit + 2).astype(np.int32)
        cv2.fillPoly(canvas, [points], int(not part.hole))
    scale = unit * np.sqrt(area / cv2.countNonZero(canvas))
    scale = min(scale, *(np.array(limits)[::-1] / (high - low)))
    return moved(parts, turned(0, scale, scale), -(low + high) / 2 * scale)


def extent(parts: list[Part]) -> tuple[np.ndarray, np.ndarray]:
    """The bounding box: its smallest and largest `(x,y)`."""
    points = np.vstack([part.outline for part in parts])
    return points.min(0), points.max(0)


def painted(
    rng: Generator,
    parts: list[Part],
    coats: dict[str, np.ndarray],
    frame: tuple[int, int],
    light: np.ndarray,
) -> Layer | None:
    """The figure as a layer of a `(height, width)` frame, or None where it lies outside.

    Args:
        coats: a color for each tone.
        light: the direction towards the light, `(x,y,z)` of length 1.
    """
    low, high = extent(parts)
    margin = 6 + 1.3 * max(part.fur for part in parts)
    left, top = np.maximum(np.floor(low - margin), 0).astype(int)
    right, bottom = np.minimum(np.ceil(high + margin), (frame[1], frame[0])).astype(int)
    if right - left < 8 or bottom - top < 8:
        return None
    parts = moved(parts, np.eye(2), (-left, -top))
    shape = (int(bottom - top), int(right - left))
    cover = np.zeros((2 * shape[0], 2 * shape[1]), np.uint8)
    color = np.zeros((*shape, 3), np.uint8)
    label = np.zeros(shape, np.uint8)
    relief = Relief(shape, light)
    for part in parts:
        if part.hole:
            cv2.fillPoly(cover, [fixed(part.outline, 2)], 0, cv2.LINE_AA, SHIFT)
            continue
        coat = coats[part.tone] * 255
        index = INDEX[part.tone]
        cv2.fillPoly(cover, [fixed(part.outline, 2)], 255, cv2.LINE_AA, SHIFT)
        line = [fixed(part.outline, 1)]
        cv2.polylines(color, line, True, coat.tolist(), 4, cv2.LINE_AA, SHIFT)
        cv2.fillPoly(color, line, coat.tolist(), cv2.LINE_AA, SHIFT)
        cv2.polylines(label, line, True, index, 4, cv2.LINE_8, SHIFT)
        cv2.fillPoly(label, line, index, cv2.LINE_8, SHIFT)
        relief.add(part)
        if part.fur > 0.5:
            _comb(rng, part, coat, cover, color)
    finished = _finish(rng, color, label, relief, coats)
    alpha = cv2.resize(cover, shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return Layer(finished, alpha, int(top), int(left))


def fixed(points: np.ndarray, scale: int) -> np.ndarray:
    """Fixed-point coordinates on a grid `scale` times as fine, pixel centers at integers."""
    return np.rint(((points + 0.5) * scale - 0.5) * (1 << SHIFT)).astype(np.int32)


class Relief:
    """How the light falls on the parts, at half the size of the window."""

    def __init__(self, shape: tuple[int, int], light: np.ndarray):
        self.shape = ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
        self.diffuse = np.ones(self.shape, np.float32)
        self.gloss = np.zeros(self.shape, np.float32)
        self.light = light.astype(np.float32)

    def add(self, part: Part) -> None:
        """Shade the part as a pillow by its distance transform, and darken what it rests on."""
        outline = part.outline / 2
        low = np.maximum(np.floor(outline.min(0)) - 5, 0).astype(int)
        high = np.minimum(np.ceil(outline.max(0)) + 6, self.shape[::-1]).astype(int)
        if (high - low < 8).any():
            return
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillPoly(mask, [fixed(outline - low, 1)], 255, cv2.LINE_8, SHIFT)
        window = slice(low[1], high[1]), slice(low[0], high[0])
        inside = mask > 0
        self.diffuse[window] *= 1 - cv2.blur(mask, (7, 7)).astype(np.float32) * (0.3 / 255)
        depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
        deepest = float(depth.max()) + 1e-3
        depth /= deepest
        height = cv2.blur(np.sqrt(depth * (2 - depth)), (5, 5)) * (0.9 * part.roundness * deepest)
        slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=0.125)
        slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=0.125)
        x, y, z = self.light
        steep = np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
        facing = np.maximum((z - x * slope_x - y * slope_y) / steep, 0)
        np.copyto(self.diffuse[window], 0.35 + 0.8 * facing, where=inside)
        np.copyto(self.gloss[window], facing**24, where=inside)


def _comb(rng: Generator, part: Part, coat: np.ndarray, cover: np.ndarray, color: np.ndarray):
    """Hair along the outline: strands of differing opacity and shade, rooted inside."""
    edge = np.roll(part.outline, -1, 0) - part.outline
    length = np.linalg.norm(edge, axis=1)
    count = int(np.clip(length.sum() / 1.6, 20, 500))
    at = np.sort(rng.uniform(0, length.sum(), count))
    ends = np.cumsum(length)
    side = np.minimum(np.searchsorted(ends, at), len(ends) - 1)
    share = 1 - (ends[side] - at) / (length[side] + 1e-9)
    x, y = part.outline.T
    clockwise = np.sign(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) or 1.0
    along = edge[side] / (length[side, None] + 1e-9)
    outward = clockwise * np.stack([along[:, 1], -along[:, 0]], 1)
    reach = part.fur * rng.uniform(0.4, 1.2, (count, 1))
    lean = along * rng.normal(0.3, 0.4, (count, 1)) + (0, 0.3)
    root = part.outline[side] + share[:, None] * edge[side] - outward * reach
    middle = root + outward * reach * 1.4
    tip = middle + (0.6 * outward + lean) * reach
    strands = np.stack([root, middle, tip], 1)
    sheet = np.zeros_like(cover)
    for opacity, group in zip(
        (110, 180, 255), np.array_split(rng.permutation(count), 3), strict=True
    ):
        lines = list(fixed(strands[group], 2))
        cv2.polylines(sheet, lines, False, opacity, 1 + (opacity > 150), cv2.LINE_AA, SHIFT)
        lines = list(fixed(strands[group], 1))
        shade = np.clip(coat * rng.uniform(0.75, 1.25), 0, 255).tolist()
        cv2.polylines(color, lines, False, shade, 2, cv2.LINE_AA, SHIFT)
    np.maximum(cover, sheet, out=cover)


def _finish(
    rng: Generator,
    color: np.ndarray,
    label: np.ndarray,
    relief: Relief,
    coats: dict[str, np.ndarray],
) -> np.ndarray:
    """Grain, a pattern of a second color on some tones, light and highlights."""
    shape = label.shape
    finished = color.astype(np.float32) / 255
    if rng.random() < 0.65:
        kind = PATTERNS[rng.integers(len(PATTERNS))]
        drawn = pattern(rng, shape, kind, rng.uniform(0.04, 0.3) * max(shape) + 3)
        strength = rng.uniform(0.2, 0.9, len(TONES)) * (rng.random(len(TONES)) < 0.4)
        strength[INDEX["main"]] = rng.uniform(0.15, 0.9)
        share = drawn * strength.astype(np.float32)[label]
        veil(finished, share, coats["second"] * rng.uniform(0.5, 1.1))
    grain = fractal(rng, shape, rng.uniform(3, 12), rng.uniform(0.5, 0.9))
    amount = rng.uniform(0.02, 0.2, len(TONES)).astype(np.float32)[label]
    size = shape[::-1]
    light = cv2.resize(relief.diffuse, size) * (1 + amount * np.clip(grain, -2.5, 2.5))
    lit(finished, light)
    if rng.random() < 0.6:
        shine = np.float32(rng.uniform(0.1, 0.7)) * cv2.resize(relief.gloss, size)
        finished += cv2.merge((shine, shine, shine))
    return np.clip(finished, 0, 1, out=finished)


def shadow(layer: Layer, frame: tuple[int, int], squash: float, skew: float, blur: float):
    """The figure's shadow over the frame, float32 `(H,W)` in [0,1].

    A cast shadow lies on the floor and starts at the figure's foot: heights shrink by `squash` and
    lean by `skew`. With a `squash` of 1 it has the figure's own shape, moved aside by `skew`.
    """
    foot = layer.alpha.shape[0] + layer.top - 4
    small = cv2.resize(layer.alpha, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    if squash < 1:
        rows = [[1, -skew, layer.left / 2 + skew * (foot - layer.top) / 2],
                [0, squash, foot / 2 - squash * (foot - layer.top) / 2]]  # fmt: skip
    else:
        rows = [[1, 0, layer.left / 2 + skew / 2], [0, 1, layer.top / 2 + abs(skew) / 2]]
    half = ((frame[1] + 1) // 2, (frame[0] + 1) // 2)
    cast = cv2.warpAffine(small, np.float32(rows), half)
    cast = cv2.GaussianBlur(cast, (0, 0), max(blur / 2, 0.6))
    return cv2.resize(cast, frame[::-1])
