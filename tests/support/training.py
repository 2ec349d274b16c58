"""Trainings that are short, and can be killed."""

from pathlib import Path

import pandas as pd
import torch

from clearbg import config
from clearbg.data.dataset import Pairs
from clearbg.training import checkpoints, loop


class Killed(Exception):
    pass


class KilledAt(checkpoints.Checkpoint):
    """Ends the run right after its n-th checkpoint, as a power cut would."""

    def __init__(self, folder, number: int):
        super().__init__(folder)
        self.left = number

    def save(self, method, progress):
        super().save(method, progress)
        self.left -= 1
        if not self.left:
            raise Killed


def fit(folder: Path, checkpoint: checkpoints.Checkpoint, settings: config.Settings):
    """Train on an augmented folder; the method, the progress and a table after every epoch."""
    tables = []
    pairs = [Pairs(folder, split, settings) for split in ("train", "validation")]
    method, progress = loop.fit(
        loop.launch(settings.train),
        settings,
        *pairs,
        checkpoint,
        lambda _, progress: tables.append(pd.DataFrame(progress.history)),
    )
    return method, progress, tables


def same(first: dict, second: dict) -> bool:
    """Whether two state dicts hold equal tensors."""
    return all(torch.equal(value, second[name]) for name, value in first.items())
