"""Pictures of the working size as tensors, with randomness that belongs to the picture.

Every random choice is drawn from (seed, epoch, index): the same pictures come out for any
number of loading processes, and a run that was killed goes on in the middle of an epoch.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from clearbg import config
from clearbg.data import manifest
from clearbg.errors import DataError


class Pairs(Dataset):
    """One split of an augmented folder.

    Item `(epoch, index)` is `images (3,H,W)` float32, normalised, and `alpha (1,H,W)` float32
    in [0, 1]. Training items are cropped, flipped and coloured at random; other splits are
    only normalised.
    """

    def __init__(self, folder: Path, split: str, settings: config.Settings):
        frame = manifest.read(folder)
        self.rows = frame[frame.split == split].to_dict("records")
        if not self.rows:
            raise DataError(f"{folder} holds no {split} pictures: check data.{split} and rerun.")
        self.folder, self.seed = folder, settings.train.seed
        self.random = split == "train"
        self.transform = (
            training_transform(settings.train, settings.augment.size) if self.random else None
        )
        self.normalise = Normalise(settings.model.mean, settings.model.std)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: tuple[int, int]) -> tuple[Tensor, Tensor]:
        epoch, index = place
        row = self.rows[index]
        rgb, alpha = manifest.read_pair(self.folder, row)
        image = tv_tensors.Image(torch.tensor(rgb).permute(2, 0, 1))
        alpha = tv_tensors.Mask(torch.tensor(alpha).unsqueeze(0))
        if self.random:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(_key(self.seed, epoch, index))
                image, alpha = self.transform(image, alpha)
        return self.normalise(image), alpha.as_subclass(Tensor).float() / 255


class Normalise:
    """uint8 `(3,H,W)` -> float32, `(x / 255 - mean) / std`, in two passes over the pixels.

    torchvision's conversion and normalisation take more, on channels in the slower order.
    """

    def __init__(self, mean: list[float], std: list[float]):
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
        self.scale, self.offset = 1 / (255 * std), -mean / std

    def __call__(self, image: Tensor) -> Tensor:
        pixels = image.as_subclass(Tensor)
        # Pictures arrive with their channels innermost; arithmetic wants them outermost.
        pixels = pixels.to(torch.float32, memory_format=torch.contiguous_format)
        return torch.addcmul(self.offset, pixels, self.scale)


def training_transform(settings: config.Train, size: int) -> v2.Transform:
    """Random crop, flip and colour, jointly on picture and alpha; alpha keeps its values."""
    steps: list[v2.Transform] = []
    if settings.crop < size:
        steps.append(v2.RandomCrop(settings.crop))
    if settings.flip:
        steps.append(v2.RandomHorizontalFlip(settings.flip))
    if settings.color:
        strength = settings.color
        steps.append(v2.ColorJitter(strength, strength, strength, strength / 10))
    return v2.Compose(steps) if steps else v2.Identity()


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
    )


def _key(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
