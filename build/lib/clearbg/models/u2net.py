"""U²-Net: going deeper with nested U-structure for salient object detection.

Qin et al., Pattern Recognition 106 (2020), https://arxiv.org/abs/2005.09007.

Modules and parameters have the names of the published checkpoints (`stage1.rebnconv1.conv_s1`
and so on, 798 tensors), which load unchanged. It deviates from the paper in one point: the network
returns logits, not probabilities, because a sigmoid followed by a binary cross entropy is not
finite in half precision.
"""

import torch
from torch import Tensor, nn

from clearbg.models.resize import resize_bilinear


class ConvBlock(nn.Module):
    """3×3 convolution, batch norm, ReLU ("REBNCONV")."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int = 1):
        super().__init__()
        self.conv_s1 = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(out_channels)
        self.relu_s1 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu_s1(self.bn_s1(self.conv_s1(x)))


class RSU(nn.Module):
    """Residual U-block: RSU-7, RSU-6, RSU-5 and RSU-4 of the paper's figure 2.

    Args:
        depth: number of the encoder's convolutions; the deepest one has a dilation of 2, in
            place of another pooling.
        in_channels, mid_channels, out_channels: number of channels at the input, inside, and
            at the output.
    """

    def __init__(self, depth: int, in_channels: int, mid_channels: int, out_channels: int):
        super().__init__()
        self.depth = depth
        self.rebnconvin = ConvBlock(in_channels, out_channels)
        self.rebnconv1 = ConvBlock(out_channels, mid_channels)
        for level in range(2, depth):
            setattr(self, f"rebnconv{level}", ConvBlock(mid_channels, mid_channels))
        setattr(self, f"rebnconv{depth}", ConvBlock(mid_channels, mid_channels, dilation=2))
        for level in range(depth - 1, 1, -1):
            setattr(self, f"rebnconv{level}d", ConvBlock(2 * mid_channels, mid_channels))
        self.rebnconv1d = ConvBlock(2 * mid_channels, out_channels)
        # Rounding up keeps a 1-pixel edge alive, so that any input size passes through.
        self.pool = nn.MaxPool2d(2, stride=2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.rebnconvin(x)
        skips = [self.rebnconv1(residual)]
        for level in range(2, self.depth):
            skips.append(getattr(self, f"rebnconv{level}")(self.pool(skips[-1])))
        x = getattr(self, f"rebnconv{self.depth}")(skips[-1])
        for level in range(self.depth - 1, 0, -1):
            skip = skips[level - 1]
            if x.shape[2:] != skip.shape[2:]:
                x = resize_bilinear(x, skip.shape[2:])
            x = getattr(self, f"rebnconv{level}d")(torch.cat((x, skip), 1))
        return x + residual


class RSU4F(nn.Module):
    """RSU-4F: a residual block without pooling; dilations are 1, 2, 4, 8, 4, 2, 1."""

    def __init__(self, in_channels: int, mid_channels: int, out_channels: int):
        super().__init__()
        self.rebnconvin = ConvBlock(in_channels, out_channels)
        self.rebnconv1 = ConvBlock(out_channels, mid_channels)
        self.rebnconv2 = ConvBlock(mid_channels, mid_channels, dilation=2)
        self.rebnconv3 = ConvBlock(mid_channels, mid_channels, dilation=4)
        self.rebnconv4 = ConvBlock(mid_channels, mid_channels, dilation=8)
        self.rebnconv3d = ConvBlock(2 * mid_channels, mid_channels, dilation=4)
        self.rebnconv2d = ConvBlock(2 * mid_channels, mid_channels, dilation=2)
        self.rebnconv1d = ConvBlock(2 * mid_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.rebnconvin(x)
        x1 = self.rebnconv1(residual)
        x2 = self.rebnconv2(x1)
        x3 = self.rebnconv3(x2)
        x4 = self.rebnconv4(x3)
        x = self.rebnconv3d(torch.cat((x4, x3), 1))
        x = self.rebnconv2d(torch.cat((x, x2), 1))
        x = self.rebnconv1d(torch.cat((x, x1), 1))
        return x + residual


def xavier_initialized(network: nn.Module) -> nn.Module:
    """Set Xavier-uniform convolution weights and zero biases (section 4.2 of the paper)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


class NestedUNet(nn.Module):
    """Six encoder stages, five decoder stages, and a side output at each of six levels.

    A side output is a convolution that turns a feature map into logits, so that training can
    supervise every level.

    Args:
        stages: a module for each of stage1 to stage6 and stage5d to stage1d; further modules
            become parts of the network too.
        side_channels: number of input channels of side1 to side6.
    """

    def __init__(self, stages: dict[str, nn.Module], side_channels: tuple[int, ...]):
        super().__init__()
        for name, stage in stages.items():
            setattr(self, name, stage)
        for level, channels in enumerate(side_channels, 1):
            setattr(self, f"side{level}", nn.Conv2d(channels, 1, 3, padding=1))
        self.pool = nn.MaxPool2d(2, stride=2, ceil_mode=True)

    def maps(self, x: Tensor) -> list[Tensor]:
        """The six feature maps of `x (N,C,H,W)`; the first map has its height and width."""
        encoded = [self.stage1(x)]
        for level in range(2, 7):
            encoded.append(getattr(self, f"stage{level}")(self.pool(encoded[-1])))
        decoded = [encoded.pop()]
        for level in range(5, 0, -1):
            skip = encoded.pop()
            x = torch.cat((resize_bilinear(decoded[-1], skip.shape[2:]), skip), 1)
            decoded.append(getattr(self, f"stage{level}d")(x))
        return decoded[::-1]

    def sides(self, maps: list[Tensor]) -> list[Tensor]:
        """The side outputs: logits for each pixel of each feature map, at the map's size."""
        return [getattr(self, f"side{level}")(x) for level, x in enumerate(maps, 1)]


class U2Net(NestedUNet):
    """A nested U-Net whose first output fuses the six side outputs."""

    def __init__(self, stages: dict[str, nn.Module], side_channels: tuple[int, ...]):
        super().__init__(stages, side_channels)
        self.outconv = nn.Conv2d(6, 1, 1)
        xavier_initialized(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Predict saliency at every scale.

        Args:
            images: `(N,3,H,W)`, normalized, any height and width from 1 pixel up.

        Returns:
            Seven logits `(N,1,H,W)`: the fusion d0, then the side outputs d1 (finest) to d6.
        """
        sides = self.sides(self.maps(images))
        size = sides[0].shape[2:]
        sides = [sides[0]] + [resize_bilinear(side, size) for side in sides[1:]]
        return [self.outconv(torch.cat(sides, 1)), *sides]


def u2net() -> U2Net:
    """The full network: 44,009,869 parameters."""
    stages = {
        "stage1": RSU(7, 3, 32, 64),
        "stage2": RSU(6, 64, 32, 128),
        "stage3": RSU(5, 128, 64, 256),
        "stage4": RSU(4, 256, 128, 512),
        "stage5": RSU4F(512, 256, 512),
        "stage6": RSU4F(512, 256, 512),
        "stage5d": RSU4F(1024, 256, 512),
        "stage4d": RSU(4, 1024, 128, 256),
        "stage3d": RSU(5, 512, 64, 128),
        "stage2d": RSU(6, 256, 32, 64),
        "stage1d": RSU(7, 128, 16, 64),
    }
    return U2Net(stages, side_channels=(64, 64, 128, 256, 512, 512))


def u2netp() -> U2Net:
    """The light network ("U²-Net†" in the paper, `u2netp` in practice): 1,131,181 parameters."""
    stages = {
        "stage1": RSU(7, 3, 16, 64),
        "stage2": RSU(6, 64, 16, 64),
        "stage3": RSU(5, 64, 16, 64),
        "stage4": RSU(4, 64, 16, 64),
        "stage5": RSU4F(64, 16, 64),
        "stage6": RSU4F(64, 16, 64),
        "stage5d": RSU4F(128, 16, 64),
        "stage4d": RSU(4, 128, 16, 64),
        "stage3d": RSU(5, 128, 16, 64),
        "stage2d": RSU(6, 128, 16, 64),
        "stage1d": RSU(7, 128, 16, 64),
    }
    return U2Net(stages, side_channels=(64,) * 6)
