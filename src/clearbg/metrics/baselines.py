"""Masks that have not looked at the image: a model that does not beat them has learned nothing.

The mean mask is the average alpha of the training split, resized to each image. The other two say
"subject" and "background" everywhere; the last one is hard to beat by an error where subjects are
small.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from clearbg.images import resize
from clearbg.metrics import scoring
from clearbg.metrics.names import LOWER_IS_BETTER, SHOWN, label

NAMES = {
    "mean_mask": "mean mask",
    "all_subject": "all-subject mask",
    "no_subject": "empty mask",
}
"""Name in tables and files -> the mask in a sentence."""

REMEDY = (
    "it has learned nothing of use; train longer, lower train.lr, or look at the images and masks "
    "with `clearbg doctor`"
)

Figures = Mapping[str, float]
"""Metric -> average over images."""


@dataclass(frozen=True)
class Comparison:
    """A model beside the masks, on the same images.

    Attributes:
        metric: what they are compared by.
        model: its figure; NaN where it has none.
        masks: name -> figure, of the masks that were scored.
    """

    metric: str
    model: float
    masks: Figures

    @property
    def beats_baselines(self) -> bool:
        """Whether the model is better than every mask; a tie is none."""
        return not self._unbeaten()

    def shown(self, digits: int = 4) -> str:
        """The masks' figures in a few words."""
        return ", ".join(f"{NAMES[name]} {value:.{digits}f}" for name, value in self.masks.items())

    def sentence(self, images: str) -> str:
        """How the model and the masks compare.

        Args:
            images: which ones, such as "validation images".
        """
        sign = -1 if self.metric in LOWER_IS_BETTER else 1
        rivals = self._unbeaten() or self.masks
        best = max(rivals, key=lambda name: sign * rivals[name], default=None)
        if best is None:
            return f"no mask was scored on the {images}"
        word = "does not beat" if self._unbeaten() else "beats"
        return (
            f"the model {word} the {NAMES[best]}, which looks at no image: {label(self.metric)} "
            f"{self.model:.4f} against {rivals[best]:.4f} on the {images}"
        )

    def warning(self, images: str) -> str:
        """For a terminal, what is wrong and what to do; empty where the model beats the masks."""
        if self.beats_baselines:
            return ""
        return f"warning: {self.sentence(images)}: {REMEDY}."

    def facts(self) -> dict[str, Any]:
        """Itself as JSON holds it."""
        return asdict(self)

    def figures(self) -> dict[str, Any]:
        """As the files of metrics hold it: the model's figure by its metric's name, the masks'."""
        return {self.metric: self.model, **self.masks, "beats_baselines": self.beats_baselines}

    def _unbeaten(self) -> Figures:
        sign = -1 if self.metric in LOWER_IS_BETTER else 1
        return {n: value for n, value in self.masks.items() if not sign * (self.model - value) > 0}


def compare(headline: str, model: Figures, masks: Mapping[str, Figures]) -> Comparison:
    """By the headline, or by the first metric for people where the model has no such figure.

    The loss is such a headline: a mask has none.
    """
    known = [name for name in (headline, *SHOWN) if name in model and name != "loss"]
    metric = known[0] if known else headline
    figures = {name: table[metric] for name, table in masks.items() if metric in table}
    return Comparison(metric, model.get(metric, float("nan")), figures)


def masks(shape: tuple[int, int], mean_mask: np.ndarray | None) -> dict[str, np.ndarray]:
    """Name -> alpha, float32 `(H,W)` in [0, 1].

    Args:
        mean_mask: float32 `(h,w)` in [0, 1]; None where it is not known, then it is left out.
    """
    constant = {
        "all_subject": np.ones(shape, np.float32),
        "no_subject": np.zeros(shape, np.float32),
    }
    if mean_mask is None:
        return constant
    return {"mean_mask": resize(mean_mask, shape).clip(0, 1), **constant}


def score(
    truth: np.ndarray, families: Sequence[str], threshold: float, mean_mask: np.ndarray | None
) -> dict[str, scoring.Scores]:
    """Score the masks on one image; see `masks` and `scoring.score`."""
    return {
        name: scoring.score(mask, truth, families, threshold)
        for name, mask in masks(truth.shape, mean_mask).items()
    }


def score_beside(
    alpha: np.ndarray,
    truth: np.ndarray,
    families: Sequence[str],
    threshold: float,
    protocols: Sequence[str],
    mean_mask: np.ndarray | None,
) -> tuple[scoring.Scores, dict[str, scoring.Scores]]:
    """A prediction scored by `scoring.score`, and the masks on the same image by "raw"."""
    own = scoring.score(alpha, truth, families, threshold, protocols)
    return own, score(truth, families, threshold, mean_mask)


def score_all(
    truths: Iterable[np.ndarray],
    families: Sequence[str],
    threshold: float,
    mean_mask: np.ndarray | None,
    processes: int | None = None,
) -> dict[str, dict[str, float]]:
    """Mask -> metric -> average over images, of truths uint8 `(H,W)`."""
    arguments = ((truth, families, threshold, mean_mask) for truth in truths)
    averages = Averages()
    for scores in scoring.side_by_side(score, arguments, processes):
        averages.add(scores)
    return averages.tables()


class Averages:
    """Averages over images of what `score` gives for them, one after the other."""

    def __init__(self) -> None:
        self._masks: dict[str, scoring.Averages] = {}

    def add(self, scores: Mapping[str, scoring.Scores]) -> None:
        """Count an image in."""
        for name, one in scores.items():
            self._masks.setdefault(name, scoring.Averages()).add(one)

    def tables(self) -> dict[str, dict[str, float]]:
        """Mask -> metric -> average."""
        return {name: next(iter(one.by_protocol().values())) for name, one in self._masks.items()}
