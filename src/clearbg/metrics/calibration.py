"""Does alpha mean what it says, and from which alpha should a pixel belong to a hard mask?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """What many images tell of a model's alpha, each image counting alike.

    Attributes:
        bins: a row for each tenth of alpha that occurs: mean `alpha`, mean `truth` there, both in
            [0, 1], and the `share` of the pixels.
        error: the expected calibration error (Naeini et al. 2015), in [0, 1]: the mean distance
            of truth from alpha over the bins, weighted by share.
        dice: float `(256,)`, the mean over images at the thresholds 0, 1/255, ... 1.
    """

    bins: pd.DataFrame
    error: float
    dice: np.ndarray


def reliability(alpha: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """What one image adds to the bins, float `(3,BINS)`: shares, and sums of alpha and truth.

    The truth is not cut: where it says 0.3, an alpha of 0.3 is right. Alpha read as a probability
    asks that of the pixels with alpha 0.3, three in ten are subject.

    Args:
        alpha: float `(H,W)` in [0, 1].
        truth: uint8 `(H,W)`, 0..255.
    """
    values = alpha.ravel().astype(np.float64)
    places = np.minimum((values * BINS).astype(int), BINS - 1)
    weights = (None, values, truth.ravel() / 255)
    return np.stack([np.bincount(places, w, minlength=BINS) for w in weights]) / alpha.size


def dice_curve(counts: np.ndarray) -> np.ndarray:
    """Dice of one image at 256 ascending thresholds; two empty masks agree: 1.

    Args:
        counts: int `(2,256)`, see `segmentation.histograms`.
    """
    background, subject = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
    either = background + subject + subject[0]
    return np.where(either > 0, 2 * subject / np.maximum(either, 1), 1.0)


def best_threshold(dice: np.ndarray) -> int:
    """The place of the highest of a curve; of several alike the one nearest to the middle."""
    highest = np.flatnonzero(dice >= dice.max() - 1e-9)
    return int(highest[np.argmin(np.abs(highest - 127.5))])


class Means:
    """What many images tell, one after the other."""

    def __init__(self) -> None:
        self._images = 0
        self._sums, self._dice = np.zeros((3, BINS)), np.zeros(256)

    def add(self, sums: np.ndarray, counts: np.ndarray) -> None:
        """Count an image in: what `reliability` and `segmentation.histograms` give for it."""
        self._images += 1
        self._sums += sums
        self._dice += dice_curve(counts)

    def calibration(self) -> Calibration:
        """Of all images; there is at least one."""
        share, alpha, truth = self._sums / self._images
        some = share > 0
        share, alpha, truth = share[some], alpha[some] / share[some], truth[some] / share[some]
        return Calibration(
            pd.DataFrame({"alpha": alpha, "truth": truth, "share": share}),
            float(share @ np.abs(truth - alpha)),
            self._dice / self._images,
        )
