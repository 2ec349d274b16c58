"""An image through a network and back to its own size, as the contract says."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from clearbg.contract import Contract
from clearbg.errors import ModelError
from clearbg.images import darker, luma, resize
from clearbg.images.tiling import extend, starts

Network = Callable[[np.ndarray], np.ndarray]
"""float32 `(N,C,h,w)`, normalized -> alpha float32 `(N,1,h,w)` in [0, 1]."""

PIXELS_AT_ONCE = 2**18
"""Most pixels of tiles in one call of the network, of which at least one tile: 4 of 256×256."""
TOLERANCE = 0.02  # of alpha beyond 0 and 1, as rounding in int8 gives it


def prepare(rgb: np.ndarray, contract: Contract) -> np.ndarray:
    """One input of the network, float32 `(C,h,w)`, from an image, uint8 `(H,W,3)` sRGB.

    It is the whole image, stretched; if the contract cuts images into tiles, the middle tile.
    """
    height, width = contract.height, contract.width
    if contract.fit == "stretch":
        return _normalize(resize(rgb, (height, width), contract.kernel), contract)
    page = extend(rgb, contract.height, contract.width)
    top, left = (page.shape[0] - height) // 2, (page.shape[1] - width) // 2
    return _normalize(page[top : top + height, left : left + width], contract)


def predict(images: list[np.ndarray], network: Network, contract: Contract) -> list[np.ndarray]:
    """Alpha float32 `(H,W)` in [0, 1] for each uint8 `(H,W,3)` sRGB image; see `infer`.

    Evaluation and scoring measure this alpha. Its edges are not refined.
    """
    alphas = infer(images, network, contract)
    return [restore(a, rgb.shape[:2]) for a, rgb in zip(alphas, images, strict=True)]


def predict_split(
    network: Network,
    contract: Contract,
    pairs: Iterable[tuple[np.ndarray, np.ndarray]],
    batch_size: int = 1,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Alpha and truth of many images, in their order, for scoring.

    Args:
        pairs: image, uint8 `(H,W,3)` sRGB, and truth, uint8 `(H,W)`; read as they are needed.
        batch_size: images in a run of the network, all of which are in memory.

    Yields:
        Alpha float32 `(H,W)` in [0, 1], see `predict`, and the truth as it came.
    """
    left = iter(pairs)
    while batch := list(itertools.islice(left, batch_size)):
        images, truths = zip(*batch)
        yield from zip(predict(list(images), network, contract), truths, strict=True)


def restore(alpha: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize alpha float32 `(h,w)` to `(H,W)`. Values are clipped to [0, 1] and never stretched."""
    return np.clip(resize(np.ascontiguousarray(alpha), size, "bilinear"), 0, 1)


def infer(images: list[np.ndarray], network: Network, contract: Contract) -> list[np.ndarray]:
    """The network's alpha of each uint8 `(H,W,3)` sRGB image, before `restore`.

    Stretched images go through as one batch and give alphas of the network's size. An image
    in tiles gives an alpha of its own size. Its tiles go through in batches of at most
    `PIXELS_AT_ONCE` pixels, which limits the memory.

    Returns:
        float32 `(h,w)`, or `(H,W)` of tiles, in [0, 1].

    Raises:
        ModelError: the network returns another shape than the contract promises, or alpha that is
            not finite or not in [0, 1].
    """
    if contract.fit == "tile":
        return [_predict_tiles(rgb, network, contract) for rgb in images]
    return list(_run(network, np.stack([prepare(rgb, contract) for rgb in images]))[:, 0])


def _predict_tiles(rgb: np.ndarray, network: Network, contract: Contract) -> np.ndarray:
    height, width = contract.height, contract.width
    page = extend(rgb, contract.height, contract.width)
    axes = zip(page.shape, (height, width))
    tiles = list(itertools.product(*(_cover(*sides, contract.overlap) for sides in axes)))
    alpha = np.zeros(page.shape[:2], np.float32)
    at_once = max(1, PIXELS_AT_ONCE // (height * width))
    for first in range(0, len(tiles), at_once):
        part = tiles[first : first + at_once]
        cut = [page[top : top + height, left : left + width] for (top, _), (left, _) in part]
        predicted = _run(network, np.stack([_normalize(tile, contract) for tile in cut]))
        for ((top, down), (left, across)), tile in zip(part, predicted, strict=True):
            alpha[top : top + height, left : left + width] += tile[0] * np.outer(down, across)
    return np.clip(alpha, 0, 1, out=alpha)[: rgb.shape[0], : rgb.shape[1]]


def _cover(length: int, side: int, overlap: int) -> list[tuple[int, np.ndarray]]:
    """Tiles along one axis, of `length >= side` pixels: the start and the weights of each.

    Weights, float32 `(side,)`, ramp linearly over the overlap and sum to 1 at every pixel.
    From pixel to pixel half the sum of their changes is at most `2 / (overlap + 1)`.
    """
    firsts = starts(length, side, overlap)
    ramp = np.minimum(np.arange(1, side + 1) / (overlap + 1), 1)
    weights = np.ones((len(firsts), side))
    weights[1:] *= ramp
    weights[:-1] *= ramp[::-1]
    total = np.zeros(length)
    for start, tile in zip(firsts, weights):
        total[start : start + side] += tile
    return [
        (start, (tile / total[start : start + side]).astype(np.float32))
        for start, tile in zip(firsts, weights)
    ]


def _normalize(rgb: np.ndarray, contract: Contract) -> np.ndarray:
    """uint8 `(H,W,3)` -> float32 `(C,H,W)`.

    No division by the image's own maximum: a dark photograph stays dark.
    """
    gray = {"L": luma, "darker": darker}.get(contract.color_order)
    values = gray(rgb)[..., None] if gray else rgb
    mean, std = (np.array(v, np.float32) for v in (contract.mean, contract.std))
    return ((values.astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1)


def _run(network: Network, batch: np.ndarray) -> np.ndarray:
    alphas = network(batch)
    if alphas.shape != (len(batch), 1, *batch.shape[2:]):
        raise ModelError(
            f"the network returned alpha of shape {alphas.shape} for images {batch.shape}: "
            "the model file and its contract do not belong together; export it again."
        )
    low, high = alphas.min(), alphas.max()
    if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):  # NaN is neither
        raise ModelError(
            f"the model gives alpha from {low:g} to {high:g}, which is not between 0 and 1: export "
            "it again, or take another model."
        )
    return alphas
