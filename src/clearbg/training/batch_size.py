"""How many images at once: a number for `train.batch_size: auto`, found by steps on trial."""

import dataclasses
import time
from pathlib import Path

import torch
from lightning_fabric import Fabric

from clearbg import config
from clearbg.system.files import write_text
from clearbg.training.adversarial import Adversarial
from clearbg.training.supervised import Supervised

SMALL = 8  # images at once on the CPU, where no memory limit asks for a number
SPARE = 0.9  # share of the GPU's memory that a batch may fill
MULTIPLE = 8


def largest_batch(settings: config.Settings, size: int, most: int) -> int:
    """The most images of `size`×`size` whose training step fits into the GPU's memory.

    Steps on random data are tried with growing batches; on the CPU it is `SMALL`.
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


def with_batch_size(settings: config.Settings, folder: Path, images: int) -> config.Settings:
    """The settings with a number for `train.batch_size: auto`; a restart takes the same one.

    Args:
        folder: the checkpoint's, which remembers the number.
        images: of the training split; a batch holds no more.
    """
    if settings.train.batch_size != "auto":
        return settings
    known = folder / "batch_size.txt"
    if known.is_file():
        batch = int(known.read_text())
    else:
        size = max((int(size) for _, size in settings.train.sizes or ()), default=0)
        batch = largest_batch(settings, size or settings.transform.crop, images)
        write_text(known, f"{batch}\n")
    own = settings.train.model_copy(update={"batch_size": batch})
    return dataclasses.replace(settings, train=own)


def _fits(settings: config.Settings, size: int, batch: int) -> bool:
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.reset_peak_memory_stats()
    try:
        timed(settings, size, batch, steps=2)
    except torch.cuda.OutOfMemoryError:
        return False
    finally:
        torch.cuda.empty_cache()
    return torch.cuda.max_memory_reserved() < SPARE * total


def timed(settings: config.Settings, size: int, batch: int, steps: int) -> float:
    """Seconds of a training step on random images, after one that is not counted."""
    fabric = Fabric(
        accelerator=settings.train.accelerator, devices=1, precision=settings.train.precision
    )
    own = settings.train.model_copy(update={"compile": "off", "init_from": None, "freeze": []})
    chosen = dataclasses.replace(settings, train=own)
    kind = Adversarial if settings.train.method == "adversarial" else Supervised
    method = kind(fabric, chosen)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(batch, len(settings.model.mean), size, size, generator=generator)
    alpha = (torch.rand(batch, 1, size, size, generator=generator) > 0.5).float()
    images, alpha = images.to(fabric.device), alpha.to(fabric.device)
    start = 0.0
    for step in range(steps + 1):
        method.set_rate(0, 10, 0)
        losses = method.step(images, alpha)
        if step == 0:
            float(losses["loss"])  # the device has finished
            start = time.monotonic()
    float(losses["loss"])
    return (time.monotonic() - start) / steps
