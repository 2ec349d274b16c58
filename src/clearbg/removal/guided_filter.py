"""Enlarge alpha from the network's working size to the image's own size, along its edges.

At the working size, alpha in a window around each pixel is fitted by a linear function of the three
colors. That function is enlarged instead of alpha, and applied to the full-size image: He and Sun,
"Fast Guided Filter" (2015), with the color guide of He et al., "Guided Image Filtering" (TPAMI
2013), but without their average over overlapping windows. The result stays within the range that
alpha has in its window: what is empty stays empty, and what is opaque stays opaque.
"""

import math

import numpy as np
from PIL import Image

from clearbg.images import resize
from clearbg.inference.predict import restore

RADIUS = 3
"""How far a window reaches from its pixel, in pixels of the working size. benchmarks/edges.py has
chosen this number and the next."""
SMOOTHNESS = 1e-4
"""Epsilon of the paper: edges with a smaller squared color difference (colors in [0, 1]) are
ignored."""
KERNEL = "bilinear"
"""How the image is brought to the working size."""
ROWS = 64
"""Rows of the image that are worked on at once, so that memory does not grow with its height."""
SETTLED = 4.5 / 255
"""Alpha that is nearer than this to 0 or 1 becomes 0 or 1. Such alpha is seldom more than the
network's doubt: without it the errors are smaller (benchmarks/edges.py), and so are the files."""


def refine(alpha: np.ndarray, rgb: np.ndarray, small: np.ndarray | None = None) -> np.ndarray:
    """Enlarge alpha to the size of its image, along the edges in the image.

    Args:
        alpha: float `(h,w)` in [0, 1], of the whole image stretched to that size.
        rgb: uint8 `(H,W,3)`, the image.
        small: `rgb` stretched to `(h,w,3)` with `KERNEL`, where it is at hand; None: it is made.

    Returns:
        float32 `(H,W)` in [0, 1]. When the image is not larger than alpha, it has no finer edges,
        and the result is that of `restore`.
    """
    alpha = alpha.astype(np.float32)
    if rgb.shape[0] <= alpha.shape[0] and rgb.shape[1] <= alpha.shape[1]:
        return restore(alpha, rgb.shape[:2])
    # An enlarged map depends on the two nearest pixels, one made smaller on 2 h / H of them.
    reach = max(1, *(math.ceil(2 * one / other) - 1 for one, other in zip(alpha.shape, rgb.shape)))
    guide = resize(rgb, alpha.shape, KERNEL) if small is None else small
    return _apply(_fit(alpha, guide, reach), rgb)


def _fit(alpha: np.ndarray, guide: np.ndarray, reach: int) -> np.ndarray:
    """Fit alpha in each window: float32 `(6,h,w)`.

    The six maps are a weight for each color, the constant, and the least and greatest alpha.
    The first four are 0 where alpha is settled in reach, since it decides there alone.

    Args:
        alpha: float32 `(h,w)`.
        guide: uint8 `(h,w,3)`.
        reach: how many pixels away the enlarged maps depend on a pixel.
    """
    maps = np.zeros((6, *alpha.shape), np.float32)
    least, most = maps[4:] = [_windows(alpha, some, RADIUS) for some in (np.minimum, np.maximum)]
    needed = _windows(_unsettled(least, most), np.logical_or, reach)
    if not needed.any():
        return maps
    box = tuple(
        slice(max(0, int(used[0]) - RADIUS), int(used[-1]) + RADIUS + 1)
        for used in (np.flatnonzero(needed.any(axis)) for axis in (1, 0))
    )
    alpha, guide, needed = alpha[box], guide[box], needed[box]
    # Sums of these whole numbers are exact in float32; their differences need float64.
    channels = np.ascontiguousarray(np.moveaxis(guide, -1, 0), np.float32)
    counts = _windows(np.ones_like(alpha), np.add, RADIUS)[needed].astype(float)

    def average(values: np.ndarray) -> np.ndarray:
        return _windows(values, np.add, RADIUS)[needed] / counts

    mean, means = average(alpha), [average(channel) for channel in channels]

    def covariance(first: int, second: int) -> np.ndarray:
        return average(channels[first] * channels[second]) - means[first] * means[second]

    rr, gg, bb = (covariance(i, i) + 255**2 * SMOOTHNESS for i in range(3))
    rg, rb, gb = covariance(0, 1), covariance(0, 2), covariance(1, 2)
    right = [average(channels[i] * alpha) - means[i] * mean for i in range(3)]
    # The inverse of a symmetric 3×3 matrix, from its cofactors.
    inverse = [
        [gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg],
        [rb * gb - rg * bb, rr * bb - rb * rb, rg * rb - rr * gb],
        [rg * gb - rb * gg, rg * rb - rr * gb, rr * gg - rg * rg],
    ]
    scale = rr * inverse[0][0] + rg * inverse[0][1] + rb * inverse[0][2]
    weights = [sum(c * r for c, r in zip(row, right)) / scale for row in inverse]
    constant = mean - sum(w * m for w, m in zip(weights, means))
    for one, found in zip(maps, [*weights, constant]):
        one[box][needed] = found
    return maps


def _unsettled(least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Where alpha between these may be neither 0 nor 1 (see `SETTLED`): bool."""
    return (least <= 1 - SETTLED) & (most >= SETTLED)


def _windows(values: np.ndarray, combine: np.ufunc, radius: int) -> np.ndarray:
    """Combine the values in a window around each pixel: `(h,w)`.

    A window has `2 * radius + 1` pixels on each side and is cut off at the border.
    """
    for axis in (0, 1):
        result = values.copy()
        for step in range(1, min(radius, values.shape[axis] - 1) + 1):
            for here, there in ((np.s_[step:], np.s_[:-step]), (np.s_[:-step], np.s_[step:])):
                here, there = ((slice(None),) * axis + (part,) for part in (here, there))
                combine(result[here], values[there], out=result[here])
        values = result
    return values


def _apply(maps: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Alpha float32 `(H,W)` from the maps, `(6,h,w)`, of `_fit`.

    This goes strip by strip, and skips columns in which all alpha becomes 0 or 1 (see `SETTLED`).
    """
    (height, width), (h, w) = rgb.shape[:2], maps.shape[1:]
    layers = [Image.fromarray(layer) for layer in maps]
    down, across = (math.ceil(max(1, one / other)) + 1 for one, other in ((h, height), (w, width)))
    alpha = np.zeros((height, width), np.float32)
    for top in range(0, height, ROWS):
        last = min(top + ROWS, height)
        near = slice(max(0, top * h // height - down), last * h // height + down + 1)
        least, most = maps[4, near].min(0), maps[5, near].max(0)
        for left, right in _runs(least > 1 - SETTLED, width):
            alpha[top:last, left:right] = 1
        for left, right in _runs(_unsettled(least, most), width, across):
            box = (left * w / width, top * h / height, right * w / width, last * h / height)
            window = np.s_[top:last, left:right]
            alpha[window] = _linear(layers, box, rgb[window])
    return alpha


def _runs(columns: np.ndarray, width: int, more: int = 0) -> list[tuple[int, int]]:
    """Ranges of image columns (first, end) that belong to the columns set at the working size.

    Args:
        columns: bool `(w,)`, at the working size.
        width: of the image, in pixels.
        more: columns of the working size to add on both sides of each range.
    """
    steps = np.flatnonzero(np.diff(columns, prepend=False, append=False))
    runs: list[tuple[int, int]] = []
    for first, last in zip(steps[::2] - more, steps[1::2] + more):
        left = max(0, int(first) * width // len(columns))
        right = min(width, -(-int(last) * width // len(columns)))
        if runs and left <= runs[-1][1]:
            left = runs.pop()[0]
        runs.append((left, right))
    return runs


def _linear(
    layers: list[Image.Image], box: tuple[float, float, float, float], rgb: np.ndarray
) -> np.ndarray:
    """Apply the enlarged maps to a part of the image, uint8 `(H,W,3)`: alpha float32 `(H,W)`."""
    *weights, constant, least, most = (
        np.asarray(layer.resize(rgb.shape[1::-1], Image.Resampling.BILINEAR, box))
        for layer in layers
    )
    alpha = constant.copy()
    for channel, weight in enumerate(weights):
        alpha += weight * rgb[..., channel]
    np.clip(alpha, least, most, out=alpha)
    np.copyto(alpha, 0, where=alpha < SETTLED)
    np.copyto(alpha, 1, where=alpha > 1 - SETTLED)
    return alpha
