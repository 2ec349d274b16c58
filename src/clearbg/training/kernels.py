"""Fewer kernels in a step: a small network's step on a GPU lasts as long as starting its kernels.

Under autocast each convolution casts its weight and its bias, and its backward pass casts their
gradients; each batch norm counts its batches. That is almost two fifths of the kernels of a step of
U²-Net-lite. Here one kernel does each of these for the whole network, with the same bits.
"""

from typing import Any

import torch
from torch import Tensor, nn

LOW_PRECISION = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
"""Layers whose weights autocast casts."""


def fuse_small_kernels(network: nn.Module, casts: bool) -> None:
    """Let the network cast its weights, and count its batches, all at once in each forward pass.

    A copy of the network does so too. Its parameters, its buffers and their names stay.

    Args:
        network: changed in place, by two hooks.
        casts: whether to cast the weights in autocast's stead. It makes all gradients ready only
            at the end of the backward pass, so that several processes could not exchange the first
            ones meanwhile.
    """
    weights = [
        (layer, name)
        for layer in network.modules()
        if casts and isinstance(layer, LOW_PRECISION)
        for name, tensor in layer.named_parameters(recurse=False)
        if tensor.dtype == torch.float32
    ]
    norms = [
        layer
        for layer in network.modules()
        if isinstance(layer, nn.BatchNorm2d) and layer.momentum is not None
    ]
    network.__dict__["_fused"] = weights, norms  # a copy of the network copies these with it
    network.register_forward_pre_hook(_before)
    network.register_forward_hook(_after, always_call=True)


class CastTogether(torch.autograd.Function):
    """float32 tensors in another precision, and their gradients back, one kernel each way."""

    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(_cast(tensors, dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        there = [gradient for gradient in gradients if gradient is not None]
        cast = iter(_cast(there, torch.float32))
        return None, *(None if gradient is None else next(cast) for gradient in gradients)


def _cast(tensors: Any, dtype: torch.dtype) -> list[Tensor]:
    cast = [torch.empty_like(tensor, dtype=dtype) for tensor in tensors]
    if cast:
        torch._foreach_copy_(cast, list(tensors))
    return cast


def _before(network: nn.Module, _: Any) -> None:
    """Put the cast weights before the layers' own, and hide the counts of batches."""
    weights, norms = _fused(network)
    if weights:
        whole = [getattr(layer, name) for layer, name in weights]
        device = whole[0].device.type
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
            # All that the function returns asks for a gradient, so that frozen parts would too.
            cast = iter(CastTogether.apply(dtype, *(t for t in whole if t.requires_grad)))
            still = iter(_cast([t for t in whole if not t.requires_grad], dtype))
            for (layer, name), tensor in zip(weights, whole):
                layer.__dict__[name] = next(cast if tensor.requires_grad else still)
    for norm in norms:
        norm.__dict__["num_batches_tracked"] = None


def _after(network: nn.Module, *_: Any) -> None:
    weights, norms = _fused(network)
    for layer, name in weights:
        layer.__dict__.pop(name, None)
    for norm in norms:
        del norm.__dict__["num_batches_tracked"]
    tracked = [norm.num_batches_tracked for norm in norms if norm.training]
    counts = [count for count in tracked if count is not None]
    if counts:
        torch._foreach_add_(counts, 1)


def _fused(network: nn.Module) -> tuple[list[tuple[nn.Module, str]], list[nn.BatchNorm2d]]:
    return network.__dict__["_fused"]
