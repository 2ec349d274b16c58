"""The batches of a training, on the device; random changes are made there or by the workers."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset

from clearbg import config
from clearbg.data.dataset import Pairs, Place, loader, seeded
from clearbg.data.device_transforms import DeviceTransform
from clearbg.data.prefetch import Pair, Prefetcher

AugmentOn = Literal["cpu", "device"]
SHARE = 0.3  # of the device's free memory that the stored images may take


def batches(
    pairs: Pairs,
    order: Iterable[list[Place]],
    device: torch.device,
    settings: config.Settings,
    augment_on: AugmentOn = "cpu",
) -> Prefetcher:
    """Batches of images and alpha on the device; a training iterates over them once an epoch.

    With "device" the workers only read and draw; where the images are held in memory (see
    `clearbg.data.cache`) and a GPU has room for all of them, they are copied there once, and the
    workers only draw.

    Args:
        pairs: the training split.
        order: batches of places; within a batch all have one size.
        device: where the network computes.
        settings: the recipe, for its transforms and its workers.
        augment_on: where the random changes are made.

    Raises:
        SettingsError: the device does not know a change that the settings want.
    """
    workers = settings.train.workers
    if augment_on == "cpu":
        return Prefetcher(loader(pairs, order, workers), device)
    transform = DeviceTransform(settings)
    held = None
    if pairs.pixels is not None and _fits(pairs, device):
        held = DeviceCache(pairs, device)
    drawn = Drawn(pairs, transform, reads=held is None)

    def bring(batch: Sequence[Tensor]) -> Pair:
        *stored, rows, sides = batch
        stored = [part.to(device, non_blocking=True) for part in stored]
        images, alpha = stored if held is None else held(stored[0])
        return transform(images, alpha, rows.to(device, non_blocking=True), int(sides[0]))

    return Prefetcher(loader(drawn, order, workers), device, bring)


class Drawn(Dataset):
    """For each place what is stored and what is drawn: image uint8 `(3,H,W)` and alpha uint8
    `(1,H,W)`, or the index alone where the device has them; a row of numbers; the side.
    """

    def __init__(self, pairs: Pairs, transform: DeviceTransform, reads: bool = True):
        self.pairs, self.draws, self.reads = pairs, transform.draws, reads
        self.side = transform.settings.crop

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, place: Place) -> tuple[Any, ...]:
        epoch, index, *size = place
        with seeded(self.pairs.seed, epoch, index):
            drawn = self.draws()
        side = size[0] if size else self.side
        if not self.reads:
            return index, drawn, side
        rgb, alpha = self.pairs.read(index)
        return torch.tensor(rgb).permute(2, 0, 1), torch.tensor(alpha)[None], drawn, side


class DeviceCache:
    """All images of a split on the device, uint8; a batch of them is a selection."""

    def __init__(self, pairs: Pairs, device: torch.device):
        assert pairs.pixels is not None
        self.images = _copied(pairs.pixels.images, device)
        self.alpha = _copied(pairs.pixels.alpha, device)

    def __call__(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 `(N,3,H,W)` and alpha uint8 `(N,1,H,W)` of an index `(N,)`."""
        return self.images[index].permute(0, 3, 1, 2), self.alpha[index][:, None]


def _copied(stored: Any, device: torch.device, step: int = 512) -> Tensor:
    """An array on the device, copied in parts: it is read from memory that others share."""
    held = torch.empty(stored.shape, dtype=torch.uint8, device=device)
    for first in range(0, len(stored), step):
        held[first : first + step] = torch.tensor(stored[first : first + step])
    return held


def _fits(pairs: Pairs, device: torch.device) -> bool:
    """Whether a GPU has room for all images; a CPU has them already."""
    if device.type != "cuda" or pairs.pixels is None:
        return False
    free, _ = torch.cuda.mem_get_info(device)
    fits = pairs.pixels.bytes <= SHARE * free
    where = "held on the GPU" if fits else "more than the GPU has room for"
    print(f"cache: {pairs.pixels.bytes / 1e9:.2f} GB decoded, {where}")
    return fits
