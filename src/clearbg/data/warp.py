"""Which part of an augmented image a training pair shows, how large, and how it is turned.

A pair is an image, `tv_tensors.Image` uint8 `(3,H,W)`, and its alpha, `tv_tensors.Mask` uint8
`(1,H,W)`; both move alike. All random numbers come from torch's global generator.
"""

import math
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from clearbg import config
from clearbg.images import resize


def warps(settings: config.Transform) -> bool:
    """Whether pairs are resampled, and not merely cropped."""
    return settings.scale != [1, 1] or settings.rotate > 0 or settings.resizes_a_share


class RandomWarp(v2.Transform):
    """Show a window of the image, scaled and turned, in `crop`×`crop` pixels.

    The image is resampled once, bilinearly; where the window shows it smaller, it is reduced by
    averaging first.

    Scale: log-uniform in `scale`. With `crop_area` or `aspect`, the window shows a share of the
    image's area instead. The share is uniform in `crop_area`, and the window's aspect ratio
    changes by a factor that is log-uniform in [1 / (1 + aspect), 1 + aspect]. The window is never
    longer than the image.

    Angle: uniform within ±`rotate` degrees with the probability `rotate_chance`, otherwise 0.

    Place: uniform among those where the window lies wholly inside the image. On an axis on which
    it does not fit, it lies in the middle. Beyond the border it shows the image and its alpha
    mirrored, so that no pixel is invented whose truth is unknown.

    Args:
        settings: the section transform; it names the values above.
    """

    def __init__(self, settings: config.Transform):
        super().__init__()
        self.settings, self.side = settings, settings.crop

    def make_params(self, flat_inputs: list[Tensor]) -> dict[str, Any]:
        return self.draw(*flat_inputs[0].shape[-2:])

    def draw(self, height: int, width: int) -> dict[str, Any]:
        """Draw a window for an image of that height and width, in pixels.

        Returns:
            `size`, the (height, width) to which the image is reduced first; and `window`, a 2×3
            matrix that maps a place (x, y) of the output to one of the reduced image.
        """
        at_scale, at_angle, *at_place = torch.rand(4, dtype=torch.float64).tolist()
        scales = self._scales(at_scale, height, width)
        angle = math.radians(self.settings.rotate) * (2 * at_angle - 1)
        if self.settings.rotate_chance < 1 and _uniform() >= self.settings.rotate_chance:
            angle = 0.0
        reduction = min(max(scales), 1)
        size = [max(1, round(n * reduction)) for n in (height, width)]
        down, across = (reduction / scale for scale in scales)  # pixels of it for one of the output
        turn = [
            [across * math.cos(angle), -down * math.sin(angle)],
            [across * math.sin(angle), down * math.cos(angle)],
        ]
        reach = [self.side * (abs(x) + abs(y)) for x, y in turn]  # width and height of the window
        x, y = (
            (n - 1) / 2 + max(0, n - span) * (place - 0.5)
            for n, span, place in zip(size[::-1], reach, at_place[::-1])
        )
        middle = (self.side - 1) / 2
        window = [
            [*turn[0], x - middle * (turn[0][0] + turn[0][1])],
            [*turn[1], y - middle * (turn[1][0] + turn[1][1])],
        ]
        return {"size": tuple(size), "window": np.array(window)}

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        pixels = array(inpt)
        if params["size"] != pixels.shape[:2]:
            pixels = resize(pixels, params["size"])
        side, flags = (self.side, self.side), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        pixels = cv2.warpAffine(
            pixels, params["window"], side, flags=flags, borderMode=cv2.BORDER_REFLECT
        )
        return tv_tensors.wrap(tensor(pixels), like=inpt)

    def _scales(self, at: float, height: int, width: int) -> tuple[float, float]:
        """How many pixels of the output show one pixel of the image, down and across."""
        if not self.settings.resizes_a_share:
            least, largest = self.settings.scale
            scale = least * (largest / least) ** at
            return scale, scale
        least, largest = self.settings.crop_area
        share = least + (largest - least) * at
        ratio = (1 + self.settings.aspect) ** (2 * _uniform() - 1)
        high, wide = min(1, math.sqrt(share / ratio)), min(1, math.sqrt(share * ratio))
        return self.side / (height * high), self.side / (width * wide)


def array(pixels: Tensor) -> np.ndarray:
    """A tensor `(C,H,W)` as an array `(H,W,C)`, or `(H,W)` if it has one channel.

    The array shares the tensor's memory where the order of the values allows it.
    """
    array = np.ascontiguousarray(pixels.as_subclass(Tensor).permute(1, 2, 0).numpy())
    return array[..., 0] if array.shape[2] == 1 else array


def tensor(array: np.ndarray) -> Tensor:
    """An array `(H,W,C)` or `(H,W)` as a tensor `(C,H,W)`, which shares its memory."""
    return torch.from_numpy(np.atleast_3d(array)).permute(2, 0, 1)


def _uniform() -> float:
    return torch.rand((), dtype=torch.float64).item()
