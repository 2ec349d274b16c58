"""Boundary IoU: how well two masks agree along their outlines (Cheng et al. 2021)."""

import cv2
import numpy as np

DILATION = 0.02  # of the image's diagonal, as published


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
    if alpha.shape != truth.shape:
        raise ValueError(f"alpha is {alpha.shape} and truth is {truth.shape}; resize alpha first")
    first, second = _band(alpha >= threshold), _band(truth > 128)
    either = np.sum(first | second)
    return float(np.sum(first & second) / either) if either else 1.0


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
