"""One way to score many images by several families of metrics at once.

Every image is scored by the segmentation family, so that all recipes can be compared by its
names; the others are asked for: saliency (by one or more protocols), matting, document.
"""

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearbg.metrics import refuse_other_shape, saliency
from clearbg.metrics.document import document
from clearbg.metrics.matting import matting
from clearbg.metrics.names import FAMILIES
from clearbg.metrics.segmentation import differences, empty_alpha, segmentation


@dataclass(frozen=True)
class Scores:
    """Scores of one image.

    Attributes:
        plain: name -> value of every family but saliency, with `mean_alpha` and `empty`; NaN
            where a metric has no value.
        saliency: protocol -> scores; nothing where the family was not asked for.
    """

    plain: dict[str, float | bool]
    saliency: dict[str, saliency.ImageScores]

    def row(self) -> dict[str, float | bool]:
        """All scalars of this image, saliency's by the first protocol."""
        first = next(iter(self.saliency.values()), None)
        return self.plain | (first.row() if first else {})


def score(
    alpha: np.ndarray,
    truth: np.ndarray,
    families: Sequence[str],
    threshold: float,
    protocols: Sequence[str] = ("raw",),
) -> Scores:
    """Score one image.

    Args:
        alpha: float `(H,W)` in [0, 1].
        truth: uint8 `(H,W)`, 0..255.
        families: keys of FAMILIES; segmentation is always among the scores.
        threshold: alpha from which a pixel belongs to a hard mask.
        protocols: of saliency, "raw" and "min_max"; the first one leads.

    Raises:
        ValueError: the shapes differ, or a family or protocol is not known.
    """
    if unknown := set(families) - FAMILIES.keys():
        raise ValueError(f"families {sorted(unknown)} are not known; known: {', '.join(FAMILIES)}")
    refuse_other_shape(alpha, truth)
    plain = differences(alpha, truth) | segmentation(alpha, truth, threshold)
    if "matting" in families:
        plain |= matting(alpha, truth)
    if "document" in families:
        plain |= document(alpha, truth, threshold)
    by_protocol = {}
    if "saliency" in families:
        by_protocol = {name: saliency.score(alpha, truth, name) for name in protocols}
    return Scores(plain, by_protocol)


def score_all(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]],
    families: Sequence[str],
    threshold: float,
    protocols: Sequence[str] = ("raw",),
    processes: int | None = None,
) -> Iterator[Scores]:
    """Score pairs of (alpha, truth), see `score`, in order, as they are offered.

    `processes` (None: all cores) score side by side; of an iterator of any length only a few
    pairs are in memory at a time.
    """
    return side_by_side(
        score,
        ((alpha, truth, families, threshold, protocols) for alpha, truth in pairs),
        processes,
    )


def side_by_side(
    scorer: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], processes: int | None = None
) -> Iterator[Any]:
    """What `scorer` gives for each of the arguments, in order; see `score_all`."""
    import joblib  # imported here: a training whose metrics the device counts needs none

    workers = joblib.Parallel(
        n_jobs=processes or os.cpu_count(), max_nbytes=None, return_as="generator"
    )
    return workers(joblib.delayed(scorer)(*given) for given in arguments)


class Averages:
    """Averages over images of all that was scored, one image after the other.

    Of an image its scalars stay, and of all curves one sum each. An image without a value is left
    out of that average.
    """

    def __init__(self, scores: Iterable[Scores] = ()):
        self._plain: dict[str, array[float]] = {}
        self._saliency: dict[str, saliency.Averages] = {}
        for one in scores:
            self.add(one)

    def add(self, scores: Scores) -> None:
        """Count an image in, scored by the same families and protocols as the others."""
        for name, value in _summand(scores.plain).items():
            self._plain.setdefault(name, array("d")).append(value)
        for protocol, one in scores.saliency.items():
            self._saliency.setdefault(protocol, saliency.Averages()).add(one)

    def by_protocol(self) -> dict[str, dict[str, float]]:
        """Protocol -> averages: the first has all names, the others saliency's.

        A name that no image has a value for is left out. `empty_alpha` is the mean alpha over
        images without a subject. Without saliency the one protocol is "raw". Where the first
        protocol stretches the prediction, so it does for its `mae`, `alpha_mae` and
        `empty_alpha`.

        Raises:
            ValueError: there are no scores.
        """
        if not self._plain:
            raise ValueError("there are no scores to average; score an image first")
        tables = {protocol: averages.table() for protocol, averages in self._saliency.items()}
        values = {name: np.array(numbers) for name, numbers in self._plain.items()}
        plain = {n: float(np.nanmean(v)) for n, v in values.items() if not np.isnan(v).all()}
        first = next(iter(tables), "raw")
        return {first: plain | tables.get(first, {})} | {
            protocol: table for protocol, table in tables.items() if protocol != first
        }

    def curves(self) -> dict[str, dict[str, np.ndarray]]:
        """Protocol -> averages over the 256 thresholds; nothing where saliency was not scored."""
        return {name: averages.curves() for name, averages in self._saliency.items()}


def summarize(scores: Iterable[Scores]) -> dict[str, float]:
    """The averages by the first protocol, see `Averages.by_protocol`."""
    return next(iter(Averages(scores).by_protocol().values()))


def _summand(plain: dict[str, float | bool]) -> dict[str, float]:
    """An image's values to average: its alpha counts as an error where there is no subject."""
    values = {name: v for name, v in plain.items() if name not in ("mean_alpha", "empty")}
    return values | {"empty_alpha": empty_alpha(plain)}
