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
from clearbg.training.descent import Descent
from clearbg.training.supervised import average, initial_network


class Adversarial:
    """Trains a generator and a discriminator on (images, alpha).

    Args:
        fabric: launched; decides device, precision and distribution.
        settings: the recipe.
    """

    parts: ClassVar[dict[str, str]] = {"generator": "loss", "discriminator": "discriminator_loss"}

    def __init__(self, fabric: Fabric, settings: config.Settings):
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
        self.generating = Descent(fabric, generator, settings.train)
        self.generator = self.generating.network
        self.generator.mark_forward_method("generate")
        self.judging = Descent(
            fabric, discriminator, settings.train, settings.train.discriminator_lr
        )
        self.discriminator = self.judging.network
        self.average = average(self.generator.module, settings.train)

    def set_rate(self, done: float, total: float, epoch: float) -> None:
        self.generating.set_rate(done, total, epoch)
        self.judging.set_rate(done, total, epoch)

    def step(self, images: Tensor, alpha: Tensor) -> dict[str, Tensor]:
        """One step of the discriminator and one of the generator; their losses."""
        self.generator.train()
        self.discriminator.train()
        images = images.contiguous(memory_format=torch.channels_last)
        truth = self._truth(images, alpha)
        found: dict[str, Tensor] = {}

        def of_discriminator(images: Tensor, truth: Tensor) -> Tensor:
            with torch.no_grad():
                fakes = self.generator.generate(images)
            return losses.discriminator_loss(
                self.discriminator(fakes)[0], self.discriminator(truth)[0]
            )

        def of_generator(images: Tensor, truth: Tensor) -> Tensor:
            fakes = self.generator.generate(images)
            l1 = losses.l1(fakes, truth)
            adversarial = losses.generator_loss(self.discriminator(fakes)[0])
            share = len(images) / count
            for name, value in (("adversarial_loss", adversarial), ("l1", l1)):
                found[name] = found.get(name, 0.0) + share * value.detach()
            return adversarial + self.settings.l1_weight * l1

        count = len(images)
        discriminator_loss = self.judging.step(of_discriminator, images, truth)
        loss = self.generating.step(of_generator, images, truth)
        self.judging.optimizer.zero_grad()  # of what the generator's loss left in it
        if self.average is not None:
            self.average.update(self.generator.module)
        return {"loss": loss, "discriminator_loss": discriminator_loss, **found}

    def _truth(self, images: Tensor, alpha: Tensor) -> Tensor:
        premultiplied = alpha * images
        truth = torch.cat([premultiplied, alpha], 1) if self.channels == 4 else premultiplied
        return truth.contiguous(memory_format=torch.channels_last)

    @property
    def lr(self) -> float:
        return self.generating.rate

    @property
    def best_network(self) -> nn.Module:
        """The generator to validate and to keep: the averaged one when there is one."""
        return self.generator.module if self.average is None else self.average.module

    @property
    def measured(self) -> list[nn.Module]:
        return [self.best_network, self.discriminator.module]

    @torch.no_grad()
    def validate(self, images: Tensor, alpha: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Alpha float32 `(N,1,H,W)` and both networks' losses."""
        generator, discriminator = self.best_network.eval(), self.discriminator.module.eval()
        images = images.to(self.fabric.device, memory_format=torch.channels_last)
        truth = self._truth(images, alpha.to(images.device))
        with self.fabric.autocast():
            fakes, logits = generator.both(images)
            fake, real = discriminator(fakes)[0], discriminator(truth)[0]
        l1, adversarial = losses.l1(fakes, truth), losses.generator_loss(fake)
        return logits.float().sigmoid(), {
            "loss": adversarial + self.settings.l1_weight * l1,
            "discriminator_loss": losses.discriminator_loss(fake, real),
            "adversarial_loss": adversarial,
            "l1": l1,
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
            "generator": self.generating.state_dict(),
            "discriminator": self.judging.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        self.generating.load_state_dict(state["generator"])
        self.judging.load_state_dict(state["discriminator"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
