"""The ways of training: what each offers to the loop, and which one a recipe asks for."""

from pathlib import Path
from typing import ClassVar, Protocol

from lightning_fabric import Fabric
from torch import Tensor, nn

from clearbg import config
from clearbg.data.dataset import Pairs
from clearbg.training.adversarial import Adversarial
from clearbg.training.supervised import Supervised
from clearbg.training.teacher import teacher


class Method(Protocol):
    """What a way of training offers to the loop.

    `parts` are the networks that are kept beside the best weights, each with the validation
    loss whose lowest value keeps it; `measured` are the networks that `validate` asks. Losses are
    tensors without dimensions on the device: asking for their values makes the processor wait.
    """

    parts: ClassVar[dict[str, str]]

    @property
    def lr(self) -> float: ...
    @property
    def best_network(self) -> nn.Module: ...
    @property
    def measured(self) -> list[nn.Module]: ...
    def set_rate(self, done: float, total: float, epoch: float) -> None: ...
    def step(self, images: Tensor, alpha: Tensor) -> dict[str, Tensor]: ...
    def validate(self, images: Tensor, alpha: Tensor) -> tuple[Tensor, dict[str, Tensor]]: ...
    def weights(self) -> dict[str, Tensor]: ...
    def part_weights(self, part: str) -> dict[str, Tensor]: ...
    def state_dict(self) -> dict: ...
    def load_state_dict(self, state: dict) -> None: ...


def build_method(
    fabric: Fabric, settings: config.Settings, train: Pairs, validation: Pairs, folder: Path
) -> Method:
    """The method that `train.method` names; a teacher is trained in `folder` where there is one."""
    if settings.train.method == "adversarial":
        return Adversarial(fabric, settings)
    guide = None
    if settings.model.teacher_epochs:
        guide = teacher(fabric, settings, train, validation, folder)
    return Supervised(fabric, settings, guide)
