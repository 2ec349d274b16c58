"""Load PNG files whole: Pillow also accepts one whose compressed data end before the last row."""

from typing import BinaryIO

from PIL import Image

MARK = 85  # a value that few images hold in a whole row


def load(image: Image.Image, stream: BinaryIO) -> None:
    """Load the pixels of an image that has been opened from `stream`.

    Raises:
        EOFError: it is a PNG, and rows are missing.
    """
    if image.format != "PNG":
        image.load()
        return
    doubtful = _unwritten(image, MARK)
    if doubtful:  # or the image has these values there, which another mark tells
        stream.seek(0)
        with Image.open(stream, formats=["PNG"]) as again:
            if doubtful & _unwritten(again, 0):
                raise EOFError("the compressed data end before the last row")


def _unwritten(image: Image.Image, mark: int) -> set[int]:
    """Load the pixels; which of the last two rows still hold the mark that was put there before.

    Two, as an interlaced file ends with its last row of an odd number.
    """
    width, height = image.size
    rows, bands = range(max(0, height - 2), height), len(image.getbands())
    ink = mark if bands == 1 else (mark,) * bands
    canvas, marked = Image.new(image.mode, image.size), Image.new(image.mode, (width, 1), ink)
    for row in rows:
        canvas.paste(marked, (0, row))
    image.im = canvas.im
    image.load()
    held = marked.tobytes()
    return {row for row in rows if image.crop((0, row, width, row + 1)).tobytes() == held}
