"""The four errors of alpha matting (Rhemann et al. 2009), over the image and over its outline.

Published tables cover the pixels that a trimap leaves unknown: compare them with the names that
end in `_unknown`. Where there is no trimap the unknown band is drawn around the truth's outline
and soft parts, see `unknown_band`. No map is stretched by its own minimum and maximum first.
"""

import cv2
import numpy as np

from clearbg.metrics import refuse_other_shape

SIGMA = 1.4  # pixels
STEP, TOLERANCE = 0.1, 0.15  # of alpha; theta in the paper
BAND = 0.0075  # of the longer side


def matting(alpha: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Sum of absolute differences, mean squared, gradient and connectivity error.

    `sad`, `gradient` and `connectivity` are sums over pixels in thousands, as published tables
    give them, so they grow with the image; `mse` is a mean. Each also over the unknown band,
    as `sad_unknown` and so on: NaN where a flat truth has no band.

    Args:
        alpha: float `(H,W)` in [0, 1].
        truth: uint8 `(H,W)`, 0..255.

    Raises:
        ValueError: the shapes differ.
    """
    refuse_other_shape(alpha, truth)
    band = unknown_band(truth)
    alpha, true = alpha.astype(np.float32), truth.astype(np.float32) / 255
    absolute = np.abs(alpha - true)
    errors = {
        "sad": absolute,
        "mse": absolute**2,
        "gradient": (_gradient(alpha) - _gradient(true)) ** 2,
        "connectivity": _connectivity_error(alpha, true),
    }
    table = {name: _total(name, error) for name, error in errors.items()}
    return table | {f"{name}_unknown": _total(name, error[band]) for name, error in errors.items()}


def unknown_band(truth: np.ndarray) -> np.ndarray:
    """What a trimap would leave unknown, bool `(H,W)`.

    The soft pixels of the truth (0 < alpha < 255) and those where it changes to a neighbor,
    widened by a disc whose radius is 0.75 % of the longer side, at least a pixel. Over a dozen
    images of Rhemann et al. that is 16.8 % of the image, where their trimaps leave 15.9 %.

    Args:
        truth: uint8 `(H,W)`, 0..255.
    """
    changes = cv2.morphologyEx(truth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    outline = changes | ((truth > 0) & (truth < 255))
    if not outline.any():
        return outline
    radius = max(1, round(BAND * max(truth.shape)))
    distance = cv2.distanceTransform(
        (~outline).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    return distance <= radius


def _total(name: str, error: np.ndarray) -> float:
    """The mean for `mse`, else the sum in thousands; NaN of no pixels."""
    if not error.size:
        return float("nan")
    return float(error.mean(dtype=float) if name == "mse" else error.sum(dtype=float) / 1000)


def _gradient(alpha: np.ndarray) -> np.ndarray:
    """The magnitude under first derivatives of a Gaussian, with filters of unit energy.

    The published code cuts its filters at 1 % of the peak, here 4 pixels to either side, and
    repeats the border.
    """
    offset = np.arange(-4, 5)
    smooth = np.exp(-(offset**2) / (2 * SIGMA**2))
    slope = -offset * smooth
    smooth, slope = (line / np.linalg.norm(line) for line in (smooth, slope))
    x, y = (
        cv2.sepFilter2D(alpha, cv2.CV_32F, *pair, borderType=cv2.BORDER_REPLICATE)
        for pair in ((slope, smooth), (smooth, slope))
    )
    return np.hypot(x, y)


def _connectivity_error(alpha: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How differently pixels hang together with the subject, `(H,W)`.

    A pixel is connected up to the level `l` at which it still belongs to the largest region
    (4-connected) where both maps reach `l`; what exceeds that by 0.15 or more counts.
    """
    level = np.ones(alpha.shape, np.float32)
    connected = np.ones(alpha.shape, bool)
    for step in range(1, round(1 / STEP) + 1):
        largest = _largest_region(np.minimum(alpha, truth) >= np.float32(step * STEP))
        level[connected & ~largest] = (step - 1) * STEP
        connected &= largest
    degrees = []
    for values in (alpha, truth):
        excess = values - level
        degrees.append(1 - np.where(excess >= TOLERANCE, excess, 0))
    return np.abs(degrees[0] - degrees[1])


def _largest_region(mask: np.ndarray) -> np.ndarray:
    """Bool `(H,W)`; the first of equals, none of an empty mask."""
    from scipy import ndimage  # imported here: few trainings need it

    labels, count = ndimage.label(mask)
    if not count:
        return mask
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
