"""DeepLabV3+ on a ResNet, with squeeze-and-excitation in its decoder.

Chen et al., "Encoder-decoder with atrous separable convolution", ECCV 2018,
https://arxiv.org/abs/1802.02611 (atrous pyramid, low-level features in the decoder); Hu et al.,
"Squeeze-and-excitation networks", CVPR 2018, https://arxiv.org/abs/1709.01507.

It deviates from the first paper in four points. The encoder is torchvision's ResNet with its full
stride of 32. Convolutions are ordinary ones, not separable. Squeeze-and-excitation weighs the
decoder's channels twice. The logits pass a batch norm.
"""

import torch
from torch import Tensor, nn

from clearbg.errors import ModelError
from clearbg.models.resize import resize_bilinear

BACKBONES = ("resnet18", "resnet34")
DILATIONS = (6, 12, 18)


class ConvBlock(nn.Sequential):
    """Convolution without bias, batch norm, ReLU; height and width stay the same."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, dilation: int = 1):
        padding = dilation * (kernel // 2)
        super().__init__(
            nn.Conv2d(
                channels_in, channels_out, kernel, padding=padding, dilation=dilation, bias=False
            ),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )


class ImagePooling(nn.Module):
    """The mean of the whole feature map, repeated at each of its pixels."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        mean = self.conv(x.mean((-2, -1), keepdim=True)).relu()
        return mean.expand(-1, -1, *x.shape[2:])


class AtrousPyramid(nn.Module):
    """Looks at the surroundings of every pixel at five scales: `(N,C,h,w)` -> `(N,256,h,w)`."""

    def __init__(self, channels_in: int):
        super().__init__()
        self.branches = nn.ModuleList(
            [
                ConvBlock(channels_in, 256, 1),
                *(ConvBlock(channels_in, 256, 3, dilation) for dilation in DILATIONS),
                ImagePooling(channels_in, 256),
            ]
        )
        self.project = ConvBlock(5 * 256, 256, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(torch.cat([branch(x) for branch in self.branches], 1))


class SqueezeExcitation(nn.Module):
    """Weighs each channel by its mean over the image: `x · σ(W2 · relu(W1 · mean(x)))`."""

    def __init__(self, channels: int, reduction: int = 8):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.excite = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((-2, -1), keepdim=True)
        return x * self.excite(self.squeeze(mean).relu()).sigmoid()


class Encoder(nn.Module):
    """torchvision's ResNet without its classifier; parameters keep torchvision's names."""

    def __init__(self, resnet: nn.Module):
        super().__init__()
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
            setattr(self, name, getattr(resnet, name))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The feature maps of layer1 `(N,64,H/4,W/4)` and of layer4 `(N,512,H/32,W/32)`."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        low = self.layer1(x)
        return low, self.layer4(self.layer3(self.layer2(low)))


class Decoder(nn.Module):
    """Turns the encoder's two feature maps into a logit for each pixel: 5,531,554 parameters."""

    def __init__(self):
        super().__init__()
        self.pyramid = AtrousPyramid(512)
        self.high = ConvBlock(256, 256, 1)
        self.low = ConvBlock(64, 48, 1)
        self.refine = nn.Sequential(
            SqueezeExcitation(304),
            ConvBlock(304, 256, 3),
            ConvBlock(256, 256, 3),
            SqueezeExcitation(256),
        )
        self.logit = nn.Conv2d(256, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, low: Tensor, deep: Tensor, images: Tensor) -> Tensor:
        high = resize_bilinear(self.high(self.pyramid(deep)), low.shape[2:])
        x = self.refine(torch.cat((high, self.low(low)), 1))
        # A pointwise convolution and a resize commute; in this order one channel grows, not 256.
        return self.norm(resize_bilinear(self.logit(x), images.shape[2:]))


class DeepLab(nn.Module):
    """Encoder and decoder, which are trained together."""

    def __init__(self, resnet: nn.Module):
        super().__init__()
        self.encoder = Encoder(resnet)
        self.decoder = Decoder()

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images `(N,3,H,W)`, normalized, of any size -> one tensor of logits `(N,1,H,W)`."""
        low, deep = self.encoder(images)
        return [self.decoder(low, deep, images)]


def deeplab(backbone: str = "resnet18", pretrained: bool = False) -> DeepLab:
    """DeepLab with 16,708,066 parameters on ResNet-18.

    Args:
        backbone: "resnet18" or "resnet34".
        pretrained: whether the encoder starts from torchvision's ImageNet weights, which
            torchvision downloads once into its cache.

    Raises:
        ModelError: no backbone has this name, or its weights cannot be downloaded.
    """
    if backbone not in BACKBONES:
        raise ModelError(
            f"deeplab has no backbone {backbone!r}: set it to one of {', '.join(BACKBONES)}."
        )
    from torchvision.models import get_model  # takes as long to import as torch itself

    resnet = get_model(backbone)
    if pretrained:
        resnet.load_state_dict(imagenet_weights(backbone))
    return DeepLab(resnet)


def imagenet_weights(backbone: str) -> dict[str, Tensor]:
    """torchvision's state dict, from its cache or from the internet.

    Raises:
        ModelError: it cannot be downloaded.
    """
    from torchvision.models import get_model_weights

    weights = get_model_weights(backbone).IMAGENET1K_V1
    try:
        return weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except Exception as error:  # urllib, http and torch each raise kinds of their own
        raise ModelError(
            f"the ImageNet weights of {backbone} cannot be fetched from {weights.url} ({error}): "
            "set model.pretrained to false, or name weights of your own in train.init_from."
        ) from error
