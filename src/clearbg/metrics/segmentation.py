"""Scores of hard masks, and the plain differences that every family of metrics shares."""

from collections.abc import Mapping

import numpy as np


def segmentation(alpha: np.ndarray, truth: np.ndarray, threshold: float) -> dict[str, float]:
    """Dice, intersection over union and pixel accuracy of one image.

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


def differences(alpha: np.ndarray, truth: np.ndarray) -> dict[str, float | bool]:
    """How far the alpha of one image is from its truth, pixel by pixel.

    `mae` is the mean absolute difference to the truth cut at half, as in saliency's tables,
    `alpha_mae` that to the truth as it is. `empty` says that the truth holds no subject;
    `mean_alpha` is the error there.

    Args:
        alpha: float `(H,W)` in [0, 1].
        truth: uint8 `(H,W)`, 0..255.
    """
    alpha, subject = alpha.astype(np.float64), truth > 128
    return {
        "mae": float(np.abs(alpha - subject).mean()),
        "alpha_mae": float(np.abs(alpha - truth / 255).mean()),
        "mean_alpha": float(alpha.mean()),
        "empty": not subject.any(),
    }


def empty_alpha(values: Mapping[str, float | bool]) -> float:
    """Of an image's `differences`: its mean alpha where there is no subject, else NaN."""
    return values["mean_alpha"] if values["empty"] else np.nan


def histograms(alpha: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Pixels by alpha's gray level (0..255), int `(2,256)`: of the background, of the subject."""
    levels = (np.clip(alpha, 0, 1) * 255).astype(np.uint8)
    places = levels.astype(np.intp) + 256 * (truth > 128)
    return np.bincount(places.ravel(), minlength=512).reshape(2, 256)


def pooled_curves(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and their harmonic mean at 256 ascending thresholds, from `histograms`.

    Pixels of all images count alike; NaN where nothing is predicted or nothing is there.
    """
    background, subject = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
    with np.errstate(invalid="ignore"):
        precision, recall = subject / (background + subject), subject / subject[0]
        f = 2 * subject / (background + subject + subject[0])
    return {
        "threshold": np.arange(256) / 255, "f": f, "precision": precision, "recall": recall
    }  # fmt: skip
