"""The threshold of hard masks that is best on validation images, tried on the test images."""

import math
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
    """A threshold, and the figures of the test images at it.

    Attributes:
        by: who has chosen it, in words.
        f: saliency's F (β² = 0.3), the average over images with a subject; NaN: it was not scored.
    """

    by: str
    value: float
    dice: float
    f: float = np.nan

    def figures(self) -> dict[str, str | float]:
        """For metrics.json, in six digits as its other figures; without F where it is NaN."""
        found = {"value": self.value, "dice": self.dice, "f": self.f}
        rounded = {name: round(one, 6) for name, one in found.items() if not np.isnan(one)}
        return {"by": self.by, **rounded}


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
    own: float, own_dice: float, chosen: Threshold, dice: np.ndarray, f: np.ndarray | None = None
) -> Mapping[str, Threshold]:
    """Name in files -> threshold with the test images' figures there.

    Args:
        own: of the contract, at which the test images have `own_dice`. F there is that at the next
            of the 256 thresholds.
        chosen: see `of_validation`.
        dice: float `(256,)` of the test images, see `calibration.Calibration`.
        f: float `(256,)`, saliency's F of the alpha as it is, see `Evaluation.curves`; None: it
            was not scored.
    """
    curve = np.full(256, np.nan) if f is None else f

    def at(by: str, place: int) -> Threshold:
        return Threshold(by, place / 255, float(dice[place]), float(curve[place]))

    there = float(curve[min(255, math.ceil(own * 255))])
    found = {"model": Threshold("model.threshold", own, own_dice, there)}
    if not np.isnan(chosen.dice):
        found["validation"] = at(chosen.by, round(chosen.value * 255))
    found["test"] = at("these images by Dice, for orientation", best_threshold(dice))
    if np.isfinite(curve).any():
        found["max_f"] = at("these images by Fβ, where max Fβ is", best_threshold(curve))
    return found
