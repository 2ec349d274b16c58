"""What becomes of one image: its cutout or its mask, whole or cropped, as a file's bytes."""

import dataclasses
import re
from dataclasses import dataclass

import numpy as np

from clearbg.errors import ImageError, SettingsError
from clearbg.images import DecodedImage, encode_image, png, tiff
from clearbg.removal.backgrounds import Ground
from clearbg.removal.remover import Remover

SUBJECT = 13  # alpha, of 255, from which a pixel belongs to the subject that is cropped to
LOSSLESS = 100  # WebP's quality that keeps every value


@dataclass(frozen=True)
class Margin:
    """Around the subject: pixels, or a share of the subject's longer side."""

    pixels: int = 0
    share: float = 0.0

    def of(self, height: int, width: int) -> int:
        return self.pixels + round(self.share * max(height, width))


def margin(text: str) -> Margin:
    """Read "20" (pixels) or "5%".

    Raises:
        SettingsError: it is neither.
    """
    number = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%|(\d+)", text.strip())
    if number is None:
        raise SettingsError(f"The margin {text!r} is neither pixels (20) nor a share (5%).")
    share, pixels = number.groups()
    return Margin(share=float(share) / 100) if share else Margin(pixels=int(pixels))


@dataclass(frozen=True)
class Look:
    """How results look.

    Attributes:
        mask: the alpha alone, as gray.
        background: what lies behind the subject; None: transparent.
        crop: to the subject, with so much around it; None: the whole image.
        threshold: alpha from which a pixel is wholly opaque, and else transparent; None: soft.
        quality: 1 to 100 of JPEG and WebP; None: 95 of JPEG, lossless WebP.
        keep_metadata: carry the EXIF block over; its orientation has been applied.
    """

    mask: bool = False
    background: Ground | None = None
    crop: Margin | None = None
    threshold: float | None = None
    quality: int | None = None
    keep_metadata: bool = False


def check(look: Look, formats: set[str]) -> None:
    """Refuse what has no effect, or cannot be written.

    Raises:
        SettingsError: two choices exclude each other.
    """
    if look.mask and look.background is not None:
        raise SettingsError("A mask has no background: leave one of the two out.")
    if "JPEG" in formats and not look.mask and look.background is None:
        raise SettingsError(
            "JPEG cannot be transparent: choose PNG, WebP or TIFF, or give a background."
        )
    for format in formats - {"JPEG", "WEBP"}:
        if look.quality is not None:
            raise SettingsError(f"{format} keeps every value: leave the quality out.")


def result(
    remover: Remover, image: DecodedImage, inferred: np.ndarray, look: Look
) -> tuple[DecodedImage, float]:
    """The image to write, from what `Remover.infer` gave, and the mean alpha in [0, 1].

    The image of a mask is gray: uint8 (H, W). Of a cutout the wholly transparent pixels are
    black: what was removed cannot be brought back, and files are smaller.

    Raises:
        ImageError: it is to be cropped and there is no subject in it.
    """
    alpha = remover.opacity(image, inferred, look.threshold)
    if look.mask:
        found = dataclasses.replace(image, rgb=alpha, alpha=None, icc_profile=None, deep=None)
    else:
        found = remover.colored(image, alpha, look.background)
        if found.alpha is not None:
            found = _emptied(found, image)
    covered = float(alpha.mean() / 255)
    return (found if look.crop is None else _cropped(found, alpha, look.crop)), covered


def _emptied(found: DecodedImage, image: DecodedImage) -> DecodedImage:
    """Without colors where nothing shows; the arrays of `image`, whose cutout it is, stay."""
    visible = found.alpha > 0
    layers = {}
    for name in ("rgb", "deep"):
        values = getattr(found, name)
        if values is not None:
            layers[name] = values.copy() if values is getattr(image, name) else values
            for channel in range(3):  # one by one is several times as fast
                layers[name][..., channel] *= visible
    return dataclasses.replace(found, **layers)


def _cropped(found: DecodedImage, alpha: np.ndarray, around: Margin) -> DecodedImage:
    subject = alpha >= SUBJECT
    if not subject.any():
        raise ImageError("holds no subject to crop to", "no-subject")
    sides = [np.flatnonzero(subject.any(axis)) for axis in (1, 0)]
    more = around.of(*(int(side[-1] - side[0] + 1) for side in sides))
    box = tuple(slice(max(0, int(side[0]) - more), int(side[-1]) + 1 + more) for side in sides)
    layers = {
        name: np.ascontiguousarray(values[box])
        for name in ("rgb", "alpha", "deep")
        if (values := getattr(found, name)) is not None
    }
    return dataclasses.replace(found, **layers)


def encode(found: DecodedImage, format: str, look: Look) -> tuple[bytes, tuple[str, ...]]:
    """A file's bytes, and what could not be kept in it.

    16 bits a channel stay in PNG and TIFF. Fully opaque pixels keep their values in all but
    JPEG and a WebP of lower quality.

    Raises:
        ImageError: the format cannot hold the image.
    """
    carried = {"icc_profile": found.icc_profile, "dpi": found.dpi}
    exif = found.exif if look.keep_metadata else None
    if format == "PNG":
        colors = found.rgb if found.deep is None else found.deep
        return png.encode(colors, found.alpha, exif=exif, **carried), ()
    if found.deep is not None and format == "TIFF":
        lost = ("metadata left out: a 16-bit TIFF has no place for it here",)
        return tiff.encode(found.deep, found.alpha, **carried), lost if exif else ()
    quality = look.quality or (LOSSLESS if format == "WEBP" else 95)
    encoded = encode_image(
        found.rgb, found.alpha, format=format, exif=exif, quality=quality, **carried
    )
    notes = [] if found.deep is None else [f"16 bits became 8, all that {format} can hold"]
    if found.dpi is not None and format == "WEBP":
        notes.append("resolution left out: WebP has no place for it")
    return encoded, tuple(notes)
