"""Resizing whose gradient is the same bits at every run, at the speed of a matrix product.

torch's own gradients of a resize add with atomics on CUDA, in an order that varies; what it
puts in their place under `torch.use_deterministic_algorithms` makes a training step two to four
times as long. A resize is linear: `rows · x · columnsᵀ` with two small matrices, so that its
gradient is `rowsᵀ · g · columns`: two products, which are deterministic.
"""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]


def resize_bilinear(x: Tensor, size: Size) -> Tensor:
    """`x (N,C,h,w)` at the height and width of `size`, corners not aligned.

    The values are torch's own. The gradient is torch's own too, except on a GPU under
    `torch.use_deterministic_algorithms`, where it is that of `ExactBilinear`.
    """
    if x.is_cpu or not torch.are_deterministic_algorithms_enabled():
        return F.interpolate(x, size, mode="bilinear", align_corners=False)
    if _learns(x):
        return ExactBilinear.apply(x, tuple(size))
    return _bilinear(x, size)


def resize_bicubic(x: Tensor, size: Size) -> Tensor:
    """`x (N,C,h,w)` at the height and width of `size`, corners aligned.

    Where a gradient is asked for, the values come from the matrices as well: torch's bicubic
    kernels take several times as long, on the CPU too. They differ from torch's by rounding.
    """
    if not _learns(x):
        return F.interpolate(x, size, mode="bicubic", align_corners=True)
    rows, columns = _matrices(x, x.shape[-2:], size, bicubic=True)
    return _product(x, rows, columns)


class ExactBilinear(torch.autograd.Function):
    """Bilinear resizing with torch's values and a deterministic gradient, on any device."""

    @staticmethod
    def forward(ctx, x: Tensor, size: Size) -> Tensor:
        ctx.before, ctx.after, ctx.dtype = x.shape[-2:], size, x.dtype
        return _bilinear(x, size)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        with torch.autocast(gradient.device.type, enabled=False):
            rows, columns = _matrices(gradient, ctx.before, ctx.after, bicubic=False)
            return _product(gradient, rows.T, columns.T).to(ctx.dtype), None


def _learns(x: Tensor) -> bool:
    """Whether a gradient will be asked for; an exported graph shall hold a plain resize."""
    return torch.is_grad_enabled() and x.requires_grad and not torch.compiler.is_exporting()


def _bilinear(x: Tensor, size: Size) -> Tensor:
    """torch's kernel; under deterministic algorithms `F.interpolate` takes a slow one on a GPU."""
    return torch.ops.aten.upsample_bilinear2d.default(x, size, False)


def _product(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """`rows · x · columnsᵀ` of each channel, in the memory format that `x` has."""
    if x.shape[1] == 1 or x.stride(1) != 1:
        return rows @ (x @ columns.T)
    x = columns @ x.permute(0, 2, 3, 1)  # (N,h,W,C): the channels lie innermost
    n, h, w, c = x.shape
    x = rows @ x.reshape(n, h, w * c)
    return x.view(n, len(rows), w, c).permute(0, 3, 1, 2)


def _matrices(like: Tensor, before: Size, after: Size, bicubic: bool) -> list[Tensor]:
    """What a resize does to a column and to a row, `(after, before)` each."""
    # A compiled step makes them inside: a cache would be filled from its graph's own memory.
    make = _matrix.__wrapped__ if torch.compiler.is_compiling() else _matrix
    return [make(a, b, bicubic, like.device, like.dtype) for a, b in zip(before, after)]


@functools.cache
def _matrix(
    before: int, after: int, bicubic: bool, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """`(after, before)`: torch's weights, in the precision in which its kernels compute them."""
    exact = torch.promote_types(dtype, torch.float32)
    unit = torch.eye(before, dtype=exact, device=device)[None, None]
    if bicubic:
        unit = F.interpolate(unit, (after, before), mode="bicubic", align_corners=True)
    else:
        unit = _bilinear(unit, (after, before))
    return unit[0, 0].to(dtype)
