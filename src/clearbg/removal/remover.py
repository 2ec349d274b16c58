"""The background remover people use: an image in, RGBA of the same size out. No torch."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from clearbg.images import DecodedImage
from clearbg.images.convert import Source, image_of
from clearbg.inference.predict import infer, restore
from clearbg.inference.sessions import BATCH, Device, ImageCount, Opened, open_model
from clearbg.removal.backgrounds import Ground, ground, lay_over
from clearbg.removal.foreground import foreground
from clearbg.removal.guided_filter import refine

PHOTOGRAPHS = ("stretch", "cutout")  # fit and output of the contracts whose edges are refined
ROWS = 256  # of an alpha rounded at once, so that memory stays small


class Remover:
    """Removes backgrounds with an exported model; any number of threads may use one.

    Args:
        model: an ONNX file written by the export stage; it carries its own preprocessing.
        threads: of the processor, for the network; 0 leaves the choice to the runtime.
        device: what runs the network, and nothing else in its place.
        refine: follow the image's edges, and take the old background's color out of them.
            Has no effect on ink, or where the contract cuts images into tiles.
        images: how many it is for, "one", "some" or "many": see `devices.Images`. With
            "many" a single image takes longer, and several threads should call `infer`.

    Attributes:
        contract: how images enter the model.
        device: what runs it.
        runs: how many threads should call `infer` at once.

    Raises:
        ModelError: the file is missing, is not ONNX, or carries no contract.
        SettingsError: the device is not there.
    """

    def __init__(
        self,
        model: str | Path = "exports/model.onnx",
        threads: int = 0,
        device: Device = "cpu",
        refine: bool = True,
        images: ImageCount = "some",
    ):
        self._use(open_model(model, device, threads, images), refine)

    @classmethod
    def of(cls, opened: Opened, refine: bool = True) -> "Remover":
        """Of a model that `open_model` opened, perhaps before this module was imported."""
        remover = cls.__new__(cls)
        remover._use(opened, refine)
        return remover

    def _use(self, opened: Opened, refine: bool) -> None:
        self.network, self.contract = opened.network, opened.contract
        self.device, self.runs = opened.device, opened.runs
        self.refine = refine

    def __call__(self, image: Source, background: str | Ground | None = None) -> Image.Image:
        """Remove one image's background.

        Args:
            image: a path, a file's bytes, a binary stream, an image of Pillow's, or an array
                uint8 or uint16 `(H,W)`, `(H,W,3)` or `(H,W,4)`.
            background: as `cut_out` takes it.

        Returns:
            An image of exactly the input's (upright) size, 8 bits a channel: RGBA, or RGB
            with a background.

        Raises:
            ImageError: the image cannot be read.
            SettingsError: the background is none.
        """
        return _image(self.cut_out(image_of(image), background))

    def batch(
        self,
        images: Sequence[Source],
        background: str | Ground | None = None,
        at_once: int | None = None,
    ) -> list[Image.Image]:
        """Remove the backgrounds of several images, `at_once` of them in a run of the network.

        Takes, returns and raises what a call with each of them does. Without `at_once` the
        device decides, see `devices.BATCH`.
        """
        at_once = at_once or BATCH[self.device]
        behind = ground(background) if isinstance(background, str) else background
        found = []
        for first in range(0, len(images), at_once):
            read = [image_of(image) for image in images[first : first + at_once]]
            for image, inferred in zip(read, self.infer(read), strict=True):
                alpha = self.opacity(image, inferred)
                found.append(_image(self.colored(image, alpha, behind)))
        return found

    def cut_out(self, image: DecodedImage, background: str | Ground | None = None) -> DecodedImage:
        """The subject of an image, or its ink in black where the contract's output is "ink".

        Args:
            background: to lie behind the subject or the ink: a color's name or #rrggbb,
                "blur" for the image's own out of focus, an image's path, or what
                `backgrounds.ground` made of one of these.

        Returns:
            An image of the same size. Without a background it has an alpha; with one it is
            opaque. Where the alpha is 255 it has the input's colors, in the input's profile.

        Raises:
            SettingsError: the background is none.
            ImageError: the background is an image that cannot be read.
        """
        behind = ground(background) if isinstance(background, str) else background
        return self.colored(image, self.matte(image), behind)

    def matte(self, image: DecodedImage) -> np.ndarray:
        """Alpha uint8 `(H,W)` of an image; transparency that it had already stays."""
        return self.opacity(image, self.infer([image])[0])

    def infer(self, images: Sequence[DecodedImage]) -> list[np.ndarray]:
        """What the network says of each, as one batch where the contract allows it.

        The first of three steps; the others, `opacity` and `colored`, are one image's.
        """
        return infer([image.srgb() for image in images], self.network, self.contract)

    def opacity(
        self, image: DecodedImage, inferred: np.ndarray, threshold: float | None = None
    ) -> np.ndarray:
        """Alpha uint8 `(H,W)` from what `infer` gave; transparency that was there stays.

        Args:
            threshold: alpha in [0, 1] from which a pixel is wholly opaque, and else wholly
                transparent; None: soft edges.
        """
        alpha = self._full_size(inferred, image.rgb)
        result = np.empty(alpha.shape, np.uint8)
        for top in range(0, len(alpha), ROWS):
            rows = slice(top, top + ROWS)
            part = alpha[rows]
            if image.alpha is not None:
                part = part * (image.alpha[rows] / np.float32(255))
            if threshold is None:
                result[rows] = np.rint(part * np.float32(255))
            else:
                result[rows] = np.uint8(255) * (part >= threshold)
        return result

    def colored(
        self, image: DecodedImage, alpha: np.ndarray, behind: Ground | None = None
    ) -> DecodedImage:
        """The cutout of an image by an alpha, uint8 `(H,W)`, in front of a ground if any."""
        front = dataclasses.replace(image, alpha=alpha)
        if self.contract.output == "ink":
            black = np.zeros_like(image.rgb)
            front = dataclasses.replace(front, rgb=black, icc_profile=None, deep=None)
        elif self._follows_edges:
            mixed = alpha if image.alpha is None else _without(image.alpha, alpha)
            deep = None if image.deep is None else foreground(image.deep, mixed)
            front = dataclasses.replace(front, rgb=foreground(image.rgb, mixed), deep=deep)
        return front if behind is None else lay_over(front, behind, image.rgb)

    def alpha(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """Alpha float32 `(H,W)` in [0, 1] for each uint8 `(H,W,3)` sRGB image."""
        alphas = infer(images, self.network, self.contract)
        return [self._full_size(*pair) for pair in zip(alphas, images, strict=True)]

    def _full_size(self, inferred: np.ndarray, rgb: np.ndarray) -> np.ndarray:
        """Alpha float32 `(H,W)` in [0, 1] of an image, from what `infer` gave."""
        if self._follows_edges:
            return refine(inferred, rgb)
        return restore(inferred, rgb.shape[:2])

    @property
    def _follows_edges(self) -> bool:
        return self.refine and (self.contract.fit, self.contract.output) == PHOTOGRAPHS


def _without(had: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Alpha, uint8 `(H,W)`, less the transparency that the image `had`, where it shows at all.

    That one mixed nothing into the image's colors.
    """
    return np.rint(alpha * np.float32(255) / np.maximum(had, alpha).clip(1)).astype(np.uint8)


def _image(found: DecodedImage) -> Image.Image:
    layers = found.rgb if found.alpha is None else np.dstack([found.rgb, found.alpha])
    image = Image.fromarray(layers)
    for name in ("icc_profile", "dpi"):
        if getattr(found, name) is not None:
            image.info[name] = getattr(found, name)
    return image
