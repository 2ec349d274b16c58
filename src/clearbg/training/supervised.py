"""One supervised training step: the network, its loss, its optimizer and averaged weights."""

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from clearbg import config, losses, models
from clearbg.training.schedules import schedule


class Supervised:
    """Trains one network on (images, alpha) with deep supervision.

    Args:
        fabric: launched; decides device, precision and distribution.
        settings: the recipe.
        steps: optimizer steps of the whole training.
    """

    def __init__(self, fabric: Fabric, settings: config.Settings, steps: int):
        self.fabric, self.settings = fabric, settings.train
        torch.manual_seed(settings.train.seed)
        network = models.build(settings.model.name).to(memory_format=torch.channels_last)
        optimizer = _optimizer(network, settings.train)
        self.network, self.optimizer = fabric.setup(network, optimizer)
        self.schedule = schedule(self.optimizer.optimizer, settings.train, steps)
        self.average = None
        if settings.train.ema:
            self.average = AveragedModel(
                self.network.module,
                multi_avg_fn=get_ema_multi_avg_fn(settings.train.ema),
                use_buffers=True,
            )

    def step(self, images: Tensor, alpha: Tensor) -> float:
        """One optimizer step on a batch; returns its loss."""
        self.network.train()
        images = images.contiguous(memory_format=torch.channels_last)
        loss = losses.summed_bce(self.network(images), alpha)
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
        return loss.item()

    @property
    def lr(self) -> float:
        return self.schedule.get_last_lr()[0]

    @property
    def best_network(self) -> nn.Module:
        """The network to validate and to keep: the averaged one when there is one."""
        return self.network.module if self.average is None else self.average.module

    @torch.no_grad()
    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the finest output and alpha, float32 `(N,1,H,W)`."""
        network = self.best_network.eval()
        images = images.to(self.fabric.device)
        with self.fabric.autocast():
            logits = network(images.contiguous(memory_format=torch.channels_last))[0]
        logits = logits.float()
        return logits, logits.sigmoid()

    def weights(self) -> dict[str, Tensor]:
        """A copy of the weights to keep, on the CPU."""
        return {k: v.detach().cpu().clone() for k, v in self.best_network.state_dict().items()}

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


def _optimizer(network: nn.Module, settings: config.Train) -> torch.optim.Optimizer:
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[settings.optimizer](
        network.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
    )
