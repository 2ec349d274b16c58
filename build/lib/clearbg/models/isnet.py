"""IS-Net: highly accurate dichotomous image segmentation.

Qin et al., ECCV 2022, https://arxiv.org/abs/2203.03041.

IS-Net is a U²-Net at half the resolution with six side outputs and no fusion. Its training needs a
second network, the ground-truth encoder, which first learns to reproduce the alpha that it is given
and is then frozen. IS-Net's decoder learns to make the encoder's six feature maps, which have the
same shapes ("intermediate supervision").

Parameters have the names of the published checkpoint (798 tensors), which loads unchanged. As in
`u2net`, outputs are logits, while the paper returns probabilities.
"""

from collections import OrderedDict

from torch import Tensor, nn

from clearbg.models.resize import resize_bilinear
from clearbg.models.u2net import RSU, RSU4F, NestedUNet, xavier_initialized


class ISNet(NestedUNet):
    """The segmentation network."""

    def __init__(self):
        stages = {
            "conv_in": nn.Conv2d(3, 64, 3, stride=2, padding=1),
            "stage1": RSU(7, 64, 32, 64),
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
        super().__init__(stages, side_channels=(64, 64, 128, 256, 512, 512))
        xavier_initialized(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images `(N,3,H,W)`, normalized, of any size -> six logits `(N,1,H,W)`, finest first."""
        return self.features(images)[0]

    def features(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The logits, and the feature maps from which they are computed.

        Returns:
            The six logits of `forward`, and six feature maps of 64, 64, 128, 256, 512 and 512
            channels. The first map has half the images' size, rounded up, and each next map
            half the size of the one before.
        """
        maps = self.maps(self.conv_in(images))
        return [resize_bilinear(side, images.shape[2:]) for side in self.sides(maps)], maps


class GroundTruthEncoder(nn.Module):
    """Reproduces the alpha it is given; IS-Net learns to make its feature maps."""

    def __init__(self):
        super().__init__()
        self.conv_in = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(1, 16, 3, stride=2, padding=1),
                bn=nn.BatchNorm2d(16),
                rl=nn.ReLU(inplace=True),
            )
        )
        self.stage1 = RSU(7, 16, 16, 64)
        self.stage2 = RSU(6, 64, 16, 64)
        self.stage3 = RSU(5, 64, 32, 128)
        self.stage4 = RSU(4, 128, 32, 256)
        self.stage5 = RSU4F(256, 64, 512)
        self.stage6 = RSU4F(512, 64, 512)
        for level, channels in enumerate((64, 64, 128, 256, 512, 512), 1):
            setattr(self, f"side{level}", nn.Conv2d(channels, 1, 3, padding=1))
        self.pool = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        xavier_initialized(self)

    def forward(self, alpha: Tensor) -> list[Tensor]:
        """Alpha `(N,1,H,W)` in [0, 1], of any size -> six logits `(N,1,H,W)`, finest first."""
        return self.features(alpha)[0]

    def features(self, alpha: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The logits and feature maps of alpha, with the shapes of `ISNet.features`."""
        maps = [self.stage1(self.conv_in(alpha))]
        for level in range(2, 7):
            maps.append(getattr(self, f"stage{level}")(self.pool(maps[-1])))
        sides = [getattr(self, f"side{level}")(x) for level, x in enumerate(maps, 1)]
        return [resize_bilinear(side, alpha.shape[2:]) for side in sides], maps


def isnet() -> ISNet:
    """The segmentation network: 44,046,790 parameters."""
    return ISNet()


def isnet_gt() -> GroundTruthEncoder:
    """The ground-truth encoder: 6,877,734 parameters."""
    return GroundTruthEncoder()
