"""How sure a figure over images is: the interval that a bootstrap of groups of images gives.

Images of one group (one person, one page, near-duplicates) are alike, so that groups are drawn, not
images: many images of few subjects tell little.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from scipy import stats

from clearbg.metrics.names import Protocol
from clearbg.metrics.scoring import Scores

DRAWS, SEED, CONFIDENCE = 2000, 0, 0.95
CURVES = {"max_f": "f_curve", "mean_f": "f_curve", "max_e": "e_curve", "mean_e": "e_curve"}
"""Saliency's figures that come from curves over 256 thresholds, averaged over images first."""


@dataclass(frozen=True)
class Draws:
    """Groups of images, drawn with replacement.

    Attributes:
        groups: int `(n,)`: images of one number are drawn together.
        weights: float `(DRAWS,n)`: how often each draw holds each image.
    """

    groups: np.ndarray
    weights: np.ndarray


def draw(groups: Sequence[str]) -> Draws:
    """Draw groups of images; the same groups give the same draws.

    Args:
        groups: the name of every image's group.
    """
    numbers, names = pd.factorize(np.asarray(groups))
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    return Draws(numbers, drawn[:, numbers].astype(float))


def _alone(count: int) -> Draws:
    return draw([str(number) for number in range(count)])


def contributions(scores: Sequence[Scores], metric: str, protocol: Protocol = "raw") -> np.ndarray:
    """What each image adds to a metric's figure, float `(n,k)`; NaN where it has no value.

    The figure is the largest of the k averages over images: a metric such as Dice has k = 1,
    max F its curve over 256 thresholds.

    Args:
        protocol: by which the images were scored; it counts for saliency's metrics alone.
    """
    if metric == "empty_alpha":
        return np.array(
            [[s.plain["mean_alpha"] if s.plain["empty"] else np.nan] for s in scores], dtype=float
        )
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


def estimate(
    values: np.ndarray, draws: Draws | None = None, confidence: float = CONFIDENCE
) -> tuple[float, float, float]:
    """The figure of `contributions`, and the ends of its interval.

    Args:
        draws: None: each image is a group of its own.
    """
    draws = draws or _alone(len(values))
    known = ~np.isnan(values).any(axis=1)
    groups = len(np.unique(draws.groups[known]))
    low, high = interval(figures(values, draws.weights, known), confidence, groups)
    return figure(values), low, high


def figure(values: np.ndarray) -> float:
    """The figure of `contributions` over all images; NaN where none has a value."""
    known = ~np.isnan(values).any(axis=1)
    return float(figures(values, np.ones((1, len(values))), known)[0]) if known.any() else np.nan


def intervals(
    scores: Sequence[Scores], groups: Sequence[str], metrics: Iterable[str]
) -> dict[str, dict[str, float]]:
    """Metric -> "low" and "high", the ends of its 95 % interval.

    A metric that fewer than two groups have a value for is left out.
    """
    draws, found = draw(groups), {}
    first = cast(Protocol, next(iter(scores[0].saliency), "raw"))
    for metric in metrics:
        _, low, high = estimate(contributions(scores, metric, first), draws)
        if np.isfinite(low + high):
            found[metric] = {"low": low, "high": high}
    return found


def figures(values: np.ndarray, weights: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The figure that each draw gives, float `(b,)`.

    Args:
        values: float `(n,k)`, see `contributions`.
        weights: float `(b,n)`, how often each draw holds each image.
        known: bool `(n,)`, the images with a value.
    """
    weights = weights if known.all() else weights[:, known]
    with np.errstate(invalid="ignore"):  # a draw may hold none of them
        return ((weights @ values[known]) / weights.sum(axis=1, keepdims=True)).max(axis=1)


def interval(
    drawn: np.ndarray, confidence: float, groups: int, together: int = 1
) -> tuple[float, float]:
    """The interval of bootstrapped figures: percentiles, widened for few groups.

    A bootstrap of n groups is too narrow by the factor √((n-1)/n), and takes the normal for
    Student's distribution; the expanded percentiles undo both (Hesterberg 2015, "What Teachers
    Should Know About the Bootstrap", section 5.3). Fewer than two groups say nothing.

    Args:
        together: intervals that all hold with this confidence (Bonferroni's correction). Tails of
            several are thinner than the draws of few groups can tell, so that only the standard
            error is theirs, and Student's distribution gives the tails.
    """
    if groups < 2:
        return -np.inf, np.inf
    tail = (1 - confidence) / 2 / together
    reach = stats.t.ppf(1 - tail, groups - 1) * np.sqrt(groups / (groups - 1))
    if together > 1:
        middle, error = np.nanmean(drawn), np.nanstd(drawn)
        return float(middle - reach * error), float(middle + reach * error)
    tail = stats.norm.cdf(-reach)
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
