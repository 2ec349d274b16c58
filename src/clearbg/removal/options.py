"""What a user can choose for a removal. Every wrong choice is refused here, in one sentence.

The command line, Python callers, the page, the server and Ray share these classes, and so the
refusals. The command and the server make their options from the fields and show their texts.
"""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_args

from clearbg.errors import SettingsError

if TYPE_CHECKING:  # at run time this module stays light: the command imports it first
    from clearbg.removal.backgrounds import Background

LOSSY = {"JPEG", "WEBP"}
"""Formats, by Pillow's names, that have a quality."""
TEXT = {"background", "margin"}
"""Fields that take objects too in Python."""


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
    number = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*%|(\d{1,9})", text.strip())
    if number is None:
        raise SettingsError(f"The margin {text!r} is neither pixels (20) nor a share (5%).")
    share, pixels = number.groups()
    return Margin(share=float(share) / 100) if share else Margin(pixels=int(pixels))


class Help(NamedTuple):
    """What a field of the classes below does; the command shows it as its option's help.

    Attributes:
        text: what the option does.
        default: the default in words, where its value does not say it.
        off: what the command calls the opposite of a field that is true or false.
    """

    text: str
    default: str | None = None
    off: str | None = None


class Parameter(NamedTuple):
    """A field of the classes below as a program's user gives it.

    Attributes:
        kind: its type; text for a field that takes objects too in Python.
    """

    name: str
    kind: Any
    default: Any
    help: Help


def parameters(options: type) -> Iterator[Parameter]:
    """The fields of one of the classes below."""
    for field in dataclasses.fields(options):
        kind, about = get_args(field.type)
        kind = str | None if field.name in TEXT else kind
        yield Parameter(field.name, kind, field.default, about)


@dataclass(frozen=True)
class OutputOptions:
    """What the written images look like.

    In Python the background can also be a `Background`, and the margin a number of pixels or a
    `Margin`.

    Raises:
        SettingsError: a value is out of its range, or two exclude each other.
        ImageError: the background is an image that cannot be read.
    """

    mask: Annotated[bool, Help("Write the alpha alone, as a gray image.")] = False
    background: Annotated[
        "str | Background | None",
        Help(
            "A color, an image's path, or blur for its own.",
        ),
    ] = None
    crop: Annotated[bool, Help("Crop the result to the subject.")] = False
    margin: Annotated[
        str | int | Margin | None,
        Help(
            "Around the crop: pixels (20), or a share (5%).",
        ),
    ] = None
    threshold: Annotated[
        float | None,
        Help(
            "Hard edges: opaque from this alpha (0 to 1) on.",
        ),
    ] = None
    quality: Annotated[
        int | None,
        Help("1 to 100.", default="95 for JPEG, lossless WebP"),
    ] = None
    png: Annotated[
        Literal["fast", "small"],
        Help("fast: a tenth larger."),
    ] = "small"
    keep_metadata: Annotated[
        bool,
        Help(
            "Keep EXIF: camera, time, place.",
            off="drop-metadata",
        ),
    ] = False

    def __post_init__(self) -> None:
        if self.mask and self.background is not None:
            raise SettingsError("A mask has no background: leave one of the two out.")
        if self.margin is not None and not self.crop:
            raise SettingsError("The margin needs crop: add crop, or leave the margin out.")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise SettingsError(f"The threshold {self.threshold:g} is not in the range 0 to 1.")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise SettingsError(f"The quality {self.quality} is not in the range 1 to 100.")
        if self.png not in ("fast", "small"):
            raise SettingsError(f"The PNG compression {self.png!r} is neither fast nor small.")
        if isinstance(self.margin, str | int):
            object.__setattr__(self, "margin", parse_margin(str(self.margin)))
        if isinstance(self.background, str):
            from clearbg.removal.backgrounds import parse_background

            object.__setattr__(self, "background", parse_background(self.background))

    @property
    def file(self) -> Path | None:
        """The image that is the background; None: there is none, or it came without a file."""
        return getattr(self.background, "file", None)

    def refuse_formats(self, formats: set[str]) -> None:
        """Refuse files that cannot hold these results, and options that have no effect on them.

        Args:
            formats: Pillow's names, such as "JPEG".

        Raises:
            SettingsError: JPEG would have to be transparent, a lossless format has a quality, or
                another format than PNG has a PNG compression.
        """
        if "JPEG" in formats and not self.mask and self.background is None:
            raise SettingsError(
                "JPEG cannot be transparent: choose PNG, WebP or TIFF, or give a background."
            )
        if self.quality is not None and formats - LOSSY:
            lossless = min(formats - LOSSY)
            raise SettingsError(f"{lossless} keeps every value: leave the quality out.")
        if self.png != "small" and formats - {"PNG"}:
            other = min(formats - {"PNG"})
            raise SettingsError(f"{other} has no PNG compression: leave png {self.png} out.")


@dataclass(frozen=True)
class RunOptions:
    """How many images are worked on at once, when a run leaves one out, and what it prints.

    Raises:
        SettingsError: a number is less than 1, or two options exclude each other.
    """

    batch: Annotated[
        int | None,
        Help("Images at once in the network.", default="1; cuda: 8"),
    ] = None
    workers: Annotated[
        int | None,
        Help(
            "Threads that read and encode.",
            default="up to 4",
        ),
    ] = None
    skip_existing: Annotated[bool, Help("Skip images whose result exists already.")] = False
    overwrite: Annotated[bool, Help("Also over other files; never over an input.")] = False
    fail_fast: Annotated[
        bool, Help("Start no further image after one has failed.", off="keep-going")
    ] = False
    quiet: Annotated[bool, Help("Print errors alone, and what --json asks for.")] = False

    def __post_init__(self) -> None:
        _refuse_below_one("batch", self.batch)
        _refuse_below_one("number of workers", self.workers)
        if self.skip_existing and self.overwrite:
            raise SettingsError(
                "Existing results are either skipped or overwritten: leave one of the two out."
            )


@dataclass(frozen=True)
class RayOptions:
    """How many processes (actors) Ray runs; each of them holds the model.

    Raises:
        SettingsError: a number is out of its range.
    """

    actors: Annotated[
        int | None,
        Help(
            "Processes with the model.",
            default="as many as fit",
        ),
    ] = None
    gpus: Annotated[
        float | None,
        Help(
            "Share of a GPU for each process, up to 1.",
        ),
    ] = None

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
