"""How sure a figure over images is: the interval that a bootstrap of groups of images gives.

Images of one group (one person, one page, near-duplicates) are alike, so that groups are drawn, not
images: many images of few subjects tell little.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from clearbg.metrics.names import Protocol
from clearbg.metrics.scoring import Scores
from clearbg.metrics.segmentation import empty_alpha

DRAWS, SEED, CONFIDENCE = 2000, 0, 0.95
AT_ONCE = 2**18
"""Images times draws that are looked at together, 2 MB."""
CURVES = {"max_f": "f_curve", "mean_f": "f_curve", "max_e": "e_curve", "mean_e": "e_curve"}
"""Saliency's figures that come from curves over 256 thresholds, averaged over images first."""


@dataclass(frozen=True)
class Draws:
    """Groups of images, drawn with replacement.

    Attributes:
        groups: int `(n,)`: images of one number are drawn together.
        counts: uint8 `(DRAWS,g)`: how often each draw holds each group.
    """

    groups: np.ndarray
    counts: np.ndarray

    def weights(self, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """How often each draw holds each image, float `(b,n)`, some draws at a time.

        Args:
            rows: bool `(n,)`: of these images alone; None: of all.
        """
        groups = self.groups if rows is None else self.groups[rows]
        at_once = max(1, AT_ONCE // max(1, len(groups)))
        for start in range(0, DRAWS, at_once):
            yield self.counts[start : start + at_once, groups].astype(float)


def draw(groups: Sequence[str]) -> Draws:
    """Draw groups of images; the same groups give the same draws.

    Args:
        groups: the name of every image's group.
    """
    numbers, names = pd.factorize(np.asarray(groups))
    rng, share = np.random.default_rng(SEED), np.full(len(names), 1 / len(names))
    # On average a draw holds a group once; more than 255 times does not happen.
    counts = np.empty((DRAWS, len(names)), np.uint8)
    for one in counts:
        one[:] = rng.multinomial(len(names), share)
    return Draws(numbers, counts)


def _alone(count: int) -> Draws:
    return draw([str(number) for number in range(count)])


def contribution(score: Scores, metric: str, protocol: Protocol = "raw") -> np.ndarray:
    """What an image adds to a metric's figure, float `(k,)`; NaN where it has no value.

    The figure is the largest of the k averages over images: a metric such as Dice has k = 1,
    max F its curve over 256 thresholds.

    Args:
        protocol: by which the image was scored; it counts for saliency's metrics alone.
    """
    if metric == "empty_alpha":
        return np.array([empty_alpha(score.plain)])
    if metric in CURVES:
        curve = getattr(score.saliency[protocol], CURVES[metric])
        return curve if metric.startswith("max_") else curve.mean(keepdims=True)
    one = score.saliency.get(protocol)
    return np.array([(score.plain | one.row() if one else score.row())[metric]], dtype=float)


def contributions(scores: Iterable[Scores], metric: str, protocol: Protocol = "raw") -> np.ndarray:
    """Of each image, float `(n,k)`; see `contribution`."""
    return np.stack([contribution(score, metric, protocol) for score in scores])


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
    low, high = interval(figures(values, draws, known), confidence, groups)
    return figure(values), low, high


def figure(values: np.ndarray) -> float:
    """The figure of `contributions` over all images; NaN where none has a value."""
    known = ~np.isnan(values).any(axis=1)
    return float(_figures(values[known], np.ones((1, known.sum())))[0]) if known.any() else np.nan


def intervals(values: Mapping[str, np.ndarray], draws: Draws) -> dict[str, dict[str, float]]:
    """Metric -> "low" and "high", the ends of its 95 % interval.

    A metric that fewer than two groups have a value for is left out.

    Args:
        values: metric -> what each image adds, see `contributions`.
    """
    found = {}
    for metric, added in values.items():
        _, low, high = estimate(added, draws)
        if np.isfinite(low + high):
            found[metric] = {"low": low, "high": high}
    return found


def figures(values: np.ndarray, draws: Draws, known: np.ndarray) -> np.ndarray:
    """The figure that each draw gives, float `(DRAWS,)`.

    Args:
        values: float `(n,k)`, see `contributions`.
        known: bool `(n,)`, the images with a value.
    """
    values = values if known.all() else values[known]
    return np.concatenate([_figures(values, weights) for weights in draws.weights(known)])


def _figures(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # a draw may hold none of them
        return ((weights @ values) / weights.sum(axis=1, keepdims=True)).max(axis=1)


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
