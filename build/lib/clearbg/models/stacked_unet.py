"""Stacked U-Nets for document binarization.

Every block refines the output of the block before it: `x_{b+1} = σ(x_b + UNet_b(x_b))`.
Convolutions are depthwise separable, and resizing is bicubic. The first input is a gray page whose
ink is 1; values outside [0, 1] are not clipped.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clearbg.models.resize import resize_bicubic


class SeparableConv(nn.Sequential):
    """Depthwise 3×3 and pointwise 1×1, each with batch norm and ReLU."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__(
            nn.Conv2d(channels_in, channels_in, 3, padding=1, groups=channels_in, bias=False),
            nn.BatchNorm2d(channels_in),
            nn.ReLU(),
            nn.Conv2d(channels_in, channels_out, 1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
        )


class DoubleConv(nn.Module):
    """The sum of two separable convolutions and a 1×1 projection, without an activation."""

    def __init__(self, channels_in: int, channels_middle: int, channels_out: int):
        super().__init__()
        self.convs = nn.Sequential(
            SeparableConv(channels_in, channels_middle),
            SeparableConv(channels_middle, channels_out),
        )
        self.residual = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.convs(x) + self.residual(x)


class Block(nn.Module):
    """A small U-Net with two levels: `(N,C,H,W)` -> correction of the logits `(N,1,H,W)`."""

    def __init__(self, channels_in: int):
        super().__init__()
        self.inc = DoubleConv(channels_in, 64, 64)
        self.down1 = DoubleConv(64, 128, 128)
        self.down2 = DoubleConv(128, 128, 128)
        self.up1 = DoubleConv(256, 128, 64)
        self.up2 = DoubleConv(128, 64, 64)
        self.outc = nn.Conv2d(64, 1, 1)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        full = self.inc(x)
        half = self.dropout(self.down1(F.max_pool2d(full, 2)))
        quarter = self.down2(F.max_pool2d(half, 2))
        y = self.dropout(self.up1(_up_and_join(quarter, half)))
        y = self.dropout(self.up2(_up_and_join(y, full)))
        return self.outc(y)


class StackedUNet(nn.Module):
    """A chain of blocks; it returns the logits of every block, the last block's first."""

    def __init__(self, blocks: int = 2):
        super().__init__()
        self.blocks = nn.ModuleList(Block(1) for _ in range(blocks))

    def forward(self, images: Tensor) -> list[Tensor]:
        page, logits = images, []
        for block in self.blocks:
            logits.append(page + block(page))
            page = logits[-1].sigmoid()
        return logits[::-1]


def _up_and_join(x: Tensor, skip: Tensor) -> Tensor:
    """Double the size of `x`, pad it with zeros if the skip is larger, and concatenate both."""
    x = resize_bicubic(x, (2 * x.shape[-2], 2 * x.shape[-1]))
    missing = skip.shape[-2] - x.shape[-2], skip.shape[-1] - x.shape[-1]
    return torch.cat([skip, F.pad(x, (0, missing[1], 0, missing[0]))], dim=1)


def stacked_unet(blocks: int = 2) -> StackedUNet:
    """Stacked U-Nets; with two blocks, as published, they have 355,864 parameters."""
    return StackedUNet(blocks)
