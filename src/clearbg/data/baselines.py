"""What lies beside weights to compare the model with masks that have not looked at the image."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from clearbg.errors import ModelError
from clearbg.images import read_mask, resize, write_mask
from clearbg.metrics.baselines import Comparison
from clearbg.system.files import write_json
from clearbg.system.parsing import parse_json, read_text

MEAN_MASK = "mean_mask.png"  # beside the weights, and beside an exported model
VALIDATION = "baselines.json"  # in a models folder
SIDE = 128  # pixels at most
MOST = 1000  # masks that are averaged


def chosen(count: int) -> list[int]:
    """Which of `count` masks are averaged: all, or `MOST` of them drawn at random, always the same.

    Those of 1,000 masks tell the mean to 0.016 at a pixel that is as often subject as not.
    """
    if count <= MOST:
        return list(range(count))
    return sorted(np.random.default_rng(0).choice(count, MOST, replace=False).tolist())


def mean(alphas: Iterable[np.ndarray]) -> np.ndarray:
    """The mean of alphas uint8 of one size: uint8, square, `SIDE` pixels at most.

    Raises:
        ValueError: there are none.
    """
    total, count = np.zeros(()), 0
    for alpha in alphas:
        side = min(SIDE, *alpha.shape)
        total = total + resize(alpha, (side, side))
        count += 1
    if not count:
        raise ValueError("there are no masks to average; give at least one")
    return np.rint(total / count).astype(np.uint8)


def write_mean_mask(mask: np.ndarray, folder: Path) -> None:
    """Write a mean mask, uint8, into a folder."""
    write_mask(folder / MEAN_MASK, mask)


def read_mean_mask(folder: Path) -> np.ndarray | None:
    """The mean mask of a folder, float32 `(h,w)` in [0, 1]; None: it has none.

    Raises:
        ImageError: the file cannot be read.
    """
    path = folder / MEAN_MASK
    return read_mask(path)[0].astype(np.float32) / 255 if path.is_file() else None


def write_validation(compared: Comparison, folder: Path) -> None:
    """Write how a model and the masks compare on the validation split into the model's folder."""
    write_json(folder / VALIDATION, compared.facts())


def read_validation(folder: Path) -> Comparison | None:
    """What `write_validation` wrote; None: nothing, as for imported weights.

    Raises:
        ModelError: the file is not what it should be.
    """
    path = folder / VALIDATION
    if not path.is_file():
        return None
    try:
        facts = parse_json(read_text(path))
        masks = {str(name): float(value) for name, value in facts["masks"].items()}
        return Comparison(str(facts["metric"]), float(facts["model"]), masks)
    except (OSError, ArithmeticError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path} holds no figures of masks: train again, or delete it to do without."
        ) from error
