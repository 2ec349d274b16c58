"""The low bytes of 16-bit colors, of which Pillow decodes the high ones.

Pillow's raw modes say which byte of two comes first. In a file that is decoded with the opposite
order, the low bytes take the place of the high ones.
"""

import sys

import numpy as np
from PIL.ImageFile import ImageFile

OPPOSITE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
GRAY_WITH_ALPHA = "LA;16B"  # of a PNG, which Pillow decodes as RGBA


def low_bytes(image: ImageFile) -> np.ndarray | None:
    """The low bytes, uint8 `(H,W,C)` with C 3 or 4; None where Pillow knows no way to them.

    Args:
        image: a PNG or TIFF of 16 bits a channel that has been opened and not yet loaded.
    """
    tiles = []
    for tile in image.tile:
        rawmode, *others = (tile.args,) if isinstance(tile.args, str) else tile.args or ("",)
        channels, _, order = str(rawmode).partition(";16")
        if rawmode == GRAY_WITH_ALPHA:
            low = "RGBA"  # all four bytes of a pixel
        elif channels in ("RGB", "RGBA", "RGBX") and order in OPPOSITE:
            low = f"{channels};16{OPPOSITE[order]}"
        else:
            return None
        tiles.append(tile._replace(args=(low, *others) if others else low))
    gray = bool(tiles) and tiles[0].args == "RGBA"
    image.tile = tiles
    values = np.asarray(image)
    return values[..., [1, 1, 1, 3]] if gray else values
