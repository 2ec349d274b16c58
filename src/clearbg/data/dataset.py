"""Images of the working size as tensors, with randomness that belongs to the image.

Every random choice is drawn from (seed, epoch, index): the same images come out for any
number of loading processes, and a run that was killed goes on in the middle of an epoch.
"""

import contextlib
import copy
import functools
import multiprocessing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors

from clearbg import config
from clearbg.data import baselines, manifest
from clearbg.data.cache import Mode, cached
from clearbg.data.transforms import Normalize, to_channels, training_transform
from clearbg.data.warp import array, tensor
from clearbg.errors import DataError
from clearbg.images import resize

Place = tuple[int, int] | tuple[int, int, int]
"""(epoch, index) of an item, or (epoch, index, size)."""


class Pairs(Dataset):
    """One split of an augmented folder.

    Item `(epoch, index)` or `(epoch, index, size)` is `images (C,H,W)` float32, normalized, and
    `alpha (1,H,W)` float32 in [0, 1], whole 255ths; C is 3, or 1 where the model
    takes gray images. Training items are changed at random (see
    `clearbg.data.transforms`), others are not; then both are reduced to `size`×`size` pixels,
    where that is given, and the image is normalized.

    Args:
        folder: of the stage augment.
        split: its name.
        settings: the recipe.
        cache: whether to hold the decoded images in memory, see `clearbg.data.cache`.

    Raises:
        DataError: there are no such images.
    """

    def __init__(self, folder: Path, split: str, settings: config.Settings, cache: Mode = "off"):
        frame = manifest.read(folder)
        self.rows = frame[frame.split == split].to_dict("records")
        if not self.rows:
            raise DataError(f"{folder} holds no {split} images: check data.{split} and rerun.")
        self.folder, self.seed = folder, settings.train.seed
        self.pixels = cached(folder, self.rows, split, cache)
        self.gray = settings.model.gray
        self.transform = (
            training_transform(settings.transform, settings.augment.size, self.gray)
            if split == "train"
            else to_channels(self.gray)
        )
        self.normalize = Normalize(settings.model.mean, settings.model.std)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Place) -> tuple[Tensor, Tensor]:
        epoch, index, *size = place
        rgb, mask = self.read(index)
        image = tv_tensors.Image(torch.tensor(rgb).permute(2, 0, 1))
        alpha = tv_tensors.Mask(torch.tensor(mask).unsqueeze(0))
        with seeded(self.seed, epoch, index):
            image, alpha = self.transform(image, alpha)
        if size:
            image, alpha = (_resized(pixels, *size) for pixels in (image, alpha))
        return self.normalize(image), alpha.as_subclass(Tensor).float() / 255

    def unchanged(self) -> "Pairs":
        """The same images without random changes, at the size of the stage augment."""
        same = copy.copy(self)
        same.transform = to_channels(self.gray)
        return same

    @functools.cached_property
    def mean_mask(self) -> np.ndarray:
        """The mean alpha of the images as they are stored, uint8; see `clearbg.data.baselines`."""
        return baselines.mean(self._alpha(index) for index in baselines.chosen(len(self)))

    def _alpha(self, index: int) -> np.ndarray:
        if self.pixels is None:
            return manifest.read_alpha(self.folder, self.rows[index])
        return self.pixels.alpha[index]

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The image uint8 `(H,W,3)` and alpha uint8 `(H,W)` as they are stored."""
        if self.pixels is None:
            return manifest.read_pair(self.folder, self.rows[index])
        return self.pixels.images[index], self.pixels.alpha[index]


@contextlib.contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Seed torch's generator on the CPU inside; afterwards it goes on where it was."""
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would also reseed the accelerator's generator, which dropout uses.
        torch.default_generator.manual_seed(_key(*numbers))
        yield


def _resized(pixels: Tensor, side: int) -> Tensor:
    """uint8 `(C,H,W)` -> `(C,side,side)`, averaged where that reduces."""
    if pixels.shape[-2:] == (side, side):
        return pixels
    return tensor(resize(array(pixels), (side, side)))


def loader(pairs: Dataset, order: Iterable[list[Place]], workers: int) -> DataLoader:
    """Batches of `pairs` in an order that may change from epoch to epoch.

    Iterating it again asks `order` again, in this process, and goes on with the same workers:
    make one a training, for they take seconds to start.
    """
    options: dict[str, Any] = {}
    if workers:
        context = multiprocessing.get_context("forkserver")
        # One process imports torch and all the rest; the workers are copies of it.
        context.set_forkserver_preload([__name__])
        options = {
            "multiprocessing_context": context,
            "persistent_workers": True,
            "prefetch_factor": max(2, 8 // workers),
            "worker_init_fn": _one_thread,
        }
    return DataLoader(
        pairs,
        batch_sampler=order,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        **options,
    )


def _one_thread(_worker: int) -> None:
    """Keep OpenCV to one thread, since each process has a core of its own; torch does so itself."""
    cv2.setNumThreads(1)


def _key(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
