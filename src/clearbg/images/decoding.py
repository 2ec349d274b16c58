"""Decode image files from anywhere with Pillow, and with tifffile where it falls short.

Used by `clearbg.images`, and by `clearbg.data` where values are needed as they are stored.
"""

import contextlib
import functools
import io
import os
import threading
import warnings
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageFile, TiffImagePlugin, UnidentifiedImageError

from clearbg.errors import ClearBGError, ImageError
from clearbg.images import limits, png_metadata, png_rows, tiff_reading
from clearbg.images.exif import orientation_of
from clearbg.images.failures import TIFF, failure
from clearbg.images.low_bytes import low_bytes

# Without a list Pillow also hands EPS to Ghostscript and guesses at formats without signature.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "GIF", "BMP", "PPM", "JPEG2000")

Source = str | os.PathLike | bytes | BinaryIO
BITS_PER_SAMPLE, COMPRESSION, PLANAR = 258, 259, 284  # TIFF's tags
ROWS = 64  # of an image copied at once: they fit a processor's cache


class _Quiet:
    """Silence warnings while any thread reads; Python's `catch_warnings` serves one thread only."""

    def __init__(self):
        self._lock, self._readers = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._readers:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._readers += 1

    def __exit__(self, *_) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                self._caught.__exit__()


_quiet = _Quiet()


@contextlib.contextmanager
def decoded(
    source: Source, max_pixels: int | None, name: str | None
) -> Iterator[tuple[Image.Image, np.ndarray | None, list[str]]]:
    """The first frame as a Pillow image, its 16-bit values if the file has them, and notes."""
    if isinstance(source, str | os.PathLike):
        name = name or os.fspath(source)
    name = name or "the image"
    with _quiet, _stream(source, name) as stream:
        try:
            yield _decode(stream, max_pixels, name)
        except ClearBGError:
            raise
        except MemoryError as error:
            raise limits.no_memory(name) from error
        except Exception as error:  # Pillow's plugins raise nearly every built-in exception
            raise failure(error, stream, name) from error


def weigh(path: str | os.PathLike) -> int:
    """The weight of an image (see `limits.weight`) by its header; 0 when none can be read."""
    try:
        if not os.path.isfile(path):  # opening a pipe would wait for its writer
            return 0
        limits.allow(None)
        with _quiet, open(path, "rb") as stream, Image.open(stream, formats=_formats()) as image:
            if isinstance(image, TiffImagePlugin.TiffImageFile):
                tiff_reading.seek_image(image)
            return limits.weight(*image.size, _is_deep(image, stream))
    except Exception:  # as in `decoded`
        return 0


@contextlib.contextmanager
def _stream(source: Source, name: str) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif not isinstance(source, str | os.PathLike):
        yield source if source.seekable() else io.BytesIO(source.read())
    elif not os.path.exists(source):
        raise ImageError(f"{name} does not exist.", "missing")
    elif not os.path.isfile(source) or not os.access(source, os.R_OK):
        raise ImageError(f"{name} is not a file that may be read.", "unreadable")
    else:
        with open(source, "rb") as file:
            yield file


def _decode(
    stream: BinaryIO, max_pixels: int | None, name: str
) -> tuple[Image.Image, np.ndarray | None, list[str]]:
    stream.seek(0)
    head = stream.read(4)
    if not head:
        raise ImageError(f"{name} is empty (0 bytes): fetch or export it again.", "empty-file")
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # some libraries switch it on for everybody
    try:
        return _with_pillow(stream, max_pixels, name)
    except (UnidentifiedImageError, KeyError):  # of a channel layout, of a compression
        if head not in TIFF:
            raise
        return tiff_reading.read(stream, max_pixels, name)
    except ValueError:  # Pillow's limits on text and profiles
        stream.seek(0)
        found = png_metadata.without(stream.read())
        if found is None:
            raise
        image, deep, notes = _with_pillow(io.BytesIO(found[0]), max_pixels, name)
        image.info["icc_profile"] = found[1]
        if found[1] == b"":
            notes.append("bad-icc")
        return image, deep, notes


def _with_pillow(
    stream: BinaryIO, max_pixels: int | None, name: str
) -> tuple[Image.Image, np.ndarray | None, list[str]]:
    limits.allow(max_pixels)
    try:
        image = Image.open(stream, formats=_formats())
    except Image.DecompressionBombError:
        raise limits.too_large(name, max_pixels) from None
    is_tiff = isinstance(image, TiffImagePlugin.TiffImageFile)
    if is_tiff and not tiff_reading.seek_image(image):
        return tiff_reading.read(stream, max_pixels, name)
    limits.refuse_large(name, image.size, _is_deep(image, stream), max_pixels)
    notes: list[str] = []
    several = getattr(image, "is_animated", False) and image.format != "MPO"  # a phone's extras
    if several and is_tiff:
        several = tiff_reading.has_several_images(image)
    turned = orientation_of(image) if is_tiff else 1
    png_rows.load(image, stream)
    if turned != 1 and orientation_of(image) == 1:
        notes.append("exif-orientation")  # Pillow has applied it when it loaded the TIFF
    else:
        turned = 1
    if several:
        notes.append("first-frame")
    if image.mode == "F" or image.mode.startswith("I"):
        return image, _sixteen_bit_gray(image, notes, name), notes
    if 16 not in _bits_per_sample(image, stream):
        return image, None, notes
    deep = _sixteen_bit_color(image, stream, turned)
    notes.append("16-bit-as-8" if deep is None else "16-bit")
    return image, deep, notes


@functools.cache
def _formats() -> tuple[str, ...]:
    try:
        import pillow_heif
    except ImportError:
        return FORMATS
    pillow_heif.register_heif_opener()
    return (*FORMATS, "HEIF")


def _sixteen_bit_gray(image: Image.Image, notes: list[str], name: str) -> np.ndarray:
    """uint16 (H, W, 1) of an image of floats, which count in 0..1, or of integers."""
    values = np.asarray(image)
    peak = 1.0 if image.mode == "F" else 65535
    if not (values.min() >= 0 and values.max() <= peak):  # also when one is NaN
        raise ImageError(
            f"{name} has values outside 0..{peak:g}: export it with 8 or 16 bits a channel.",
            "unreadable",
        )
    notes.append("float" if image.mode == "F" else "16-bit")
    deep = tiff_reading.sixteen_bits(values) if image.mode == "F" else values.astype(np.uint16)
    return deep[..., None]


def _bits_per_sample(image: Image.Image, stream: BinaryIO) -> tuple[int, ...]:
    """The bits per sample that the file declares; None if its format has 8 bits only."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return image.tag_v2.get(BITS_PER_SAMPLE, ())
    if image.format != "PNG":
        return ()
    place = stream.tell()
    stream.seek(24)  # in a PNG: the depth, in the header that is always first
    depth = tuple(stream.read(1))
    stream.seek(place)
    return depth


def _is_deep(image: Image.Image, stream: BinaryIO) -> bool:
    if image.mode == "F" or image.mode.startswith("I"):
        return True
    return any(bits > 8 for bits in _bits_per_sample(image, stream))


def _sixteen_bit_color(image: Image.Image, stream: BinaryIO, turned: int) -> np.ndarray | None:
    """uint16 (H, W, C) with C 3 or 4, of which Pillow's image holds the high bytes.

    None where only those can be had.

    Args:
        turned: the orientation by which Pillow has turned a TIFF upright.

    Raises:
        ValueError: Pillow misreads the file, and nothing else reads it.
    """
    import tifffile  # imported here: few images have 16 bits

    planar = image.format == "TIFF" and image.tag_v2.get(PLANAR, 1) == 2
    color = image.mode in ("RGB", "RGBA")
    stream.seek(0)
    page = image.tell() if image.format == "TIFF" else 0
    if (planar or page) and color:
        with contextlib.suppress(ValueError), tifffile.TiffFile(stream) as file:
            values = file.pages[page].asarray(maxworkers=1)
            return upright(np.moveaxis(values, 0, -1) if planar else values, turned)
    if planar and image.tag_v2.get(COMPRESSION, 1) == 1:  # Pillow takes each byte for a value
        raise ValueError("16-bit channels one after another; export it with interleaved channels")
    if planar or page or not color:
        return None
    stream.seek(0)
    with Image.open(stream, formats=[image.format]) as again:
        low = low_bytes(again)
    high = np.asarray(image)
    return None if low is None or low.shape != high.shape else high.astype(np.uint16) << 8 | low


def split_opacity(
    image: Image.Image, deep: np.ndarray | None, notes: list[str]
) -> tuple[Image.Image, Image.Image | None]:
    """Colors (L, RGB, CMYK or LAB) and opacity (L), in 8 bits."""
    if tiff_reading.OPACITY in image.info:
        return image, image.info[tiff_reading.OPACITY]
    if deep is not None:
        bytes_ = tiff_reading.eight_bits(deep)
        colors = Image.fromarray(bytes_[..., 0] if deep.shape[2] == 1 else bytes_[..., :3].copy())
        if deep.shape[2] == 4:
            return colors, Image.fromarray(bytes_[..., 3].copy())
        key = image.info.get("transparency")
        if key is None:
            return colors, None
        return colors, Image.fromarray(np.uint8(255) * (deep != key).any(axis=-1))
    if image.mode in ("1", "P", "PA"):
        notes.append("1-bit" if image.mode == "1" else "palette")
    if image.has_transparency_data:
        both = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
        return both.convert(both.mode[:-1]), both.getchannel("A")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def to_rgb(
    image: Image.Image, icc_profile: bytes | None, notes: list[str]
) -> tuple[Image.Image, bytes | None]:
    """The image as RGB, and its profile if that is one for RGB; see `DecodedImage`."""
    if image.mode != "RGB":
        notes.append("gray" if image.mode == "L" else image.mode.lower())
    if icc_profile:
        if image.mode in ("L", "RGB") and to_srgb(icc_profile, "RGB"):
            return image if image.mode == "RGB" else image.convert("RGB"), icc_profile
        transform = to_srgb(icc_profile, image.mode)
        if transform:
            notes.append("icc-to-srgb")
            return ImageCms.applyTransform(image, transform), None
        notes.append("bad-icc")
    return image if image.mode == "RGB" else image.convert("RGB"), None


@functools.lru_cache(maxsize=16)
def to_srgb(icc_profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """A copy of (H, W) or (H, W, C), turned as the EXIF orientation (1 to 8) asks."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array.copy(order="C")  # Pillow's own arrays are read-only


def pixels(image: Image.Image) -> np.ndarray:
    """A copy of a Pillow image of 8 bits: uint8 (H, W) or (H, W, C).

    Pillow's own way, `numpy.asarray`, has the whole image in memory twice beside its result.
    """
    width, height = image.size
    channels = len(image.getbands())
    values = np.empty((height, width, channels)[: 2 + (channels > 1)], np.uint8)
    for top in range(0, height, ROWS):
        with image.crop((0, top, width, min(top + ROWS, height))) as rows:
            values[top : top + ROWS] = np.asarray(rows)
    return values


def read_dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        horizontal, vertical = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    plausible = 1 < horizontal < 65536 and 1 < vertical < 65536  # 1 stands for "not given"
    return (horizontal, vertical) if plausible else None
