"""One supervised training step: the network, its loss, its optimizer and averaged weights."""

from typing import ClassVar

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from clearbg import config, losses, models
from clearbg.models import weights
from clearbg.system import project
from clearbg.training.schedules import schedule


class Supervised:
    """Trains one network on (images, alpha) with deep supervision.

    Args:
        fabric: launched; decides device, precision and distribution.
        settings: the recipe.
        steps: optimizer steps of the whole training.
        epoch_steps: of one epoch.
        teacher: IS-Net's trained ground-truth encoder; the network's features follow its own.
    """

    parts: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        fabric: Fabric,
        settings: config.Settings,
        steps: int,
        epoch_steps: int,
        teacher: nn.Module | None = None,
    ):
        self.fabric, self.settings, self.teacher = fabric, settings.train, teacher
        network = initial_network(settings)
        self.network, self.optimizer = fabric.setup(network, optimizer(network, settings.train))
        if teacher is not None:
            self.network.mark_forward_method("features")
        self.schedule = schedule(self.optimizer.optimizer, settings.train, steps, epoch_steps)
        self.average = average(self.network.module, settings.train)

    def step(self, images: Tensor, alpha: Tensor) -> dict[str, float]:
        """One optimizer step on a batch; returns its loss."""
        self.network.train()
        images = images.contiguous(memory_format=torch.channels_last)
        if self.teacher is None:
            loss = self._loss(self.network(images), alpha)
        else:
            logits, features = self.network.features(images)
            with torch.no_grad(), self.fabric.autocast():
                _, targets = self.teacher.features(alpha)
            loss = self._loss(logits, alpha) + losses.feature_mse(features, targets)
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        if self.settings.clip_norm:
            self.fabric.clip_gradients(
                self.network, self.optimizer, max_norm=self.settings.clip_norm
            )
        self.optimizer.step()
        self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.network.module)
        return {"loss": loss.item()}

    def _loss(self, logits: list[Tensor], alpha: Tensor) -> Tensor:
        loss = losses.LOSSES[self.settings.loss](logits, alpha)
        if self.settings.iou_weight:
            loss = loss + self.settings.iou_weight * losses.summed_iou(logits, alpha)
        if self.settings.ssim_weight:
            loss = loss + self.settings.ssim_weight * losses.summed_ssim(logits, alpha)
        return loss

    @property
    def lr(self) -> float:
        return self.schedule.get_last_lr()[0]

    @property
    def best_network(self) -> nn.Module:
        """The network to validate and to keep: the averaged one when there is one."""
        return self.network.module if self.average is None else self.average.module

    @torch.no_grad()
    def validate(self, images: Tensor, alpha: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Alpha float32 `(N,1,H,W)` and the loss of the finest output."""
        network = self.best_network.eval()
        images = images.to(self.fabric.device, memory_format=torch.channels_last)
        with self.fabric.autocast():
            logits = network(images)[0].float()
        loss = losses.VALIDATION[self.settings.loss]([logits], alpha.to(logits.device))
        return logits.sigmoid(), {"loss": loss.item()}

    def weights(self) -> dict[str, Tensor]:
        """A copy of the weights to keep, on the CPU."""
        return weights.copied(self.best_network)

    def state_dict(self) -> dict:
        """Everything that the next step depends on."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])


def initial_network(settings: config.Settings) -> nn.Module:
    """The recipe's network with the weights it starts from, for channels-last training."""
    torch.manual_seed(settings.train.seed)
    network = models.build(settings.model.name, **settings.model.settings())
    if settings.train.init_from is not None:
        origin = project.root() / settings.train.init_from
        weights.start(network, origin, settings.train.init_sha256)
    return network.to(memory_format=torch.channels_last)


def optimizer(
    network: nn.Module, settings: config.Train, lr: float | None = None
) -> torch.optim.Optimizer:
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[settings.optimizer](
        network.parameters(), lr=lr or settings.lr, weight_decay=settings.weight_decay
    )


def average(network: nn.Module, settings: config.Train) -> AveragedModel | None:
    """The exponential moving average of the network's weights, when the settings want one."""
    if not settings.ema:
        return None
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(settings.ema), use_buffers=True)
