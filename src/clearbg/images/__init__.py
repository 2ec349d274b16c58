"""Images on disk and in memory: read, resize, write."""

from clearbg.images.finding import SUFFIXES, find_images
from clearbg.images.read import (
    GRAYS,
    WRITERS,
    DecodedImage,
    Kernel,
    darker,
    encode_image,
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
    "GRAYS",
    "SUFFIXES",
    "WRITERS",
    "DecodedImage",
    "Kernel",
    "darker",
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
