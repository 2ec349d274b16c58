"""Normalization layers: by the batch, by groups of channels, or by fixed statistics.

Batch norm (Ioffe and Szegedy 2015) estimates mean and variance from the images of one step. When
memory has room for one or two images only, these estimates are noise, and two other layers are
better: group norm (Wu and He 2018, https://arxiv.org/abs/1803.08494), which looks at one image at a
time, and frozen batch norm, which does not change the statistics that were loaded. The affine
parameters of all three have the same names and shapes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce

from clearbg.errors import ModelError

MOST_GROUPS = 32  # as in the paper
LEAST_CHANNELS = 4  # of a group: at 1×1 pixels, what the statistics are made of


class BatchNorm(nn.BatchNorm2d):
    """Batch norm that also trains when a channel has a single value.

    A single value has no variance. It occurs in the deepest feature maps, 1×1 pixel large, of a
    single small image: they are normalized by the running statistics, which do not change.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.numel() == x.shape[1]:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x)


class SyncedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the images of all processes on CPUs, for which torch's own does not work."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        count = x.numel() // x.shape[1] * distributed.get_world_size()
        places, values = (0, *range(2, x.ndim)), x.float()
        mean = all_reduce(values.sum(places)) / count
        centered = values - mean.view(-1, 1, 1)
        variance = all_reduce(centered.square().sum(places)) / count
        self._follow(mean.detach(), variance.detach() * count / max(count - 1, 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centered * scale.view(-1, 1, 1) + self.bias.view(-1, 1, 1)).to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        if self.num_batches_tracked is not None:  # else counted elsewhere
            self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:
            share = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class FrozenBatchNorm(nn.BatchNorm2d):
    """Batch norm that always uses its running statistics; its affine parameters are trained."""

    def __init__(self, channels: int, eps: float, momentum: float | None):
        super().__init__(channels, eps, momentum)
        self.eval()

    def train(self, mode: bool = True) -> "FrozenBatchNorm":
        return super().train(False)


def normalized(network: nn.Module, norm: str) -> nn.Module:
    """Replace every `nn.BatchNorm2d` of a network with the chosen layer, and return the network.

    Args:
        network: a network with batch norm, whose values stay the same.
        norm: "batch", "group" or "frozen". With "group", a layer of one channel is frozen:
            group norm would remove the mean of the image's only channel, so that DeepLab's
            logits would be positive on about half of every image.

    Raises:
        ModelError: no norm has this name.
    """
    if norm not in list(KINDS):
        raise ModelError(f"norm = {norm!r} is not known: set it to one of {', '.join(KINDS)}.")
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if type(layer) is nn.BatchNorm2d:
                setattr(parent, name, KINDS[norm](layer))
    return network


def synchronized(network: nn.Module, device: torch.device) -> nn.Module:
    """Let the batch norms of a network that learn statistics share them between all processes.

    It is changed in place and returned; its values stay the same.
    """
    kind = SyncedBatchNorm if device.type == "cpu" else nn.SyncBatchNorm
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, nn.BatchNorm2d) and not isinstance(layer, FrozenBatchNorm):
                synced = kind(layer.num_features, layer.eps, layer.momentum)
                setattr(parent, name, _same_values(layer, synced))
    return network


def _batch(layer: nn.BatchNorm2d) -> BatchNorm:
    return _same_values(layer, BatchNorm(layer.num_features, layer.eps, layer.momentum))


def _frozen(layer: nn.BatchNorm2d) -> FrozenBatchNorm:
    return _same_values(layer, FrozenBatchNorm(layer.num_features, layer.eps, layer.momentum))


def _group(layer: nn.BatchNorm2d) -> nn.GroupNorm | FrozenBatchNorm:
    if layer.num_features == 1:
        return _frozen(layer)
    return _same_values(
        layer, nn.GroupNorm(groups(layer.num_features), layer.num_features, layer.eps)
    )


def groups(channels: int) -> int:
    """The largest number of equal groups, at most 32, with 4 channels or more each; else 1."""
    most = min(MOST_GROUPS, channels // LEAST_CHANNELS)
    return next((count for count in range(most, 1, -1) if channels % count == 0), 1)


def _same_values(old: nn.Module, new: nn.Module) -> nn.Module:
    own = new.state_dict()
    new.load_state_dict({name: value for name, value in old.state_dict().items() if name in own})
    return new


KINDS = {"batch": _batch, "group": _group, "frozen": _frozen}
