"""One supervised training step: the network, its loss, its optimizer and averaged weights."""

from typing import ClassVar

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from clearbg import config, losses, models
from clearbg.errors import SettingsError
from clearbg.models import weights
from clearbg.training import start
from clearbg.training.averaging import AveragedWeights
from clearbg.training.descent import Descent, compile_options


class Supervised:
    """Trains one network on (images, alpha) with deep supervision.

    Args:
        fabric: launched; decides device, precision and distribution.
        settings: the recipe.
        teacher: IS-Net's trained ground-truth encoder; the network's features follow its own.
    """

    parts: ClassVar[dict[str, str]] = {}

    def __init__(self, fabric: Fabric, settings: config.Settings, teacher: nn.Module | None = None):
        self.fabric, self.settings, self.teacher = fabric, settings.train, teacher
        network = initial_network(settings)
        self.frozen = freeze(network, settings.train.freeze)
        self.descent = Descent(fabric, network, settings.train)
        self.network = self.descent.network
        if teacher is not None:
            self.network.mark_forward_method("features")
        self.average = average(self.network.module, settings.train)
        self._loss = supervised_loss
        if settings.train.compile != "off":
            self._loss = torch.compile(supervised_loss, **compile_options(settings.train.compile))

    def set_rate(self, done: float, total: float, epoch: float) -> None:
        self.descent.set_rate(done, total, epoch)

    def step(self, images: Tensor, alpha: Tensor) -> dict[str, Tensor]:
        """One optimizer step on a batch; returns its loss, which stays on the device."""
        self.network.train()
        for part in self.frozen:
            part.eval()  # their statistics stay too
        images = images.contiguous(memory_format=torch.channels_last)
        loss = self.descent.step(self._loss_of, images, alpha)
        if self.average is not None:
            self.average.update(self.network.module)
        return {"loss": loss}

    def _loss_of(self, images: Tensor, alpha: Tensor) -> Tensor:
        if self.teacher is None:
            return self._loss(self.network(images), alpha, self.settings)
        logits, features = self.network.features(images)
        with torch.no_grad(), self.fabric.autocast():
            _, targets = self.teacher.features(alpha)
        return self._loss(logits, alpha, self.settings) + losses.feature_mse(features, targets)

    @property
    def lr(self) -> float:
        return self.descent.rate

    @property
    def best_network(self) -> nn.Module:
        """The network to validate and to keep: the averaged one when there is one."""
        return self.network.module if self.average is None else self.average.module

    @property
    def measured(self) -> list[nn.Module]:
        return [self.best_network]

    @torch.no_grad()
    def validate(self, images: Tensor, alpha: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Alpha float32 `(N,1,H,W)` and the loss of the finest output, on the device."""
        network = self.best_network.eval()
        images = images.to(self.fabric.device, memory_format=torch.channels_last)
        with self.fabric.autocast():
            logits = network(images)[0].float()
        loss = losses.VALIDATION[self.settings.loss]([logits], alpha.to(logits.device))
        return logits.sigmoid(), {"loss": loss}

    def weights(self) -> dict[str, Tensor]:
        """A copy of the weights to keep, on the CPU."""
        return weights.copied(self.best_network)

    def part_weights(self, part: str) -> dict[str, Tensor]:
        raise KeyError(part)  # there are no parts beside the network

    def state_dict(self) -> dict:
        """Everything that the next step depends on."""
        return {
            "descent": self.descent.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        self.descent.load_state_dict(state["descent"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])


def supervised_loss(logits: list[Tensor], alpha: Tensor, settings: config.Train) -> Tensor:
    """The recipe's loss and what it adds: `iou_weight` and `ssim_weight`."""
    loss = losses.LOSSES[settings.loss](logits, alpha)
    if settings.iou_weight:
        loss = loss + settings.iou_weight * losses.summed_iou(logits, alpha)
    if settings.ssim_weight:
        loss = loss + settings.ssim_weight * losses.summed_ssim(logits, alpha)
    return loss


def initial_network(settings: config.Settings) -> nn.Module:
    """The recipe's network with the weights it starts from, for channels-last training."""
    torch.manual_seed(settings.train.seed)
    network = models.build(settings.model.name, **settings.model.settings())
    if (origin := start.place(settings)) is not None:
        weights.start(network, origin, settings.train.init_sha256)
    return network.to(memory_format=torch.channels_last)


def freeze(network: nn.Module, names: list[str]) -> list[nn.Module]:
    """Let the parts of the network with these names keep their weights; return them.

    Raises:
        SettingsError: the network has no such part, or no other.
    """
    known = dict(network.named_children())
    for name in names:
        if name not in known:
            raise SettingsError(
                f"train.freeze names {name!r}, which the network does not have; it has "
                f"{', '.join(known)}."
            )
        known[name].requires_grad_(False)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise SettingsError("train.freeze names every part of the network: leave one to learn.")
    return [known[name] for name in names]


def average(network: nn.Module, settings: config.Train) -> AveragedWeights | None:
    """The exponential moving average of the network's weights, when the settings want one."""
    return AveragedWeights(network, settings.ema) if settings.ema else None
