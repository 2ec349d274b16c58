"""Make of one decoded image the bytes of a result's file: a cutout or a mask, whole or cropped."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from clearbg.errors import ImageError
from clearbg.images import DecodedImage, encode_image, png, tiff
from clearbg.removal.options import Margin, OutputOptions
from clearbg.removal.remover import Remover

SUBJECT = 13  # alpha, of 255, from which a pixel belongs to the subject when cropping
ROWS = 64  # of an image emptied at once
LOSSLESS = 100  # the quality at which WebP keeps every value


@dataclass(frozen=True, eq=False)
class EncodedCutout:
    """One finished result.

    Attributes:
        image: what the file shows.
        encoded: the file's bytes.
        coverage: mean alpha of the whole input image, in [0, 1]; 0: no subject was found in it.
        notes: sentences about what the format could not keep.
    """

    image: DecodedImage
    encoded: bytes
    coverage: float
    notes: tuple[str, ...]


def cut(
    remover: Remover,
    image: DecodedImage,
    options: OutputOptions | None = None,
    format: str = "PNG",
    inferred: np.ndarray | None = None,
) -> EncodedCutout:
    """Turn a decoded image into the file of its result.

    Args:
        options: None: the defaults.
        format: "PNG", "WEBP", "TIFF" or "JPEG".
        inferred: the alpha that `Remover.infer` gave for the image; None: the network runs now.

    Raises:
        ImageError: the image is to be cropped and has no subject, or the format cannot hold it.
        ModelError: the model cannot take the image.
    """
    options = options or OutputOptions()
    if inferred is None:
        (inferred,) = remover.infer([image])
    result, coverage = compose(remover, image, inferred, options)
    del image, inferred  # encoding needs memory too
    encoded, notes = _encode(result, format, options)
    return EncodedCutout(result, encoded, coverage, notes)


def compose(
    remover: Remover, image: DecodedImage, inferred: np.ndarray, options: OutputOptions
) -> tuple[DecodedImage, float]:
    """The image to write, and the mean alpha of the whole image in [0, 1].

    A mask is a gray image: uint8 `(H,W)`. In a cutout the fully transparent pixels become black,
    so that nobody can bring back what was removed, and files are smaller.
    """
    alpha = remover.opacity(image, inferred, options.threshold)
    if options.mask:
        found = dataclasses.replace(image, rgb=alpha, alpha=None, icc_profile=None, deep=None)
    else:
        found = remover.compose(image, alpha, options.background)
        if found.alpha is not None:
            found = _emptied(found, image)
    coverage = float(alpha.mean() / 255)
    return (_cropped(found, alpha, options.margin) if options.crop else found), coverage


def _emptied(found: DecodedImage, image: DecodedImage) -> DecodedImage:
    """`found` with black pixels where it is fully transparent; `image` itself does not change."""
    layers = {}
    for name in ("rgb", "deep"):
        values = getattr(found, name)
        if values is not None:
            layers[name] = values.copy() if values is getattr(image, name) else values
            for top in range(0, image.height, ROWS):
                _blacken(layers[name][top : top + ROWS], found.alpha[top : top + ROWS] > 0)
    return dataclasses.replace(found, **layers)


def _blacken(rows: np.ndarray, visible: np.ndarray) -> None:
    """Set pixels of an image's rows, which are not visible, to 0."""
    columns = np.flatnonzero(visible.any(0))
    first, end = (columns[0], columns[-1] + 1) if len(columns) else (0, 0)
    rows[:, :first] = 0
    rows[:, end:] = 0
    for channel in range(3):  # one after the other, which is several times as fast
        rows[:, first:end, channel] *= visible[:, first:end]


def _cropped(found: DecodedImage, alpha: np.ndarray, margin: Margin | None) -> DecodedImage:
    """The smallest rectangle of `found` that holds the subject, and a margin around it.

    Raises:
        ImageError: the image holds no subject.
    """
    subject = alpha >= SUBJECT
    if not subject.any():
        raise ImageError("holds no subject to crop to", "no-subject")
    sides = [np.flatnonzero(subject.any(axis)) for axis in (1, 0)]
    more = (margin or Margin()).of(*(int(side[-1] - side[0] + 1) for side in sides))
    box = tuple(slice(max(0, int(side[0]) - more), int(side[-1]) + 1 + more) for side in sides)
    layers = {
        name: np.ascontiguousarray(values[box])
        for name in ("rgb", "alpha", "deep")
        if (values := getattr(found, name)) is not None
    }
    return dataclasses.replace(found, **layers)


def _encode(
    found: DecodedImage, format: str, options: OutputOptions
) -> tuple[bytes, tuple[str, ...]]:
    """The bytes of a file, and sentences about what its format could not keep.

    PNG and TIFF keep 16 bits a channel. Fully opaque pixels keep their values, except in JPEG and
    in WebP with a quality below 100.
    """
    embedded = {"icc_profile": found.icc_profile, "dpi": found.dpi}
    exif = found.exif if options.keep_metadata else None
    if format == "PNG":
        colors = found.rgb if found.deep is None else found.deep
        return png.encode(colors, found.alpha, setting=options.png, exif=exif, **embedded), ()
    if found.deep is not None and format == "TIFF":
        lost = ("metadata left out: a 16-bit TIFF has no place for it here",)
        return tiff.encode(found.deep, found.alpha, **embedded), lost if exif else ()
    quality = options.quality or (LOSSLESS if format == "WEBP" else 95)
    encoded = encode_image(
        found.rgb, found.alpha, format=format, exif=exif, quality=quality, **embedded
    )
    notes = [] if found.deep is None else [f"16 bits became 8, all that {format} can hold"]
    if found.dpi is not None and format == "WEBP":
        notes.append("resolution left out: WebP has no place for it")
    return encoded, tuple(notes)
