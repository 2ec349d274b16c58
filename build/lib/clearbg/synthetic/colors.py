"""Colors of named materials, and functions that compare, mix and apply colors.

A color is float32 `(3,)`, RGB in [0,1].
"""

import cv2
import numpy as np
from numpy.random import Generator

MATERIALS = {
    "grass": ("5a7a2e", "7d9a45", "3f5c27", "96a35a", "a8a060"),
    "foliage": ("2f4a23", "4c6b34", "1f3318", "6b8446", "7b8a3c"),
    "soil": ("6b4f35", "8a6a48", "5a4634", "9c8468", "7a6450"),
    "sand": ("c9b48c", "d8c8a4", "b59f78", "a8977c"),
    "stone": ("8a8780", "6d6c6a", "a9a59c", "55575a", "bdb8ae"),
    "snow": ("e4e8ee", "f2f3f5", "cfd6df"),
    "water": ("3d6478", "2a4a58", "5f8796", "4a7a78", "7a9aa8", "28404a"),
    "sky": ("8fb4dc", "b8cfe6", "6b9bd2", "d5dde4", "a9b4bf", "e6e2d8"),
    "dusk": ("e0a070", "c47a6a", "8a6a86", "f0c890"),
    "wood": ("8a5a32", "a9794a", "5c3a22", "c49a68", "704c30"),
    "wall": ("d8d2c4", "c4b8a4", "b8c0c0", "e6e2da", "a8a090", "9aa8a0", "c8a890", "7c8890"),
    "cloth": ("8a2030", "2a3f6a", "3a3a40", "c8b8a0", "5a2a50", "305a4a", "b8b8c0", "a04a30"),
    "night": ("14161c", "202028", "0a0c12", "2a241f", "182430"),
    "paper": ("f4f4f2", "e8e8e6", "ffffff", "d8d8d8"),
    "fur": ("6b4a2f", "9c7448", "c9a878", "3a2c22", "1c1a1a", "8a8480", "e6dccb", "b0622c"),
    "plumage": ("2a2a2e", "8a6a4a", "c83c2a", "e8e4dc", "2f6fb0", "d8a82a", "4a7a3a", "787a80"),
    "skin": ("e8b898", "d49a74", "b07850", "8a5838", "5c3a28", "f0c8b0"),
    "hair": ("1c1614", "3c281c", "6a4426", "a87a40", "8a8680", "d8b878"),
    "petal": ("e83a5a", "f4c22a", "f0f0e8", "c850b0", "f08a2a", "8a5ac8", "f4a0b8", "d02020"),
    "leaf": ("3f7a2e", "5c9a3c", "2c5a28", "8aae4a", "a8a83a"),
    "fruit": ("d83020", "f0a020", "e8d040", "7ab030", "8a2040", "e86a30", "f0c880", "704028"),
    "food": ("c88a48", "e0b870", "8a4a28", "f0e0b8", "b03a24", "6a8a30", "e09a3a"),
    "paint": (
        "c82820", "2048a0", "f0f0f0", "202226", "e8b820",
        "208048", "8a9098", "e86a20", "30a0c8", "7a2850",
    ),
    "metal": ("9aa0a6", "c4c8cc", "6a6e74", "b89a5a", "44484c"),
    "glass": ("2a363e", "7a98a4", "b8ccd0", "1c2226"),
    "dark": ("1a1a1c", "2a2624", "101418"),
    "light": ("f0ece4", "fafafa", "e4e0d0"),
}  # fmt: skip


def material(rng: Generator, names: str, jitter: float = 0.06) -> np.ndarray:
    """A color of one of the named materials, changed a little at random.

    Args:
        names: materials separated by blanks; a name given twice is chosen twice as often, and
            "any" stands for any color.
        jitter: standard deviation of the change in lightness, in [0,1].
    """
    name = rng.choice(names.split())
    if name == "any":
        return _vivid(rng)
    swatches = MATERIALS[name]
    color = np.frombuffer(bytes.fromhex(swatches[rng.integers(len(swatches))]), np.uint8) / 255
    return np.clip(color + rng.normal(0, jitter) + rng.normal(0, 0.4 * jitter, 3), 0, 1).astype(
        np.float32
    )


def _vivid(rng: Generator) -> np.ndarray:
    """A color of any hue, mostly saturated, as things that people make have."""
    hsv = np.float32([[[rng.uniform(0, 360), rng.beta(2.5, 1.5), rng.uniform(0.25, 1.0)]]])
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]


def average(image: np.ndarray) -> np.ndarray:
    """The mean color of an image `(H,W,3)`."""
    return np.float32(cv2.mean(image)[:3])


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """CIE76 color difference (Euclidean in CIE L*a*b*); 2.3 is just noticeable."""
    lab = cv2.cvtColor(np.float32([[one, other]]), cv2.COLOR_RGB2LAB)[0]
    return float(np.linalg.norm(lab[0] - lab[1]))


def mixed(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """`one` with a `share` of `other` in it."""
    return (one + np.float32(share) * (other - one)).astype(np.float32)


def tinted(share: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """An image `(H,W,3)`: color `one` where `share (H,W)` is 0, `two` where it is 1."""
    return cv2.transform(share, np.column_stack([two - one, one]).astype(np.float32))


def veil(image: np.ndarray, share: np.ndarray, color: np.ndarray) -> None:
    """Lay `color` over the image, in place, with the opacity `share (H,W)`."""
    image += cv2.merge((share, share, share)) * (color.astype(np.float32) - image)


def lit(image: np.ndarray, light: np.ndarray) -> None:
    """Multiply the image, in place, by the brightness `light (H,W)`."""
    image *= cv2.merge((light, light, light))
