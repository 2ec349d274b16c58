"""Decide how to turn a mask whose EXIF orientation differs from its image's.

The tags may differ and both be right, when one program exported both files; they are wrong when
a program turned one file and not the other. The pixels show it: a mask that is turned the right
way has the image's size, and its outline lies on the image's edges.
"""

from typing import Literal

import cv2
import numpy as np

from clearbg.images.decoding import upright

UNDO = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
LONGEST = 256  # pixels; edges are compared at this size
MARGIN = 0.08  # of correlation, by which one reading must fit better to be clearly meant
LEAST = 0.15  # correlation of a reading that is clearly meant; chance alone reaches 0.1
SAME = 1.0  # mean difference of gray values below which two readings are one

Verdict = Literal["as-written", "turned", "unclear", "no-fit"]


def reconcile(
    rgb: np.ndarray, alpha: np.ndarray, of_image: int, of_mask: int
) -> tuple[np.ndarray, Verdict, str]:
    """The mask turned the right way, the verdict on its own tag, and the evidence in words.

    Args:
        rgb: uint8 `(H,W,3)`, upright.
        alpha: uint8 `(H,W)`, turned by its own tag.
        of_image: the image's EXIF orientation, 1 to 8.
        of_mask: the mask's.
    """
    stored = upright(alpha, UNDO[of_mask])
    readings = {of_mask: alpha, of_image: upright(stored, of_image), 1: stored}
    fitting = {o: mask for o, mask in readings.items() if mask.shape == rgb.shape[:2]}
    if not fitting:
        return alpha, "no-fit", "no way of turning the mask gives it the image's size"
    others = [o for o in fitting if o != of_mask]
    if of_mask not in fitting and len(others) == 1:
        return fitting[others[0]], "turned", "only the mask turned otherwise has the image's size"
    if of_mask in fitting:
        others = [o for o in others if np.mean(cv2.absdiff(fitting[o], alpha)) >= SAME]
        if not others:
            return alpha, "as-written", "every way of turning the mask that fits gives the same"
    scores = {o: edge_fit(rgb, fitting[o]) for o in fitting if o in (of_mask, *others)}
    best, second = sorted(scores, key=scores.__getitem__, reverse=True)[:2]
    words = f"its outline fits the image's edges by {scores[best]:.2f} against {scores[second]:.2f}"
    if scores[best] < LEAST or scores[best] - scores[second] < MARGIN:
        return alpha, "unclear", words
    return fitting[best], "as-written" if best == of_mask else "turned", words


def edge_fit(rgb: np.ndarray, alpha: np.ndarray) -> float:
    """The correlation between a mask's outline and the image's edges, -1 to 1.

    Args:
        rgb: uint8 `(H,W,3)`.
        alpha: uint8 `(H,W)`.
    """
    edges = np.sqrt(_edges(rgb).max(axis=2))  # the root: texture is not to outweigh outlines
    outline = cv2.GaussianBlur(_edges(alpha), (0, 0), 1.0)
    edges, outline = edges - edges.mean(), outline - outline.mean()
    norm = np.linalg.norm(edges) * np.linalg.norm(outline)
    return float((edges * outline).sum() / norm) if norm > 0 else 0.0


def _edges(array: np.ndarray) -> np.ndarray:
    """Absolute gradients of an array scaled to `LONGEST`, float32 of its shape."""
    scale = LONGEST / max(array.shape[:2])
    if scale < 1:
        size = tuple(max(2, round(side * scale)) for side in array.shape[1::-1])
        array = cv2.resize(array, size, interpolation=cv2.INTER_AREA)
    array = cv2.GaussianBlur(array, (0, 0), 1.0)
    across, down = (cv2.Sobel(array, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    return cv2.magnitude(across, down)
