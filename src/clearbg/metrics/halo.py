"""Color errors along the edge of a cutout on new backgrounds: what the eye calls a halo."""

import cv2
import numpy as np

BACKGROUNDS = {"black": (0, 0, 0), "white": (255, 255, 255), "green": (0, 255, 0)}
"""sRGB."""
REACH = 0.01
"""Of the image's diagonal, at least 2 pixels: the band on both sides of the edge."""


def halo(
    alpha: np.ndarray,
    foreground: np.ndarray,
    truth: np.ndarray,
    true_foreground: np.ndarray,
) -> dict[str, float]:
    """How far the colors of a cutout are from those of the true one, on each of `BACKGROUNDS`.

    Both are put on the same background, as `alpha * foreground + (1 - alpha) * background`. The
    error is the mean absolute difference over the channels and the pixels of a band around the
    true edge: the truth's soft pixels and its outline, and what lies within `REACH` of them. The
    band does not depend on the prediction, so that all models are measured on the same pixels.

    Args:
        alpha: float `(H,W)` in [0, 1].
        foreground: uint8 `(H,W,3)`: the subject's colors that go with `alpha`.
        truth: uint8 `(H,W)`, 0..255.
        true_foreground: uint8 `(H,W,3)`; where nobody knows it, an estimate from the image and
            the truth.

    Returns:
        `halo_black`, `halo_white` and `halo_green`, in gray levels of 255: 0 where the cutout is
        the true one. NaN where the truth has no edge.

    Raises:
        ValueError: the shapes differ.
    """
    if alpha.shape != truth.shape or foreground.shape[:2] != truth.shape:
        raise ValueError(f"alpha is {alpha.shape} and truth is {truth.shape}; resize alpha first")
    band = edge_band(truth)
    if not band.any():
        return {f"halo_{name}": np.nan for name in BACKGROUNDS}
    at = np.flatnonzero(band)
    own, true = alpha.take(at).astype(np.float32), truth.take(at) / np.float32(255)
    # The two mixtures on a background B differ by a1 F1 - a2 F2 + (a2 - a1) B.
    colors, true_colors = (c.reshape(-1, 3).take(at, axis=0) for c in (foreground, true_foreground))
    front = own[:, None] * colors - true[:, None] * true_colors
    behind = (true - own)[:, None]
    return {
        f"halo_{name}": float(np.abs(front + behind * np.array(color, np.float32)).mean())
        for name, color in BACKGROUNDS.items()
    }


def edge_band(truth: np.ndarray) -> np.ndarray:
    """Bool `(H,W)`: the pixels near the edge of a truth, uint8 `(H,W)`."""
    mask = (truth > 128).astype(np.uint8)
    edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    edge |= (truth > 0) & (truth < 255)
    reach = max(2, round(REACH * np.hypot(*truth.shape)))
    distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return (distance <= reach) if edge.any() else edge
