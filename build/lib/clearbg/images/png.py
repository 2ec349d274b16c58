"""PNG files of 8 or 16 bits a channel, in a tenth of the time that Pillow's encoder takes.

Pillow tries five filters on every row, and cannot write 16 bits in color. Here every row is
predicted from the one above, and ISA-L compresses: files are as large as those of Pillow's fastest
level. On another processor ISA-L may write other bytes. The pipeline knows its images by their
bytes, so it writes them with Pillow.
"""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from isal import isal_zlib
from PIL.PngImagePlugin import putchunk

from clearbg.errors import ImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOR_TYPES = {1: 0, 3: 2, 4: 6}  # channels: gray, RGB, RGBA
UP = 2  # the filter "difference from the byte above", PNG specification, section 9.2
LEVEL = 1
AT_ONCE = 2**18  # pixels; what they need fits a processor's cache
MOST = 2**31 - 1  # pixels of a side
INCH = 0.0254  # meters


def encode(
    colors: np.ndarray,
    alpha: np.ndarray | None = None,
    *,
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
) -> bytes:
    """The bytes of a PNG file.

    Args:
        colors: uint8 or uint16, (H, W, 3), or (H, W) for gray.
        alpha: uint8 (H, W), which becomes as wide as the colors; not of gray.

    Raises:
        ImageError: the format cannot hold the size.
    """
    height, width = colors.shape[:2]
    if max(height, width) > MOST:
        raise ImageError(f"PNG cannot hold an image of {width} x {height}.", "unwritable")
    channels = (colors.shape[2] if colors.ndim == 3 else 1) + (alpha is not None)
    kind = (8 * colors.dtype.itemsize, COLOR_TYPES[channels], 0, 0, 0)
    file = io.BytesIO()
    file.write(SIGNATURE)
    putchunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, *kind))
    if icc_profile:
        putchunk(file, b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile))
    if dpi:
        meters = b"".join(round(value / INCH).to_bytes(4, "big") for value in dpi)
        putchunk(file, b"pHYs", meters + b"\x01")
    if exif:
        putchunk(file, b"eXIf", exif.removeprefix(b"Exif\0\0"))
    stream = isal_zlib.compressobj(LEVEL)
    for rows in _filtered(colors, alpha):
        putchunk(file, b"IDAT", stream.compress(rows))
    putchunk(file, b"IDAT", stream.flush())
    putchunk(file, b"IEND", b"")
    return file.getvalue()


def _filtered(colors: np.ndarray, alpha: np.ndarray | None) -> Iterator[np.ndarray]:
    """The data that a PNG compresses, some rows at a time: each row's filter and filtered bytes."""
    above: np.ndarray | int = 0
    step = max(1, AT_ONCE // colors.shape[1])
    for top in range(0, len(colors), step):
        rows = slice(top, top + step)
        layers = colors[rows] if alpha is None else _with_alpha(colors[rows], alpha[rows])
        layers = np.ascontiguousarray(layers, layers.dtype.newbyteorder(">"))
        plain = layers.view(np.uint8).reshape(len(layers), -1)
        filtered = np.empty((plain.shape[0], 1 + plain.shape[1]), np.uint8)
        filtered[:, 0] = UP
        filtered[0, 1:] = plain[0] - above
        np.subtract(plain[1:], plain[:-1], out=filtered[1:, 1:])
        above = plain[-1]
        yield filtered


def _with_alpha(colors: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    layers = np.empty((*alpha.shape, 4), colors.dtype)
    for channel in range(3):  # one by one is several times as fast
        layers[..., channel] = colors[..., channel]
    layers[..., 3] = alpha * colors.dtype.type(np.iinfo(colors.dtype).max // 255)
    return layers
