"""Alpha from a network's working size to the picture's own: plainly, or along its edges.

Around every pixel of the working size alpha is taken as a linear function of the three colours,
and that function is brought to full size in place of alpha itself: He and Sun, "Fast Guided
Filter" (2015), with the colour guide of He et al., "Guided Image Filtering" (TPAMI 2013), and
without their mean of overlapping windows. No alpha leaves the range that its window had, so that
empty stays empty and full stays full.
"""

import numpy as np
from PIL import Image

from clearbg import images

RADIUS = 3
"""Of the windows, pixels of the working size; this and the next by benchmarks/edges.py."""
SMOOTHNESS = 1e-4
"""Epsilon of the paper: squared colour difference, of 1, below which edges are not followed."""
ROWS = 512
"""Of the picture at once: beside its result, memory does not grow with the picture's height."""


def refine(alpha: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Bring alpha to the size of the picture that it belongs to.

    Args:
        alpha: float `(h,w)` in [0, 1], of the whole picture squeezed to that size.
        rgb: uint8 `(H,W,3)`.

    Returns:
        float32 `(H,W)` in [0, 1]. A picture that is no larger has no edges that alpha did not
        see: then, as `restore`.
    """
    if rgb.shape[0] <= alpha.shape[0] and rgb.shape[1] <= alpha.shape[1]:
        return restore(alpha.astype(np.float32), rgb.shape[:2])
    return _apply(_fit(alpha.astype(float), images.resize(rgb, alpha.shape) / 255), rgb)


def restore(alpha: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """float32 alpha `(h,w)` -> `(H,W)`, in [0, 1]. No stretch: an empty scene stays empty."""
    return np.clip(images.resize(np.ascontiguousarray(alpha), size, "bilinear"), 0, 1)


def _fit(alpha: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """float32 `(6,h,w)`: a weight for each colour, the constant, least and most alpha.

    Args:
        alpha: float64 `(h,w)`.
        guide: float64 `(h,w,3)` in [0, 1].
    """
    channels = np.ascontiguousarray(np.moveaxis(guide, -1, 0))
    mean, means = _mean(alpha), [_mean(channel) for channel in channels]

    def covariance(first: int, second: int) -> np.ndarray:
        return _mean(channels[first] * channels[second]) - means[first] * means[second]

    rr, gg, bb = (covariance(i, i) + SMOOTHNESS for i in range(3))
    rg, rb, gb = covariance(0, 1), covariance(0, 2), covariance(1, 2)
    right = [_mean(channels[i] * alpha) - means[i] * mean for i in range(3)]
    # The inverse of a symmetric 3×3 matrix, from its cofactors.
    inverse = [
        [gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg],
        [rb * gb - rg * bb, rr * bb - rb * rb, rg * rb - rr * gb],
        [rg * gb - rb * gg, rg * rb - rr * gb, rr * gg - rg * rg],
    ]
    scale = rr * inverse[0][0] + rg * inverse[0][1] + rb * inverse[0][2]
    weights = [sum(c * r for c, r in zip(row, right)) / scale for row in inverse]
    constant = mean - sum(w * m for w, m in zip(weights, means))
    least, most = (_extreme(alpha, choose) for choose in (np.minimum, np.maximum))
    return np.stack([*weights, constant, least, most]).astype(np.float32)


def _apply(maps: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Alpha float32 `(H,W)` from the maps, `(6,h,w)`, of `_fit`."""
    (height, width), (h, w) = rgb.shape[:2], maps.shape[1:]
    layers = [Image.fromarray(layer) for layer in maps]
    alpha = np.empty((height, width), np.float32)
    for top in range(0, height, ROWS):
        last = min(top + ROWS, height)
        box = (0, top * h / height, w, last * h / height)
        *weights, part, least, most = (
            np.array(layer.resize((width, last - top), Image.Resampling.BILINEAR, box))
            for layer in layers
        )
        for channel, weight in enumerate(weights):
            weight *= rgb[top:last, :, channel]
            weight /= 255
            part += weight
        np.clip(part, least, most, out=alpha[top:last])
    return alpha


def _mean(values: np.ndarray) -> np.ndarray:
    """Over windows of `2 * RADIUS + 1` pixels a side, cut at the border: `(h,w)`."""
    for axis in (0, 1):
        length = values.shape[axis]
        sums = np.cumsum(values, axis)
        sums = np.concatenate([np.zeros_like(sums.take([0], axis)), sums], axis)
        places = np.arange(length)
        first, last = np.maximum(places - RADIUS, 0), np.minimum(places + RADIUS + 1, length)
        counts = (last - first).reshape((-1, 1) if axis == 0 else (1, -1))
        values = (sums.take(last, axis) - sums.take(first, axis)) / counts
    return values


def _extreme(values: np.ndarray, choose: np.ufunc) -> np.ndarray:
    """Least or most of the same windows: `(h,w)`."""
    for axis in (0, 1):
        result = values.copy()
        for step in range(1, min(RADIUS, values.shape[axis] - 1) + 1):
            for here, there in ((np.s_[step:], np.s_[:-step]), (np.s_[:-step], np.s_[step:])):
                here, there = ((slice(None),) * axis + (part,) for part in (here, there))
                choose(result[here], values[there], out=result[here])
        values = result
    return values
