"""Scores of hard masks: alpha and truth cut at one threshold."""

import numpy as np


def segmentation(alpha: np.ndarray, truth: np.ndarray, threshold: float) -> dict[str, float]:
    """Dice, intersection over union and pixel accuracy of one picture.

    Args:
        alpha: float `(H,W)` in [0, 1].
        truth: uint8 `(H,W)`, 0..255, cut at half.
        threshold: alpha from which a pixel is foreground.

    Two empty masks agree: Dice and IoU are 1.
    """
    predicted, subject = alpha >= threshold, truth > 128
    both, either = np.sum(predicted & subject), np.sum(predicted | subject)
    return {
        "dice": float(2 * both / (both + either)) if either else 1.0,
        "iou": float(both / either) if either else 1.0,
        "pixel_accuracy": float(np.mean(predicted == subject)),
    }
