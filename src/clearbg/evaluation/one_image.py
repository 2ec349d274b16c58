"""One image at a time: all that an evaluation asks of it, in one call for a process of its own."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clearbg.contract import Contract
from clearbg.inference.predict import Network, predict_split
from clearbg.metrics import baselines, image_facts, scoring
from clearbg.metrics.segmentation import histograms

Predicted = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""Alpha, float `(H,W)` in [0, 1], its truth, uint8 `(H,W)`, and the image, uint8 `(H,W,3)` sRGB,
or None where only maps are known."""


@dataclass(frozen=True)
class OneImage:
    """What one image showed.

    Attributes:
        scores: of the prediction.
        masks: name -> scores of the masks that have not looked at the image.
        facts: what the image is like, see `clearbg.metrics.image_facts`.
        counts: pixels by gray level of alpha, see `segmentation.histograms`.
    """

    scores: scoring.Scores
    masks: Mapping[str, scoring.Scores]
    facts: Mapping[str, float]
    counts: np.ndarray


def look_at(
    alpha: np.ndarray,
    truth: np.ndarray,
    rgb: np.ndarray | None,
    families: Sequence[str],
    threshold: float,
    protocols: Sequence[str],
    mean_mask: np.ndarray | None,
) -> OneImage:
    """Score a prediction and the masks beside it; see `Predicted` and `baselines.score_beside`."""
    own, masks = baselines.score_beside(alpha, truth, families, threshold, protocols, mean_mask)
    known = image_facts.of_truth(truth) if rgb is None else image_facts.of_image(rgb, truth)
    return OneImage(own, masks, known, histograms(alpha, truth))


def predicted(
    network: Network,
    contract: Contract,
    pairs: Iterable[tuple[np.ndarray, np.ndarray]],
    batch_size: int = 1,
) -> Iterator[Predicted]:
    """`predict_split`, with the images: of a batch at a time."""
    waiting: deque[np.ndarray] = deque()

    def noted() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for rgb, truth in pairs:
            waiting.append(rgb)
            yield rgb, truth

    for alpha, truth in predict_split(network, contract, noted(), batch_size):
        yield alpha, truth, waiting.popleft()
