"""A model's scores by one metric, image by image: what comparisons and the promotion gate need."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from clearbg.contract import Contract
from clearbg.evaluation.one_image import edges_of, predicted
from clearbg.inference.predict import Network
from clearbg.metrics import bootstrap, boundary, halo, image_facts, scoring
from clearbg.metrics.names import FAMILIES, families_of
from clearbg.metrics.segmentation import empty_alpha
from clearbg.system.progress import progress

ON_OUTLINES = (
    "boundary_iou", *(f"boundary_f_{distance}" for distance in boundary.DISTANCES), "hce",
    *(f"halo_{background}" for background in halo.BACKGROUNDS),
)  # fmt: skip
"""Metrics along a subject's outline: an image without a subject has no value."""

METRICS = (*(name for names in FAMILIES.values() for name in names), *ON_OUTLINES)
"""All metrics that models can be scored by."""


@dataclass(frozen=True)
class Scored:
    """One model's scores, in the images' order; NaN where an image has no value.

    Attributes:
        values: float `(n,k)`, see `clearbg.metrics.bootstrap.contributions`.
        own: float `(n,)`: each image's own value.
        empty_alpha: float `(n,)`: mean alpha where there is no subject.
        facts: a row an image: what it is like, if that was asked for, and whether it is `empty`;
            see `clearbg.metrics.slices`.
        figures: metric -> average, as `evaluate` prints it, of the metrics scored beside.
    """

    values: np.ndarray
    own: np.ndarray
    empty_alpha: np.ndarray
    facts: pd.DataFrame
    figures: Mapping[str, float]


def score_by(
    metric: str,
    network: Network,
    contract: Contract,
    pairs: Iterable[tuple[np.ndarray, np.ndarray]],
    count: int,
    what: str,
    at_once: int = 1,
    facts: bool = True,
) -> Scored:
    """Score a model on every image, at the image's own size.

    Args:
        metric: one of `METRICS`.
        pairs: images, uint8 `(H,W,3)` sRGB, and truths, uint8 `(H,W)`.
        count: of them.
        what: a bar of progress is called.
        at_once: images in a run of the network.
        facts: whether to find out what each image is like, which takes some milliseconds.

    Raises:
        ValueError: the metric is not known, or there are no images.
    """
    families = () if metric in ON_OUTLINES else families_of(metric)
    given = (
        (alpha, truth, rgb, metric, families, contract.threshold, facts)
        for alpha, truth, rgb in predicted(network, contract, pairs, at_once)
    )
    # Starting processes takes longer than scoring a handful of images.
    found = scoring.side_by_side(_look_at, given, 1 if count < 8 else None)
    looked = list(progress(found, what=what, unit="images", total=count))
    scores = [one.scores for one in looked]
    rows = pd.DataFrame([score.row() for score in scores])
    if metric in ON_OUTLINES:
        values = np.array([[one.on_outline] for one in looked])
    else:
        values = bootstrap.contributions(scores, metric)
    return Scored(
        values=values,
        own=rows[metric].to_numpy(float) if metric in rows else values.max(axis=1),
        empty_alpha=np.array([empty_alpha(score.row()) for score in scores]),
        facts=pd.DataFrame([one.facts for one in looked]).assign(empty=rows["empty"]),
        figures={name: round(value, 6) for name, value in scoring.summarize(scores).items()},
    )


class _OneImage(NamedTuple):
    scores: scoring.Scores
    on_outline: float
    facts: dict[str, float]


def _look_at(
    alpha: np.ndarray,
    truth: np.ndarray,
    rgb: np.ndarray,
    metric: str,
    families: Sequence[str],
    threshold: float,
    facts: bool,
) -> _OneImage:
    scores = scoring.score(alpha, truth, families, threshold)
    value = np.nan
    if metric in ON_OUTLINES and not scores.plain["empty"]:
        if metric == "hce":
            value = boundary.corrections(alpha, truth, threshold)
        else:
            halos = metric.startswith("halo_")
            value = edges_of(alpha, truth, rgb if halos else None, threshold)[metric]
    return _OneImage(scores, value, image_facts.of_image(rgb, truth) if facts else {})
