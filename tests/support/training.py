"""Trainings that are short, and can be killed."""

from pathlib import Path

import pandas as pd
import torch

from clearbg import config
from clearbg.data import manifest
from clearbg.data.dataset import Pairs
from clearbg.images import write_image, write_mask
from clearbg.training import checkpoints, loop
from clearbg.training.launch import launch
from support.images import disc


class Killed(Exception):
    pass


class KilledAt(checkpoints.Checkpoint):
    """Ends the run right after its n-th checkpoint, as a power cut would."""

    def __init__(self, folder, number: int):
        super().__init__(folder)
        self.left = number

    def save(self, method, progress, wait=True):
        super().save(method, progress)
        self.left -= 1
        if not self.left:
            raise Killed


def fit(folder: Path, checkpoint: checkpoints.Checkpoint, settings: config.Settings):
    """Train on an augmented folder; the method, the progress and a table after every epoch."""
    tables = []
    pairs = [Pairs(folder, split, settings) for split in ("train", "validation")]
    method, progress = loop.fit(
        launch(settings.train),
        settings,
        *pairs,
        checkpoint,
        lambda _, progress: tables.append(pd.DataFrame(progress.history)),
    )
    return method, progress, tables


def same(first: dict, second: dict) -> bool:
    """Whether two state dicts hold equal tensors."""
    return all(torch.equal(value, second[name]) for name, value in first.items())


def write_augmented(folder: Path, validation: int = 4) -> Path:
    """An augmented folder: 12 training images and some for validation, 32×32."""
    rows = []
    for index in range(12 + validation):
        rgb, alpha = disc(index, (32, 32))
        image, mask = f"images/{index}.jpg", f"masks/{index}.png"
        write_image(folder / image, rgb)
        write_mask(folder / mask, alpha)
        split = "train" if index < 12 else "validation"
        rows.append({**dict.fromkeys(manifest.COLUMNS, ""), "id": str(index), "split": split,
                     "image": image, "mask": mask, "width": 32, "height": 32,
                     "status": "ok", "ingested_sha256": f"{index:064x}",
                     "phash": f"{index << 40:016x}"})  # fmt: skip
    manifest.write(rows, folder / "manifest.csv")
    return folder
