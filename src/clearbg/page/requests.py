"""Reads requests: what a client sent becomes files and options, or an error in one sentence."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clearbg.errors import DataError, ImageError, SettingsError
from clearbg.images import DecodedImage, read_image
from clearbg.images.decoding import weigh
from clearbg.page.limits import Limits
from clearbg.page.uploads import UploadFolder
from clearbg.removal.backgrounds import Background, without_file
from clearbg.removal.options import OutputOptions
from clearbg.web import MEGA

TRANSPARENT = "transparent"
HALF = 0.5
"""Alpha from which a pixel of hard edges is opaque unless a request says otherwise."""
_PICKER = re.compile(r"rgba?\(\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*(?:,\s*[\d.]+\s*)?\)")


@dataclass(frozen=True)
class JobOptions:
    """How a result is to look, and which model makes it.

    Attributes:
        output: the same options as those of `clearbg remove`.
        refine_edges: whether alpha follows the image's own edges.
        model: a model's name; None: the first one.
    """

    output: OutputOptions
    refine_edges: bool
    model: str | None


class RequestParser:
    """Checks every value of a request before anything uses it.

    Args:
        uploads: the folder of uploads; a request can name no file outside it.
    """

    def __init__(self, uploads: UploadFolder, limits: Limits):
        self._uploads, self._limits = uploads, limits

    def options(
        self,
        background: Any,
        background_image: Any,
        refine_edges: Any,
        hard_edges: Any,
        threshold: Any,
        model: Any,
    ) -> JobOptions:
        """The options of a removal, from the values of a request.

        Args:
            background: "transparent", "blur", or a color.
            background_image: an upload to lay behind the subject, or None.
            refine_edges: True or False.
            hard_edges: True or False.
            threshold: alpha in [0, 1] from which a pixel is opaque, for hard edges alone;
                None: 0.5.
            model: a name, or None.

        Raises:
            SettingsError: a value is none of these, or two values exclude each other.
            ImageError: the background image cannot be read.
        """
        for name, value in (("refine_edges", refine_edges), ("hard_edges", hard_edges)):
            if not isinstance(value, bool):
                raise SettingsError(f"{name} is {value!r}: give true or false.")
        if model is not None and not isinstance(model, str):
            raise SettingsError(f"model is {model!r}: give a name, or leave it out.")
        output = OutputOptions(
            background=self._background(background, background_image),
            threshold=_threshold(hard_edges, threshold),
        )
        return JobOptions(output, refine_edges, model)

    def upload(self, sent: Any) -> Path:
        """The file of an uploaded image whose bytes and pixels are within the limits.

        Raises:
            DataError: the request names no upload, or one that has been removed.
            ImageError: the file or the image is larger than the limits.
        """
        path = sent.get("path") if isinstance(sent, dict) else None
        if not isinstance(path, str) or not self._uploads.contains(path):
            raise DataError("The request names no uploaded image: send the file itself.")
        file = Path(path)
        if not file.is_file():
            raise DataError(f"{file.name} has been removed meanwhile: send it again.")
        if file.stat().st_size > self._limits.file_bytes:
            limit = f"{self._limits.file_bytes / MEGA:g} MB"
            raise ImageError(f"{file.name} is larger than {limit}: scale it down.", "too-large")
        if weigh(file) > self._limits.pixels:
            limit = f"{self._limits.pixels / MEGA:g} megapixels"
            raise ImageError(
                f"{file.name} has more than {limit} (with more than 8 bits a channel, each counts "
                "twice): scale it down.",
                "too-large",
            )
        return file

    def read(self, file: Path) -> DecodedImage:
        """Decode an upload; error messages hold the file's name, and no folder.

        Raises:
            ImageError: the file cannot be read as an image.
        """
        return read_image(file.read_bytes(), max_pixels=self._limits.pixels, name=file.name)

    def batch(self, sent: Any) -> list[Any]:
        """The items of a batch, each of which `upload` has to check.

        Raises:
            DataError: the batch has no items, or more than the limit.
        """
        if not isinstance(sent, list) or not sent:
            raise DataError("The batch has no images: send at least one.")
        if len(sent) > self._limits.images:
            raise DataError(
                f"The batch has {len(sent)} images, more than {self._limits.images}: "
                "send several smaller ones."
            )
        return sent

    def _background(self, background: Any, image: Any) -> Background | None:
        if image is not None:
            if background != TRANSPARENT:
                raise SettingsError("Give background or background_image, and not both.")
            return Background(self.read(self.upload(image)).srgb())
        if not isinstance(background, str):
            raise SettingsError(
                f"background is {background!r}: give transparent, blur, or a color."
            )
        if background == TRANSPARENT:
            return None
        if picked := _PICKER.fullmatch(background.strip()):
            values = [min(255, round(float(part))) for part in picked.groups()]
            return Background(np.array([[values]], np.uint8))
        return without_file(background)


def _threshold(hard_edges: bool, threshold: Any) -> float | None:
    if threshold is None:
        return HALF if hard_edges else None
    if not hard_edges:
        raise SettingsError("threshold is for hard edges alone: set hard_edges, or leave it out.")
    number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not number or not (math.isfinite(threshold) and 0 <= threshold <= 1):
        raise SettingsError(f"threshold is {threshold!r}: give a number from 0 to 1, or none.")
    return float(threshold)
