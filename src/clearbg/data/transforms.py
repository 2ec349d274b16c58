"""The random changes of a training pair, which are drawn anew each time the pair is used.

They are: place, flips, ink of the page's other side, colors, blur, noise, and holes.

A pair is an image, `tv_tensors.Image` uint8 `(3,H,W)` in RGB, and its alpha, `tv_tensors.Mask`
uint8 `(1,H,W)` in 0..255. A change of geometry moves both alike; every other change leaves alpha
as it is. All random numbers come from torch's global generator, so the same seed gives the same
pair again. Arrays in this module are images, uint8 `(H,W,3)` in RGB, unless it is said otherwise.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from clearbg import config
from clearbg.data import colors
from clearbg.data.warp import RandomWarp, array, tensor, warps
from clearbg.images import GRAYS

Change = Callable[[np.ndarray], np.ndarray]
GAUSSIAN = v2.GaussianBlur(9, sigma=(0.3, 1.5))


def training_transform(
    settings: config.Transform, size: int, gray: str | None = None
) -> v2.Transform:
    """The transform that makes training pairs of `crop`×`crop` pixels from pairs of `size`×`size`.

    Its steps, in this order, are: a warp or a plain crop, flips, bleed-through, colors, blur (of
    the lens), noise (of the sensor), holes, and gray. A step whose setting is 0 is left out and
    draws no random number.

    Args:
        size: height and width of the augmented images, in pixels.
        gray: see `to_channels`.
    """
    steps = _geometry(settings, size)
    if settings.bleed_through:
        bleeds = [_on_image(_bleed_through)]
        steps.append(_one_of(settings.bleed_through, bleeds))
    steps.extend(_colors(settings))
    if settings.blur:
        blurs = [GAUSSIAN, _on_image(_box), _on_image(_motion)]
        steps.append(_one_of(settings.blur, blurs))
    if settings.noise:
        noises = [_on_image(_gaussian_noise), _on_image(_iso_noise)]
        steps.append(_one_of(settings.noise, noises))
    if settings.coarse_dropout:
        steps.append(_on_image(partial(_coarse_dropout, settings.coarse_dropout)))
    return v2.Compose([*steps, to_channels(gray)])


def to_channels(gray: str | None) -> v2.Transform:
    """A transform that gives the image the channels that the network takes.

    Args:
        gray: `model.gray`, which says how one channel, uint8 `(1,H,W)`, is made of three; None:
            the network takes three, and the image stays as it is.
    """
    return _on_image(GRAYS[gray]) if gray else v2.Identity()


class Normalize:
    """Turns an image, uint8 `(C,H,W)`, into `(x / 255 - mean) / std`, float32 `(C,H,W)`.

    It goes over the pixels twice. torchvision's conversion and normalization go over them more
    often, and with the channels innermost, which is slower.

    Args:
        mean, std: a number for each channel, for values in [0, 1].
    """

    def __init__(self, mean: list[float], std: list[float]):
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (mean, std))
        self.scale, self.offset = 1 / (255 * std), -mean / std

    def __call__(self, image: Tensor) -> Tensor:
        pixels = image.as_subclass(Tensor)
        # Images arrive with their channels innermost; arithmetic is faster on them outermost.
        pixels = pixels.to(torch.float32, memory_format=torch.contiguous_format)
        return torch.addcmul(self.offset, pixels, self.scale)


def _geometry(settings: config.Transform, size: int) -> list[v2.Transform]:
    steps: list[v2.Transform] = []
    if warps(settings):
        steps.append(RandomWarp(settings))
    elif settings.crop < size:
        steps.append(v2.RandomCrop(settings.crop))
    if settings.flip:
        steps.append(v2.RandomHorizontalFlip(settings.flip))
    if settings.flip_vertical:
        steps.append(v2.RandomVerticalFlip(settings.flip_vertical))
    return steps


def _colors(settings: config.Transform) -> list[v2.Transform]:
    steps: list[v2.Transform] = []
    shuffle = v2.RandomChannelPermutation()
    if settings.color:
        steps.append(jitter_of(settings))
    if settings.recolors:
        steps.append(_on_image(partial(colors.change, settings)))
    if settings.channel_shuffle:
        steps.append(v2.RandomApply([shuffle], p=settings.channel_shuffle))
    if settings.tint:
        hsv = v2.ColorJitter(hue=0.1, saturation=0.3, brightness=0.1)
        steps.append(_one_of(settings.tint, [_on_image(_rgb_shift), hsv, shuffle]))
    if settings.tone:
        jitter, contrast = v2.ColorJitter(0.2, 0.2, 0.2, 0.02), v2.ColorJitter(0.2, 0.2)
        tones = [jitter, _on_image(_equalize_locally), contrast, _on_image(_gamma)]
        steps.append(_one_of(settings.tone, tones))
    return steps


def jitter_of(settings: config.Transform) -> v2.ColorJitter:
    """Brightness, contrast and saturation change by up to `color`, hue by a tenth of it."""
    strength = settings.color
    return v2.ColorJitter(strength, strength, strength, strength / 10)


def _one_of(chance: float, transforms: list[v2.Transform]) -> v2.Transform:
    return v2.RandomApply([v2.RandomChoice(transforms)], p=chance)


def _on_image(change: Change) -> v2.Transform:
    """A transform that applies `change` to the image and leaves alpha as it is."""
    return v2.Lambda(partial(_changed, change), tv_tensors.Image)


def _changed(change: Change, image: tv_tensors.Image) -> tv_tensors.Image:
    return tv_tensors.wrap(tensor(change(array(image))), like=image)


def between(least: float, largest: float) -> float:
    """A random number, uniform in [least, largest)."""
    return least + (largest - least) * torch.rand((), dtype=torch.float64).item()


def integer(least: int, largest: int) -> int:
    """A random integer, uniform from `least` to `largest`, both included."""
    return int(torch.randint(least, largest + 1, ()))


def _bleed_through(rgb: np.ndarray) -> np.ndarray:
    """Let the writing of the page's other side show: mirrored, displaced, blurred and fainter.

    The image itself serves as the other side, because its hand and its ink are those of the page.
    A value x becomes `x (1 - k d)`. Here d is how much darker the other side is than its paper,
    whose brightness is the other side's 90th percentile; k is uniform in [0.1, 0.7].

    The absorption is linear, as in Sharma, "Show-through cancellation in scans of duplex printed
    documents", IEEE Transactions on Image Processing 10, 2001.
    """
    reverse = np.roll(rgb[:, ::-1], [integer(0, n - 1) for n in rgb.shape[:2]], axis=(0, 1))
    reverse = cv2.GaussianBlur(reverse, (0, 0), between(0.5, 2.5)).astype(np.float32)
    paper = np.percentile(reverse, 90, axis=(0, 1)).clip(1)
    darkness = (1 - reverse / paper).clip(0, 1)
    return np.rint(rgb * (1 - between(0.1, 0.7) * darkness)).astype(np.uint8)


def _rgb_shift(rgb: np.ndarray) -> np.ndarray:
    """Add a random integer from -20 to 20 to each channel, the same one at all pixels."""
    shift = torch.randint(-20, 21, (3,), dtype=torch.int16).numpy()
    return (rgb + shift).clip(0, 255).astype(np.uint8)


def _gamma(rgb: np.ndarray) -> np.ndarray:
    """Replace each value x, in [0, 1], by `x ** gamma`.

    Gamma is log-uniform in [1/sqrt(2), sqrt(2)].
    """
    values = np.linspace(0, 1, 256) ** 2 ** between(-0.5, 0.5)
    return cv2.LUT(rgb, np.rint(255 * values).astype(np.uint8))


def _equalize_locally(rgb: np.ndarray) -> np.ndarray:
    """Equalize the histogram of the luma in each of 8×8 fields of the image (CLAHE).

    Histograms are cut off at 1 to 4 times their mean, so that noise is not amplified.

    Source: Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", Graphics Gems IV, 1994.
    """
    luma_and_color = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
    equalizer = cv2.createCLAHE(clipLimit=between(1, 4), tileGridSize=(8, 8))
    luma_and_color[..., 0] = equalizer.apply(np.ascontiguousarray(luma_and_color[..., 0]))
    return cv2.cvtColor(luma_and_color, cv2.COLOR_YCrCb2RGB)


def _box(rgb: np.ndarray) -> np.ndarray:
    side = box_side()
    return cv2.blur(rgb, (side, side))


def box_side() -> int:
    """The side of the square that is averaged: 3 or 5 pixels."""
    return 1 + 2 * integer(1, 2)


def _motion(rgb: np.ndarray) -> np.ndarray:
    return cv2.filter2D(rgb, -1, stroke())


def stroke() -> np.ndarray:
    """A kernel, float32, that takes the mean along a straight stroke of 3, 5 or 7 pixels.

    Its shape is square, with 3, 5 or 7 rows; the angle of the stroke is uniform.
    """
    half, angle = integer(1, 3), between(0, math.pi)
    x, y = round(half * math.cos(angle)), round(half * math.sin(angle))
    stroke = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    cv2.line(stroke, (half - x, half - y), (half + x, half + y), 1)
    return stroke / stroke.sum()


def _gaussian_noise(rgb: np.ndarray) -> np.ndarray:
    """Add Gaussian noise, independent in every channel, with a deviation of 2 to 10 of 255."""
    return _noisy(rgb, gaussian_deviation())


def gaussian_deviation() -> float:
    """The standard deviation of the Gaussian noise, in gray levels of 0..255."""
    return between(2, 10)


def _iso_noise(rgb: np.ndarray) -> np.ndarray:
    """Add the noise of a sensor, whose variance grows with the signal x: it is `a x + b`.

    The standard deviation is 4 to 20 of 255 at white, and a quarter of that at black.

    Source: Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image
    raw-data", IEEE Transactions on Image Processing 17, 2008, equation 3.
    """
    variance = iso_white() ** 2 * (1 / 16 + 15 / 16 * np.linspace(0, 1, 256, dtype=np.float32))
    return _noisy(rgb, np.sqrt(variance)[rgb])


def iso_white() -> float:
    """The standard deviation of the sensor's noise at white, in gray levels of 0..255."""
    return between(4, 20)


def _noisy(rgb: np.ndarray, deviation: float | np.ndarray) -> np.ndarray:
    noise = torch.randn(rgb.shape).numpy()
    return np.rint(rgb + deviation * noise).clip(0, 255).astype(np.uint8)


def _coarse_dropout(most: int, rgb: np.ndarray) -> np.ndarray:
    """Cover the image with 3 to `most` black rectangles; where `most` is below 3, with `most`.

    Each side of a rectangle is 1/32 to 1/8 of the image's side: 8 to 32 pixels of 256. Alpha stays
    as it is, as in the published training on people and cars: so the network learns to guess what
    is hidden. Documents should do without holes, because ink is black too.

    Source: DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with
    Cutout", 2017; here with several holes.
    """
    rgb = rgb.copy()
    for top, left, bottom, right in holes(most, *rgb.shape[:2]):
        rgb[top:bottom, left:right] = 0
    return rgb


def holes(most: int, height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield top, left, bottom and right, in pixels, of each hole in an image of that size."""
    for _ in range(integer(min(3, most), most)):
        sides = [integer(n // 32, n // 8) for n in (height, width)]
        top, left = (integer(0, n - side) for n, side in zip((height, width), sides))
        yield top, left, top + sides[0], left + sides[1]
