"""The threshold of hard masks that is best on validation images, tried on the test images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearbg.contract import Contract
from clearbg.data import manifest
from clearbg.inference.predict import Network, predict_split
from clearbg.metrics.calibration import best_threshold, dice_curve
from clearbg.metrics.segmentation import histograms

IMAGES = 200
"""Validation images that are looked at, at most: a threshold needs no more."""


@dataclass(frozen=True)
class Threshold:
    """A threshold, and the Dice of the test images at it.

    Attributes:
        by: who has chosen it, in words.
    """

    by: str
    value: float
    dice: float

    def figures(self) -> dict[str, str | float]:
        """For metrics.json, in six digits as its other figures."""
        return {"by": self.by, "value": round(self.value, 6), "dice": round(self.dice, 6)}


def of_validation(network: Network, contract: Contract, folder: Path, batch_size: int) -> Threshold:
    """The best one for the validation images of an ingested folder, with their Dice.

    Of more than `IMAGES` images every second, third ... is looked at. Without any the
    contract's threshold stays, and Dice is NaN.
    """
    frame = manifest.read(folder)
    rows = frame[frame.split == "validation"]
    rows = rows.iloc[:: -(-len(rows) // IMAGES) or 1]
    if rows.empty:
        return Threshold("no validation images", contract.threshold, np.nan)
    pairs = manifest.read_pairs(folder, rows)
    total = np.zeros(256)
    for alpha, truth in predict_split(network, contract, pairs, batch_size):
        total += dice_curve(histograms(alpha, truth))
    best = best_threshold(total)
    return Threshold(f"{len(rows)} validation images", best / 255, total[best] / len(rows))


def compared(
    own: float, own_dice: float, chosen: Threshold, dice: np.ndarray
) -> Mapping[str, Threshold]:
    """Name in files -> threshold with the test images' Dice there.

    Args:
        own: of the contract, at which the test images have `own_dice`.
        chosen: see `of_validation`.
        dice: float `(256,)` of the test images, see `calibration.Calibration`.
    """
    found = {"model": Threshold("model.threshold", own, own_dice)}
    if not np.isnan(chosen.dice):
        on_test = float(dice[round(chosen.value * 255)])
        found["validation"] = Threshold(chosen.by, chosen.value, on_test)
    best = best_threshold(dice)
    found["test"] = Threshold("these images, for orientation", best / 255, float(dice[best]))
    return found
