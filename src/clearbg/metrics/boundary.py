"""How well two masks agree along their outlines.

Boundary IoU is that of Cheng et al. 2021, boundary F that of Martin et al. 2004 and the DAVIS
benchmark (Perazzi et al. 2016), with distances in pixels.
"""

import cv2
import numpy as np

from clearbg.metrics import refuse_other_shape

DILATION = 0.02  # of the image's diagonal, as published
DISTANCES = (1, 2, 3)
"""Pixels that two outlines may be apart."""


def boundary_iou(alpha: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    """Intersection over union of the bands inside both outlines, in [0, 1].

    A band holds the pixels of a mask that lie within 2 % of the diagonal, at least a pixel,
    of its outline; the image's border is an outline too. Two empty masks agree: 1.

    Args:
        alpha: float `(H,W)` in [0, 1].
        truth: uint8 `(H,W)`, 0..255, cut at half.
        threshold: alpha from which a pixel is foreground.

    Raises:
        ValueError: the shapes differ.
    """
    refuse_other_shape(alpha, truth)
    first, second = _band(alpha >= threshold), _band(truth > 128)
    either = np.sum(first | second)
    return float(np.sum(first & second) / either) if either else 1.0


def boundary_f(alpha: np.ndarray, truth: np.ndarray, threshold: float) -> dict[str, float]:
    """`boundary_f_1` and so on: F of the outlines, in [0, 1], for each of `DISTANCES`.

    A mask's outline holds its pixels that touch the outside by a side; the image's border is no
    outline. Precision is the share of the prediction's outline that lies within the distance of
    the truth's, recall the share of the truth's within that distance of the prediction's. Two
    masks without an outline agree: 1.

    Args:
        alpha: float `(H,W)` in [0, 1].
        truth: uint8 `(H,W)`, 0..255, cut at half.
        threshold: alpha from which a pixel is foreground.

    Raises:
        ValueError: the shapes differ.
    """
    refuse_other_shape(alpha, truth)
    own, true = _outline(alpha >= threshold), _outline(truth > 128)
    if not own.any() or not true.any():
        return {f"boundary_f_{reach}": float(own.any() == true.any()) for reach in DISTANCES}
    counts, found = (np.count_nonzero(own), np.count_nonzero(true)), {}
    for reach in DISTANCES:
        precision = np.count_nonzero(own & _near(true, reach)) / counts[0]
        recall = np.count_nonzero(true & _near(own, reach)) / counts[1]
        both = precision + recall
        found[f"boundary_f_{reach}"] = float(2 * precision * recall / both) if both else 0.0
    return found


def corrections(alpha: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    """The human correction efforts of DIS (Qin et al. 2022), by pysodmetrics.

    How many points and regions a person would have to click to make the mask right, where errors
    near the outline that are thinner than 5 pixels are forgiven.

    Args:
        alpha: float `(H,W)` in [0, 1].
        truth: uint8 `(H,W)`, 0..255, cut at half.
        threshold: alpha from which a pixel is foreground.

    Raises:
        ValueError: the shapes differ.
    """
    refuse_other_shape(alpha, truth)
    import py_sod_metrics as sod  # imported here: 1.5 s of scikit-image

    metric = sod.HumanCorrectionEffortMeasure()
    mask = (alpha >= threshold).astype(float)
    metric.step(mask, truth > 128, normalize=False)
    return float(metric.get_results()["hce"])


def _outline(mask: np.ndarray) -> np.ndarray:
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inner = cv2.erode(mask.astype(np.uint8), cross, borderType=cv2.BORDER_REPLICATE)
    return mask & (inner == 0)


def _near(outline: np.ndarray, reach: int) -> np.ndarray:
    """Bool `(H,W)`: the pixels at most so far from one of an outline."""
    across = np.arange(-reach, reach + 1)
    disc = (across[:, None] ** 2 + across**2 <= reach**2).astype(np.uint8)
    return cv2.dilate(outline.astype(np.uint8), disc) > 0


def _band(mask: np.ndarray) -> np.ndarray:
    width = max(1, round(DILATION * np.hypot(*mask.shape)))
    inner = cv2.erode(
        mask.astype(np.uint8),
        np.ones((3, 3), np.uint8),
        iterations=width,
        borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return mask & (inner == 0)
