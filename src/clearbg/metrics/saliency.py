"""The field's saliency metrics, computed by its own code (pysodmetrics).

F-measure with β² = 0.3 (Achanta et al. 2009), weighted F (Margolin et al. 2014),
S-measure (Fan et al. 2017), E-measure (Fan et al. 2018), MAE (Perazzi et al. 2012).

Two protocols:

- `raw` scores the alpha as the model gives it. F-measures mean nothing without a subject, so
  images with an empty truth are left out of them and show in `empty_alpha` instead.
- `min_max` is what published tables hold: every prediction is first stretched to [0, 1] by
  its own minimum and maximum, and an empty truth counts as F = 0. The stretch turns the
  faintest noise of an empty scene into a full mask, so `raw` is what we select by.

The truth is cut at 128 of 255, as the field does; `alpha_mae` compares with the uncut truth.
"""

import dataclasses
import warnings
from array import array
from dataclasses import dataclass

import numpy as np

from clearbg.metrics import refuse_other_shape
from clearbg.metrics.weighted_f import weighted_f

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
    empty = not subject.any()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pysodmetrics deprecates its own Fmeasure class
        metrics = {
            "f": sod.Fmeasure(),
            "e": sod.Emeasure(),
            "s": sod.Smeasure(),
        }
        for metric in metrics.values():
            metric.step(alpha, subject, normalize=False)
    f, pr = metrics["f"].get_results()["fm"], metrics["f"].get_results()["pr"]
    e = metrics["e"].get_results()["em"]
    # pysodmetrics counts thresholds downwards from 255.
    f_curve, precision, recall = (np.flip(c) for c in (f["curve"], pr["p"], pr["r"]))
    margolin, adaptive_f = weighted_f(alpha, subject), f["adp"]
    if empty and protocol == "raw":
        f_curve = precision = recall = np.full(256, np.nan)
        margolin = adaptive_f = np.nan
    return ImageScores(
        mae=float(np.abs(alpha - subject).mean()),
        alpha_mae=float(np.abs(alpha - truth / 255).mean()),
        mean_alpha=float(alpha.mean()),
        empty=empty,
        s_measure=float(metrics["s"].get_results()["sm"]),
        weighted_f=float(margolin),
        adaptive_f=float(adaptive_f),
        adaptive_e=float(e["adp"]),
        f_curve=f_curve,
        e_curve=np.flip(e["curve"]),
        precision=precision,
        recall=recall,
    )


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
        self._scalars["empty_alpha"].append(one.mean_alpha if one.empty else np.nan)
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
