"""Raw frames in pipes, as `ffmpeg -f rawvideo` reads and writes them."""

import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from clearbg.errors import DataError
from clearbg.images import DecodedImage, limits
from clearbg.video.frames import Frame

STEP = Fraction(1, 25)  # seconds; raw frames have no times, and nothing is made of these


def read(stream: BinaryIO, width: int, height: int) -> Iterator[Frame]:
    """The frames of a stream of rgb24 pixels.

    Raises:
        DataError: the stream is empty, or ends within a frame.
        ImageError: frames of that size are too large.
    """
    limits.refuse_large("A frame of standard input", (width, height), False, None)
    size, number = width * height * 3, 0
    while values := _whole(stream, size):
        if len(values) < size:
            raise DataError(
                f"Standard input ends within frame {number + 1}, after {len(values):,} of its "
                f"{size:,} bytes: give --size the size that `ffmpeg -pix_fmt rgb24` writes."
            )
        rgb = np.frombuffer(values, np.uint8).reshape(height, width, 3)
        yield Frame(DecodedImage(rgb), number * STEP)
        number += 1
    if not number:
        raise DataError("Standard input is empty: pipe frames of `ffmpeg -f rawvideo` into it.")


def standard_input(size: tuple[int, int]) -> Iterator[Frame]:
    """The frames that are piped in; `size` is width and height."""
    return read(sys.stdin.buffer, *size)


def _whole(stream: BinaryIO, size: int) -> bytes:
    """That many bytes, or those until the end."""
    parts, missing = [], size
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def pixels(image: DecodedImage) -> bytes:
    """The bytes of a frame: rgba of a transparent one, gray of a mask, else rgb24."""
    if image.alpha is None:
        return image.rgb.tobytes()
    return np.dstack([image.rgb, image.alpha]).tobytes()
