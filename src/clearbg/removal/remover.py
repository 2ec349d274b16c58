"""The background remover people use: an image in, RGBA of the same size out. No torch."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image

from clearbg.images import DecodedImage, resize
from clearbg.images.convert import Source, image_of
from clearbg.images.foreground import foreground
from clearbg.inference.predict import infer, restore
from clearbg.inference.sessions import BATCH, Device, ImageCount, Opened, open_model
from clearbg.pretrained.choice import choose
from clearbg.removal.backgrounds import Background, lay_over, parse_background
from clearbg.removal.guided_filter import KERNEL, refine

PHOTOGRAPHS = ("stretch", "cutout")  # fit and output of the contracts whose edges are refined
ROWS = 256  # of an alpha rounded at once, so that memory stays small


class Remover:
    """Removes backgrounds with an exported model; any number of threads may use one.

    Args:
        model: an ONNX file written by the export stage; its preprocessing contract is embedded.
            A string may be the name of a shipped model, such as "clearbg-lite". None: the export of
            the project around the working folder, if there is one, else clearbg-lite.
        threads: processor threads for the network; 0 leaves the choice to the runtime.
        device: where the network runs; there is no silent change to another device.
        refine: follow the edges in the image, and remove the old background's color from them.
            It has no effect on ink, or when the contract cuts images into tiles.
        images: for how many images the model is opened, "one", "some" or "many": see
            `sessions.ImageCount`. With "many" a single image takes longer, and several threads
            should call `infer`.

    Attributes:
        contract: how images enter the model.
        device: where the network runs.
        runs: how many threads should call `infer` at once.

    Raises:
        ModelError: the file is missing, is not ONNX, or has no contract embedded.
        SettingsError: the device is not available.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        threads: int = 0,
        device: Device = "cpu",
        refine: bool = True,
        images: ImageCount = "some",
    ):
        self._use(open_model(choose(model, device).file, device, threads, images), refine)

    @classmethod
    def of(cls, opened: Opened, refine: bool = True) -> "Remover":
        """A remover with a model that `open_model` has opened already."""
        remover = cls.__new__(cls)
        remover._use(opened, refine)
        return remover

    def _use(self, opened: Opened, refine: bool) -> None:
        self.network, self.contract = opened.network, opened.contract
        self.device, self.runs = opened.device, opened.runs
        self.refine = refine
        # What the network saw of images that are being worked on: their edges are found in it.
        self._seen: WeakKeyDictionary[DecodedImage, np.ndarray] = WeakKeyDictionary()

    def __call__(self, image: Source, background: str | Background | None = None) -> Image.Image:
        """Remove one image's background.

        Args:
            image: a path, the bytes of a file, a binary stream, a Pillow image, or an array
                uint8 or uint16 `(H,W)`, `(H,W,3)` or `(H,W,4)`.
            background: as `cut_out` takes it.

        Returns:
            An image with the size of the upright input, 8 bits per channel: RGBA, or RGB with a
            background.

        Raises:
            ImageError: the image cannot be read.
            SettingsError: the background is not a color, "blur" or an image.
        """
        return _image(self.cut_out(image_of(image), background))

    def batch(
        self,
        images: Sequence[Source],
        background: str | Background | None = None,
        batch_size: int | None = None,
    ) -> list[Image.Image]:
        """Remove the backgrounds of several images, `batch_size` of them in a run of the network.

        Returns and raises what calls with the single images do. Without `batch_size` the device
        decides, see `sessions.BATCH`.
        """
        batch_size = batch_size or BATCH[self.device]
        behind = parse_background(background) if isinstance(background, str) else background
        found = []
        for first in range(0, len(images), batch_size):
            read = [image_of(image) for image in images[first : first + batch_size]]
            for image, inferred in zip(read, self.infer(read), strict=True):
                alpha = self.opacity(image, inferred)
                found.append(_image(self.compose(image, alpha, behind)))
        return found

    def cut_out(
        self, image: DecodedImage, background: str | Background | None = None
    ) -> DecodedImage:
        """The subject of an image, or its ink in black where the contract's output is "ink".

        Args:
            background: what to put behind the subject or the ink: a color (a name or #rrggbb),
                "blur" for the image's own background out of focus, the path of an image, or what
                `parse_background` made of one of these.

        Returns:
            An image of the same size. Without a background it has an alpha; with one it is
            opaque. Where the alpha is 255 it keeps the input's colors, in the input's profile.

        Raises:
            SettingsError: the background is not a color, "blur" or an image.
            ImageError: the background is an image that cannot be read.
        """
        behind = parse_background(background) if isinstance(background, str) else background
        return self.compose(image, self.matte(image), behind)

    def matte(self, image: DecodedImage) -> np.ndarray:
        """Alpha uint8 `(H,W)` of an image; transparency that the image already had is kept."""
        return self.opacity(image, self.infer([image])[0])

    def infer(self, images: Sequence[DecodedImage]) -> list[np.ndarray]:
        """The network's alpha of each image, in one batch if the contract allows it.

        This is the first of three steps. The other two, `opacity` and `compose`, take one image.

        Returns:
            float32 `(h,w)` in [0, 1] each, at the size that the contract says.
        """
        pixels = [image.srgb() for image in images]
        if self._follows_edges and self.contract.kernel == KERNEL:
            size = self.contract.height, self.contract.width
            pixels = [resize(rgb, size, KERNEL) for rgb in pixels]  # stays as it is in `infer`
            pairs = zip(images, pixels, strict=True)
            self._seen.update((image, seen) for image, seen in pairs if image.icc_profile is None)
        return infer(pixels, self.network, self.contract)

    def opacity(
        self, image: DecodedImage, inferred: np.ndarray, threshold: float | None = None
    ) -> np.ndarray:
        """Alpha uint8 `(H,W)` from what `infer` gave; existing transparency is kept.

        Args:
            threshold: alpha in [0, 1] from which a pixel becomes fully opaque; the others become
                fully transparent. None: edges stay soft.
        """
        alpha = self._full_size(inferred, image.rgb, self._seen.pop(image, None))
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

    def compose(
        self, image: DecodedImage, alpha: np.ndarray, behind: Background | None = None
    ) -> DecodedImage:
        """The cutout of an image with an alpha, uint8 `(H,W)`, in front of a background if any."""
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

    def _full_size(
        self, inferred: np.ndarray, rgb: np.ndarray, seen: np.ndarray | None = None
    ) -> np.ndarray:
        """Alpha float32 `(H,W)` in [0, 1] of an image, from what `infer` gave, and saw of it."""
        if self._follows_edges:
            return refine(inferred, rgb, seen)
        return restore(inferred, rgb.shape[:2])

    @property
    def _follows_edges(self) -> bool:
        return self.refine and (self.contract.fit, self.contract.output) == PHOTOGRAPHS


def _without(had: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Alpha, uint8 `(H,W)`, without the transparency that the image already `had`.

    That transparency has mixed no background into the image's colors.
    """
    return np.rint(alpha * np.float32(255) / np.maximum(had, alpha).clip(1)).astype(np.uint8)


def _image(found: DecodedImage) -> Image.Image:
    layers = found.rgb if found.alpha is None else np.dstack([found.rgb, found.alpha])
    image = Image.fromarray(layers)
    for name in ("icc_profile", "dpi"):
        if getattr(found, name) is not None:
            image.info[name] = getattr(found, name)
    return image
