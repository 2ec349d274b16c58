"""The field's saliency metrics, as its own code (pysodmetrics) computes them.

F-measure with β² = 0.3 (Achanta et al. 2009), weighted F (Margolin et al. 2014),
S-measure (Fan et al. 2017), E-measure (Fan et al. 2018), MAE (Perazzi et al. 2012).

Two protocols:

- `raw` scores the alpha as the model gives it. F-measures mean nothing without a subject, so
  images with an empty truth are left out of them and show in `empty_alpha` instead.
- `min_max` is what published tables hold: every prediction is first stretched to [0, 1] by
  its own minimum and maximum, and an empty truth counts as F = 0. The stretch turns the
  faintest noise of an empty scene into a full mask, so `raw` is what we select by.

The truth is cut at 128 of 255, as the field does; `alpha_mae` compares with the uncut truth.

S-measure is pysodmetrics' own. F and E are counted here, once for both, and weighted F is in a
module of its own, because its code finds the same histograms and distances again for each of them.
"""

import dataclasses
from array import array
from dataclasses import dataclass

import numpy as np

from clearbg.metrics import refuse_other_shape
from clearbg.metrics.segmentation import empty_alpha, histograms
from clearbg.metrics.weighted_f import weighted_f

BETA2 = 0.3
THRESHOLDS = np.arange(256) / 255
SCALARS = ("mae", "alpha_mae", "s_measure", "weighted_f", "adaptive_f", "adaptive_e")
CURVES = ("f_curve", "e_curve", "precision", "recall")


@dataclass(frozen=True)
class ImageScores:
    """Scores of one image; curves run over `THRESHOLDS`, ascending.

    Where the protocol gives an empty truth no F, its F-measures and curves are NaN.
    """

    mae: float
    alpha_mae: float
    mean_alpha: float
    empty: bool
    s_measure: float
    weighted_f: float
    adaptive_f: float
    adaptive_e: float
    f_curve: np.ndarray
    e_curve: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def row(self) -> dict[str, float | bool]:
        """The scalars of this image; `max_f` is at its own best threshold."""
        scalars = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.type in (float, bool)
        }
        return {**scalars, "max_f": self.f_curve.max(), "mean_f": self.f_curve.mean()}


def score(alpha: np.ndarray, truth: np.ndarray, protocol: str = "raw") -> ImageScores:
    """Score one prediction.

    Args:
        alpha: float `(H,W)` in [0, 1].
        truth: uint8 `(H,W)`, 0..255.
        protocol: "raw" or "min_max".

    Raises:
        ValueError: the shapes differ or the protocol is not known.
    """
    refuse_other_shape(alpha, truth)
    alpha = alpha.astype(np.float64)
    if protocol == "min_max":
        low, high = alpha.min(), alpha.max()
        alpha = (alpha - low) / (high - low) if high > low else alpha
    elif protocol != "raw":
        raise ValueError(f"protocol {protocol!r} is not known; allowed: raw, min_max")

    # Imported here: 1.5 s of scikit-image that training's first lines need not wait for.
    import py_sod_metrics as sod

    subject = truth > 128
    count, mean_alpha = int(np.count_nonzero(subject)), alpha.mean()
    empty = not count
    hits, wrong = _above(alpha, truth, min(2 * mean_alpha, 1))
    precision, recall, f = _f(hits, wrong, count)
    e = _e(hits, wrong, count, alpha.size)
    s_measure = sod.Smeasure().cal_sm(alpha, subject)
    margolin = weighted_f(alpha, subject)
    if empty and protocol == "raw":
        f = precision = recall = np.full(257, np.nan)
        margolin = np.nan
    return ImageScores(
        mae=float(np.abs(alpha - subject).mean()),
        alpha_mae=float(np.abs(alpha - truth / 255).mean()),
        mean_alpha=float(mean_alpha),
        empty=empty,
        s_measure=float(s_measure),
        weighted_f=float(margolin),
        adaptive_f=float(f[-1]),
        adaptive_e=float(e[-1]),
        f_curve=f[:-1],
        e_curve=e[:-1],
        precision=precision[:-1],
        recall=recall[:-1],
    )


def _above(alpha: np.ndarray, truth: np.ndarray, adaptive: float) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the subject and of the background at or above a threshold, int `(257,)` each.

    The thresholds are `THRESHOLDS`, and the adaptive one of the image at the end.

    Args:
        alpha: float64 `(H,W)` in [0, 1].
        truth: uint8 `(H,W)`.
    """
    background, subject = histograms(alpha, truth)[:, ::-1].cumsum(axis=1)[:, ::-1]
    above = alpha >= adaptive
    inside = np.count_nonzero(above & (truth > 128))
    outside = np.count_nonzero(above) - inside
    return np.append(subject, inside), np.append(background, outside)


def _f(
    hits: np.ndarray, wrong: np.ndarray, subject: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F, 0 where nothing is hit.

    Args:
        hits, wrong: see `_above`.
        subject: its pixels.
    """
    precision, recall = hits / np.maximum(hits + wrong, 1), hits / max(subject, 1)
    above = (1 + BETA2) * precision * recall
    return precision, recall, above / np.where(above == 0, 1, BETA2 * precision + recall)


def _e(hits: np.ndarray, wrong: np.ndarray, subject: int, pixels: int) -> np.ndarray:
    """E-measure; see `_f`. Of an empty truth, and of one that is all subject, it is the share of
    pixels that are right."""
    predicted, tiny = hits + wrong, np.spacing(1)
    if subject == 0:
        return (pixels - predicted) / (pixels - 1 + tiny)
    if subject == pixels:
        return predicted / (pixels - 1 + tiny)
    own, true = predicted / pixels, subject / pixels
    total = np.zeros(len(hits))
    for count, a, b in (
        (hits, 1 - own, 1 - true),
        (wrong, 1 - own, -true),
        (subject - hits, -own, 1 - true),
        (pixels - predicted - (subject - hits), -own, -true),
    ):
        aligned = 2 * (a * b) / (a**2 + b**2 + tiny)
        total += (aligned + 1) ** 2 / 4 * count
    return total / (pixels - 1 + tiny)


class Averages:
    """Averages over images that are scored one after the other.

    Of an image its scalars stay, and of all curves one sum each.
    """

    def __init__(self) -> None:
        self._scalars = {name: array("d") for name in (*SCALARS, "empty_alpha")}
        self._sums = {name: np.zeros(len(THRESHOLDS)) for name in CURVES}
        self._known = {name: np.zeros(len(THRESHOLDS), int) for name in CURVES}

    def add(self, one: ImageScores) -> None:
        """Count an image in."""
        for name in SCALARS:
            self._scalars[name].append(getattr(one, name))
        self._scalars["empty_alpha"].append(empty_alpha(vars(one)))
        for name in CURVES:
            curve = getattr(one, name)
            known = ~np.isnan(curve)
            self._sums[name] += np.where(known, curve, 0)
            self._known[name] += known

    def table(self) -> dict[str, float]:
        """The figures of a table row.

        `empty_alpha` is the mean alpha over images without a subject (0 is right); it is left
        out when there is no such image, and the F-measures when there is no other.
        """
        f, e = self._curve("f_curve"), self._curve("e_curve")
        table = {
            "max_f": f.max(),
            "mean_f": f.mean(),
            "adaptive_f": self._mean("adaptive_f"),
            "weighted_f": self._mean("weighted_f"),
            "mae": self._mean("mae"),
            "alpha_mae": self._mean("alpha_mae"),
            "s_measure": self._mean("s_measure"),
            "max_e": e.max(),
            "mean_e": e.mean(),
            "adaptive_e": self._mean("adaptive_e"),
            "empty_alpha": self._mean("empty_alpha"),
        }
        return {name: float(value) for name, value in table.items() if not np.isnan(value)}

    def curves(self) -> dict[str, np.ndarray]:
        """The averages at each of the 256 thresholds."""
        return {
            "threshold": THRESHOLDS,
            "f": self._curve("f_curve"),
            "precision": self._curve("precision"),
            "recall": self._curve("recall"),
        }

    def _mean(self, name: str) -> float:
        """Over the images that have a value; NaN when none has."""
        values = np.array(self._scalars[name])
        return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan

    def _curve(self, name: str) -> np.ndarray:
        with np.errstate(invalid="ignore"):  # no image has a value: NaN
            return self._sums[name] / self._known[name]
