"""Changes of an image's colors as one matrix each, and those that are drawn at random.

They are affine in the color, so that one pass over the pixels does several together, and nothing
is cut off between two of them.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch

from clearbg import config

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
GRAY = np.tile(LUMA, (3, 1))
YIQ = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
DARK = [0.15, 0.6]


def draw(settings: config.Transform) -> np.ndarray:
    """Brightness, contrast, saturation, gray, darkness and shift of an image, see `then`.

    In this order: saturation blends with the pixel's luma (wholly for a gray image), contrast
    with the image's mean luma, brightness multiplies, the shift is added to each channel. Every
    factor is uniform in its range. Nine numbers are drawn from torch's global generator.
    """
    u = torch.rand(9, dtype=torch.float64).numpy()
    ranges = settings.brightness, settings.contrast, settings.saturation
    brightness, contrast, saturation = (
        least + (largest - least) * at for (least, largest), at in zip(ranges, u)
    )
    if u[3] < settings.grayscale:
        saturation = 0.0
    if u[4] < settings.dark:
        brightness = DARK[0] + (DARK[1] - DARK[0]) * u[5]
    shift = settings.channel_shift * (2 * u[6:] - 1)
    return then(saturated(saturation), contrasted(contrast), brightened(brightness), shifted(shift))


def then(*changes: np.ndarray) -> np.ndarray:
    """Combine changes that are made one after the other into one.

    A change is float64 `(3,7)`: what R, G, B become is it times (R, G, B, the image's mean R, G,
    B, 1), all in 0..1.
    """
    matrix, mean, offset = np.eye(3), np.zeros((3, 3)), np.zeros(3)
    for change in changes:
        color, of_mean = change[:, :3], change[:, 3:6]
        mean = color @ mean + of_mean @ (matrix + mean)
        offset = (color + of_mean) @ offset + change[:, 6]
        matrix = color @ matrix
    return np.column_stack([matrix, mean, offset])


def brightened(factor: float) -> np.ndarray:
    return _change(factor * np.eye(3))


def contrasted(factor: float) -> np.ndarray:
    return _change(factor * np.eye(3), mean=(1 - factor) * GRAY)


def saturated(factor: float) -> np.ndarray:
    return _change(factor * np.eye(3) + (1 - factor) * GRAY)


def shifted(offset: np.ndarray) -> np.ndarray:
    return _change(np.eye(3), offset=offset)


def turned(hue: float) -> np.ndarray:
    """The hue turned by a share of the circle, in the plane of equal luma (YIQ)."""
    cos, sin = math.cos(2 * math.pi * hue), math.sin(2 * math.pi * hue)
    turn = np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]])
    return _change(np.linalg.inv(YIQ) @ turn @ YIQ)


def permuted(order: Sequence[int]) -> np.ndarray:
    return _change(np.eye(3)[list(order)])


def change(settings: config.Transform, rgb: np.ndarray) -> np.ndarray:
    """An image uint8 `(H,W,3)` with its colors changed at random by `draw`."""
    drawn = draw(settings)
    offset = drawn[:, 3:6] @ cv2.mean(rgb)[:3] + 255 * drawn[:, 6]
    return cv2.transform(rgb, np.column_stack([drawn[:, :3], offset]))


def _change(
    matrix: np.ndarray, mean: np.ndarray | float = 0.0, offset: np.ndarray | float = 0.0
) -> np.ndarray:
    change = np.zeros((3, 7))
    change[:, :3], change[:, 3:6], change[:, 6] = matrix, mean, offset
    return change
