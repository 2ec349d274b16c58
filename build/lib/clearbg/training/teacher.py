"""The teacher of IS-Net's intermediate supervision (Qin et al. 2022, section 4.2).

A ground-truth encoder learns to reproduce alpha from alpha, until its max F exceeds 0.99 or
its epochs are over. Frozen, its six feature maps are what the segmentation network's own maps
are drawn towards.
"""

from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from clearbg import config, losses, models
from clearbg.data.dataset import Pairs, loader
from clearbg.metrics import scoring
from clearbg.system import signals
from clearbg.system.progress import progress as progress_bar
from clearbg.training.budget import Batches, Budget
from clearbg.training.checkpoints import Checkpoint, Progress

ENOUGH = 0.99


class Pupil:
    """The encoder while it learns, and what its next step depends on."""

    def __init__(self, fabric: Fabric, settings: config.Settings):
        torch.manual_seed(settings.train.seed)
        self.encoder = models.build("isnet_gt", norm=settings.model.norm).to(fabric.device)
        self.optimizer = torch.optim.Adam(self.encoder.parameters(), lr=settings.train.lr)

    def state_dict(self) -> dict:
        return {"encoder": self.encoder.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.encoder.load_state_dict(state["encoder"])
        self.optimizer.load_state_dict(state["optimizer"])


def teacher(
    fabric: Fabric, settings: config.Settings, train: Pairs, validation: Pairs, folder: Path
) -> nn.Module:
    """The frozen encoder; trained once, from its own checkpoint in `folder`, then read from it.

    Raises:
        Stopped: a signal has asked for an end.
    """
    pupil, checkpoint = Pupil(fabric, settings), Checkpoint(folder / "teacher")
    with fabric.rank_zero_first():  # however long that takes
        progress = checkpoint.load(pupil)
        if fabric.is_global_zero and not _taught(progress, settings):
            _train(fabric, pupil, settings, train, validation, checkpoint, progress)
    return pupil.encoder.eval().requires_grad_(False)


def _taught(progress: Progress, settings: config.Settings) -> bool:
    enough = progress.best_score is not None and progress.best_score > ENOUGH
    return enough or progress.epoch == settings.model.teacher_epochs


def _train(
    fabric: Fabric,
    pupil: Pupil,
    settings: config.Settings,
    train: Pairs,
    validation: Pairs,
    checkpoint: Checkpoint,
    progress: Progress,
) -> None:
    own = {"epochs": settings.model.teacher_epochs, "steps": None, "minutes": None}
    alone = settings.train.model_copy(update=own | {"sizes": None, "accumulate": 1})
    budget = Budget(alone, len(train), settings.transform.crop)
    order = Batches(budget, settings.train.seed)
    batches = loader(train, order, settings.train.workers)
    bar = progress_bar(
        what="teacher",
        unit="steps",
        initial=progress.steps,
        total=int(budget.total),
        leave=False,
    )
    while not _taught(progress, settings):
        order.epoch, order.offset, order.steps = progress.epoch, progress.offset, progress.steps
        for _, alpha in batches:
            _step(fabric, pupil, alpha.to(fabric.device))
            progress.step, progress.steps = progress.step + 1, progress.steps + 1
            progress.offset += len(alpha)
            bar.update()
            if checkpoint.due(settings.train.checkpoint_seconds):
                checkpoint.save(pupil, progress, wait=False)
            signals.stop_if_requested(lambda: checkpoint.save(pupil, progress))
        progress.best_score = _max_f(fabric, pupil.encoder.eval(), validation, settings)
        progress.epoch, progress.step, progress.offset = progress.epoch + 1, 0, 0
        bar.set_postfix_str(f"max F {progress.best_score:.3f}")
        if checkpoint.due(settings.train.checkpoint_seconds) or _taught(progress, settings):
            checkpoint.save(pupil, progress, wait=_taught(progress, settings))
    bar.close()


def _step(fabric: Fabric, pupil: Pupil, alpha: Tensor) -> None:
    pupil.encoder.train()
    with fabric.autocast():
        logits = pupil.encoder(alpha)
    loss = losses.summed_bce(logits, alpha)
    pupil.optimizer.zero_grad()
    loss.backward()
    pupil.optimizer.step()


@torch.no_grad()
def _max_f(
    fabric: Fabric, encoder: nn.Module, validation: Pairs, settings: config.Settings
) -> float:
    pairs = []
    for index in range(len(validation)):
        _, alpha = validation[0, index]
        with fabric.autocast():
            predicted = encoder(alpha[None].to(fabric.device))[0].float().sigmoid()
        truth = (alpha[0] * 255).round().byte().numpy()
        pairs.append((predicted[0, 0].cpu().numpy(), truth))
    scores = scoring.score_all(pairs, ["saliency"], settings.model.threshold, processes=1)
    return scoring.summarize(list(scores)).get("max_f", 0.0)
