"""What a client sends -> what is to be done. Nothing in it is believed before it was checked."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clearbg.errors import DataError, ImageError, SettingsError
from clearbg.images import DecodedImage, read_image
from clearbg.images.decoding import count_pixels
from clearbg.page.limits import MEGA, Limits
from clearbg.page.uploads import Temporary
from clearbg.removal.backgrounds import BLUR, Ground, color
from clearbg.removal.outputs import Look

TRANSPARENT = "transparent"
_PICKED = re.compile(r"rgba?\(\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*(?:,\s*[\d.]+\s*)?\)")


@dataclass(frozen=True)
class Wish:
    """How results are to look, and what makes them.

    Attributes:
        look: as the command line's options set it.
        refine: follow the image's edges.
        model: a name; None: the first that is offered.
    """

    look: Look
    refine: bool
    model: str | None


class Asked:
    """Reads requests, within the limits.

    Args:
        temporary: where uploads lie; a request can name no other file.
    """

    def __init__(self, temporary: Temporary, limits: Limits):
        self._temporary, self._limits = temporary, limits

    def wish(self, ground: Any, image: Any, threshold: Any, refine: Any, model: Any) -> Wish:
        """What is to be done, from the values of a request.

        Args:
            ground: "transparent", "blur", or a color.
            image: an upload to lay behind the subject, or None.
            threshold: alpha in [0, 1] from which a pixel is opaque, or None.
            refine: a truth value.
            model: a name, or None.

        Raises:
            SettingsError: a value is none of these, or two exclude each other.
            ImageError: the image behind cannot be read.
        """
        if not isinstance(refine, bool):
            raise SettingsError(f"refine is {refine!r}: give true or false.")
        if model is not None and not isinstance(model, str):
            raise SettingsError(f"model is {model!r}: give a name, or leave it out.")
        look = Look(background=self._ground(ground, image), threshold=_share(threshold))
        return Wish(look, refine, model)

    def image(self, sent: Any) -> Path:
        """The file of an upload, small enough by its bytes and by its header.

        Raises:
            DataError: it is no upload, or it is there no more.
            ImageError: it is larger than the limits.
        """
        path = sent.get("path") if isinstance(sent, dict) else None
        if not isinstance(path, str) or not self._temporary.holds(path):
            raise DataError("This is no image that was sent here: send the file itself.")
        file = Path(path)
        if not file.is_file():
            raise DataError(f"{file.name} is here no more: send it again.")
        if file.stat().st_size > self._limits.file_bytes:
            limit = f"{self._limits.file_bytes / MEGA:g} MB"
            raise ImageError(f"{file.name} is larger than {limit}: scale it down.", "too-large")
        if count_pixels(file) > self._limits.pixels:
            limit = f"{self._limits.pixels / MEGA:g} megapixels"
            raise ImageError(f"{file.name} has more than {limit}: scale it down.", "too-large")
        return file

    def read(self, file: Path) -> DecodedImage:
        """The image in a file of an upload; its name alone stands in messages.

        Raises:
            ImageError: it cannot be read.
        """
        return read_image(file.read_bytes(), max_pixels=self._limits.pixels, name=file.name)

    def images(self, sent: Any) -> list[Any]:
        """The uploads of a batch, each of which `image` checks.

        Raises:
            DataError: there are none, or too many.
        """
        if not isinstance(sent, list) or not sent:
            raise DataError("There are no images: send some.")
        if len(sent) > self._limits.images:
            raise DataError(
                f"{len(sent)} images are more than {self._limits.images}: send them in parts."
            )
        return sent

    def _ground(self, ground: Any, image: Any) -> Ground | None:
        if image is not None:
            if ground != TRANSPARENT:
                raise SettingsError("There are two grounds: leave the image or the other out.")
            return Ground(self.read(self.image(image)).srgb())
        if not isinstance(ground, str):
            raise SettingsError(f"ground is {ground!r}: give transparent, blur, or a color.")
        if ground == TRANSPARENT:
            return None
        if ground == BLUR:
            return Ground(None)
        return Ground(_one_color(ground))


def _one_color(text: str) -> np.ndarray:
    """uint8 `(1,1,3)` sRGB from a name, #rrggbb, or a color picker's rgba(...)."""
    picked = _PICKED.fullmatch(text.strip())
    values = [min(255, round(float(part))) for part in picked.groups()] if picked else color(text)
    return np.array([[values]], np.uint8)


def _share(threshold: Any) -> float | None:
    if threshold is None:
        return None
    number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not number or not (math.isfinite(threshold) and 0 <= threshold <= 1):
        raise SettingsError(f"threshold is {threshold!r}: give a number from 0 to 1, or none.")
    return float(threshold)
