"""How large an image may be: pixels, by the bytes of memory that they take."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image

from clearbg.errors import ImageError, SettingsError

VARIABLE = "CLEARBG_MAX_PIXELS"  # environment: replaces `MAX_PIXELS`
MAX_PIXELS = 105_000_000  # the largest cameras have 102 million
BYTES = 14  # that a pixel of 8 bits a channel takes while it is read and its background removed
DEEP = 2  # pixels of 8 bits that one of more takes the memory of
AT_ONCE = 2**26  # pixels of 8 bits of all images in memory together


def weight(width: int, height: int, deep: bool) -> int:
    """The pixels of 8 bits a channel that take as much memory as an image."""
    return width * height * (DEEP if deep else 1)


def most(max_pixels: int | None) -> int:
    """`max_pixels`; None: what the environment says, else `MAX_PIXELS`.

    Raises:
        SettingsError: the environment says no whole number above 0.
    """
    if max_pixels is not None:
        return max_pixels
    text = os.environ.get(VARIABLE, "").strip() or str(MAX_PIXELS)
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text)):
        raise SettingsError(f"{VARIABLE} is {text[:40]!r}: give a whole number above 0.")
    return int(text)


def allow(max_pixels: int | None) -> int:
    """`most`, up to which Pillow then opens an image as well."""
    limit = most(max_pixels)
    if Image.MAX_IMAGE_PIXELS is not None and limit > 2 * Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = -(-limit // 2)  # Pillow refuses from twice that on
    return limit


def refuse_large(name: str, size: tuple[int, int], deep: bool, max_pixels: int | None) -> None:
    """Refuse an image that would take too much memory, before it is decoded.

    Args:
        size: width and height.
        deep: whether it has more than 8 bits a channel.

    Raises:
        ImageError: its weight is above `most(max_pixels)`.
    """
    limit, found = most(max_pixels), weight(*size, deep)
    if found > limit:
        bits = " with more than 8 bits" if deep else ""
        raise ImageError(
            f"{name} has {size[0]:,} × {size[1]:,} pixels{bits}, which take up to "
            f"{_memory(found)} of memory; the limit is {_memory(limit)}: scale it down, or "
            f"{_remedy(found, max_pixels)}.",
            "too-large",
        )


def too_large(name: str, max_pixels: int | None) -> ImageError:
    """The refusal of an image so large that Pillow does not even tell its size."""
    return ImageError(
        f"{name} has more pixels than the limit of {most(max_pixels):,}: scale it down, or "
        f"{_remedy(None, max_pixels)}.",
        "too-large",
    )


def no_memory(name: str) -> ImageError:
    """The refusal of an image for which the machine has no memory left."""
    return ImageError(
        f"{name} needs more memory than there is: scale it down, or use fewer workers.",
        "too-large",
    )


def in_groups(sized: Iterable[tuple[Path, int]], count: int) -> Iterator[list[Path]]:
    """Paths, given with their weights, in groups of at most `count` and `AT_ONCE` together."""
    group: list[Path] = []
    held = 0
    for path, pixels in sized:
        if group and (len(group) == count or held + pixels > AT_ONCE):
            yield group
            group, held = [], 0
        group.append(path)
        held += pixels
    if group:
        yield group


def _memory(pixels: int) -> str:
    taken = pixels * BYTES
    return f"{taken / 1e9:.1f} GB" if taken >= 1e9 else f"{max(1, round(taken / 1e6))} MB"


def _remedy(pixels: int | None, max_pixels: int | None) -> str:
    if max_pixels is not None:
        return "raise max_pixels"
    return f"set {VARIABLE}={'to more pixels' if pixels is None else pixels}".replace("=to", " to")
