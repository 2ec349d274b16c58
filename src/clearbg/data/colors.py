"""Random brightness, contrast, saturation, gray, darkness and shift as one matrix an image.

They are all affine in the color, so that one pass over the pixels does them together, and
nothing is cut off between two of them.
"""

import cv2
import numpy as np
import torch

from clearbg import config

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
DARK = [0.15, 0.6]


def draw(settings: config.Transform) -> np.ndarray:
    """A color change, float64 `(3,5)`: what R, G, B become is the matrix times
    (R, G, B, the image's mean luma, 1), all in 0..1.

    In this order: saturation blends with the pixel's luma (wholly for a gray image), contrast
    with the image's mean luma, brightness multiplies, the shift is added to each channel. Every
    factor is uniform in its range. Nine numbers are drawn from torch's global generator.
    """
    u = torch.rand(9, dtype=torch.float64).numpy()
    brightness, contrast, saturation = (
        least + (largest - least) * at
        for (least, largest), at in zip(
            (settings.brightness, settings.contrast, settings.saturation), u
        )
    )
    if u[3] < settings.grayscale:
        saturation = 0.0
    if u[4] < settings.dark:
        brightness = DARK[0] + (DARK[1] - DARK[0]) * u[5]
    gray = np.tile(LUMA, (3, 1))
    color = brightness * contrast * (saturation * np.eye(3) + (1 - saturation) * gray)
    mean = np.full((3, 1), brightness * (1 - contrast))
    shift = settings.channel_shift * (2 * u[6:, None] - 1)
    return np.hstack([color, mean, shift])


def change(settings: config.Transform, rgb: np.ndarray) -> np.ndarray:
    """An image uint8 `(H,W,3)` with its colors changed at random by `draw`."""
    matrix = draw(settings)
    mean = LUMA @ cv2.mean(rgb)[:3]
    offset = matrix[:, 3] * mean + matrix[:, 4] * 255
    return cv2.transform(rgb, np.column_stack([matrix[:, :3], offset]))
