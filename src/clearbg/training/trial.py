"""Training steps on trial, on random images: their seconds and memory. Nothing of them is kept."""

import dataclasses
import time
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from clearbg import config
from clearbg.data.dataset import Place
from clearbg.system import memory
from clearbg.training.adversarial import Adversarial
from clearbg.training.launch import launch
from clearbg.training.methods import Method
from clearbg.training.supervised import Supervised
from clearbg.training.teacher import Pupil

LONG = 2.0  # seconds after which no further step is timed
FEW = 2  # images of the first step on a CPU
QUICK = 2**17  # pixels of a batch that any machine has room for
MOST = 3  # steps that are timed
ALONE: dict[str, Any] = {"devices": 1, "nodes": 1, "sync_batch_norm": False}
QUIET = {"compile": "off", "init_from": None, "lr": 1e-9}
"""The compiler takes minutes, weights a download; large rates could end in nan."""


class Trial:
    """A method of its own, on one device, with the sizes of the recipe's."""

    def __init__(self, settings: config.Settings):
        own = settings.train.model_copy(update=ALONE | QUIET)
        model = settings.model
        if model.pretrained:
            model = model.model_copy(update={"pretrained": False})
        self.settings = dataclasses.replace(settings, model=model, train=own)
        self.fabric = launch(own, alone=True)
        self.method = self._method()
        self._needed = 0

    def _method(self) -> Method:
        if self.settings.train.method == "adversarial":
            return Adversarial(self.fabric, self.settings)
        guide = None
        if self.settings.model.teacher_epochs:
            guide = Pupil(self.fabric, self.settings).encoder.eval().requires_grad_(False)
        return Supervised(self.fabric, self.settings, guide)

    def seconds(self, size: int, batch: int, most: int = MOST) -> float:
        """Seconds of a step on `batch` images of `size`×`size`, after one that is not counted.

        On a CPU, where a large batch could take minutes and the machine's memory, a step on `FEW`
        images is tried first; where the batch would take longer than `LONG`, that is multiplied.
        """
        if self.fabric.device.type == "cpu" and batch > FEW and batch * size**2 > QUICK:
            before = memory.held()
            few = self._timed(size, FEW, 1)
            scale = batch / FEW
            if before is not None and (peak := memory.peak()) is not None:
                self._needed = max(self._needed, int(before + scale * max(0, peak - before)))
            if few * scale > LONG:
                return few * scale
        return self._timed(size, batch, most)

    def _timed(self, size: int, batch: int, most: int) -> float:
        pair = random_images(batch, len(self.settings.model.mean), size)
        images, alpha = (tensor.to(self.fabric.device) for tensor in pair)
        self._steps(images, alpha, 1)
        first = self._steps(images, alpha, 1)
        left = min(most - 1, int(LONG / first) - 1)
        return min(first, self._steps(images, alpha, left) / left) if left > 0 else first

    def _steps(self, images: Tensor, alpha: Tensor, count: int) -> float:
        start = time.monotonic()
        for _ in range(count):
            self.method.set_rate(0, 10, 0)
            losses = self.method.step(images, alpha)
        float(losses["loss"])  # the device has finished
        return time.monotonic() - start

    def memory(self) -> int:
        """Bytes that this took at most: of the GPU's memory, or of the machine's."""
        if self.fabric.device.type == "cuda":
            return torch.cuda.max_memory_reserved(self.fabric.device)
        return max(self._needed, memory.peak() or 0)


class RandomPairs(Dataset):
    """So many random images with alpha, `size`×`size`."""

    def __init__(self, count: int, channels: int, size: int):
        self.images, self.alpha = random_images(count, channels, size)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, place: Place) -> tuple[Tensor, Tensor]:
        return self.images[place[1]], self.alpha[place[1]]


def random_images(count: int, channels: int, size: int) -> tuple[Tensor, Tensor]:
    """Images `(N,C,size,size)` in [0, 1] and alpha `(N,1,size,size)` of zeros and ones."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, channels, size, size, generator=generator)
    alpha = torch.rand(count, 1, size, size, generator=generator) > 0.5
    return images, alpha.float()
