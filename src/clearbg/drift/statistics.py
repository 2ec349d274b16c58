"""What a picture is like, in a few numbers that do not say what it shows. No torch, no pandas."""

import dataclasses

import numpy as np

from clearbg import images

OF_PICTURE = ("width", "height", "brightness", "contrast", "saturation", "sharpness")
OF_ALPHA = ("coverage", "empty", "soft_fraction")
FORMAT = 1  # of the definitions below: numbers of another one are not compared with these

GRID = 256  # samples along a side at most, and pixels a side of the patch for sharpness
SOFT = (0.05, 0.95)  # alpha between these is neither background nor subject
LEAST_SUBJECT = 0.001  # share of a picture below which nothing was found in it


def of_picture(picture: images.Picture) -> dict[str, float]:
    """Numbers of the picture itself; a millisecond or two, whatever its size.

    Colours are those of every k-th pixel in both directions, in sRGB: unlike a smoothed copy,
    they keep the contrast of the full size.

    Returns:
        width, height: pixels.
        brightness: mean luma in [0, 1]; contrast: its standard deviation.
        saturation: mean of (max - min) / max over the channels, in [0, 1].
        sharpness: standard deviation of the luma's Laplacian in the middle of the picture, at
            full size; 0 where it is flat, or less than 3 pixels wide or high.
    """
    step = -(-max(picture.height, picture.width) // GRID)
    sample = _srgb(picture, picture.rgb[::step, ::step])
    luma = images.luma(sample) / np.float32(255)
    high, low = (sample.max(-1).astype(np.float32), sample.min(-1).astype(np.float32))
    return {
        "width": picture.width,
        "height": picture.height,
        "brightness": float(luma.mean()),
        "contrast": float(luma.std()),
        "saturation": float(np.mean((high - low) / np.maximum(high, 1))),
        "sharpness": _sharpness(picture),
    }


def of_alpha(inferred: np.ndarray) -> dict[str, float]:
    """Numbers of what the network says, float32 `(h,w)` in [0, 1], before edges are refined.

    Returns:
        coverage: mean alpha.
        empty: 1 where less than `LEAST_SUBJECT` of the picture reaches an alpha of one half.
        soft_fraction: share with an alpha between those of `SOFT`.
    """
    low, high = SOFT
    return {
        "coverage": float(inferred.mean()),
        "empty": float(np.mean(inferred >= 0.5) < LEAST_SUBJECT),
        "soft_fraction": float(np.mean((inferred > low) & (inferred < high))),
    }


def _sharpness(picture: images.Picture) -> float:
    top, left = (max(0, side - GRID) // 2 for side in picture.rgb.shape[:2])
    patch = _srgb(picture, picture.rgb[top : top + GRID, left : left + GRID])
    if min(patch.shape[:2]) < 3:
        return 0.0
    luma = images.luma(patch) / np.float32(255)
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    return float((4 * luma[1:-1, 1:-1] - around).std())


def _srgb(picture: images.Picture, part: np.ndarray) -> np.ndarray:
    """A part of the picture's pixels in sRGB, uint8 `(h,w,3)`."""
    part = np.ascontiguousarray(part)
    return dataclasses.replace(picture, rgb=part, alpha=None, deep=None).srgb()
