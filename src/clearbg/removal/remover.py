"""The background remover people use: a picture in, RGBA of the same size out. No torch."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from clearbg import images
from clearbg.images.convert import Source, picture_of
from clearbg.inference.predict import infer, restore
from clearbg.inference.sessions import BATCH, Device, Opened, Pictures, open_model
from clearbg.removal.backgrounds import Ground, ground, lay_over
from clearbg.removal.foreground import foreground
from clearbg.removal.guided_filter import refine

PHOTOGRAPHS = ("squeeze", "cutout")  # fit and output of the contracts whose edges are refined
ROWS = 256  # of an alpha rounded at once, so that memory stays small


class Remover:
    """Removes backgrounds with an exported model; any number of threads may use one.

    Args:
        model: an ONNX file written by the export stage; it carries its own preprocessing.
        threads: of the processor, for the network; 0 leaves the choice to the runtime.
        device: what runs the network, and nothing else in its place.
        refine: follow the picture's edges, and take the old background's colour out of them.
            Has no effect on ink, or where the contract cuts pictures into tiles.
        pictures: how many it is for, "one", "some" or "many": see `devices.Pictures`. With
            "many" a single picture takes longer, and several threads should call `infer`.

    Attributes:
        contract: how pictures enter the model.
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
        pictures: Pictures = "some",
    ):
        self._use(open_model(model, device, threads, pictures), refine)

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

    def __call__(self, picture: Source, background: str | Ground | None = None) -> Image.Image:
        """Remove one picture's background.

        Args:
            picture: a path, a file's bytes, a binary stream, an image of Pillow's, or an array
                uint8 or uint16 `(H,W)`, `(H,W,3)` or `(H,W,4)`.
            background: as `cut_out` takes it.

        Returns:
            A picture of exactly the input's (upright) size, 8 bits a channel: RGBA, or RGB
            with a background.

        Raises:
            PictureError: the picture cannot be read.
            SettingsError: the background is none.
        """
        return _image(self.cut_out(picture_of(picture), background))

    def batch(
        self,
        pictures: Sequence[Source],
        background: str | Ground | None = None,
        at_once: int | None = None,
    ) -> list[Image.Image]:
        """Remove the backgrounds of several pictures, `at_once` of them in a run of the network.

        Takes, returns and raises what a call with each of them does. Without `at_once` the
        device decides, see `devices.BATCH`.
        """
        at_once = at_once or BATCH[self.device]
        behind = ground(background) if isinstance(background, str) else background
        found = []
        for first in range(0, len(pictures), at_once):
            read = [picture_of(picture) for picture in pictures[first : first + at_once]]
            for picture, inferred in zip(read, self.infer(read), strict=True):
                alpha = self.opacity(picture, inferred)
                found.append(_image(self.coloured(picture, alpha, behind)))
        return found

    def cut_out(
        self, picture: images.Picture, background: str | Ground | None = None
    ) -> images.Picture:
        """The subject of a picture, or its ink in black where the contract's output is "ink".

        Args:
            background: to lie behind the subject or the ink: a colour's name or #rrggbb,
                "blur" for the picture's own out of focus, a picture's path, or what
                `backgrounds.ground` made of one of these.

        Returns:
            A picture of the same size. Without a background it has an alpha; with one it is
            opaque. Where the alpha is 255 it has the input's colours, in the input's profile.

        Raises:
            SettingsError: the background is none.
            PictureError: the background is a picture that cannot be read.
        """
        behind = ground(background) if isinstance(background, str) else background
        return self.coloured(picture, self.matte(picture), behind)

    def matte(self, picture: images.Picture) -> np.ndarray:
        """Alpha uint8 `(H,W)` of a picture; transparency that it had already stays."""
        return self.opacity(picture, self.infer([picture])[0])

    def infer(self, pictures: Sequence[images.Picture]) -> list[np.ndarray]:
        """What the network says of each, as one batch where the contract allows it.

        The first of three steps; the others, `opacity` and `coloured`, are one picture's.
        """
        return infer([picture.srgb() for picture in pictures], self.network, self.contract)

    def opacity(
        self, picture: images.Picture, inferred: np.ndarray, threshold: float | None = None
    ) -> np.ndarray:
        """Alpha uint8 `(H,W)` from what `infer` gave; transparency that was there stays.

        Args:
            threshold: alpha in [0, 1] from which a pixel is wholly opaque, and else wholly
                transparent; None: soft edges.
        """
        alpha = self._full_size(inferred, picture.rgb)
        result = np.empty(alpha.shape, np.uint8)
        for top in range(0, len(alpha), ROWS):
            rows = slice(top, top + ROWS)
            part = alpha[rows]
            if picture.alpha is not None:
                part = part * (picture.alpha[rows] / np.float32(255))
            if threshold is None:
                result[rows] = np.rint(part * np.float32(255))
            else:
                result[rows] = np.uint8(255) * (part >= threshold)
        return result

    def coloured(
        self, picture: images.Picture, alpha: np.ndarray, behind: Ground | None = None
    ) -> images.Picture:
        """The cut-out of a picture by an alpha, uint8 `(H,W)`, in front of a ground if any."""
        front = dataclasses.replace(picture, alpha=alpha)
        if self.contract.output == "ink":
            black = np.zeros_like(picture.rgb)
            front = dataclasses.replace(front, rgb=black, icc_profile=None, deep=None)
        elif self._follows_edges:
            mixed = alpha if picture.alpha is None else _without(picture.alpha, alpha)
            deep = None if picture.deep is None else foreground(picture.deep, mixed)
            front = dataclasses.replace(front, rgb=foreground(picture.rgb, mixed), deep=deep)
        return front if behind is None else lay_over(front, behind, picture.rgb)

    def alpha(self, pictures: list[np.ndarray]) -> list[np.ndarray]:
        """Alpha float32 `(H,W)` in [0, 1] for each uint8 `(H,W,3)` sRGB picture."""
        alphas = infer(pictures, self.network, self.contract)
        return [self._full_size(*pair) for pair in zip(alphas, pictures, strict=True)]

    def _full_size(self, inferred: np.ndarray, rgb: np.ndarray) -> np.ndarray:
        """Alpha float32 `(H,W)` in [0, 1] of a picture, from what `infer` gave."""
        if self._follows_edges:
            return refine(inferred, rgb)
        return restore(inferred, rgb.shape[:2])

    @property
    def _follows_edges(self) -> bool:
        return self.refine and (self.contract.fit, self.contract.output) == PHOTOGRAPHS


def _without(had: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Alpha, uint8 `(H,W)`, less the transparency that the picture `had`, where it shows at all.

    That one mixed nothing into the picture's colours.
    """
    return np.rint(alpha * np.float32(255) / np.maximum(had, alpha).clip(1)).astype(np.uint8)


def _image(found: images.Picture) -> Image.Image:
    layers = found.rgb if found.alpha is None else np.dstack([found.rgb, found.alpha])
    image = Image.fromarray(layers)
    for name in ("icc_profile", "dpi"):
        if getattr(found, name) is not None:
            image.info[name] = getattr(found, name)
    return image
