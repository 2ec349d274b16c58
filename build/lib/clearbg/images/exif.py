"""EXIF data: the orientation is read on its own, so that no other field can hide it."""

from typing import Any

from PIL import Image

ORIENTATION = 274  # the EXIF tag
MAX_BYTES = 65_533  # of one JPEG segment


def orientation_of(image: Image.Image) -> int:
    """How an image is to be turned, 1 to 8 (see `decoding.upright`); 1 where nothing says it."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # Pillow's parser raises nearly everything at bad EXIF
        return 1
    return _whole(value)


def _whole(value: Any) -> int:
    """An orientation of any type: some programs write it as a byte, a text or several numbers."""
    if isinstance(value, bytes | tuple) and len(value):
        value = value[0]
    try:
        number = int(value)
    except (TypeError, ValueError, ArithmeticError):
        return 1
    return number if number in range(1, 9) else 1


def read_exif(image: Image.Image, notes: list[str]) -> tuple[int, bytes | None]:
    """Orientation (1 to 8) and the EXIF block without it; a damaged block is left out."""
    orientation = orientation_of(image)
    if orientation != 1:
        notes.append("exif-orientation")
    try:
        exif = image.getexif()
        exif.pop(ORIENTATION, 1)
        block = exif.tobytes() if "exif" in image.info and len(exif) else None
    except Exception:  # as above; Pillow cannot write every value that it has read
        notes.append("bad-exif")
        return orientation, None
    if block and len(block) > MAX_BYTES:
        notes.append("long-exif")
        block = None
    return orientation, block
