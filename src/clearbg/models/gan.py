"""Background removal as image-to-image translation with an adversary.

This is pix2pix (Isola et al., CVPR 2017, https://arxiv.org/abs/1611.07004) on pairs of images with
and without their background. A U-Net, the generator, makes the image without background. A
residual network, the discriminator, learns to tell such generated images from true ones.

It deviates from the paper in three points. The discriminator sees the image without background
alone, not the original beside it, and judges it as a whole, not in patches. It returns a logit in
place of a probability. The generator makes premultiplied RGB and alpha; with three channels it
makes RGB alone.
"""

import torch
from torch import Tensor, nn

from clearbg.errors import ModelError
from clearbg.models.unet import DoubleConv, cut_to, halving

SMALLEST = 1e-6  # lower bound of a color's squared length, and of alpha: its logit stays finite


class Generator(nn.Module):
    """A U-Net from an image to the same image without its background.

    Args:
        channels: 4 for premultiplied RGB and alpha, 3 for premultiplied RGB.
        widths: number of channels at each level, the finest first; each level halves the size.
    """

    def __init__(self, channels: int, widths: tuple[int, ...]):
        super().__init__()
        self.channels = channels
        self.encoder = nn.ModuleList(
            DoubleConv(before, after, bias=True) for before, after in zip((3, *widths), widths)
        )
        self.pool = halving()
        self.decoder = nn.ModuleList()
        for coarse, fine in zip(widths[:0:-1], widths[-2::-1]):
            self.decoder.append(nn.ConvTranspose2d(coarse, fine, 2, stride=2))
            self.decoder.append(DoubleConv(2 * fine, fine, bias=True))
        self.head = nn.Conv2d(widths[0], channels, 3, padding=1)

    def forward(self, images: Tensor) -> list[Tensor]:
        """The alpha of images, in the form that all networks give.

        With three channels alpha is, at each pixel, the least-squares solution of
        `premultiplied = alpha · image`; it is 0 where the image is black.

        Args:
            images: `(N,3,H,W)` in [0, 1], of any size.

        Returns:
            One tensor of logits `(N,1,H,W)`.
        """
        return [self.both(images)[1]]

    def generate(self, images: Tensor) -> Tensor:
        """The images without background, `(N,channels,H,W)` in [0, 1]."""
        return self._raw(images).sigmoid()

    def both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The result of `generate`, and the logits of alpha `(N,1,H,W)`."""
        raw = self._raw(images)
        if self.channels == 4:
            return raw.sigmoid(), raw[:, 3:]
        images, image = images.float(), raw.sigmoid().float()
        product = (image * images).sum(1, keepdim=True)
        alpha = product / (images.square().sum(1, keepdim=True) + SMALLEST)
        return image, alpha.clamp(SMALLEST, 1 - SMALLEST).logit()

    def _raw(self, images: Tensor) -> Tensor:
        skips = [self.encoder[0](images)]
        for level in self.encoder[1:]:
            skips.append(level(self.pool(skips[-1])))
        x = skips.pop()
        for up, join in zip(self.decoder[::2], self.decoder[1::2]):
            skip = skips.pop()
            x = join(torch.cat((cut_to(up(x), skip), skip), 1))
        return self.head(x)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions plus their own input, projected where the shapes differ."""

    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
            nn.BatchNorm2d(channels_out),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride=stride),
                nn.BatchNorm2d(channels_out),
            )

    def forward(self, x: Tensor) -> Tensor:
        return (self.convs(x) + self.shortcut(x)).relu()


class Discriminator(nn.Module):
    """A residual network (He et al. 2016) that gives one number for each image.

    Args:
        channels: number of channels of its input, 3 or 4.
        widths: number of channels of each stage; every stage but the first halves the size.
        depths: number of residual blocks of each stage.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], depths: tuple[int, ...]):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, widths[0], 3, padding=1),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
            halving(),
        )
        blocks, before = [], widths[0]
        for stage, (width, depth) in enumerate(zip(widths, depths)):
            for block in range(depth):
                stride = 2 if stage and not block else 1
                blocks.append(ResidualBlock(before, width, stride))
                before = width
        self.stages = nn.Sequential(*blocks)
        self.verdict = nn.Linear(before, 1)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images `(N,channels,H,W)` of any size -> one tensor of logits `(N,1)`, high if true."""
        maps = self.stages(self.stem(images))
        return [self.verdict(maps.mean((-2, -1)))]


def gan_generator(
    channels: int = 4, widths: tuple[int, ...] = (32, 64, 128, 256, 512)
) -> Generator:
    """The generator: 7,766,819 parameters with three channels.

    Raises:
        ModelError: `channels` is neither 3 nor 4.
    """
    _check_channels("gan_generator", channels)
    return Generator(channels, tuple(widths))


def gan_discriminator(
    channels: int = 4,
    widths: tuple[int, ...] = (16, 32, 128, 256),
    depths: tuple[int, ...] = (3, 4, 6, 3),
) -> Discriminator:
    """The discriminator: 5,035,489 parameters with three channels.

    Raises:
        ModelError: `channels` is neither 3 nor 4, or widths and depths differ in number.
    """
    _check_channels("gan_discriminator", channels)
    if len(widths) != len(depths):
        raise ModelError(
            f"gan_discriminator got {len(widths)} widths and {len(depths)} depths: give each "
            "stage a width and a depth."
        )
    return Discriminator(channels, tuple(widths), tuple(depths))


def _check_channels(name: str, channels: int) -> None:
    if channels not in (3, 4):
        raise ModelError(
            f"{name} cannot have channels = {channels}: set 4 for color and alpha, or 3 for "
            "color alone."
        )
