"""One image at a time: all that an evaluation asks of it, in one call for a process of its own."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clearbg.contract import Contract
from clearbg.images.foreground import foreground
from clearbg.inference.predict import Network, predict_split
from clearbg.metrics import baselines, boundary, halo, image_facts, scoring
from clearbg.metrics.calibration import reliability
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
        edges: metric -> value along the outline; none where there is no subject.
        counts: pixels by gray level of alpha, see `segmentation.histograms`.
        reliability: what it adds to the bins of alpha, see `calibration.reliability`.
    """

    scores: scoring.Scores
    masks: Mapping[str, scoring.Scores]
    facts: Mapping[str, float]
    edges: Mapping[str, float]
    counts: np.ndarray
    reliability: np.ndarray


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
    edges = {}
    if not own.plain["empty"]:
        edges = edges_of(alpha, truth, rgb, threshold)
        if "document" not in families:  # nobody clicks ink right, and a page has much of it
            edges["hce"] = boundary.corrections(alpha, truth, threshold)
    counts = histograms(alpha, truth)
    return OneImage(own, masks, known, edges, counts, reliability(alpha, truth))


def edges_of(
    alpha: np.ndarray, truth: np.ndarray, rgb: np.ndarray | None, threshold: float
) -> dict[str, float]:
    """Boundary IoU, boundary F, and with an image the halo; see `Predicted`.

    The subject's colors are estimated as `clearbg remove` does, with the prediction and with the
    truth, as nobody knows the true ones of a photograph.
    """
    found = {
        "boundary_iou": boundary.boundary_iou(alpha, truth, threshold),
        **boundary.boundary_f(alpha, truth, threshold),
    }
    if rgb is None:
        return found
    own, true = (foreground(rgb, mask) for mask in (alpha, truth))
    return found | halo.halo(alpha, own, truth, true)


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
