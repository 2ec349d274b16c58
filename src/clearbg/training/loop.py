"""Epochs: training steps, validation, the best weights, checkpoints. Knows no model family."""

import logging
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from clearbg import config, metrics
from clearbg.data.dataset import EpochOrder, Pairs, loader
from clearbg.errors import ClearBGError, SettingsError
from clearbg.system import memory
from clearbg.system.progress import progress as progress_bar
from clearbg.training.adversarial import Adversarial
from clearbg.training.checkpoints import Checkpoint, Progress
from clearbg.training.supervised import Supervised
from clearbg.training.teacher import teacher


class Method(Protocol):
    """What a way of training offers to the loop.

    `parts` are the networks that are kept beside the best weights, each with the validation
    loss whose lowest value keeps it.
    """

    lr: float
    parts: dict[str, str]

    def step(self, images: Tensor, alpha: Tensor) -> dict[str, float]: ...
    def validate(self, images: Tensor, alpha: Tensor) -> tuple[Tensor, dict[str, float]]: ...
    def weights(self) -> dict[str, Tensor]: ...
    def part_weights(self, part: str) -> dict[str, Tensor]: ...
    def state_dict(self) -> dict: ...
    def load_state_dict(self, state: dict) -> None: ...


def launch(settings: config.Train) -> Fabric:
    """Fabric on the chosen device, with everything that could vary between runs fixed.

    Raises:
        SettingsError: the device or the precision is not to be had on this machine.
    """
    cuda = torch.cuda.is_available()
    if settings.accelerator == "cuda" and not cuda:
        raise SettingsError(
            "train.accelerator = cuda, but torch finds no CUDA device here: set it to cpu or auto."
        )
    accelerator = settings.accelerator
    if accelerator == "auto":
        accelerator = "cuda" if cuda else "cpu"
    if accelerator == "cpu" and settings.precision == "16-mixed":
        raise SettingsError(
            "train.precision = 16-mixed needs a GPU: use bf16-mixed or 32-true on the CPU."
        )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces its precision
    memory.keep_freed()
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    fabric = Fabric(accelerator=accelerator, devices=settings.devices, precision=settings.precision)
    fabric.launch()
    return fabric


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
        ClearBGError: the loss is not finite any more.
    """
    order = EpochOrder(
        len(train),
        settings.train.batch_size,
        settings.train.seed,
        fabric.global_rank,
        fabric.world_size,
    )
    method = _method(fabric, settings, train, validation, len(order), checkpoint)
    progress = checkpoint.load(method)
    if progress.history and fabric.is_global_zero:
        on_epoch(method, progress)
    bar = progress_bar(
        what="train",
        unit="steps",
        initial=progress.epoch * len(order) + progress.step,
        total=settings.train.epochs * len(order),
        disable=not fabric.is_global_zero,
    )
    while progress.epoch < settings.train.epochs:
        order.epoch, order.start = progress.epoch, progress.step
        for images, alpha in fabric.setup_dataloaders(
            loader(train, order, settings.train.workers), use_distributed_sampler=False
        ):
            # A step's own seed (dropout) makes a restart in mid-epoch the same run.
            seed = (settings.train.seed, progress.epoch, progress.step, fabric.global_rank)
            torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
            losses = method.step(images, alpha)
            for name, value in losses.items():
                if not np.isfinite(value):
                    raise ClearBGError(
                        f"the {name.replace('_', ' ')} became {value} in epoch "
                        f"{progress.epoch + 1}, step {progress.step + 1}: lower train.lr or set "
                        "train.clip_norm."
                    )
                progress.loss_sums[name] = progress.loss_sums.get(name, 0.0) + value
            progress.step += 1
            bar.update()
            bar.set_postfix_str(
                f"epoch {progress.epoch + 1}, loss {losses['loss']:.3f}", refresh=False
            )
            if progress.step % settings.train.checkpoint_every == 0 and fabric.is_global_zero:
                checkpoint.save(method, progress)
        if fabric.is_global_zero:
            _finish_epoch(method, validation, settings, progress)
            checkpoint.save(method, progress)
            on_epoch(method, progress)
        else:
            progress.epoch, progress.step, progress.loss_sums = progress.epoch + 1, 0, {}
        fabric.barrier()
    bar.close()
    return method, progress


def _method(
    fabric: Fabric,
    settings: config.Settings,
    train: Pairs,
    validation: Pairs,
    epoch_steps: int,
    checkpoint: Checkpoint,
) -> Method:
    steps = epoch_steps * settings.train.epochs
    if settings.train.method == "adversarial":
        return Adversarial(fabric, settings, steps, epoch_steps)
    guide = None
    if settings.model.teacher_epochs:
        guide = teacher(fabric, settings, train, validation, checkpoint.folder)
    return Supervised(fabric, settings, steps, epoch_steps, guide)


def _finish_epoch(
    method: Method, validation: Pairs, settings: config.Settings, progress: Progress
) -> None:
    """Validate, keep the weights that are the best so far, and close the epoch's row."""
    scores = validate(method, validation, settings)
    row = {
        "epoch": progress.epoch + 1,
        "train/lr": method.lr,
        **{f"train/{name}": total / progress.step for name, total in progress.loss_sums.items()},
        **{f"validation/{name}": value for name, value in scores.items()},
    }
    metric = settings.train.select_by
    if metric not in scores:
        raise ClearBGError(
            f"train.select_by = {metric} has no value: every validation image is empty; "
            "add images with a subject, or select by mae."
        )
    score = -scores[metric] if metric in metrics.LOWER_IS_BETTER else scores[metric]
    if progress.best_score is None or score > progress.best_score:
        progress.best_score, progress.best_epoch = score, progress.epoch + 1
        progress.best_weights = method.weights()
    for part, loss in method.parts.items():
        if part not in progress.best_parts or scores[loss] < progress.best_parts[part][0]:
            progress.best_parts[part] = (scores[loss], method.part_weights(part))
    progress.history.append(row)
    progress.epoch, progress.step, progress.loss_sums = progress.epoch + 1, 0, {}


def validate(method: Method, pairs: Pairs, settings: config.Settings) -> dict[str, float]:
    """The method's losses, and metrics at the working size.

    The metrics are those of the family that `train.select_by` belongs to, and hard masks'.
    """
    losses: list[tuple[int, dict[str, float]]] = []
    results = []
    for first in range(0, len(pairs), settings.train.batch_size):
        last = min(first + settings.train.batch_size, len(pairs))
        batch = [pairs[0, index] for index in range(first, last)]
        images, alpha = (torch.stack(tensors) for tensors in zip(*batch, strict=True))
        predicted, values = method.validate(images, alpha)
        losses.append((len(batch), values))
        truth = (alpha * 255).round().byte().squeeze(1).numpy()
        results += zip(predicted.cpu().squeeze(1).numpy(), truth, strict=True)
    averages = {
        name: sum(count * values[name] for count, values in losses) / len(pairs)
        for name in losses[0][1]
    }
    families = metrics.families_of(settings.train.select_by)
    # Starting processes takes seconds, in which one scores some 100 small images.
    small = sum(truth.size for _, truth in results) < 4_000_000
    scores = metrics.score_all(
        results, families, settings.model.threshold, processes=1 if small else None
    )
    return averages | metrics.summarize(list(scores))
