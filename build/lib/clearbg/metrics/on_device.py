"""The metrics that need nothing but counts, gathered where the network computes.

They are those of `clearbg.metrics.scoring.summarize`, by the protocol "raw", to the last few
digits: the same definitions, on whole batches, in 64-bit floats and integers, without a copy of
any image to the CPU. All sums over pixels are of integers or in a fixed order, so that a rerun
gives equal bits.
"""

import numpy as np
import torch
from torch import Tensor

BETA2 = 0.3  # of the saliency F-measure, as in pysodmetrics
LEVELS = 256
METRICS = frozenset(
    {"max_f", "mean_f", "mae", "alpha_mae", "dice", "iou", "pixel_accuracy", "empty_alpha"}
)
"""What `DeviceScores.summary` knows."""


class DeviceScores:
    """Averages over images of `METRICS`, from batches on any device.

    Args:
        threshold: alpha from which a pixel belongs to a hard mask.
    """

    def __init__(self, threshold: float):
        self.threshold = threshold
        self._histograms: list[Tensor] = []
        self._plain: list[Tensor] = []

    def add(self, alpha: Tensor, truth: Tensor) -> None:
        """Score a batch.

        Args:
            alpha: float32 `(N,1,H,W)` in [0, 1].
            truth: float32 `(N,1,H,W)` in [0, 1], whole 255ths, on the same device.

        Raises:
            ValueError: the shapes differ.
        """
        if alpha.shape != truth.shape:
            raise ValueError(
                f"alpha is {tuple(alpha.shape)} and truth is {tuple(truth.shape)}; "
                "resize alpha first"
            )
        alpha, truth = alpha.detach().flatten(1), truth.detach().flatten(1)
        levels = (truth * 255).round()
        subject, predicted = levels > 128, alpha >= self.threshold
        exact = alpha.double()
        self._histograms.append(_histograms(exact, subject))
        both, either = (predicted & subject).sum(1), (predicted | subject).sum(1)
        self._plain.append(
            torch.stack(
                [
                    _ratio(2 * both, both + either),
                    _ratio(both, either),
                    (predicted == subject).double().mean(1),
                    (exact - subject.double()).abs().mean(1),
                    (exact - levels.double() / 255).abs().mean(1),
                    torch.where(subject.any(1), torch.nan, exact.mean(1)),
                ],
                dim=1,
            )
        )

    def parts(self) -> tuple[list[Tensor], list[Tensor]]:
        """What was added, on the CPU: for another process."""
        return [t.cpu() for t in self._histograms], [t.cpu() for t in self._plain]

    def of_parts(self, parts: list[tuple[list[Tensor], list[Tensor]]]) -> "DeviceScores":
        """Scores of all that these parts hold."""
        whole = DeviceScores(self.threshold)
        for histograms, plain in parts:
            whole._histograms += histograms
            whole._plain += plain
        return whole

    def summary(self) -> dict[str, float]:
        """The averages, by name.

        An image without a subject has no F-measure; a name that no image has a value for is
        left out.

        Raises:
            ValueError: nothing was added.
        """
        if not self._plain:
            raise ValueError("there are no scores to average; add a batch first")
        plain = torch.cat(self._plain).cpu().numpy()
        names = ("dice", "iou", "pixel_accuracy", "mae", "alpha_mae", "empty_alpha")
        table = {
            name: float(np.nanmean(values))
            for name, values in zip(names, plain.T)
            if not np.isnan(values).all()
        }
        f = _f_curves(torch.cat(self._histograms).cpu().numpy())
        if len(f):
            curve = f.mean(axis=0)
            table |= {"max_f": float(curve.max()), "mean_f": float(curve.mean())}
        return table


def _histograms(alpha: Tensor, subject: Tensor) -> Tensor:
    """Pixels by gray level of alpha, int `(N,2,256)`: of the background and of the subject."""
    count = len(alpha)
    level = (alpha * 255).long().clamp(0, LEVELS - 1)  # whatever a broken network gives
    bins = (torch.arange(count, device=alpha.device)[:, None] * 2 + subject) * LEVELS + level
    # Counts of integers are exact in any order, and allowed among deterministic algorithms.
    return bins.flatten().bincount(minlength=count * 2 * LEVELS).view(count, 2, LEVELS)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """`part / whole`; 1 of nothing: two empty masks agree."""
    return torch.where(whole > 0, part.double() / whole.clamp(min=1), 1.0)


def _f_curves(histograms: np.ndarray) -> np.ndarray:
    """F at 256 ascending thresholds, `(images with a subject, 256)`."""
    histograms = histograms[histograms[:, 1].any(axis=1)]
    background, subject = np.moveaxis(histograms[:, :, ::-1].cumsum(axis=2)[:, :, ::-1], 1, 0)
    precision = subject / np.maximum(background + subject, 1)
    recall = subject / subject[:, :1]
    numerator = (1 + BETA2) * precision * recall
    return numerator / np.where(numerator == 0, 1, BETA2 * precision + recall)
