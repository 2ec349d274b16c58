"""How many images at once: a number for `train.batch_size: auto`, found by steps on trial."""

import dataclasses
from pathlib import Path

import torch
from lightning_fabric import Fabric

from clearbg import config
from clearbg.errors import SettingsError
from clearbg.system.files import write_text
from clearbg.training.trial import Trial

SMALL = 8  # images at once on the CPU, where no memory limit asks for a number
SPARE = 0.9  # share of the GPU's memory that a batch may fill
MULTIPLE = 8


def largest_batch(settings: config.Settings, size: int, most: int) -> int:
    """The most images of `size`×`size` whose training step fits into the GPU's memory.

    A step is made of `train.accumulate` parts. Steps on random data are tried with growing
    batches; on the CPU it is `SMALL`.
    """
    if not torch.cuda.is_available() or settings.train.accelerator == "cpu":
        return min(SMALL, most)
    fits, batch = 1, MULTIPLE
    while batch <= most and _fits(settings, size, batch):
        fits, batch = batch, 2 * batch
    low, high = fits, min(batch, most + 1)
    while high - low > MULTIPLE:
        middle = (low + high) // 2 // MULTIPLE * MULTIPLE
        low, high = (middle, high) if _fits(settings, size, middle) else (low, middle)
    return max(1, low)


def chosen_batch(settings: config.Settings, images: int) -> int:
    """The number for `train.batch_size: auto`, with so many images in the training split."""
    alone = settings.train.model_copy(update={"accumulate": 1})
    sizes = [int(size) for _, size in settings.train.sizes or ()] or [settings.transform.crop]
    return largest_batch(dataclasses.replace(settings, train=alone), max(sizes), images)


def with_batch_size(
    settings: config.Settings, folder: Path, images: int, fabric: Fabric
) -> config.Settings:
    """The settings with a number for `train.batch_size: auto`; a restart takes the same one.

    Args:
        folder: the checkpoint's, which remembers the number.
        images: of the training split; the batches of all processes hold no more.
        fabric: launched; its first process tries what fits, and all take that.

    Raises:
        SettingsError: batch norm would see a single image.
    """
    if settings.model.norm == "batch" and images == 1:
        raise SettingsError(
            "the training split has one image, which leaves batch norm nothing to average over: "
            "add images, or set model.norm to group or frozen."
        )
    if settings.train.batch_size != "auto":
        return settings
    batch = 0
    with fabric.rank_zero_first():
        if fabric.is_global_zero:
            batch = _remembered(settings, folder, max(1, images // fabric.world_size))
    batch = fabric.broadcast(batch)
    if settings.model.norm == "batch" and batch == 1:
        raise SettingsError(
            "train.batch_size = auto finds room for one image, which leaves batch norm nothing to "
            "average over: set model.norm to group or frozen, or lower transform.crop."
        )
    own = settings.train.model_copy(update={"batch_size": batch})
    return dataclasses.replace(settings, train=own)


def _remembered(settings: config.Settings, folder: Path, images: int) -> int:
    known = folder / "batch_size.txt"
    if known.is_file():
        return int(known.read_text())
    batch = chosen_batch(settings, images)
    write_text(known, f"{batch}\n")
    return batch


def _fits(settings: config.Settings, size: int, batch: int) -> bool:
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.reset_peak_memory_stats()
    try:
        Trial(settings).seconds(size, batch, most=1)
    except torch.cuda.OutOfMemoryError:
        return False
    finally:
        torch.cuda.empty_cache()
    return torch.cuda.max_memory_reserved() < SPARE * total
