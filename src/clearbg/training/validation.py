"""Losses and metrics on the validation split, at the working size."""

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader

from clearbg import config
from clearbg.data.dataset import Pairs
from clearbg.metrics import scoring
from clearbg.metrics.names import families_of
from clearbg.training.methods import Method


def validate(
    fabric: Fabric, method: Method, pairs: Pairs, settings: config.Settings
) -> dict[str, float]:
    """The method's losses, and the metrics of the family of `train.select_by` and of hard masks.

    Every process measures its part of the split, and all get the same figures.
    """
    losses: list[tuple[int, dict[str, torch.Tensor]]] = []
    results: list[tuple[np.ndarray, np.ndarray]] = []
    for images, alpha in batches(pairs, settings.train, fabric.global_rank, fabric.world_size):
        predicted, values = method.validate(images, alpha)
        losses.append((len(images), values))
        truth = (alpha * 255).round().byte().squeeze(1).numpy()
        results += zip(predicted.cpu().squeeze(1).numpy(), truth, strict=True)
    families = families_of(settings.train.select_by)
    # Starting processes takes seconds, in which one scores some 100 small images.
    small = sum(truth.size for _, truth in results) < 4_000_000
    scores = scoring.score_all(
        results, families, settings.model.threshold, processes=1 if small else None
    )
    sums = {n: sum(c * float(v[n]) for c, v in losses) for n in losses[0][1]} if losses else {}
    parts = gathered(fabric, (len(results), sums, list(scores)))
    count = sum(part[0] for part in parts)
    names = parts[0][1]
    averages = {name: sum(part[1].get(name, 0.0) for part in parts) / count for name in names}
    return averages | scoring.summarize([score for part in parts for score in part[2]])


def batches(pairs: Pairs, settings: config.Train, rank: int, processes: int) -> DataLoader:
    """Batches of images and alpha in order: of several processes, each has every n-th image."""
    places = [(0, index) for index in range(rank, len(pairs), processes)]
    size = settings.batch
    return DataLoader(
        pairs,
        batch_sampler=[places[first : first + size] for first in range(0, len(places), size)],
        num_workers=0,
    )


def gathered(fabric: Fabric, part: tuple) -> list[tuple]:
    """The parts of all processes, in their order."""
    if fabric.world_size == 1:
        return [part]
    parts: list = [None] * fabric.world_size
    torch.distributed.all_gather_object(parts, part)
    return parts
