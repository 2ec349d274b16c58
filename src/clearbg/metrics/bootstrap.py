"""How sure a figure over images is: the interval that a bootstrap of the images gives."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from clearbg.metrics.names import Protocol
from clearbg.metrics.scoring import Scores

DRAWS, SEED = 2000, 0
CURVES = {"max_f": "f_curve", "mean_f": "f_curve", "max_e": "e_curve", "mean_e": "e_curve"}
"""Saliency's figures that come from curves over 256 thresholds, averaged over images first."""


def contributions(scores: Sequence[Scores], metric: str, protocol: Protocol = "raw") -> np.ndarray:
    """What each image adds to a metric's figure, float `(n,k)`; NaN where it has no value.

    The figure is the largest of the k averages over images: a metric such as Dice has k = 1,
    max F its curve over 256 thresholds.

    Args:
        protocol: by which the images were scored; it counts for saliency's metrics alone.
    """
    if metric not in CURVES:
        rows = [
            score.plain | score.saliency[protocol].row()
            if protocol in score.saliency
            else score.row()
            for score in scores
        ]
        return np.array([[row[metric]] for row in rows], dtype=float)
    curves = np.stack([getattr(score.saliency[protocol], CURVES[metric]) for score in scores])
    return curves if metric.startswith("max_") else curves.mean(axis=1, keepdims=True)


def estimate(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float, float]:
    """The figure of `contributions`, and the ends of its interval; images are drawn one by one."""
    known = ~np.isnan(values).any(axis=1)
    low, high = interval(figures(values, _draws(len(values)), known), confidence, known.sum())
    return figure(values), low, high


def difference(
    values: np.ndarray, others: np.ndarray, confidence: float = 0.95
) -> tuple[float, float, float]:
    """How far the figure of `values` is above that of `others`, and the ends of its interval.

    Args:
        values, others: `contributions` of the same images, which are drawn together.
    """
    known = ~(np.isnan(values).any(axis=1) | np.isnan(others).any(axis=1))
    draws = _draws(len(values))
    drawn = figures(values, draws, known) - figures(others, draws, known)
    low, high = interval(drawn, confidence, known.sum())
    return figure(values) - figure(others), low, high


def figure(values: np.ndarray) -> float:
    """The figure of `contributions`, over the images that have a value; NaN without any."""
    known = ~np.isnan(values).any(axis=1)
    return float(figures(values, np.ones((1, len(values))), known)[0])


def _draws(count: int) -> np.ndarray:
    """How often each draw holds each of `count` images, float `(DRAWS,count)`."""
    rng = np.random.default_rng(SEED)
    return rng.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(float)


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
