"""U-Net: convolutional networks for biomedical image segmentation.

Ronneberger et al., MICCAI 2015, https://arxiv.org/abs/1505.04597, in today's usual form: padded
convolutions with batch norm, so that the output is as large as the input.

Parameters have the names of widespread checkpoints (`inc.double_conv.0.weight`,
`down1.maxpool_conv.1.double_conv.0.weight`, `up1.up.weight`, `outc.conv.weight`), which load
unchanged. Where a size is no multiple of 16, pooling rounds up here, and the decoder's feature maps
are cut to the encoder's size; other implementations round down and pad the maps.
"""

import torch
from torch import Tensor, nn


class DoubleConv(nn.Module):
    """3×3 convolution, batch norm and ReLU, two times."""

    def __init__(self, channels_in: int, channels_out: int, bias: bool = False):
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=bias),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=bias),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.double_conv(x)


def halving() -> nn.MaxPool2d:
    """2×2 max pooling that rounds sizes up, so that a 1-pixel side stays and any size works."""
    return nn.MaxPool2d(2, ceil_mode=True)


def cut_to(x: Tensor, like: Tensor) -> Tensor:
    """Cut the last row and column of `x (N,C,h,w)` where `like` has fewer."""
    return x[..., : like.shape[2], : like.shape[3]]


class Down(nn.Module):
    """Halves the size and doubles the number of channels."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.maxpool_conv = nn.Sequential(halving(), DoubleConv(channels_in, channels_out))

    def forward(self, x: Tensor) -> Tensor:
        return self.maxpool_conv(x)


class Up(nn.Module):
    """Doubles the size, halves the channels, and concatenates the encoder's map of that size."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.up = nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)
        self.conv = DoubleConv(2 * channels_out, channels_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv(torch.cat((skip, cut_to(self.up(x), skip)), 1))


class Head(nn.Module):
    """One logit for each pixel."""

    def __init__(self, channels_in: int):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class UNet(nn.Module):
    """An encoder of four levels, from 64 channels to 1024, and a decoder back to 64."""

    def __init__(self):
        super().__init__()
        self.inc = DoubleConv(3, 64)
        self.down1 = Down(64, 128)
        self.down2 = Down(128, 256)
        self.down3 = Down(256, 512)
        self.down4 = Down(512, 1024)
        self.up1 = Up(1024, 512)
        self.up2 = Up(512, 256)
        self.up3 = Up(256, 128)
        self.up4 = Up(128, 64)
        self.outc = Head(64)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images `(N,3,H,W)`, normalized, of any size -> one tensor of logits `(N,1,H,W)`."""
        x1 = self.inc(images)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x4 = self.down3(x3)
        x = self.up1(self.down4(x4), x4)
        x = self.up2(x, x3)
        x = self.up3(x, x2)
        x = self.up4(x, x1)
        return [self.outc(x)]


def unet() -> UNet:
    """U-Net: 31,037,633 parameters."""
    return UNet()
