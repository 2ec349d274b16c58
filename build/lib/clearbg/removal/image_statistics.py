"""Numbers that describe an image but do not tell what it shows. No torch, no pandas."""

import dataclasses

import numpy as np

from clearbg.images import DecodedImage, luma

OF_IMAGE = ("width", "height", "brightness", "contrast", "saturation", "sharpness")
OF_ALPHA = ("coverage", "empty", "soft_fraction")
FORMAT = 1  # version of the definitions below; numbers of other versions are not compared

GRID = 256  # samples along each side, at most; also the side of the patch for sharpness
SOFT = (0.05, 0.95)  # alpha between these belongs to a soft edge
LEAST_SUBJECT = 0.001  # with a smaller share of subject, an image counts as empty


def of_image(image: DecodedImage) -> dict[str, float]:
    """Numbers of the image itself. They take a millisecond or two, whatever its size.

    Colors are taken from every k-th pixel in both directions, in sRGB. Unlike a smoothed copy, this
    keeps the contrast of the full size.

    Returns:
        width, height: pixels.
        brightness: mean luma in [0, 1]; contrast: its standard deviation.
        saturation: mean of (max - min) / max over the channels, in [0, 1].
        sharpness: standard deviation of the luma's Laplacian in the middle of the image, at
            full size; 0 where it is flat, or less than 3 pixels wide or high.
    """
    step = -(-max(image.height, image.width) // GRID)
    sample = _srgb(image, image.rgb[::step, ::step])
    gray = luma(sample) / np.float32(255)
    high, low = (sample.max(-1).astype(np.float32), sample.min(-1).astype(np.float32))
    return {
        "width": image.width,
        "height": image.height,
        "brightness": float(gray.mean()),
        "contrast": float(gray.std()),
        "saturation": float(np.mean((high - low) / np.maximum(high, 1))),
        "sharpness": _sharpness(image),
    }


def of_alpha(inferred: np.ndarray) -> dict[str, float]:
    """Numbers of the network's alpha, float32 `(h,w)` in [0, 1], before edges are refined.

    Returns:
        coverage: mean alpha.
        empty: 1 if less than `LEAST_SUBJECT` of the image has an alpha of at least 0.5, else 0.
        soft_fraction: share of the image with an alpha between the two values of `SOFT`.
    """
    low, high = SOFT
    return {
        "coverage": float(inferred.mean()),
        "empty": float(np.mean(inferred >= 0.5) < LEAST_SUBJECT),
        "soft_fraction": float(np.mean((inferred > low) & (inferred < high))),
    }


def _sharpness(image: DecodedImage) -> float:
    top, left = (max(0, side - GRID) // 2 for side in image.rgb.shape[:2])
    patch = _srgb(image, image.rgb[top : top + GRID, left : left + GRID])
    if min(patch.shape[:2]) < 3:
        return 0.0
    gray = luma(patch) / np.float32(255)
    around = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
    return float((4 * gray[1:-1, 1:-1] - around).std())


def _srgb(image: DecodedImage, part: np.ndarray) -> np.ndarray:
    """A part of the image's pixels in sRGB, uint8 `(h,w,3)`."""
    part = np.ascontiguousarray(part)
    return dataclasses.replace(image, rgb=part, alpha=None, deep=None).srgb()
