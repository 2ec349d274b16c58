"""The light on a scene, and the photograph that a camera takes of it."""

import cv2
import numpy as np
from numpy.random import Generator

LUMA = np.float32([0.299, 0.587, 0.114])  # Rec. 601


def sunlight(rng: Generator) -> np.ndarray:
    """A random direction towards the light, `(x,y,z)` of length 1, mostly above and in front."""
    direction = np.array([rng.normal(0, 0.6), -rng.uniform(0.2, 1.0), rng.uniform(0.5, 1.2)])
    return direction / np.linalg.norm(direction)


def photographed(rng: Generator, image: np.ndarray) -> np.ndarray:
    """Add a light's color, metered exposure, the sensor's noise and the file's compression.

    Args:
        image: float32 `(H,W,3)` in [0,1].

    Returns:
        uint8 `(H,W,3)`; each step changes the whole image in the same way.
    """
    tint = 1 + rng.normal(0, 0.06, 3)
    matrix = _saturation(rng.choice([0.15, 0.6, 1.0, 1.25], p=[0.06, 0.22, 0.47, 0.25]))
    matrix *= (tint / tint.mean())[:, None]
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(image @ LUMA))
    gain = np.clip(rng.normal(0.21, 0.05) / (deviation + 1e-3), 0.7, 1.7)
    level = mean + rng.uniform(0.2, 0.8) * (rng.normal(0.45, 0.1) - mean)
    affine = 255 * np.column_stack([gain * matrix, np.full(3, level - gain * mean)])
    image = cv2.transform(image, affine.astype(np.float32))
    noise = np.float32(rng.choice([1.0, 3.0, 6.0], p=[0.45, 0.45, 0.1]))
    grain = noise * rng.standard_normal(image.shape[:2], dtype=np.float32)
    photo = np.clip(image + cv2.merge((grain, grain, grain)), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(50, 96))
        _, packed = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])
        photo = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return photo


def _saturation(amount: float) -> np.ndarray:
    """The 3×3 matrix that scales every color's distance from gray."""
    return amount * np.eye(3) + (1 - amount) * np.tile(LUMA, (3, 1))
