"""Images on disk and in memory: read, resize, write."""

from clearbg.images.decoding import MAX_PIXELS
from clearbg.images.read import (
    SUFFIXES,
    WRITERS,
    Kernel,
    Picture,
    encode_picture,
    find_pictures,
    luma,
    of_image,
    read_mask,
    read_orientation,
    read_picture,
    resize,
    write_mask,
    write_picture,
)

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "WRITERS",
    "Kernel",
    "Picture",
    "encode_picture",
    "find_pictures",
    "luma",
    "of_image",
    "read_mask",
    "read_orientation",
    "read_picture",
    "resize",
    "write_mask",
    "write_picture",
]
