"""Images for a person to look at: cutouts, error maps, and sheets of many images."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from clearbg.images.read import resize
from clearbg.system.files import replacing_file
from clearbg.system.names import printable

SQUARE = 12  # see `on_checkerboard`
ADDED, MISSED = (224, 77, 38), (31, 119, 214)  # told apart by color-blind eyes too
GAP, MARGIN, TEXT = 6, 24, 16  # pixels: between views, between images and at the edge, letters
INK, PALE_INK = (30, 32, 36), (96, 100, 108)


def on_checkerboard(rgb: np.ndarray, alpha: np.ndarray, square: int = SQUARE) -> np.ndarray:
    """The cutout over a pale gray checkerboard, uint8 `(H,W,3)`.

    Args:
        rgb: uint8 `(H,W,3)`.
        alpha: `(H,W)`, uint8 or float in [0, 1].
        square: pixels a side of the board's squares.
    """
    y, x = (np.arange(side) // square for side in alpha.shape)
    board = Image.fromarray(np.where((x + y[:, None]) % 2, 224, 248).astype(np.uint8))
    cover = Image.fromarray(np.rint(_unit(alpha) * 255).astype(np.uint8))
    return np.array(Image.composite(Image.fromarray(rgb), board.convert("RGB"), cover))


def error_map(rgb: np.ndarray, truth: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Where a prediction adds (orange) and misses (blue), over the pale image.

    Args:
        rgb: uint8 `(H,W,3)`.
        truth: `(H,W)`, uint8 or float in [0, 1].
        alpha: as `truth`.

    Returns:
        uint8 `(H,W,3)`; full color where the two differ by 1.
    """
    pale = 168 + 0.3 * rgb.mean(axis=2, keepdims=True)
    difference = (_unit(alpha) - _unit(truth))[..., None]
    color = np.where(difference > 0, ADDED, MISSED)
    return np.round(pale + np.abs(difference) * (color - pale)).astype(np.uint8)


def sheet(
    rows: Sequence[Sequence[np.ndarray]],
    path: Path | str,
    titles: Sequence[str] = (),
    captions: Sequence[str] = (),
    per_line: int = 1,
    cell: int = 240,
    comment: str = "",
) -> None:
    """Write images side by side as one JPEG or PNG, chosen by the path's suffix.

    Args:
        rows: each holds the views of one image, uint8 `(H,W,3)` or `(H,W)`.
        titles: headings of the views.
        captions: a short line for each row, cut if it is too long.
        per_line: how many rows stand beside each other.
        cell: pixels of a view's longer side; smaller images are enlarged.
        comment: what the file says about itself, in ASCII.

    Raises:
        ValueError: there are no rows.
        ClearBGError: the file cannot be written.
    """
    if not rows:
        raise ValueError("a sheet needs at least one row of images")
    views = [[_fitted(view, cell) for view in row] for row in rows]
    width = max(view.width for row in views for view in row)
    height = max(view.height for row in views for view in row)
    per_line = min(per_line, len(rows))
    columns = max(map(len, rows))
    lines = -(-len(rows) // per_line)
    line_of_text = TEXT + GAP
    head = line_of_text if titles else 0
    block = columns * (width + GAP) - GAP + MARGIN
    step = height + (line_of_text if captions else 0) + (MARGIN if captions else MARGIN // 2)
    canvas = Image.new("RGB", (MARGIN + per_line * block, MARGIN + head + lines * step), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(TEXT)

    for index, row in enumerate(views):
        left = MARGIN + index % per_line * block
        top = MARGIN + head + index // per_line * step
        if index < per_line:
            for column, title in enumerate(titles):
                at = (left + column * (width + GAP), MARGIN - GAP)
                draw.text(at, _shortened(title, font, width), INK, font)
        for column, view in enumerate(row):
            x = left + column * (width + GAP) + (width - view.width) // 2
            canvas.paste(view, (x, top + (height - view.height) // 2))
        if index < len(captions):
            caption = _shortened(printable(captions[index]), font, block - MARGIN)
            draw.text((left, top + height + GAP), caption, PALE_INK, font)

    told = {}
    if comment:
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", comment)
        told = {"comment": comment.encode(), "pnginfo": text}
    with replacing_file(path) as aside:
        canvas.save(aside, quality=88, subsampling=0, optimize=True, **told)


def data_uri(image: np.ndarray) -> str:
    """An image, uint8 `(H,W,3)` or `(H,W)`, as a JPEG in a data: address for an HTML page."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=85, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def smaller(view: np.ndarray, side: int) -> np.ndarray:
    """An image, uint8 `(H,W,3)` or `(H,W)`, whose longer side has at most `side` pixels."""
    scale = min(1, side / max(view.shape[:2]))
    height, width = (max(1, round(length * scale)) for length in view.shape[:2])
    return resize(view, (height, width))


def _unit(alpha: np.ndarray) -> np.ndarray:
    return alpha / 255 if alpha.dtype == np.uint8 else alpha


def _fitted(view: np.ndarray, side: int) -> Image.Image:
    image = Image.fromarray(view)
    scale = side / max(image.size)
    size = [max(1, round(length * scale)) for length in image.size]
    return image.resize(size, Image.Resampling.LANCZOS)


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
