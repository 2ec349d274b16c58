"""How sure a figure over images is: the interval that a bootstrap of the images gives."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from clearbg.metrics.scoring import Scores

DRAWS, SEED = 2000, 0
CURVES = {"max_f": "f_curve", "mean_f": "f_curve", "max_e": "e_curve", "mean_e": "e_curve"}
"""Saliency's figures that come from curves over 256 thresholds, averaged over images first."""


def contributions(scores: Sequence[Scores], metric: str) -> np.ndarray:
    """What each image adds to a metric's figure, float `(n,k)`; NaN where it has no value.

    The figure is the largest of the k averages over images: a metric such as Dice has k = 1,
    max F its curve over 256 thresholds.
    """
    if metric not in CURVES:
        return np.array([[score.row()[metric]] for score in scores], dtype=float)
    curves = np.stack([getattr(score.saliency["raw"], CURVES[metric]) for score in scores])
    return curves if metric.startswith("max_") else curves.mean(axis=1, keepdims=True)


def estimate(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float, float]:
    """The figure of `contributions`, and the ends of its interval; images are drawn one by one."""
    known = ~np.isnan(values).any(axis=1)
    count = len(values)
    rng = np.random.default_rng(SEED)
    draws = rng.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(float)
    low, high = interval(figures(values, draws, known), confidence, int(known.sum()))
    return float(figures(values, np.ones((1, count)), known)[0]), low, high


def figures(values: np.ndarray, draws: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The figure that each draw gives, float `(b,)`.

    Args:
        values: float `(n,k)`, see `contributions`.
        draws: float `(b,n)`, how often each draw holds each image.
        known: bool `(n,)`, the images with a value.
    """
    weights = draws if known.all() else draws[:, known]
    with np.errstate(invalid="ignore"):  # a draw may hold none of them
        return ((weights @ values[known]) / weights.sum(axis=1, keepdims=True)).max(axis=1)


def interval(drawn: np.ndarray, confidence: float, groups: int) -> tuple[float, float]:
    """The percentile interval of bootstrapped figures, widened for few groups.

    A bootstrap of n groups is too narrow by the factor √((n-1)/n), and takes the normal for
    Student's distribution; the expanded percentiles undo both (Hesterberg 2015, "What Teachers
    Should Know About the Bootstrap", section 5.3). Fewer than two groups say nothing.
    """
    if groups < 2:
        return -np.inf, np.inf
    reach = stats.t.ppf((1 + confidence) / 2, groups - 1) * np.sqrt(groups / (groups - 1))
    tail = stats.norm.cdf(-reach)
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
