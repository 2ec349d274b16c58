"""A picture through a network and back to its own size, as the contract says."""

from collections.abc import Callable

import numpy as np

from clearbg import images
from clearbg.errors import ModelError
from clearbg.removal.contract import Contract

Network = Callable[[np.ndarray], np.ndarray]
"""float32 `(N,3,h,w)`, normalised -> alpha float32 `(N,1,h,w)` in [0, 1]."""


def prepare(rgb: np.ndarray, contract: Contract) -> np.ndarray:
    """uint8 `(H,W,3)` sRGB -> float32 `(3,h,w)`, normalised.

    No division by the picture's own maximum: a dark photograph stays dark.
    """
    small = images.resize(rgb, (contract.height, contract.width), contract.kernel)
    mean, std = (np.array(v, np.float32) for v in (contract.mean, contract.std))
    return ((small.astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1)


def restore(alpha: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """float32 alpha `(h,w)` -> `(H,W)`, in [0, 1]. No stretch: an empty scene stays empty."""
    return np.clip(images.resize(np.ascontiguousarray(alpha), size, "bilinear"), 0, 1)


def predict(pictures: list[np.ndarray], network: Network, contract: Contract) -> list[np.ndarray]:
    """Alpha float32 `(H,W)` in [0, 1] for each uint8 `(H,W,3)` sRGB picture.

    Raises:
        ModelError: the network returns another shape than the contract promises.
    """
    batch = np.stack([prepare(rgb, contract) for rgb in pictures])
    alphas = network(batch)
    if alphas.shape != (len(pictures), 1, contract.height, contract.width):
        raise ModelError(
            f"the network returned alpha of shape {alphas.shape} for images {batch.shape}: "
            "the model file and its contract do not belong together; export it again."
        )
    return [restore(a[0], rgb.shape[:2]) for a, rgb in zip(alphas, pictures, strict=True)]
