"""The random changes of training images, drawn on the CPU and made on the device in batches.

What is drawn for an image is a row of numbers, in the order of `clearbg.data.transforms` and from
the same stream, so that place, flips, colors and blur are those of the CPU. What is made of them
differs a little: nothing is rounded or cut off between two steps, hues turn in the plane of equal
luma, strong reductions are not averaged first, and noise comes from a hash of a drawn seed and the
pixel's place. So a batch's composition, the number of workers and the device change nothing.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from clearbg import config
from clearbg.data import colors
from clearbg.data.transforms import (
    GAUSSIAN,
    box_side,
    gaussian_deviation,
    holes,
    integer,
    iso_white,
    jitter_of,
    stroke,
)
from clearbg.data.warp import RandomWarp, warps
from clearbg.errors import SettingsError

KERNEL = 9  # pixels, side of every blur's kernel
ON_THE_CPU_ONLY = ("bleed_through", "tint", "tone")
PARTS = {"window": 6, "color": 21, "blur": KERNEL**2, "noise": 3}
"""Numbers of a row; holes follow, four each."""


class Draws:
    """Rows of numbers, each of what happens to one image.

    Args:
        settings: what may happen.
        size: height and width of the stored images.

    Raises:
        SettingsError: the settings want what only the CPU does.
    """

    def __init__(self, settings: config.Transform, size: int):
        for key in ON_THE_CPU_ONLY:
            if getattr(settings, key):
                raise SettingsError(
                    f"transform.{key} is made on the CPU only: set it to 0.0, or "
                    "train.augment_on to cpu."
                )
        self.settings, self.size = settings, size
        self.warp = RandomWarp(settings) if warps(settings) else None
        self.jitter = jitter_of(settings) if settings.color else None
        self.moves = bool(
            self.warp or settings.crop < size or settings.flip or settings.flip_vertical
        )
        self.recolors = bool(self.jitter or settings.recolors or settings.channel_shuffle)

    def __call__(self) -> Tensor:
        """A row, float64, from torch's global generator."""
        settings = self.settings
        window, color = self._window(), self._color()
        blur, noise = self._blur(), self._noise()
        rectangles = np.zeros((settings.coarse_dropout, 4))
        if settings.coarse_dropout:
            drawn = list(holes(settings.coarse_dropout, settings.crop, settings.crop))
            rectangles[: len(drawn)] = drawn
        parts = (window, color, blur, noise, rectangles)
        return torch.from_numpy(np.concatenate([np.ravel(part) for part in parts]))

    def _window(self) -> np.ndarray:
        """2×3: from a place (x, y) in the crop to one in the stored image."""
        settings, size = self.settings, self.size
        window = np.eye(2, 3)
        if self.warp:
            drawn = self.warp.draw(size, size)
            window = drawn["window"]
            for axis, reduced in enumerate(drawn["size"][::-1]):
                window[axis] *= size / reduced
                window[axis, 2] += (size / reduced - 1) / 2
        elif settings.crop < size:
            top, left = (int(torch.randint(0, size - settings.crop + 1, (1,))) for _ in range(2))
            window[:, 2] = left, top
        for axis, chance in enumerate((settings.flip, settings.flip_vertical)):
            if chance and torch.rand(1) < chance:
                window[:, 2] += window[:, axis] * (settings.crop - 1)
                window[:, axis] *= -1
        return window

    def _color(self) -> np.ndarray:
        """See `clearbg.data.colors.then`."""
        settings = self.settings
        changes = []
        if self.jitter:
            drawn = self.jitter.make_params([])
            steps = [
                colors.brightened(drawn["brightness_factor"]),
                colors.contrasted(drawn["contrast_factor"]),
                colors.saturated(drawn["saturation_factor"]),
                colors.turned(drawn["hue_factor"]),
            ]
            changes += [steps[number] for number in drawn["fn_idx"].tolist()]
        if settings.recolors:
            changes.append(colors.draw(settings))
        if settings.channel_shuffle and torch.rand(1) < settings.channel_shuffle:
            changes.append(colors.permuted(torch.randperm(3).tolist()))
        return colors.then(*changes)

    def _blur(self) -> np.ndarray:
        kernel = np.zeros((KERNEL, KERNEL))
        kernel[KERNEL // 2, KERNEL // 2] = 1
        if not self.settings.blur or torch.rand(1) >= self.settings.blur:
            return kernel
        which = _choice(3)
        if which == 0:
            (sigma, _) = GAUSSIAN.make_params([])["sigma"]
            line = np.exp(-0.5 * ((np.arange(KERNEL) - KERNEL // 2) / sigma) ** 2)
            return np.outer(line, line) / line.sum() ** 2
        small = np.ones([box_side()] * 2) if which == 1 else stroke()
        margin = (KERNEL - len(small)) // 2
        return np.pad(small / small.sum(), margin)

    def _noise(self) -> tuple[float, float, int]:
        """The variance at black, what it has more at white, of 255², and a seed."""
        if not self.settings.noise or torch.rand(1) >= self.settings.noise:
            return 0.0, 0.0, 0
        if _choice(2) == 0:
            black, growth = gaussian_deviation() ** 2, 0.0
        else:
            variance = iso_white() ** 2
            black, growth = variance / 16, variance * 15 / 16
        return black, growth, integer(-(2**31), 2**31 - 1)


class DeviceTransform:
    """Makes batches of what is stored and what was drawn; nothing here is random.

    Args:
        settings: the recipe.
    """

    def __init__(self, settings: config.Settings):
        self.settings, self.model = settings.transform, settings.model
        self.draws = Draws(settings.transform, settings.augment.size)

    @torch.no_grad()
    def __call__(
        self, images: Tensor, alpha: Tensor, draws: Tensor, side: int
    ) -> tuple[Tensor, Tensor]:
        """Images float32 `(N,C,side,side)`, normalized, and alpha `(N,1,side,side)` in [0, 1].

        Args:
            images: uint8 `(N,3,H,W)`.
            alpha: uint8 `(N,1,H,W)`.
            draws: float64 `(N,k)`, a row of `Draws` for each; all on one device.
            side: pixels, at most `transform.crop`, to which the crop is reduced.
        """
        settings = self.settings
        window, color, blur, noise, rectangles = _parts(draws)
        both = torch.cat([images, alpha], dim=1).float()
        if (
            warps(settings)
            or settings.crop < both.shape[-1]
            or settings.flip
            or settings.flip_vertical
        ):
            both = _warped(both, window, settings.crop)
        rgb, alpha = both[:, :3], both[:, 3:]
        if self.draws.recolors:
            rgb = _recolored(rgb, color)
        if settings.blur:
            rgb = _blurred(rgb, blur)
        if settings.noise:
            rgb = _noisy(rgb, noise)
        if settings.coarse_dropout:
            rgb = rgb * ~_inside(rectangles, settings.crop)
        if side != settings.crop:
            rgb, alpha = (
                F.interpolate(part, (side, side), mode="bilinear", antialias=True)
                for part in (rgb, alpha)
            )
        return self._normalized(rgb), alpha.round() / 255

    def _normalized(self, rgb: Tensor) -> Tensor:
        if self.model.gray == "darker":
            rgb = rgb[:, :2].amin(1, keepdim=True)
        elif self.model.gray == "luma":
            weights = rgb.new_tensor(colors.LUMA).view(-1, 1, 1)
            rgb = (rgb * weights).sum(1, keepdim=True)
        mean, std = (
            rgb.new_tensor(values).view(-1, 1, 1) for values in (self.model.mean, self.model.std)
        )
        return torch.addcmul(-mean / std, rgb, 1 / (255 * std))


def _choice(count: int) -> int:
    """As `v2.RandomChoice` draws."""
    return int(torch.multinomial(torch.full((count,), 1 / count), 1))


def _parts(draws: Tensor) -> Iterator[Tensor]:
    at = 0
    for length in PARTS.values():
        yield draws[:, at : at + length]
        at += length
    yield draws[:, at:].unflatten(1, (-1, 4)) if draws.shape[1] > at else draws[:, :0]


def _warped(both: Tensor, window: Tensor, side: int) -> Tensor:
    """`(N,C,H,W)` -> `(N,C,side,side)`, bilinear, mirrored beyond the border."""
    size = both.shape[-1]
    # Not by a matrix product, which TF32 would round to a tenth of a pixel.
    a, b, c, d, e, f = (window[:, i].view(-1, 1, 1) for i in range(6))
    place = torch.arange(side, device=both.device, dtype=window.dtype)
    x, y = place.view(1, 1, -1), place.view(1, -1, 1)
    grid = torch.stack([a * x + b * y + c, d * x + e * y + f], dim=-1)
    grid = ((2 * grid + 1) / size - 1).float()
    return F.grid_sample(both, grid, "bilinear", "reflection", align_corners=False)


def _recolored(rgb: Tensor, color: Tensor) -> Tensor:
    color = color.view(-1, 3, 7)
    mean = rgb.mean((2, 3), dtype=torch.float64)
    offset = (color[:, :, 3:6] * mean[:, None]).sum(-1) + 255 * color[:, :, 6]
    matrix, offset = color[:, :, :3].float(), offset.float()
    channels = [
        sum(matrix[:, i, j, None, None] * rgb[:, j] for j in range(3)) + offset[:, i, None, None]
        for i in range(3)
    ]
    return torch.stack(channels, dim=1).clamp(0, 255)


def _blurred(rgb: Tensor, blur: Tensor) -> Tensor:
    count = len(rgb)
    kernels = blur.float().view(count, 1, KERNEL, KERNEL).repeat_interleave(3, dim=0)
    padded = F.pad(rgb, [KERNEL // 2] * 4, mode="reflect")
    return F.conv2d(padded.flatten(0, 1)[None], kernels, groups=3 * count).view_as(rgb)


def _noisy(rgb: Tensor, noise: Tensor) -> Tensor:
    black, growth = (noise[:, i].float().view(-1, 1, 1, 1) for i in range(2))
    seed = _hash(noise[:, 2].to(torch.int32)).view(-1, 1)
    place = torch.arange(rgb[0].numel(), device=rgb.device, dtype=torch.int32)
    bits = _hash(seed + place)
    # The sum of four bytes of equal chance is near enough to a normal distribution.
    total = torch.stack([(bits >> shift) & 255 for shift in (0, 8, 16, 24)]).sum(0)
    normal = (total.view_as(rgb) - 510) / (4 * (256**2 - 1) / 12) ** 0.5
    return (rgb + (black + growth * rgb / 255).sqrt() * normal).clamp(0, 255)


def _hash(bits: Tensor) -> Tensor:
    """The finalizer of MurmurHash3 (Appleby 2011), on int32 that overflows as unsigned ones do."""
    for shift, mask, factor in ((16, 0xFFFF, -0x7A143595), (13, 0x7FFFF, -0x3D4D51CB)):
        bits = (bits ^ ((bits >> shift) & mask)) * factor
    return bits ^ ((bits >> 16) & 0xFFFF)


def _inside(rectangles: Tensor, side: int) -> Tensor:
    """Bool `(N,1,side,side)`: the pixels that lie in any rectangle."""
    place = torch.arange(side, device=rectangles.device)
    top, left, bottom, right = rectangles.unbind(-1)
    rows, columns = (
        ((place >= first[..., None]) & (place < last[..., None])).float()
        for first, last in ((top, bottom), (left, right))
    )
    return (rows.transpose(1, 2) @ columns > 0)[:, None]
