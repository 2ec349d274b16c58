"""A network with its optimizer: backward passes, clipping, steps and their learning rate."""

from collections.abc import Callable

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from clearbg import config
from clearbg.models.normalization import synchronized
from clearbg.training.kernels import fuse_small_kernels
from clearbg.training.schedules import set_rate


class NonFiniteLossError(ArithmeticError):
    """A loss is not a number, or infinite; the optimizer has not stepped on it."""


class Descent:
    """Trains one network with one optimizer.

    A step whose loss is not finite changes no weight. On the CPU it raises; on CUDA, where asking
    would make the processor wait for the device, all later steps change nothing either, until the
    loop reads the losses and raises.

    Args:
        fabric: launched; decides device, precision and distribution.
        network: in channels-last format.
        settings: the section train.
        lr: the highest learning rate; by default the section's.
    """

    def __init__(
        self, fabric: Fabric, network: nn.Module, settings: config.Train, lr: float | None = None
    ):
        self.fabric, self.settings, self.lr = fabric, settings, lr or settings.lr
        self.rate = 0.0
        if settings.sync_batch_norm and fabric.world_size > 1:
            network = synchronized(network, fabric.device)
        if settings.compile != "off":
            network.compile(**compile_options(settings.compile))
        else:
            fuse_small_kernels(network, casts=fabric.world_size == 1)
        self.network, self.optimizer = fabric.setup(network, optimizer(network, settings, self.lr))
        self._bad: Tensor | None = None
        if fabric.device.type == "cuda" and settings.precision != "16-mixed":
            self._bad = torch.zeros((), device=fabric.device)
            self.optimizer.optimizer.found_inf = self._bad  # its fused step then changes nothing

    def set_rate(self, done: float, total: float, epoch: float) -> None:
        """Set the learning rate of the next step; see `schedules.set_rate`."""
        self.rate = set_rate(self.optimizer.optimizer, self.settings, self.lr, done, total, epoch)

    def step(self, loss_of: Callable[[Tensor, Tensor], Tensor], *batch: Tensor) -> Tensor:
        """One optimizer step on a batch, in `train.accumulate` parts; its loss, detached.

        Args:
            loss_of: the mean loss of a part of the batch.
            batch: tensors whose first dimension is divided.

        Raises:
            NonFiniteLossError: on the CPU, before anything changes.
        """
        count = min(self.settings.accumulate, images := len(batch[0]))
        total = torch.zeros((), device=self.fabric.device)
        for number, part in enumerate(zip(*(tensor.tensor_split(count) for tensor in batch))):
            if self.settings.compile == "reduce-overhead":
                torch.compiler.cudagraph_mark_step_begin()
            with self.fabric.no_backward_sync(self.network, enabled=number < count - 1):
                loss = loss_of(*part) / (images / len(part[0]))  # a part counts by its images
                total = total + loss.detach()
                self._refuse(total)
                self.fabric.backward(loss)
        if self.settings.clip_norm:
            self.fabric.clip_gradients(
                self.network,
                self.optimizer,
                max_norm=self.settings.clip_norm,
                error_if_nonfinite=False,  # asking would make the processor wait for the device
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total

    def _refuse(self, loss: Tensor) -> None:
        if self._bad is not None:
            self._bad.logical_or_(~torch.isfinite(loss))
        elif loss.device.type == "cpu" and not torch.isfinite(loss):
            raise NonFiniteLossError

    def state_dict(self) -> dict:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.fabric.strategy.precision.state_dict(),  # of 16-mixed; else empty
            "rate": self.rate,
        }

    def load_state_dict(self, state: dict) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["scaler"])
        self.rate = state["rate"]


def optimizer(network: nn.Module, settings: config.Train, lr: float) -> torch.optim.Optimizer:
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return kinds[settings.optimizer](
        learning, lr=lr, weight_decay=settings.weight_decay, fused=True
    )


def compile_options(mode: str) -> dict:
    """What torch.compile takes for `train.compile`."""
    return {"dynamic": False} | ({} if mode == "default" else {"mode": mode})
