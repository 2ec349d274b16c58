"""Images on disk and in memory: read, resize, write."""

from clearbg.images.decoding import MAX_PIXELS
from clearbg.images.read import (
    SUFFIXES,
    WRITERS,
    DecodedImage,
    Kernel,
    encode_image,
    find_images,
    luma,
    of_image,
    read_image,
    read_mask,
    read_orientation,
    resize,
    write_image,
    write_mask,
)

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "WRITERS",
    "DecodedImage",
    "Kernel",
    "encode_image",
    "find_images",
    "luma",
    "of_image",
    "read_image",
    "read_mask",
    "read_orientation",
    "resize",
    "write_image",
    "write_mask",
]
