"""How long a training lasts, how far it has come, and which image size is trained now."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from clearbg import config
from clearbg.data.dataset import Place
from clearbg.training.hard_examples import EPOCHS_APART, drawn

MULTIPLE = 8  # batches of smaller images are rounded down to a multiple of this
REMEMBERED = 512  # batches that can still be named after they were drawn


@dataclass(frozen=True)
class Stage:
    """Images of one size, and how many of them make an optimizer step of one process."""

    until: float  # share of the training at which the next stage begins
    size: int  # height and width, pixels
    batch: int


class Budget:
    """The length of a training in epochs, optimizer steps or minutes, exactly one of them.

    `train.sizes` grows the images with the share of the budget that is used up. The batch size is
    that of the largest size; smaller images come in larger batches of about as many pixels.

    Args:
        settings: the section train; its batch size is a number here.
        length: images of the training split.
        crop: height and width of the transformed images, pixels: the size without `train.sizes`.
        processes: of a distributed training; each takes its part of every batch.
        agreed: see `Clock`.
    """

    def __init__(
        self,
        settings: config.Train,
        length: int,
        crop: int,
        processes: int = 1,
        agreed: Callable[[float], float] = float,
    ):
        self.settings, self.length, self.processes = settings, length, processes
        self.stages = stages(settings, crop)
        self.clock = Clock(agreed)
        self.total = 60.0 * settings.minutes if settings.minutes else float(settings.steps or 0)
        if settings.epochs:
            self.total = float(sum(self._steps_of(epoch) for epoch in range(settings.epochs)))

    def _steps_of(self, epoch: int) -> int:
        offset = count = 0
        while self.complete(offset, stage := self.stage(epoch, offset, count)):
            offset, count = offset + stage.batch * self.processes, count + 1
        return count

    def complete(self, offset: int, stage: Stage) -> bool:
        """Whether the epoch's images from `offset` on still fill a batch.

        An incomplete last batch is left out unless it is the only one.
        """
        return offset == 0 or offset + stage.batch * self.processes <= self.length

    def done(self, steps: int) -> float:
        """How much of `total` is used up after so many steps: steps, or seconds by the clock."""
        return self.clock.seconds() if self.settings.minutes else float(steps)

    def over(self, epoch: int, steps: int) -> bool:
        if self.settings.epochs:
            return epoch >= self.settings.epochs
        return self.done(steps) >= self.total

    def stage(self, epoch: int, offset: int, steps: int) -> Stage:
        """The stage of the batch that starts at image `offset` of an epoch, after `steps`."""
        if self.settings.epochs:
            share = (epoch + offset / self.length) / self.settings.epochs
        else:
            share = self.done(steps) / self.total
        return next((s for s in self.stages if share < s.until), self.stages[-1])


def stages(settings: config.Train, crop: int) -> list[Stage]:
    batch = settings.batch * settings.accumulate
    if settings.sizes is None:
        return [Stage(1.0, crop, batch)]
    largest = max(size for _, size in settings.sizes)
    found = []
    for until, size in settings.sizes:
        fitting = int(batch * (largest / size) ** 2)
        if fitting > batch:
            fitting = max(batch, fitting // MULTIPLE * MULTIPLE)
        found.append(Stage(until, int(size), fitting))
    return found


class Clock:
    """Seconds of training, over restarts: those before this process are set as `before`.

    Args:
        agreed: makes of this process's seconds those of the first one; all must ask together.
    """

    def __init__(self, agreed: Callable[[float], float] = float) -> None:
        self.before, self._start, self.agreed = 0.0, time.monotonic(), agreed

    def begin(self, before: float) -> None:
        self.before, self._start = before, time.monotonic()

    def seconds(self) -> float:
        return self.agreed(self.before + time.monotonic() - self._start)


class Batches:
    """The batches of one epoch for one process: lists of `(epoch, index, size)`.

    All processes see the same shuffled order, cut into steps; each takes its part of every step.
    Iteration begins at the image `offset` of `epoch`, after `steps` optimizer steps.
    """

    def __init__(self, budget: Budget, seed: int, rank: int = 0):
        self.budget, self.seed, self.rank = budget, seed, rank
        self.epoch = self.offset = self.steps = 0
        self.draws: np.ndarray | None = None
        """How often each image comes in an epoch, see `hard_examples`; None: each once."""
        self.drawn: dict[int, list[Place]] = {}
        """Optimizer step -> its places, of the latest `REMEMBERED` steps."""

    def __iter__(self) -> Iterator[list[Place]]:
        budget, offset, steps = self.budget, self.offset, self.steps
        rng = np.random.default_rng([self.seed, self.epoch])
        order, repeats = rng.permutation(budget.length), np.zeros(budget.length, int)
        if self.draws is not None:
            order, repeats = drawn(order, self.draws, rng)
        epochs = self.epoch + EPOCHS_APART * repeats
        while True:
            stage = budget.stage(self.epoch, offset, steps)
            if not budget.complete(offset, stage):
                return
            count = min(stage.batch * budget.processes, budget.length - offset)
            share = count // budget.processes  # equal: all count alike in the gradient
            first = offset + self.rank * share
            mine = slice(first, first + share)
            places: list[Place] = [
                (int(epoch), int(index), stage.size)
                for epoch, index in zip(epochs[mine], order[mine], strict=True)
            ]
            self.drawn[steps] = places
            self.drawn.pop(steps - REMEMBERED, None)
            yield places
            offset, steps = offset + count, steps + 1
