"""One adversarial training step: the discriminator first, then the generator on fresh fakes.

`L_D = (BCE(D(G(x)), 0) + BCE(D(y), 1)) / 2` and `L_G = BCE(D(G(x)), 1) + w·mean|G(x) - y|`, on
logits; what the discriminator learns from is cut off from the generator.

The truth y is the image without its background: premultiplied RGB and alpha, or, with three
channels, premultiplied RGB alone.
"""

from typing import ClassVar

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from clearbg import config, losses, models
from clearbg.models import weights
from clearbg.training.schedules import schedule
from clearbg.training.supervised import average, initial_network, optimizer


class Adversarial:
    """Trains a generator and a discriminator on (images, alpha).

    Args:
        fabric: launched; decides device, precision and distribution.
        settings: the recipe.
        steps: optimizer steps of the whole training, of each of the two networks.
        epoch_steps: of one epoch.
    """

    parts: ClassVar = {"generator": "loss", "discriminator": "discriminator_loss"}

    def __init__(self, fabric: Fabric, settings: config.Settings, steps: int, epoch_steps: int):
        self.fabric, self.settings = fabric, settings.train
        self.channels = settings.model.channels
        generator = initial_network(settings)
        discriminator = models.build(
            "gan_discriminator",
            norm=settings.model.norm,
            channels=self.channels,
            widths=settings.train.discriminator_widths,
            depths=settings.train.discriminator_depths,
        ).to(memory_format=torch.channels_last)
        self.generator, self.generator_optimizer = fabric.setup(
            generator, optimizer(generator, settings.train)
        )
        self.generator.mark_forward_method("generate")
        self.discriminator, self.discriminator_optimizer = fabric.setup(
            discriminator,
            optimizer(discriminator, settings.train, settings.train.discriminator_lr),
        )
        self.schedules = [
            schedule(self.generator_optimizer.optimizer, settings.train, steps, epoch_steps),
            schedule(
                self.discriminator_optimizer.optimizer,
                settings.train.model_copy(update={"lr": settings.train.discriminator_lr}),
                steps,
                epoch_steps,
            ),
        ]
        self.average = average(self.generator.module, settings.train)

    def step(self, images: Tensor, alpha: Tensor) -> dict[str, float]:
        """One step of the discriminator and one of the generator; returns their losses."""
        self.generator.train()
        self.discriminator.train()
        images = images.contiguous(memory_format=torch.channels_last)
        truth = self._truth(images, alpha)

        with torch.no_grad():
            fakes = self.generator.generate(images)
        discriminator_loss = losses.discriminator_loss(
            self.discriminator(fakes)[0], self.discriminator(truth)[0]
        )
        self._descend(self.discriminator, self.discriminator_optimizer, discriminator_loss)

        fakes = self.generator.generate(images)
        l1 = losses.l1(fakes, truth)
        adversarial = losses.generator_loss(self.discriminator(fakes)[0])
        loss = adversarial + self.settings.l1_weight * l1
        self._descend(self.generator, self.generator_optimizer, loss)
        for part in self.schedules:
            part.step()
        if self.average is not None:
            self.average.update_parameters(self.generator.module)
        return {
            "loss": loss.item(),
            "discriminator_loss": discriminator_loss.item(),
            "adversarial_loss": adversarial.item(),
            "l1": l1.item(),
        }

    def _truth(self, images: Tensor, alpha: Tensor) -> Tensor:
        premultiplied = alpha * images
        truth = torch.cat([premultiplied, alpha], 1) if self.channels == 4 else premultiplied
        return truth.contiguous(memory_format=torch.channels_last)

    def _descend(self, network, steps, loss: Tensor) -> None:
        steps.zero_grad()
        self.fabric.backward(loss)
        if self.settings.clip_norm:
            self.fabric.clip_gradients(network, steps, max_norm=self.settings.clip_norm)
        steps.step()

    @property
    def lr(self) -> float:
        return self.schedules[0].get_last_lr()[0]

    @property
    def best_network(self) -> nn.Module:
        """The generator to validate and to keep: the averaged one when there is one."""
        return self.generator.module if self.average is None else self.average.module

    @torch.no_grad()
    def validate(self, images: Tensor, alpha: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Alpha float32 `(N,1,H,W)` and both networks' losses."""
        generator, discriminator = self.best_network.eval(), self.discriminator.module.eval()
        images = images.to(self.fabric.device, memory_format=torch.channels_last)
        truth = self._truth(images, alpha.to(images.device))
        with self.fabric.autocast():
            fakes, logits = generator.both(images)
            fake, real = discriminator(fakes)[0], discriminator(truth)[0]
        l1, adversarial = losses.l1(fakes, truth), losses.generator_loss(fake)
        return logits.float().sigmoid(), {
            "loss": (adversarial + self.settings.l1_weight * l1).item(),
            "discriminator_loss": losses.discriminator_loss(fake, real).item(),
            "adversarial_loss": adversarial.item(),
            "l1": l1.item(),
        }

    def weights(self) -> dict[str, Tensor]:
        """A copy of the generator's weights, on the CPU."""
        return weights.copied(self.best_network)

    def part_weights(self, part: str) -> dict[str, Tensor]:
        """A copy of the weights of "generator" or "discriminator", on the CPU."""
        return self.weights() if part == "generator" else weights.copied(self.discriminator.module)

    def state_dict(self) -> dict:
        """Everything that the next step depends on."""
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "generator_optimizer": self.generator_optimizer.state_dict(),
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
            "schedules": [part.state_dict() for part in self.schedules],
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        for name in (
            "generator",
            "discriminator",
            "generator_optimizer",
            "discriminator_optimizer",
        ):
            getattr(self, name).load_state_dict(state[name])
        for part, saved in zip(self.schedules, state["schedules"], strict=True):
            part.load_state_dict(saved)
        if self.average is not None:
            self.average.load_state_dict(state["average"])
