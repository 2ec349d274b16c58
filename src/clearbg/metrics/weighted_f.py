"""Weighted F (Margolin et al. 2014), for several predictions of one truth.

The values are those of pysodmetrics, to the last few bits. What depends on the truth alone, above
all the nearest pixel of the subject, is found once for all predictions of it. Errors are blurred
only where that counts, by rows and columns instead of by windows of 49 pixels.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

MARGIN, SIGMA = 3, 5  # pixels: half of the blur's window, and its deviation
_LINE = np.exp(-(np.arange(-MARGIN, MARGIN + 1.0) ** 2) / (2 * SIGMA**2))
KERNEL = _LINE / _LINE.sum()


@dataclass(frozen=True)
class _Truth:
    """What a truth alone decides.

    Attributes:
        nearest: int `(H,W)`: the place of the nearest pixel of the subject, in the flat image.
        weights: float `(H,W)`: how much an error counts.
        box: around the subject, with a margin.
    """

    nearest: np.ndarray
    weights: np.ndarray
    box: tuple[slice, slice]


def weighted_f(alpha: np.ndarray, subject: np.ndarray) -> float:
    """Weighted F of one prediction, in [0, 1]; 0 where there is no subject.

    Args:
        alpha: float64 `(H,W)` in [0, 1].
        subject: bool `(H,W)`.
    """
    if not subject.any():
        return 0.0
    truth = _of(np.packbits(subject).tobytes(), subject.shape)
    error = np.abs(alpha - subject)
    spread = np.take(error, truth.nearest)
    blurred = error.copy()
    blurred[truth.box] = cv2.sepFilter2D(
        spread[truth.box], cv2.CV_64F, KERNEL, KERNEL, borderType=cv2.BORDER_CONSTANT
    )
    least = np.where(subject & (blurred < error), blurred, error)
    weighted = least * truth.weights
    inside = weighted[subject]
    true_positive = np.sum(subject) - np.sum(inside)
    false_positive = np.sum(weighted[~subject])
    tiny = np.spacing(1)
    recall = 1 - np.mean(inside)
    precision = true_positive / (true_positive + false_positive + tiny)
    return float(2 * recall * precision / (recall + precision + tiny))


@lru_cache(maxsize=1)
def _of(packed: bytes, shape: tuple[int, int]) -> _Truth:
    from scipy.ndimage import distance_transform_edt

    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=shape[0] * shape[1])
    subject = bits.reshape(shape).astype(bool)
    distance, (rows, columns) = distance_transform_edt(~subject, return_indices=True)
    far = 2 - np.exp(np.log(0.5) / 5 * distance)
    box = []
    for axis in (1, 0):
        filled = np.flatnonzero(subject.any(axis=axis))
        box.append(slice(max(0, filled[0] - MARGIN), filled[-1] + 1 + MARGIN))
    return _Truth(
        rows.astype(np.int64) * shape[1] + columns, np.where(subject, 1.0, far),
        (box[0], box[1]),
    )  # fmt: skip
