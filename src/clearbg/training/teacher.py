"""The teacher of IS-Net's intermediate supervision (Qin et al. 2022, section 4.2).

A ground-truth encoder learns to reproduce alpha from alpha, until its max F exceeds 0.99 or
its epochs are over. Frozen, its six feature maps are what the segmentation network's own maps
are drawn towards.
"""

from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn

from clearbg import config, losses, metrics, models
from clearbg.data.dataset import EpochOrder, Pairs, loader
from clearbg.models import weights
from clearbg.system.progress import progress as progress_bar

ENOUGH = 0.99


def teacher(
    fabric: Fabric, settings: config.Settings, train: Pairs, validation: Pairs, folder: Path
) -> nn.Module:
    """The frozen encoder; trained once, then read from `folder`."""
    path = folder / "teacher.safetensors"
    torch.manual_seed(settings.train.seed)
    encoder = models.build("isnet_gt", norm=settings.model.norm)
    if fabric.is_global_zero and not path.exists():
        _train(fabric, encoder, settings, train, validation)
        weights.save(weights.copied(encoder), path)
    fabric.barrier()
    encoder = weights.load(encoder, path).requires_grad_(False)
    return encoder.to(fabric.device)


def _train(
    fabric: Fabric,
    encoder: nn.Module,
    settings: config.Settings,
    train: Pairs,
    validation: Pairs,
) -> None:
    encoder.to(fabric.device)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=settings.train.lr)
    order = EpochOrder(len(train), settings.train.batch_size, settings.train.seed)
    bar = progress_bar(
        what="teacher", unit="steps", total=settings.model.teacher_epochs * len(order), leave=False
    )
    for epoch in range(settings.model.teacher_epochs):
        order.epoch = epoch
        encoder.train()
        for _, alpha in loader(train, order, settings.train.workers):
            with fabric.autocast():
                logits = encoder(alpha.to(fabric.device))
            loss = losses.summed_bce(logits, alpha.to(fabric.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            bar.update()
        reached = _max_f(fabric, encoder.eval(), validation, settings)
        bar.set_postfix_str(f"max F {reached:.3f}")
        if reached > ENOUGH:
            break
    bar.close()


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
    scores = metrics.score_all(pairs, ["saliency"], settings.model.threshold, processes=1)
    return metrics.summarize(list(scores)).get("max_f", 0.0)
