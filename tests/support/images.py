"""Images and their alpha, made on the spot."""

import numpy as np
from PIL import ImageCms


def disc(index: int, size: tuple[int, int] = (60, 80)) -> tuple[np.ndarray, np.ndarray]:
    """An image, uint8 (H, W, 3), and its alpha: a disc whose place and color vary."""
    rng = np.random.default_rng(index)
    height, width = size
    y, x = np.mgrid[:height, :width]
    radius = rng.uniform(0.2, 0.35) * height
    distance = np.hypot(y - rng.uniform(0.35, 0.65) * height, x - rng.uniform(0.35, 0.65) * width)
    alpha = np.clip(radius - distance + 0.5, 0, 1)[..., None]
    background = rng.uniform(0, 80, 3) + rng.normal(0, 8, (height, width, 1))
    image = alpha * rng.uniform(150, 255, 3) + (1 - alpha) * background
    return image.clip(0, 255).astype(np.uint8), (alpha[..., 0] * 255).round().astype(np.uint8)


def profile(space: str = "sRGB") -> bytes:
    """An ICC profile. Its date is fixed: Pillow writes the second in which it makes one."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()
    year_to_second = np.array([2024, 1, 1, 0, 0, 0], ">u2")
    return made[:24] + year_to_second.tobytes() + made[36:]
