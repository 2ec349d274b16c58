"""Which numbers differ between two samples of images, and whether that is more than chance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from clearbg.errors import DataError, SettingsError
from clearbg.removal.image_statistics import OF_ALPHA, OF_IMAGE

LEAST_SPREAD = {
    "width": 16.0,
    "height": 16.0,
    "brightness": 0.02,
    "contrast": 0.02,
    "saturation": 0.02,
    "sharpness": 0.005,
    "coverage": 0.02,
    "empty": 0.1,
    "soft_fraction": 0.01,
}
"""The least standard deviation to divide by, for training images that are nearly all alike."""


class TooFewError(DataError):
    """One side has too few images to judge by."""


@dataclass(frozen=True)
class Limits:
    """When a feature counts as drifted.

    Attributes:
        significance: the chance of a false alarm in one comparison, above 0 and up to 0.5.
        effect_size: the smallest change that matters, in standard deviations of the training
            images, 0 or more.
        min_samples: with fewer images on one side nothing is judged; 10 or more.

    Raises:
        SettingsError: a limit is out of its range.
    """

    significance: float = 0.05
    effect_size: float = 0.3
    min_samples: int = 50

    def __post_init__(self) -> None:
        if not 0 < self.significance <= 0.5:
            raise SettingsError(
                f"significance is {self.significance:g}: give a number above 0, up to 0.5."
            )
        if not self.effect_size >= 0:
            raise SettingsError(f"effect_size is {self.effect_size:g}: give 0 or more.")
        if self.min_samples < 10:
            raise SettingsError(f"min_samples is {self.min_samples}: give 10 or more.")


@dataclass(frozen=True, eq=False)
class Feature:
    """One number of the images on both sides.

    Attributes:
        training, recent: values, float64 `(n,)`.
        moved: the Wasserstein-1 distance between the two samples (the mean difference between
            their sorted values), in standard deviations of the training images.
        p: the p-value of the two-sample Kolmogorov-Smirnov test, or of Fisher's exact test when
            values are 0 and 1, times the number of features (Bonferroni).
        verdict: "drift"; "slight": more than chance, but too little to matter; or "same".
    """

    name: str
    training: np.ndarray
    recent: np.ndarray
    moved: float
    p: float
    verdict: Literal["drift", "slight", "same"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Every compared feature, and for the others the reason why they were left out."""

    features: tuple[Feature, ...]
    left_out: Mapping[str, str]
    limits: Limits

    @property
    def drifted(self) -> tuple[Feature, ...]:
        """The features that drifted; the one that moved most comes first."""
        found = [feature for feature in self.features if feature.verdict == "drift"]
        return tuple(sorted(found, key=lambda feature: -feature.moved))


def refuse_too_few(
    frame: pd.DataFrame, what: Literal["recent", "training"], limits: Limits
) -> None:
    """Refuse to judge by a handful of images.

    Raises:
        TooFewError: `frame` has fewer rows than `limits.min_samples`.
    """
    if len(frame) < limits.min_samples:
        raise TooFewError(
            f"{len(frame)} {what} images are too few to judge by, {limits.min_samples} are needed: "
            "collect more, or lower the least number (min samples)."
        )


def compare(
    training: pd.DataFrame,
    recent: pd.DataFrame,
    limits: Limits,
    left_out: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare every feature for which both sides have enough values.

    A feature drifts when its change is both more than chance (over all features together) and
    large enough to matter.

    Args:
        training, recent: one row for each image; columns as `image_statistics` names them.
        left_out: feature -> why it is not to be compared.

    Raises:
        TooFewError: there are too few rows to judge by.
    """
    refuse_too_few(recent, "recent", limits)
    refuse_too_few(training, "training", limits)
    left_out, samples = dict(left_out or {}), {}
    for name in OF_IMAGE + OF_ALPHA:
        if name in left_out:
            continue
        pair = tuple(frame[name].dropna().to_numpy(float) for frame in (training, recent))
        if min(map(len, pair)) < limits.min_samples:
            left_out[name] = f"known for only {min(map(len, pair))} images"
        else:
            samples[name] = pair
    features = [_compared(name, *pair, len(samples), limits) for name, pair in samples.items()]
    return Comparison(tuple(features), left_out, limits)


def _compared(
    name: str, training: np.ndarray, recent: np.ndarray, tests: int, limits: Limits
) -> Feature:
    moved = stats.wasserstein_distance(training, recent) / max(training.std(), LEAST_SPREAD[name])
    p = min(1.0, tests * _chance(name, training, recent))
    verdict = "same"
    if p <= limits.significance:
        verdict = "drift" if moved >= limits.effect_size else "slight"
    return Feature(name, training, recent, float(moved), float(p), verdict)


def _chance(name: str, training: np.ndarray, recent: np.ndarray) -> float:
    """The chance that two samples of one distribution differ as much as these."""
    if name == "empty":
        table = [[side.sum(), len(side) - side.sum()] for side in (training, recent)]
        return stats.fisher_exact(table).pvalue
    return stats.ks_2samp(training, recent, method="asymp").pvalue
