"""Images of the working size as tensors, with randomness that belongs to the image.

Every random choice is drawn from (seed, epoch, index): the same images come out for any
number of loading processes, and a run that was killed goes on in the middle of an epoch.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors

from clearbg import config
from clearbg.data import manifest
from clearbg.data.transforms import Normalize, to_channels, training_transform
from clearbg.errors import DataError


class Pairs(Dataset):
    """One split of an augmented folder.

    Item `(epoch, index)` is `images (C,H,W)` float32, normalized, and `alpha (1,H,W)` float32
    in [0, 1]; C is 3, or 1 (luma) where the model's mean and std have one value. Training items
    are changed at random (see `clearbg.data.transforms`); other splits are only normalized.
    """

    def __init__(self, folder: Path, split: str, settings: config.Settings):
        frame = manifest.read(folder)
        self.rows = frame[frame.split == split].to_dict("records")
        if not self.rows:
            raise DataError(f"{folder} holds no {split} images: check data.{split} and rerun.")
        self.folder, self.seed = folder, settings.train.seed
        channels = len(settings.model.mean)
        self.transform = (
            training_transform(settings.transform, settings.augment.size, channels)
            if split == "train"
            else to_channels(channels)
        )
        self.normalize = Normalize(settings.model.mean, settings.model.std)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: tuple[int, int]) -> tuple[Tensor, Tensor]:
        epoch, index = place
        rgb, alpha = manifest.read_pair(self.folder, self.rows[index])
        image = tv_tensors.Image(torch.tensor(rgb).permute(2, 0, 1))
        alpha = tv_tensors.Mask(torch.tensor(alpha).unsqueeze(0))
        with torch.random.fork_rng(devices=[]):
            # torch.manual_seed would also reseed the accelerator's generator, which dropout uses.
            torch.default_generator.manual_seed(_key(self.seed, epoch, index))
            image, alpha = self.transform(image, alpha)
        return self.normalize(image), alpha.as_subclass(Tensor).float() / 255


class EpochOrder:
    """Batches of `(epoch, index)` for one process of a (perhaps distributed) training.

    All processes see the same shuffled order, cut into batches; each takes every
    `processes`-th one, so that all have equally many. An incomplete last batch is left out
    unless it is the only one.
    """

    def __init__(self, length: int, batch_size: int, seed: int, rank: int = 0, processes: int = 1):
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.rank, self.processes = rank, processes
        self.epoch = self.start = 0

    def __len__(self) -> int:
        """Batches of a whole epoch, per process."""
        return max(1, self.length // (self.batch_size * self.processes))

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """The batches of `epoch` from number `start` on."""
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.length)
        for number in range(self.start, len(self)):
            first = (number * self.processes + self.rank) * self.batch_size
            batch = order[first : first + self.batch_size]
            yield [(self.epoch, int(index)) for index in batch]


def loader(pairs: Pairs, order: EpochOrder, workers: int) -> DataLoader:
    return DataLoader(
        pairs,
        batch_sampler=order,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context="forkserver" if workers else None,
        worker_init_fn=_one_thread,
    )


def _one_thread(_worker: int) -> None:
    """Each process has a core already; torch knows that of itself, OpenCV does not."""
    cv2.setNumThreads(1)


def _key(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
