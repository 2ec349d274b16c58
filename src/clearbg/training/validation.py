"""Losses and metrics on the validation split, at the working size."""

from collections.abc import Iterable

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader, Dataset

from clearbg import config
from clearbg.data.dataset import Pairs, Place, loader
from clearbg.metrics import scoring
from clearbg.metrics.names import families_of
from clearbg.metrics.on_device import METRICS, DeviceScores
from clearbg.training import processes
from clearbg.training.methods import Method

LOSSES = {"loss"}  # a loss too can select


def validate(
    fabric: Fabric, method: Method, split: DataLoader, settings: config.Settings
) -> dict[str, float]:
    """The method's losses, the metric of `train.select_by`, and those of hard masks.

    Every process measures its part of the split, see `batches`, and all get the same figures.
    """
    processes.share_statistics(fabric, method.measured)
    tally = Tally(settings)
    losses: list[tuple[int, dict[str, torch.Tensor]]] = []
    for images, alpha in split:
        predicted, values = method.validate(images, alpha)
        losses.append((len(images), values))
        tally.add(predicted, alpha)
    sums = {n: sum(c * float(v[n]) for c, v in losses) for n in losses[0][1]} if losses else {}
    parts = processes.gathered(fabric, (sum(count for count, _ in losses), sums))
    count, names = sum(part[0] for part in parts), parts[0][1]
    averages = {name: sum(part[1].get(name, 0.0) for part in parts) / count for name in names}
    return averages | tally.figures(fabric)


class ImageErrors:
    """Measures every training image without random changes, for `train.hard_examples`."""

    def __init__(self, fabric: Fabric, pairs: Pairs, settings: config.Settings):
        self.fabric, self.count = fabric, len(pairs)
        self.loader = batches(pairs.unchanged(), settings.train, fabric)

    def measure(self, method: Method) -> torch.Tensor:
        """The mean absolute error of each image's alpha, `(N,)` on the CPU, for all processes."""
        parts = []
        for images, alpha in self.loader:
            predicted, _ = method.validate(images, alpha)
            parts.append((predicted - alpha.to(predicted.device)).abs().mean((1, 2, 3)))
        errors = torch.zeros(self.count)
        of_processes = processes.gathered(
            self.fabric, torch.cat(parts).cpu() if parts else torch.zeros(0)
        )
        for rank, part in enumerate(of_processes):
            errors[rank :: self.fabric.world_size] = part
        return errors


class Tally:
    """Scores of one way to predict, of this process's batches and then of all.

    What counts of gray levels can tell is measured on the device; where `train.select_by` is
    another metric, its family by `clearbg.metrics.scoring`.
    """

    def __init__(self, settings: config.Settings):
        self.settings = settings
        self._counts = DeviceScores(settings.model.threshold)
        self._counting = settings.train.select_by in METRICS | LOSSES
        self._pairs: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, predicted: torch.Tensor, alpha: torch.Tensor) -> None:
        """Score a batch: what was predicted and the truth, float32 `(N,1,H,W)` in [0, 1]."""
        self._counts.add(predicted, alpha.to(predicted.device))
        if not self._counting:
            truth = (alpha * 255).round().byte().squeeze(1).cpu().numpy()
            self._pairs += zip(predicted.cpu().squeeze(1).numpy(), truth, strict=True)

    def figures(self, fabric: Fabric) -> dict[str, float]:
        """Averages over the images of all processes."""
        parts = processes.gathered(fabric, (self._counts.parts(), list(self._others())))
        figures = self._counts.of_parts([part[0] for part in parts]).summary()
        others = [score for part in parts for score in part[1]]
        return figures | (scoring.summarize(others) if others else {})

    def _others(self) -> Iterable:
        """Scores of the family of `train.select_by`, image by image."""
        if not self._pairs:
            return []
        families = families_of(self.settings.train.select_by)
        # Starting processes takes seconds, in which one scores some 100 small images.
        small = sum(truth.size for _, truth in self._pairs) < 4_000_000
        return scoring.score_all(
            self._pairs, families, self.settings.model.threshold, processes=1 if small else None
        )


def batches(pairs: Dataset, settings: config.Train, fabric: Fabric) -> DataLoader:
    """Batches of images and alpha in order: of several processes, each has every n-th image.

    A GPU is fed by `train.workers` processes, which stay. On a CPU nearly all of the time is the
    network's, and they would only take its cores and memory.
    """
    count, size = len(pairs), settings.batch  # type: ignore[arg-type]
    places: list[Place] = [(0, i) for i in range(fabric.global_rank, count, fabric.world_size)]
    groups = [places[first : first + size] for first in range(0, len(places), size)]
    return loader(pairs, groups, settings.workers if fabric.device.type == "cuda" else 0)
