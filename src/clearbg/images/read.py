"""The one reader and writer of images: every stage, the command line and the app use it.

Only pixels that were decoded whole leave `read_image` and `read_mask`; for every other
file (empty, cut short, text, decompression bomb) they raise `ImageError`. What they
normalized on the way is listed in notes, so that nothing happens to an image in silence.
"""

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

from clearbg.errors import ImageError
from clearbg.images import labels
from clearbg.images.decoding import (
    Source,
    decoded,
    pixels,
    read_dpi,
    split_opacity,
    to_rgb,
    to_srgb,
    upright,
)
from clearbg.images.exif import orientation_of, read_exif
from clearbg.system.files import replacing_file

WRITERS = {
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}

Kernel = Literal["nearest", "bilinear", "bicubic", "lanczos"]


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """One upright image.

    `rgb` keeps the file's own values whenever the file is in an RGB space, and
    `icc_profile` says in which (None: sRGB); an output that takes both over has exactly
    the input's colors. A model takes `srgb()`. Gray, CMYK and Lab files with a profile
    are converted to sRGB, and `icc_profile` is then None.

    Attributes:
        rgb: uint8 (H, W, 3).
        alpha: uint8 (H, W); None when every pixel is opaque.
        icc_profile: an RGB profile that is known to work.
        dpi: pixels an inch, horizontally and vertically.
        exif: without orientation (it has been applied) and thumbnail.
        deep: uint16 (H, W, 3), the same image, when the file has 16 bits a channel.
        format: Pillow's name, such as "JPEG".
        notes: what was normalized, e.g. ("exif-orientation", "cmyk").
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    deep: np.ndarray | None = None
    format: str = ""
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        return self.rgb.shape[0]

    @property
    def width(self) -> int:
        return self.rgb.shape[1]

    def srgb(self) -> np.ndarray:
        """The image in sRGB, uint8 (H, W, 3): `rgb` itself when there is no profile."""
        if self.icc_profile is None:
            return self.rgb
        transform = to_srgb(self.icc_profile, "RGB")
        return np.array(ImageCms.applyTransform(Image.fromarray(self.rgb), transform))


def read_image(
    source: Source, *, max_pixels: int | None = None, name: str | None = None
) -> DecodedImage:
    """Read the first frame of `source`, upright.

    Args:
        source: a path, a file's bytes, or a binary stream.
        max_pixels: an image of a larger weight (`limits.weight`) is refused from its header,
            before it is decoded; None: see `limits.most`.
        name: what messages call a source that is not a path.

    Raises:
        ImageError: `reason` is "missing", "empty-file", "not-an-image", "truncated",
            "too-large", "unsupported" or "unreadable".
    """
    with decoded(source, max_pixels, name) as (image, deep, notes):
        return of_image(image, deep, notes)


def of_image(image: Image.Image, deep: np.ndarray | None, notes: list[str]) -> DecodedImage:
    """A loaded Pillow image, with its 16-bit values `(H, W, C)` if there are any."""
    orientation, block = read_exif(image, notes)
    colors, opacity = split_opacity(image, deep, notes)
    colors, icc_profile = to_rgb(colors, image.info.get("icc_profile"), notes)
    if "icc-to-srgb" in notes:
        deep = None  # its values are in the space that was left
    elif deep is not None:
        deep = np.repeat(deep, 3, axis=-1) if deep.shape[2] == 1 else deep[..., :3]
    opaque = opacity is None or opacity.getextrema() == (255, 255)
    return DecodedImage(
        rgb=_upright(colors, orientation),
        alpha=None if opaque else _upright(opacity, orientation),
        icc_profile=icc_profile,
        dpi=read_dpi(image),
        exif=block,
        deep=None if deep is None else upright(deep, orientation),
        format="JPEG" if image.format == "MPO" else image.format or "",
        notes=tuple(notes),
    )


def _upright(image: Image.Image, orientation: int) -> np.ndarray:
    return pixels(image) if orientation == 1 else upright(np.asarray(image), orientation)


def read_mask(
    source: Source,
    *,
    index_foreground: bool = False,
    max_pixels: int | None = None,
    name: str | None = None,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read an alpha matte or a mask: uint8 (H, W) in 0..255, and notes.

    Gray values are alpha; {0, 1} becomes {0, 255}; 16 bits are divided by 257, unless they
    hold class numbers (see `labels.of_sixteen_bits`); an alpha channel that varies wins over
    the colors; unequal colors are reduced to luma.

    Args:
        index_foreground: the pixels are class numbers (gray values or palette indices),
            and every class but 0 is foreground.

    Raises:
        ImageError: as `read_image`.
    """
    with decoded(source, max_pixels, name) as (image, deep, notes):
        orientation, _ = read_exif(image, notes)
        alpha = _mask_values(image, deep, index_foreground, notes)
        return upright(alpha, orientation), tuple(notes)


def read_orientation(path: Path | str) -> int:
    """The EXIF orientation of an image that can be read, 1 to 8; see `decoding.upright`."""
    with Image.open(path) as image:
        return orientation_of(image)


def _mask_values(
    image: Image.Image, deep: np.ndarray | None, index_foreground: bool, notes: list[str]
) -> np.ndarray:
    if index_foreground and len(image.getbands()) == 1:
        notes.append("index")
        return np.uint8(255) * (np.asarray(image) > 0)
    colors, opacity = split_opacity(image, deep, notes)
    if opacity is not None and len(set(opacity.getextrema())) == 2:
        notes.append("alpha channel")
        return np.asarray(opacity)
    values = np.asarray(colors.convert("L"))
    if colors.mode != "L":
        equal = all(np.array_equal(values, band) for band in colors.convert("RGB").split())
        notes.append("rgb" if equal else "color")
    if deep is not None and "float" not in notes and (deep == deep[..., :1]).all():
        numbers = labels.of_sixteen_bits(deep[..., 0])
        values = values if numbers is None else numbers
    if values.max() == 1:
        notes.append("0/1")
        values = values * np.uint8(255)
    return values


def resize(array: np.ndarray, size: tuple[int, int], kernel: Kernel = "bilinear") -> np.ndarray:
    """Resample with Pillow's antialiased kernels: the one way in training and removal.

    Args:
        array: uint8 or float32, (H, W) or (H, W, C). Floats are not clipped: bicubic and
            lanczos overshoot.
        size: the new (height, width).
    """
    if array.ndim == 3 and not (array.dtype == np.uint8 and array.shape[2] == 3):
        return np.stack([resize(array[..., c], size, kernel) for c in range(array.shape[2])], -1)
    image = Image.fromarray(np.ascontiguousarray(array))
    return np.array(image.resize(size[::-1], Image.Resampling[kernel.upper()]))


def luma(rgb: np.ndarray) -> np.ndarray:
    """The luma of an image, uint8 (H, W, 3) sRGB -> (H, W): (299 R + 587 G + 114 B) / 1000.

    ITU-R BT.601's weights, as Pillow's mode "L".
    """
    return np.array(Image.fromarray(rgb).convert("L"))


def darker(rgb: np.ndarray) -> np.ndarray:
    """The lesser of R and G, uint8 (H, W, 3) -> (H, W): colored ink is as dark as black ink.

    Blue is left out. In it yellowed paper is dark, and cameras and JPEG are noisiest.
    """
    return rgb[..., :2].min(axis=2)


GRAYS = {"luma": luma, "darker": darker}
"""What `model.gray` names."""


def write_image(
    path: Path | str, rgb: np.ndarray, alpha: np.ndarray | None = None, **options
) -> None:
    """Write an image, atomically, in the format of `path`'s suffix (see `WRITERS`).

    Takes the options of `encode_image`, and raises what it and `replacing_file` raise.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise ImageError(
            f"{path} cannot be written as {suffix or 'an image without suffix'}: "
            f"choose one of {', '.join(WRITERS)}.",
            "unwritable",
        )
    encoded = encode_image(rgb, alpha, format=WRITERS[suffix], **options)
    with replacing_file(path) as aside:
        aside.write_bytes(encoded)


def encode_image(
    rgb: np.ndarray,
    alpha: np.ndarray | None = None,
    *,
    format: str = "PNG",
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
    quality: int = 95,
) -> bytes:
    """The bytes of a PNG, WEBP, TIFF or JPEG file; the same bytes for the same input.

    Args:
        rgb: uint8 (H, W, 3), or (H, W) for gray.
        alpha: uint8 (H, W).
        quality: 1 to 100, of JPEG and WEBP; 100 is lossless in WEBP.

    Raises:
        ImageError: alpha in JPEG, or a size that the format cannot hold.
    """
    if format == "JPEG" and alpha is not None:
        raise ImageError(
            "JPEG has no transparency: write PNG or WebP, or give a background.", "unwritable"
        )
    options = {
        "PNG": {"compress_level": 1},
        "WEBP": {"quality": quality, "lossless": quality == 100, "exact": True},
        "TIFF": {"compression": "tiff_adobe_deflate"},
        "JPEG": {"quality": quality, "subsampling": 0},
    }[format]
    embedded = {"icc_profile": icc_profile, "dpi": dpi, "exif": exif}
    options |= {key: value for key, value in embedded.items() if value is not None}
    image = Image.fromarray(rgb)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    buffer = io.BytesIO()
    try:
        image.save(buffer, format, **options)
    except (OSError, ValueError, struct.error) as error:
        size = f"{image.width} x {image.height}"
        raise ImageError(f"{format} cannot hold an image of {size} ({error}).") from error
    return buffer.getvalue()


def write_mask(path: Path | str, alpha: np.ndarray) -> None:
    """Write alpha, uint8 (H, W), as a gray image; see `write_image`."""
    write_image(path, alpha)
