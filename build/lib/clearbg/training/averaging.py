"""Exponential moving averages of weights."""

import copy

import torch
from torch import Tensor, nn


class AveragedWeights:
    """The moving average of a network's parameters and statistics.

    The decay of the n-th update is `min(decay, (1 + n) / (10 + n))`, n from 0: a short training
    does not keep its random first weights (as TensorFlow's ExponentialMovingAverage with
    `num_updates`).

    Attributes:
        module: a copy of the network that holds the average.
    """

    def __init__(self, network: nn.Module, decay: float):
        self.module = copy.deepcopy(network).requires_grad_(False)
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        average, latest = self._tensors(self.module), self._tensors(network)
        real = [index for index, tensor in enumerate(average) if tensor.is_floating_point()]
        counts = [index for index, tensor in enumerate(average) if not tensor.is_floating_point()]
        torch._foreach_lerp_([average[i] for i in real], [latest[i] for i in real], 1 - decay)
        if counts:  # of batches
            torch._foreach_copy_([average[i] for i in counts], [latest[i] for i in counts])

    @staticmethod
    def _tensors(network: nn.Module) -> list[Tensor]:
        return [*network.parameters(), *network.buffers()]

    def state_dict(self) -> dict:
        return {"module": self.module.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict) -> None:
        self.module.load_state_dict(state["module"])
        self.updates = state["updates"]
