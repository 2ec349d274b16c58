"""Batches on the device before they are asked for, and how long that was waited for."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

Pair = tuple[Tensor, Tensor]


class Prefetcher:
    """Moves the batches of a loader to a device, on CUDA one ahead and beside the computation.

    Args:
        loader: gives sequences of tensors; copies overlap only from pinned memory.
        device: where they go.
        bring: makes of what the loader gives images and alpha on the device; by default it
            moves them there.

    Attributes:
        waited: seconds in which nothing came from the loader, since this was made. On a device
            that computes by itself some of them may have been used all the same.
    """

    def __init__(
        self,
        loader: DataLoader,
        device: torch.device | str,
        bring: Callable[[Any], Pair] | None = None,
    ):
        self.loader, self.device = loader, torch.device(device)
        self.bring = bring or self._moved
        self.waited = 0.0

    def __iter__(self) -> Iterator[Pair]:
        if self.device.type == "cuda":
            yield from self._one_ahead()
            return
        for batch in self._timed():
            yield self.bring(batch)

    def again(self, places: Sequence[Any]) -> Pair:
        """The batch of these places once more, with the same random changes, made alike."""
        dataset = self.loader.dataset
        return self.bring(default_collate([dataset[place] for place in places]))

    def _one_ahead(self) -> Iterator[Pair]:
        beside = torch.cuda.Stream(self.device)
        ahead: tuple[Pair, torch.cuda.Event] | None = None
        for batch in self._timed():
            with torch.cuda.stream(beside):
                coming = self.bring(batch), beside.record_event()
            if ahead is not None:
                yield self._arrived(*ahead)
            ahead = coming
        if ahead is not None:
            yield self._arrived(*ahead)

    def _timed(self) -> Iterator[Any]:
        batches = iter(self.loader)
        while True:
            started = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            finally:
                self.waited += time.perf_counter() - started
            yield batch

    def _moved(self, batch: Any) -> Pair:
        images, alpha = (part.to(self.device, non_blocking=True) for part in batch)
        return images, alpha

    def _arrived(self, pair: Pair, event: "torch.cuda.Event") -> Pair:
        """The pair, safe to use from here on: its memory is not given away before that is done."""
        here = torch.cuda.current_stream(self.device)
        here.wait_event(event)
        for part in pair:
            part.record_stream(here)
        return pair
