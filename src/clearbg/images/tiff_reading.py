"""TIFF files that Pillow does not read: other depths and channels, and the choice of the page.

Floats, 32 bits a channel, and CMYK with alpha are read by tifffile. Which page is the image says
the field NewSubfileType (TIFF 6.0, page 36), as thumbnails may come first.
"""

import itertools
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin

from clearbg.errors import ImageError
from clearbg.images import limits
from clearbg.images.failures import unsupported

SUBFILE_TYPE, SUB_IFDS, PROFILE, ORIENTATION = 254, 330, 34675, 274
REDUCED = 1  # bit of NewSubfileType: a smaller version of another page
OTHER_THAN_IMAGES = 5  # bits of NewSubfileType: such a version, or a mask of another page
OPACITY = "clearbg-opacity"  # key of `image.info`: alpha of an image whose mode has none

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, SEPARATED = 0, 1, 2, 5
RAW = (32803, 34892)  # photometric interpretation of a camera's sensor
COLORS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, SEPARATED: 4}

ROWS = 256  # that are converted at once, so that memory stays small

Decoded = tuple[Image.Image, np.ndarray | None, list[str]]


def seek_image(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Go to the first page that is no smaller version of another.

    Returns:
        whether Pillow reads it; False also where it is in a sub-file, in which it does not look.
    """
    if not _is(image, REDUCED):
        return True
    for is_read in _further_pages(image):
        if not _is(image, REDUCED):
            return is_read
    image.seek(0)
    return SUB_IFDS not in image.tag_v2


def has_several_images(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Whether a later page is an image too, and not a thumbnail or a mask; loads no page."""
    place = image.tell()
    found = any(not _is(image, OTHER_THAN_IMAGES) for _ in _further_pages(image))
    image.seek(place)
    return found


def _further_pages(image: TiffImagePlugin.TiffImageFile) -> Iterator[bool]:
    """Go to page after page; yields whether Pillow reads it."""
    for number in itertools.count(image.tell() + 1):
        try:
            image.seek(number)
            yield True
        except EOFError:
            return
        except SyntaxError:  # its fields are read, and its pixels cannot be
            yield False


def _is(image: TiffImagePlugin.TiffImageFile, bits: int) -> bool:
    value = image.tag_v2.get(SUBFILE_TYPE, 0)
    return isinstance(value, int) and bool(value & bits)


def read(stream: BinaryIO, max_pixels: int | None, name: str) -> Decoded:
    """The image of a TIFF file by tifffile; see `decoding.decoded`.

    Raises:
        ImageError: it is of a kind that is not read, too large, or has values outside its range.
    """
    import tifffile  # imported here: few images need it

    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        page = _page(file)
        if page.photometric in RAW:
            raise unsupported(name, "a camera's raw file")
        size = page.imagewidth, page.imagelength
        limits.refuse_large(name, size, np.max(page.bitspersample) > 8, max_pixels)
        colors = COLORS.get(page.photometric)
        extra = page.samplesperpixel - (colors or 0)
        kind = np.dtype(page.dtype) if page.dtype else None
        whole = page.bitspersample in (8, 16, 32, 64)
        if colors is None or not 0 <= extra <= 1 or not whole or not kind or kind.kind not in "fu":
            raise unsupported(name, f"a TIFF file of {_described(page)}")
        try:
            values = page.asarray(maxworkers=1)
        except (ValueError, KeyError) as error:
            if "imagecodecs" not in str(error):
                raise
            raise unsupported(name, f"a TIFF file of {_described(page)}") from error
        profile, orientation = page.tags.get(PROFILE), page.tags.get(ORIENTATION)
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        values = np.moveaxis(values, 0, -1)
    values = values.reshape(*values.shape[:2], -1)
    notes: list[str] = []
    deep = _sixteen_bits(values, notes, name)
    if page.photometric == WHITE_IS_ZERO:
        deep[..., 0] = 65535 - deep[..., 0]
    if extra and page.extrasamples[0] == 1:
        deep = _unassociated(deep)
    if extra and page.extrasamples[0] == 0:  # of no stated meaning
        deep, extra = deep[..., :colors], 0
    image, deep_colors = _as_image(deep, colors, notes)
    if profile is not None:
        image.info["icc_profile"] = bytes(profile.value)
    if orientation is not None:
        image.getexif()[ORIENTATION] = orientation.value
    return image, deep_colors, notes


def _page(file: Any) -> Any:
    """The first page or sub-file that is no smaller version of another; else the first page."""
    for page in file.pages:
        for candidate in (page, *(page.pages or ())):
            if not candidate.subfiletype & REDUCED:
                return candidate
    return file.pages.first


def _described(page: Any) -> str:
    bits = page.bitspersample if isinstance(page.bitspersample, int) else page.bitspersample[0]
    compression = getattr(page.compression, "name", page.compression)
    words = f"{page.samplesperpixel} channels with {bits} bits"
    return f"{words}, compressed with {compression}" if page.compression != 1 else words


def _sixteen_bits(values: np.ndarray, notes: list[str], name: str) -> np.ndarray:
    """uint16 (H, W, C) of floats, which count in 0..1, or of integers of any depth."""
    if values.dtype.kind == "f":
        if not (values.min() >= 0 and values.max() <= 1):  # also when one is NaN
            raise ImageError(
                f"{name} has values outside 0..1: export it with 8 or 16 bits a channel.",
                "unreadable",
            )
        notes.append("float")
        return sixteen_bits(values)
    if values.dtype.itemsize == 1:
        return values.astype(np.uint16) * np.uint16(257)
    notes.append("16-bit")
    return (values >> 8 * (values.dtype.itemsize - 2)).astype(np.uint16)


def eight_bits(deep: np.ndarray) -> np.ndarray:
    """uint8 of uint16 `(H,W,C)`, rounded."""
    low = np.empty(deep.shape, np.uint8)
    for top in range(0, len(deep), ROWS):
        low[top : top + ROWS] = (deep[top : top + ROWS].astype(np.uint32) + 128) // 257
    return low


def sixteen_bits(values: np.ndarray) -> np.ndarray:
    """uint16 of floats in [0, 1], rounded."""
    deep = np.empty(values.shape, np.uint16)
    for top in range(0, len(deep), ROWS):
        deep[top : top + ROWS] = np.rint(values[top : top + ROWS].astype(np.float32) * 65535)
    return deep


def _unassociated(deep: np.ndarray) -> np.ndarray:
    """Colors that were stored multiplied by the alpha in the last channel, freed of it."""
    alpha = np.maximum(deep[..., -1:], 1).astype(np.float64) / 65535
    colors = np.minimum(np.rint(deep[..., :-1] / alpha), 65535).astype(np.uint16)
    return np.concatenate([colors, deep[..., -1:]], axis=-1)


def _as_image(
    deep: np.ndarray, colors: int, notes: list[str]
) -> tuple[Image.Image, np.ndarray | None]:
    """A Pillow image, and its 16-bit values if it has more than 8 bits a channel."""
    low = eight_bits(deep)
    if colors == 4:  # inks are reduced to 8 bits
        notes[:] = ["16-bit-as-8" if note == "16-bit" else note for note in notes]
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[colors]
    shown = low[..., 0] if colors == 1 else np.ascontiguousarray(low[..., :colors])
    image = Image.fromarray(shown, mode)
    image.format = "TIFF"
    if deep.shape[2] > colors:
        image.info[OPACITY] = Image.fromarray(low[..., colors].copy())
    is_deep = bool(notes) and colors != 4
    return image, deep[..., :colors] if is_deep else None
