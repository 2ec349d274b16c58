"""What a browser shows of an image: a small JPEG, on a checkerboard where it is transparent."""

import base64
import dataclasses
import io

import numpy as np
from PIL import Image

from clearbg.images import DecodedImage
from clearbg.images.contact_sheet import on_checkerboard

PREVIEW_SIDE = 1400
"""Longer side of what a browser shows, pixels; the download has the image's own size."""
THUMBNAIL_SIDE = 160
"""Longer side of what a table or a button shows, pixels."""
THUMBNAILS = 50
"""Most thumbnails of a batch; each is about 5 kB of the answer."""
CHECKERS = 60
"""Number of squares along the longer side of a preview's checkerboard; a thumbnail has fewer."""
QUALITY = 88


def preview(decoded: DecodedImage) -> bytes:
    """An sRGB JPEG for a large view."""
    return _small(decoded, PREVIEW_SIDE, CHECKERS)


def thumbnail(decoded: DecodedImage) -> bytes:
    """An sRGB JPEG for a row of a table."""
    return _small(decoded, THUMBNAIL_SIDE, CHECKERS // 4)


def data_url(jpeg: bytes) -> str:
    """A JPEG file as an address that holds it, so that a browser need not ask for it."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _small(decoded: DecodedImage, side: int, checkers: int) -> bytes:
    image = Image.fromarray(
        decoded.rgb if decoded.alpha is None else np.dstack([decoded.rgb, decoded.alpha])
    )
    image.thumbnail((side, side), Image.Resampling.BILINEAR)
    small = dataclasses.replace(decoded, rgb=np.array(image.convert("RGB")), deep=None)
    shown = small.srgb()
    if decoded.alpha is not None:
        square = -(-max(image.size) // checkers)
        shown = on_checkerboard(shown, np.asarray(image.getchannel("A")), square)
    buffer = io.BytesIO()
    Image.fromarray(shown).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
