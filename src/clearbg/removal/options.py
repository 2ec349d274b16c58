"""What a user can choose for a removal. Every wrong choice is refused here, in one sentence.

The command line, Python callers, the page and Ray share these classes, and so the refusals.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clearbg.errors import SettingsError

if TYPE_CHECKING:  # at run time this module stays light: the command imports it first
    from clearbg.removal.backgrounds import Background

LOSSY = {"JPEG", "WEBP"}
"""Formats, by Pillow's names, that have a quality."""


@dataclass(frozen=True)
class Margin:
    """The space to keep around the subject: pixels, or a share of the subject's longer side."""

    pixels: int = 0
    share: float = 0.0

    def of(self, height: int, width: int) -> int:
        """The margin of a subject of that size, in pixels."""
        return self.pixels + round(self.share * max(height, width))


def parse_margin(text: str) -> Margin:
    """Read "20" (pixels) or "5%" (of the subject's longer side).

    Raises:
        SettingsError: it is neither.
    """
    number = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%|(\d+)", text.strip())
    if number is None:
        raise SettingsError(f"The margin {text!r} is neither pixels (20) nor a share (5%).")
    share, pixels = number.groups()
    return Margin(share=float(share) / 100) if share else Margin(pixels=int(pixels))


@dataclass(frozen=True)
class OutputOptions:
    """What the written images look like.

    Attributes:
        mask: write the alpha alone, as a gray image.
        background: what to put behind the subject: a color (a name or #rrggbb), "blur" for the
            image's own background out of focus, the path of an image, or a `Background`;
            None: the result is transparent.
        crop: cut the result down to the subject.
        margin: of the crop: "20" or 20 (pixels), "5%" (of the subject's longer side), or a
            `Margin`; None: no margin.
        threshold: alpha in [0, 1] from which a pixel becomes fully opaque; the others become
            fully transparent. None: edges stay soft.
        quality: of JPEG and WebP, 1 to 100; None: 95 for JPEG, lossless for WebP.
        keep_metadata: keep the EXIF block; the orientation in it has been applied.

    Raises:
        SettingsError: a value is out of its range, or two exclude each other.
        ImageError: the background is an image that cannot be read.
    """

    mask: bool = False
    background: "str | Background | None" = None
    crop: bool = False
    margin: str | int | Margin | None = None
    threshold: float | None = None
    quality: int | None = None
    keep_metadata: bool = False

    def __post_init__(self) -> None:
        if self.mask and self.background is not None:
            raise SettingsError("A mask has no background: leave one of the two out.")
        if self.margin is not None and not self.crop:
            raise SettingsError("The margin needs crop: add crop, or leave the margin out.")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise SettingsError(f"The threshold {self.threshold:g} is not in the range 0 to 1.")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise SettingsError(f"The quality {self.quality} is not in the range 1 to 100.")
        if isinstance(self.margin, str | int):
            object.__setattr__(self, "margin", parse_margin(str(self.margin)))
        if isinstance(self.background, str):
            from clearbg.removal.backgrounds import parse_background

            object.__setattr__(self, "background", parse_background(self.background))

    def refuse_formats(self, formats: set[str]) -> None:
        """Refuse files that cannot hold these results, and options that have no effect on them.

        Args:
            formats: Pillow's names, such as "JPEG".

        Raises:
            SettingsError: JPEG would have to be transparent, or a lossless format has a quality.
        """
        if "JPEG" in formats and not self.mask and self.background is None:
            raise SettingsError(
                "JPEG cannot be transparent: choose PNG, WebP or TIFF, or give a background."
            )
        if self.quality is not None and formats - LOSSY:
            lossless = min(formats - LOSSY)
            raise SettingsError(f"{lossless} keeps every value: leave the quality out.")


@dataclass(frozen=True)
class RunOptions:
    """How many images are worked on at once, and when a run leaves an image out.

    Attributes:
        batch: images in one run of the network; None: 1, with the device "cuda" 8.
        workers: threads that read, refine and encode while the network runs; None: one for each
            processor core, at most 4. With Ray the processor cores of each actor; None: see
            `RayOptions`.
        skip_existing: leave results that are already there as they are.
        fail_fast: begin no further image once one has failed.

    Raises:
        SettingsError: a number is less than 1.
    """

    batch: int | None = None
    workers: int | None = None
    skip_existing: bool = False
    fail_fast: bool = False

    def __post_init__(self) -> None:
        _refuse_below_one("batch", self.batch)
        _refuse_below_one("number of workers", self.workers)


@dataclass(frozen=True)
class RayOptions:
    """How many actors Ray runs; each of them is a process that holds the model.

    Attributes:
        actors: None: as many as the machines have room for.
        gpus: the share of a GPU that each actor takes, above 0 and up to 1; below 1 several
            actors use one GPU. None: 1 with the device "cuda", else no GPU.

    Raises:
        SettingsError: a number is out of its range.
    """

    actors: int | None = None
    gpus: float | None = None

    def __post_init__(self) -> None:
        _refuse_below_one("number of actors", self.actors)
        if self.gpus is not None and not 0 < self.gpus <= 1:
            raise SettingsError(
                f"The GPU share {self.gpus:g} is not in the range above 0 and up to 1."
            )

    def gpus_with(self, device: str) -> float:
        """The share of a GPU that an actor takes on that device.

        Raises:
            SettingsError: the device uses no GPU, and a share was asked for.
        """
        if device != "cuda" and self.gpus is not None:
            raise SettingsError(
                "A GPU share needs the device cuda: choose it, or leave the share (gpus) out."
            )
        return 0 if device != "cuda" else self.gpus or 1


def _refuse_below_one(name: str, number: int | None) -> None:
    if number is not None and number < 1:
        raise SettingsError(f"The {name} is {number}: give 1 or more, or leave it out.")
