"""Alpha from a network's working size to the image's own: plainly, or along its edges.

Around every pixel of the working size alpha is taken as a linear function of the three colors,
and that function is brought to full size in place of alpha itself: He and Sun, "Fast Guided
Filter" (2015), with the color guide of He et al., "Guided Image Filtering" (TPAMI 2013), and
without their mean of overlapping windows. No alpha leaves the range that its window had, so that
empty stays empty and full stays full.
"""

import math

import numpy as np
from PIL import Image

from clearbg.images import resize
from clearbg.inference.predict import restore

RADIUS = 3
"""Of the windows, pixels of the working size; this and the next by benchmarks/edges.py."""
SMOOTHNESS = 1e-4
"""Epsilon of the paper: squared color difference, of 1, below which edges are not followed."""
ROWS = 64
"""Of the image at once: beside its result, memory does not grow with the image's height."""
SETTLED = 0.5 / 255
"""Where all of a window's alpha is nearer than this to 0 or to 1 it becomes 0 or 1."""


def refine(alpha: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Bring alpha to the size of the image that it belongs to.

    Args:
        alpha: float `(h,w)` in [0, 1], of the whole image stretched to that size.
        rgb: uint8 `(H,W,3)`.

    Returns:
        float32 `(H,W)` in [0, 1]. An image that is no larger has no edges that alpha did not
        see: then, as `restore`.
    """
    alpha = alpha.astype(np.float32)
    if rgb.shape[0] <= alpha.shape[0] and rgb.shape[1] <= alpha.shape[1]:
        return restore(alpha, rgb.shape[:2])
    return _apply(_fit(alpha, resize(rgb, alpha.shape)), rgb)


def _fit(alpha: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """float32 `(6,h,w)`: a weight for each color, the constant, least and most alpha.

    Args:
        alpha: float32 `(h,w)`.
        guide: uint8 `(h,w,3)`.
    """
    # Sums of such whole numbers are exact in float32; only their differences want float64.
    channels = np.ascontiguousarray(np.moveaxis(guide, -1, 0), np.float32)
    counts = _windows(np.ones_like(alpha), np.add).astype(float)

    def average(values: np.ndarray) -> np.ndarray:
        return _windows(values, np.add) / counts

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
    least, most = (_windows(alpha, choose) for choose in (np.minimum, np.maximum))
    return np.stack([*weights, constant, least, most]).astype(np.float32)


def _windows(values: np.ndarray, combine: np.ufunc) -> np.ndarray:
    """All of windows of `2 * RADIUS + 1` pixels a side, cut at the border: `(h,w)`."""
    for axis in (0, 1):
        result = values.copy()
        for step in range(1, min(RADIUS, values.shape[axis] - 1) + 1):
            for here, there in ((np.s_[step:], np.s_[:-step]), (np.s_[:-step], np.s_[step:])):
                here, there = ((slice(None),) * axis + (part,) for part in (here, there))
                combine(result[here], values[there], out=result[here])
        values = result
    return values


def _apply(maps: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Alpha float32 `(H,W)` from the maps, `(6,h,w)`, of `_fit`.

    By strips, and in these only where the windows' alpha is not settled.
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
        unsettled = (least <= 1 - SETTLED) & (most >= SETTLED)
        for left, right in _runs(unsettled, width, across):
            box = (left * w / width, top * h / height, right * w / width, last * h / height)
            window = np.s_[top:last, left:right]
            alpha[window] = _linear(layers, box, rgb[window])
    return alpha


def _runs(columns: np.ndarray, width: int, more: int = 0) -> list[tuple[int, int]]:
    """First and last of the image's columns, of `width`, that stand for the columns set.

    Args:
        columns: bool, of the working size.
        more: of these on either side of each run.
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
    """Alpha float32 `(H,W)` of a window of the image, uint8 `(H,W,3)`, and of the layers."""
    *weights, constant, least, most = (
        np.asarray(layer.resize(rgb.shape[1::-1], Image.Resampling.BILINEAR, box))
        for layer in layers
    )
    alpha = constant.copy()
    for channel, weight in enumerate(weights):
        alpha += weight * rgb[..., channel]
    return np.clip(alpha, least, most, out=alpha)
