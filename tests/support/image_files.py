"""Files of images, also of kinds that Pillow reads and cannot write."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from clearbg.errors import ImageError
from clearbg.images import read_image
from support.images import profile

FORMATS = ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "GIF", "BMP", "PPM", "JPEG2000", "HEIF"]

pillow_heif.register_heif_opener()


def made_image(height=24, width=36):
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], -1).astype(np.uint8)


def encoded(image, format="PNG", **options):
    buffer = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(
        buffer, format, **options
    )
    return buffer.getvalue()


def png(bits, color, rows, *extra):
    """A PNG with depths and color kinds that Pillow cannot write; rows is (H, bytes)."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    height, row_bytes = rows.shape
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    header = struct.pack(
        ">IIBBBBB", row_bytes * 8 // bits // channels, height, bits, color, 0, 0, 0
    )
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = [chunk(b"IHDR", header), *(chunk(*pair) for pair in extra)]
    chunks += [chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def sixteen_bit_png(values, *extra):
    color = {1: 0, 2: 4, 3: 2, 4: 6}[values.shape[2]]
    rows = values.astype(">u2").reshape(values.shape[0], -1).view(np.uint8)
    return png(16, color, rows, *extra)


def sixteen_bit_tiff(values, planar="contig", orientation=1, photometric="rgb", **options):
    """A TIFF of uint16 (H, W, C), its channels interleaved or one after another ("separate")."""
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        np.moveaxis(values, -1, 0) if planar == "separate" else values,
        photometric=photometric,
        planarconfig=planar,
        extrasamples=["unassalpha"] if photometric == "rgb" and values.shape[2] == 4 else None,
        extratags=[(274, "H", 1, orientation, True)],
        metadata=None,
        **options,
    )
    return buffer.getvalue()


def reason(source, **options):
    with pytest.raises(ImageError) as caught:
        read_image(source, **options)
    return caught.value.reason


def with_orientation(array, orientation, format="JPEG", **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "maker"
    return encoded(array, format, exif=exif, **options)


TURNS = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: np.rot90,
}


def swapped_profile():
    """sRGB with the red and blue primaries' tags renamed, hence a visibly different space."""
    data = profile()
    return data.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")
