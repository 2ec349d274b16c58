"""What an image and its truth are like, as slices of images ask for it; see `slices`."""

import cv2
import numpy as np

SIDE = 512
"""Pixels of the longer side at which outlines and sharpness are looked at, at most."""
COLORS = 256
"""The same for the colors beside the outline."""
PART = 0.002
"""Share of the image from which a connected part of the truth counts as a subject."""
NEAR = 0.03
"""Of the longer side: colors nearer to the outline than this are compared."""
SURE = 0.05
"""Alpha nearer than this to 0 and 1 is surely background and surely subject."""

NAMES = (
    "coverage", "soft_fraction", "subjects", "outline", "touches_border", "megapixels", "luma",
    "contrast", "sharpness",
)  # fmt: skip
"""The facts, in the order of columns; the last three need the image."""


def of_truth(truth: np.ndarray) -> dict[str, float]:
    """What a truth alone tells.

    Args:
        truth: uint8 `(H,W)`, 0..255, cut at half where a mask is needed.

    Returns:
        `coverage`: its mean, in [0, 1]. `soft_fraction`: share of pixels that are neither 0 nor
        255. `subjects`: its connected parts of at least `PART` of the image; one where all are
        smaller. `outline`: its perimeter over the square root of its area, which is 3.5 for a
        disc of any size; the image's border is no perimeter. `touches_border`: 1 where it does,
        else 0. `megapixels`. Without a subject `outline` and `touches_border` are NaN; a subject
        that is too thin for `SIDE` is looked at in full size.
    """
    found = {
        "coverage": float(truth.mean()) / 255,
        "soft_fraction": float(((truth > 0) & (truth < 255)).mean()),
    }
    mask = _smaller(truth, SIDE) > 128
    if not mask.any():
        mask = truth > 128
    _, _, parts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    large = int((parts[1:, cv2.CC_STAT_AREA] >= PART * mask.size).sum())
    # Edges between pixels are longer than the outline that they follow, on average by 4/pi.
    edges = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    area, border = int(mask.sum()), mask[[0, -1]].any() or mask[:, [0, -1]].any()
    return found | {
        "subjects": float(max(large, int(area > 0))),
        "outline": float(np.pi / 4 * edges / np.sqrt(area)) if area else np.nan,
        "touches_border": float(border) if area else np.nan,
        "megapixels": truth.size / 1e6,
    }


def of_image(rgb: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """`of_truth`, and what the image tells.

    Args:
        rgb: uint8 `(H,W,3)`.
        truth: uint8 `(H,W)`.

    Returns:
        Beside those of the truth `luma`: mean, in [0, 1]. `contrast`: how far the subject's mean
        color is from the background's beside it, averaged along the outline, in units of CIE Lab
        (0: the same, 100: black and white); NaN without an outline. `sharpness`: the variance of
        the Laplacian of the gray image, 0..255.
    """
    gray = cv2.cvtColor(_smaller(rgb, SIDE), cv2.COLOR_RGB2GRAY)
    return of_truth(truth) | {
        "luma": float(np.dot(cv2.mean(rgb)[:3], [0.299, 0.587, 0.114])) / 255,
        "contrast": _contrast(_smaller(rgb, COLORS), _smaller(truth, COLORS)),
        "sharpness": float(cv2.Laplacian(gray, cv2.CV_32F).var()),
    }


def _contrast(rgb: np.ndarray, truth: np.ndarray) -> float:
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    reach = max(2, round(NEAR * max(truth.shape)))
    window = (2 * reach + 1, 2 * reach + 1)
    means, near = [], np.ones(truth.shape, bool)
    for sure in (truth >= 255 * (1 - SURE), truth <= 255 * SURE):
        weight = sure.astype(np.float32)
        total = cv2.boxFilter(weight, -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT)
        summed = cv2.boxFilter(
            lab * weight[..., None], -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT
        )
        near &= total > 0.5
        means.append(summed / np.maximum(total, 1)[..., None])
    mask = (truth > 128).astype(np.uint8)
    outline = near & (cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0)
    if not outline.any():
        return np.nan
    return float(np.linalg.norm(means[0][outline] - means[1][outline], axis=1).mean())


def _smaller(pixels: np.ndarray, side: int) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
