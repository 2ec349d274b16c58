"""Epochs: training steps, validation, the best weights, checkpoints. Knows no model family."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor

from clearbg import config
from clearbg.data.dataset import EpochOrder, Pairs, loader
from clearbg.errors import ClearBGError, SettingsError
from clearbg.metrics import saliency
from clearbg.progress import progress as progress_bar
from clearbg.training.recovery import Checkpoint, Progress
from clearbg.training.supervised import Supervised

LOWER_IS_BETTER = {"mae"}


class Method(Protocol):
    """What a way of training offers to the loop."""

    lr: float

    def step(self, images: Tensor, alpha: Tensor) -> float: ...
    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]: ...
    def weights(self) -> dict[str, Tensor]: ...
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
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    fabric = Fabric(accelerator=accelerator, devices=settings.devices, precision=settings.precision)
    fabric.launch()
    return fabric


def fit(
    fabric: Fabric,
    settings: config.Settings,
    folder: Path,
    checkpoint: Checkpoint,
    on_epoch: Callable[[pd.DataFrame], None],
) -> tuple[Method, Progress]:
    """Train on an augmented folder, from the checkpoint when there is one.

    `on_epoch` gets all finished epochs as a table after each, those before a restart included.

    Raises:
        ClearBGError: the loss is not finite any more.
    """
    train, validation = (Pairs(folder, split, settings) for split in ("train", "validation"))
    order = EpochOrder(
        len(train),
        settings.train.batch_size,
        settings.train.seed,
        fabric.global_rank,
        fabric.world_size,
    )
    method = Supervised(fabric, settings, steps=len(order) * settings.train.epochs)
    progress = checkpoint.load(method)
    if progress.history:
        on_epoch(pd.DataFrame(progress.history))
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
            loss = method.step(images, alpha)
            if not np.isfinite(loss):
                raise ClearBGError(
                    f"the loss became {loss} in epoch {progress.epoch + 1}, step "
                    f"{progress.step + 1}: lower train.lr or set train.clip_norm."
                )
            progress.loss_sum += loss
            progress.step += 1
            bar.update()
            bar.set_postfix_str(f"epoch {progress.epoch + 1}, loss {loss:.3f}", refresh=False)
            if progress.step % settings.train.checkpoint_every == 0 and fabric.is_global_zero:
                checkpoint.save(method, progress)
        if fabric.is_global_zero:
            _finish_epoch(method, validation, settings, progress)
            checkpoint.save(method, progress)
            on_epoch(pd.DataFrame(progress.history))
        else:
            progress.epoch, progress.step = progress.epoch + 1, 0
        fabric.barrier()
    bar.close()
    return method, progress


def _finish_epoch(
    method: Method, validation: Pairs, settings: config.Settings, progress: Progress
) -> None:
    """Validate, keep the weights if they are the best so far, and close the epoch's row."""
    scores = validate(method, validation, settings.train.batch_size)
    row = {
        "epoch": progress.epoch + 1,
        "train/lr": method.lr,
        "train/loss": progress.loss_sum / progress.step,
        **{f"validation/{name}": value for name, value in scores.items()},
    }
    metric = settings.train.select_by
    if metric not in scores:
        raise ClearBGError(
            f"train.select_by = {metric} has no value: every validation picture is empty; "
            "add pictures with a subject, or select by mae."
        )
    score = -scores[metric] if metric in LOWER_IS_BETTER else scores[metric]
    if progress.best_score is None or score > progress.best_score:
        progress.best_score, progress.best_epoch = score, progress.epoch + 1
        progress.best_weights = method.weights()
    progress.history.append(row)
    progress.epoch, progress.step, progress.loss_sum = progress.epoch + 1, 0, 0.0


def validate(method: Method, pairs: Pairs, batch_size: int) -> dict[str, float]:
    """Loss of the finest output, and the saliency metrics at the working size."""
    losses, results = [], []
    for first in range(0, len(pairs), batch_size):
        last = min(first + batch_size, len(pairs))
        batch = [pairs[0, index] for index in range(first, last)]
        images, alpha = (torch.stack(tensors) for tensors in zip(*batch, strict=True))
        logits, predicted = method.predict(images)
        losses += F.binary_cross_entropy_with_logits(
            logits.cpu(), alpha, reduction="none"
        ).mean((1, 2, 3)).tolist()  # fmt: skip
        truth = (alpha * 255).round().byte().squeeze(1).numpy()
        results += zip(predicted.cpu().squeeze(1).numpy(), truth, strict=True)
    # Starting processes takes seconds, in which one scores some 100 small pictures.
    small = sum(truth.size for _, truth in results) < 4_000_000
    scores = saliency.score_all(results, processes=1 if small else None)
    return {"loss": float(np.mean(losses)), **saliency.summarise([s["raw"] for s in scores])}
