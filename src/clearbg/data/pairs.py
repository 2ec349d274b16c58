"""A pair of image and alpha as a source offers it, and how it is read."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearbg import synthetic
from clearbg.errors import ImageError
from clearbg.images import DecodedImage, read_image, read_mask, resize
from clearbg.synthetic.backdrops import SCENES, backdrop
from clearbg.synthetic.camera import photographed

LONGEST = 420  # pixels; generated backgrounds are made for this size and then enlarged


@dataclass(frozen=True)
class FilePair:
    """An image and its mask as files; either is None when it has no partner.

    `split` is the official one, or empty. Images of one `group` stay in one split; an
    empty group is the image's own.

    Attributes:
        index_foreground: the mask holds class numbers, and every class but 0 is foreground.
        invert: the mask is black where the subject is.
        transparency: the alpha is the mask file's own transparency, never its colors.
        void: what pixels of no class (255 beside class numbers) are: "background" or "subject";
            empty: nobody has said it.
    """

    id: str
    image: Path | None
    mask: Path | None
    split: str = ""
    group: str = ""
    index_foreground: bool = False
    invert: bool = False
    transparency: bool = False
    void: str = ""

    def read(self, max_pixels: int | None) -> tuple[DecodedImage, np.ndarray, Path]:
        """The image, its alpha uint8 `(H,W)`, and the image's file.

        Raises:
            ImageError: either cannot be read, or they do not belong together.
        """
        image = self.read_decoded(max_pixels)
        alpha, _ = self.read_mask(max_pixels)
        self.refuse_sizes(image.rgb.shape[:2], alpha)
        return image, 255 - alpha if self.invert else alpha, self.files()[0]

    def files(self) -> tuple[Path, Path]:
        """Image and mask. Raises ImageError when either has no partner."""
        if self.mask is None:
            raise ImageError(f"{self.image} has no mask of the same name: add it.", "no-mask")
        if self.image is None:
            raise ImageError(f"{self.mask} has no image of the same name: add it.", "no-image")
        return self.image, self.mask

    def read_decoded(self, max_pixels: int | None) -> DecodedImage:
        """The image alone. Raises ImageError, also when a partner is missing."""
        return read_image(self.files()[0], max_pixels=max_pixels)

    def read_mask(self, max_pixels: int | None) -> tuple[np.ndarray, tuple[str, ...]]:
        """The mask uint8 `(H,W)`, not yet inverted, and notes. Raises ImageError."""
        mask = self.files()[1]
        if self.transparency:
            cutout, alpha = read_cutout(mask, max_pixels)
            return alpha, cutout.notes
        return read_mask(mask, index_foreground=self.index_foreground, max_pixels=max_pixels)

    def refuse_sizes(self, size: tuple[int, int], alpha: np.ndarray) -> None:
        """Raise ImageError when an image of this (height, width) and its mask differ in size."""
        if alpha.shape != size:
            raise ImageError(
                f"{self.image} is {size[1]}×{size[0]} pixels and its mask "
                f"{alpha.shape[1]}×{alpha.shape[0]}: export one of them again.",
                "size-mismatch",
            )


@dataclass(frozen=True)
class GeneratedPair:
    """A pair that is generated when it is read."""

    id: str
    seed: int
    index: int
    kind: str
    split: str = ""
    group: str = ""

    def read(self, max_pixels: int | None) -> tuple[DecodedImage, np.ndarray, None]:
        """The generated image and its alpha uint8 `(H,W)`."""
        rgb, alpha = synthetic.generate(self.seed, self.index, self.kind)
        if max_pixels is not None and alpha.size > max_pixels:
            raise ImageError(f"{self.id} has more than {max_pixels} pixels.", "too-large")
        return DecodedImage(rgb=rgb), alpha, None


@dataclass(frozen=True)
class CutoutPair:
    """A transparent image that is laid over a background (None: a generated one)."""

    id: str
    cutout: Path
    background: Path | None
    seed: int
    split: str = ""
    group: str = ""

    def read(self, max_pixels: int | None) -> tuple[DecodedImage, np.ndarray, None]:
        """`alpha·F + (1 − alpha)·B` on sRGB values, and the alpha uint8 `(H,W)`."""
        cutout, opacity = read_cutout(self.cutout, max_pixels)
        size = cutout.height, cutout.width
        if self.background is None:
            key = np.random.SeedSequence([self.seed, int(short_hash(self.id), 16)])
            background = _generated_background(np.random.default_rng(key), size)
        else:
            image = read_image(self.background, max_pixels=max_pixels)
            background = _filling(image.srgb(), size)
        alpha = opacity[..., None].astype(np.float32) / 255
        rgb = alpha * cutout.srgb() + (1 - alpha) * background
        return DecodedImage(rgb=np.round(rgb).astype(np.uint8)), opacity, None


@dataclass(frozen=True)
class UnusablePair:
    """An item of the set that cannot be used, and why."""

    id: str
    message: str
    reason: str
    split: str = ""
    group: str = ""

    def read(self, max_pixels: int | None) -> tuple[DecodedImage, np.ndarray, Path]:
        """Raises ImageError."""
        raise ImageError(self.message, self.reason)


Pair = FilePair | GeneratedPair | CutoutPair | UnusablePair


def read_cutout(path: Path, max_pixels: int | None) -> tuple[DecodedImage, np.ndarray]:
    """An image that is transparent in places, and its alpha uint8 `(H,W)`.

    Raises:
        ImageError: it cannot be read, or nothing in it is transparent ("no-alpha").
    """
    image = read_image(path, max_pixels=max_pixels)
    if image.alpha is None:
        raise ImageError(
            f"{path} has no transparency, so its alpha is unknown: export it as PNG or WebP "
            "with a transparent background.",
            "no-alpha",
        )
    return image, image.alpha


def safe_id(name: str) -> str:
    """An id that is a valid file name everywhere; a name that has to change gets a hash."""
    safe = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip(".")[:100]
    return name if safe == name else f"{safe}-{short_hash(name)}"


def short_hash(text: str) -> str:
    """32 bits of sha256, as 8 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _generated_background(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A generated place without subject, uint8 `(H,W,3)`."""
    scale = min(1.0, LONGEST / max(size))
    small = max(32, round(size[0] * scale)), max(32, round(size[1] * scale))
    place = rng.choice(list(SCENES))
    return resize(photographed(rng, backdrop(rng, place, small).image), size, "bicubic")


def _filling(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The middle of an image, uint8 `(H,W,3)`, scaled so that it just fills `size`."""
    height, width = size
    scale = max(height / rgb.shape[0], width / rgb.shape[1])
    wanted = max(height, round(rgb.shape[0] * scale)), max(width, round(rgb.shape[1] * scale))
    rgb = resize(rgb, wanted)
    top, left = (wanted[0] - height) // 2, (wanted[1] - width) // 2
    return rgb[top : top + height, left : left + width]
