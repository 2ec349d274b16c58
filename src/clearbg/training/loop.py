"""Epochs: training steps, validation, the best weights, checkpoints. Knows no model family."""

import math
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from clearbg import config
from clearbg.data.batches import batches as batches_of
from clearbg.data.dataset import Pairs
from clearbg.errors import ClearBGError, SettingsError, Stopped
from clearbg.metrics.names import LOWER_IS_BETTER
from clearbg.system import signals
from clearbg.system.progress import progress as progress_bar
from clearbg.training import baselines, processes
from clearbg.training.budget import Batches, Budget
from clearbg.training.checkpoints import Checkpoint, Progress
from clearbg.training.descent import NonFiniteLossError
from clearbg.training.hard_examples import expected_draws
from clearbg.training.methods import Method, build_method
from clearbg.training.trouble import SpikeWatch, out_of_memory, refuse_non_finite
from clearbg.training.validation import ImageErrors, validate
from clearbg.training.validation import batches as validation_batches

READ_EVERY = 20  # steps between two looks at the losses on CUDA


def fit(
    fabric: Fabric,
    settings: config.Settings,
    train: Pairs,
    validation: Pairs,
    checkpoint: Checkpoint,
    on_epoch: Callable[[Method, Progress], None],
) -> tuple[Method, Progress]:
    """Train, from the checkpoint when there is one.

    `on_epoch` is called after every epoch, and once before the first that follows a restart.

    Raises:
        ClearBGError: the loss is not finite any more, or a batch does not fit into memory.
        Stopped: inside `signals.noted`, one has asked for an end; the checkpoint is saved.
    """
    training = Training(fabric, settings, train, validation, checkpoint, on_epoch)
    training.run()
    return training.method, training.progress


class Training:
    """One training: its method, its progress, and the parts of its loop."""

    def __init__(
        self,
        fabric: Fabric,
        settings: config.Settings,
        train: Pairs,
        validation: Pairs,
        checkpoint: Checkpoint,
        on_epoch: Callable[[Method, Progress], None],
    ):
        self.fabric, self.settings, self.checkpoint = fabric, settings, checkpoint
        self.train, self.on_epoch = train, on_epoch
        self.validation = validation_batches(validation, settings.train, fabric)
        if len(train) < fabric.world_size:
            raise SettingsError(
                f"{len(train)} training images are fewer than the training's {fabric.world_size} "
                "processes: lower train.devices."
            )
        # Processes whose clocks differ would set other rates, and other sizes of images.
        shared = settings.train.minutes and fabric.world_size > 1
        self.budget = Budget(
            settings.train, len(train), settings.transform.crop, fabric.world_size,
            fabric.broadcast if shared else float,
        )  # fmt: skip
        self.batches = Batches(self.budget, settings.train.seed, fabric.global_rank)
        self.on_device = batches_of(
            train, self.batches, fabric.device, settings, settings.train.augment_on
        )
        self.method = build_method(fabric, settings, train, validation, checkpoint.folder)
        hard = settings.train.hard_examples
        self.image_errors = ImageErrors(fabric, train, settings) if hard else None
        self.losses = Losses(READ_EVERY if fabric.device.type == "cuda" else 1)
        self.spikes = SpikeWatch()
        self.progress = Progress()

    def run(self) -> None:
        with self.fabric.rank_zero_first():
            self.progress = progress = self.checkpoint.load(self.method)
        self.budget.clock.begin(progress.seconds)
        if progress.history and self.fabric.is_global_zero:
            self.on_epoch(self.method, progress)
        self.bar = progress_bar(
            what="train",
            unit="s" if self.settings.train.minutes else "steps",
            initial=math.floor(self.budget.done(progress.steps)),
            total=math.ceil(self.budget.total),
            disable=not self.fabric.is_global_zero,
        )
        with self.bar:
            while progress.step or not self._over():  # killed before it was validated: an epoch too
                self._epoch()
                self._finish_epoch()
                self.fabric.barrier()
        if self.fabric.is_global_zero:  # whatever may happen while the results are written
            self.checkpoint.save(self.method, progress, wait=False)

    def _epoch(self) -> None:
        progress, batches = self.progress, self.batches
        batches.epoch, batches.offset, batches.steps = (
            progress.epoch, progress.offset, progress.steps,
        )  # fmt: skip
        if progress.image_errors is not None:
            hard = self.settings.train.hard_examples
            batches.draws = expected_draws(progress.image_errors.numpy(), hard)
        waited = self.on_device.waited
        start, seen = time.monotonic(), progress.offset
        for images, alpha in () if self._over() else self.on_device:
            self._step(images, alpha)
            self._save_or_stop()
            if not self.settings.train.epochs and self._over():
                break
        self._read_losses()
        seconds = max(time.monotonic() - start, 1e-9)
        progress.pace = {
            "images_per_second": (progress.offset - seen) / seconds,
            "waiting_for_data": (self.on_device.waited - waited) / seconds,
        }

    def _step(self, images: Tensor, alpha: Tensor) -> None:
        progress, settings = self.progress, self.settings.train
        # A step's own seed (dropout) makes a restart in mid-epoch the same run.
        seed = (settings.seed, progress.epoch, progress.step, self.fabric.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        self.method.set_rate(
            self.budget.done(progress.steps),
            self.budget.total,
            progress.epoch + progress.offset / len(self.train),
        )
        try:
            losses = self.method.step(images, alpha)
        except NonFiniteLossError:  # the other processes wait for gradients, not for losses
            self._refuse({"loss": math.nan}, progress.steps)
            raise
        except (RuntimeError, MemoryError) as error:
            told = out_of_memory(error, self.settings, len(images), images.shape[-1])
            if told is None:
                raise
            raise told from error
        progress.step, progress.steps = progress.step + 1, progress.steps + 1
        progress.offset += len(images) * self.fabric.world_size
        if self.losses.add(losses):
            self._read_losses()

    def _read_losses(self) -> None:
        """Look at the losses of the latest steps: this makes the processor wait for the device."""
        progress, own = self.progress, self.losses.read()
        first = progress.steps - len(own)
        for number, row in enumerate(own, first):
            self._refuse(row, number)
        rows = processes.averaged(self.fabric, own)
        for number, row in enumerate(rows, first):
            if self.spikes.is_spike(row["loss"]) and self.fabric.is_global_zero:
                places = self.batches.drawn.get(number, [])
                self.bar.write(self.spikes.warning(number, places, self.train), sys.stderr)
            for name, value in row.items():
                progress.loss_sums[name] = progress.loss_sums.get(name, 0.0) + value
        progress.seconds = self.budget.clock.seconds()
        if rows:
            self.bar.set_postfix_str(
                f"epoch {progress.epoch + 1}, loss {rows[-1]['loss']:.3f}", refresh=False
            )
            self.bar.update(math.floor(self.budget.done(progress.steps)) - self.bar.n)

    def _over(self) -> bool:
        """Whether the budget is used up."""
        progress, patience = self.progress, self.settings.train.early_stopping
        if patience and progress.history and progress.epoch - progress.best_epoch >= patience:
            return True
        return self.budget.over(progress.epoch, progress.steps)

    def _refuse(self, losses: dict[str, float], step: int) -> None:
        refuse_non_finite(
            losses, step, self.progress, self.batches, self.train, self.on_device.again,
            self.checkpoint,
        )  # fmt: skip

    def _save_or_stop(self) -> None:
        """Save when it is time, and end when a signal asks: all processes after the same step."""
        if self.fabric.world_size > 1 and self.losses.waiting:
            return  # they meet where losses are read
        due = self.checkpoint.due(self.settings.train.checkpoint_seconds)
        asked = processes.gathered(self.fabric, (signals.stop_requested(), due))
        stop = next((number for number, _ in asked if number), None)
        if stop is None and not asked[0][1]:
            return
        self._read_losses()
        if self.fabric.is_global_zero:
            self.checkpoint.save(self.method, self.progress, wait=stop is not None)
        if stop is not None:
            self.fabric.barrier()
            raise Stopped(stop)

    def _finish_epoch(self) -> None:
        """Validate, keep the weights that are the best so far, and close the epoch's row."""
        progress = self.progress
        scores = validate(self.fabric, self.method, self.validation, self.settings)
        progress.history.append(
            {
                "epoch": progress.epoch + 1,
                "train/lr": self.method.lr,
                **{f"train/{n}": total / progress.step for n, total in progress.loss_sums.items()},
                **{f"validation/{name}": value for name, value in scores.items()},
            }
        )
        progress.baselines = progress.baselines or baselines.measured(
            self.fabric, self.train, self.validation, self.settings
        )
        if self.image_errors is not None:
            progress.image_errors = self.image_errors.measure(self.method)
        keep_best(self.method, progress, scores, self.settings.train.select_by)
        progress.epoch, progress.step, progress.offset = progress.epoch + 1, 0, 0
        progress.loss_sums, progress.seconds = {}, self.budget.clock.seconds()
        self._save_or_stop()
        if self.fabric.is_global_zero:
            self.bar.write(epoch_line(progress, self.settings.train.select_by), sys.stderr)
            self.on_epoch(self.method, progress)


def keep_best(method: Method, progress: Progress, scores: dict[str, float], metric: str) -> None:
    """Keep the weights of the finished epoch where they are the best so far.

    Raises:
        ClearBGError: the metric has no value.
    """
    if metric not in scores:
        raise ClearBGError(
            f"train.select_by = {metric} has no value: every validation image is empty; "
            "add images with a subject, or select by mae."
        )
    score = -scores[metric] if metric in LOWER_IS_BETTER else scores[metric]
    score = -math.inf if math.isnan(score) else score  # any number of a later epoch is better
    if progress.best_score is None or score > progress.best_score:
        progress.best_score, progress.best_epoch = score, progress.epoch + 1
        progress.best_weights = method.weights()
    for part, loss in method.parts.items():
        if part not in progress.best_parts or scores[loss] < progress.best_parts[part][0]:
            progress.best_parts[part] = (scores[loss], method.part_weights(part))


def epoch_line(progress: Progress, metric: str) -> str:
    """What the finished epoch has reached, for a person who watches."""
    row, pace = progress.history[-1], progress.pace
    best = "the best so far" if row["epoch"] == progress.best_epoch else (
        f"best {abs(progress.best_score):.4f} in epoch {progress.best_epoch}"
    )  # fmt: skip
    compared = baselines.compare(row | progress.baselines, metric)
    other = "" if compared.metric == metric else f"{compared.metric} {compared.model:.4f}, "
    return (
        f"epoch {row['epoch']}: train loss {row['train/loss']:.4f}, validation "
        f"{metric} {row[f'validation/{metric}']:.4f} ({best}; {other}{compared.shown(3)}), "
        f"{pace['images_per_second']:.0f} images/s, "
        f"{pace['waiting_for_data']:.0%} of the time waiting for data"
    )


class Losses:
    """Losses of steps, left on the device and read `every` so many steps at once."""

    def __init__(self, every: int):
        self.every, self.waiting = every, list[dict[str, Tensor]]()

    def add(self, losses: dict[str, Tensor]) -> bool:
        """Whether it is time to read."""
        self.waiting.append(losses)
        return len(self.waiting) >= self.every

    def read(self) -> Sequence[dict[str, float]]:
        """The values of all steps that were added since the last time."""
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return []
        names = list(waiting[-1])
        table = torch.stack(
            [torch.stack([row.get(n, row["loss"]).float() for n in names]) for row in waiting]
        ).tolist()
        return [dict(zip(names, row, strict=True)) for row in table]
