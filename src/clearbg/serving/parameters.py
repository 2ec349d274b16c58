"""What a request may choose: the options of `clearbg remove`, by the same names."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from clearbg.errors import SettingsError
from clearbg.images import WRITERS
from clearbg.removal.backgrounds import Background, without_file
from clearbg.removal.options import Help, OutputOptions, Parameter, parameters
from clearbg.removal.plan import SUFFIX

NO_ADDRESS = "This server fetches no address, which could lead anywhere: send the image itself."
ADDRESSES = {"url", "image_url"}
"""What other servers call the address of an image."""
SENT = {"file", "background"}
"""Parts of a form that may be files."""
MEDIA_TYPES = {"PNG": "image/png", "WEBP": "image/webp", "TIFF": "image/tiff", "JPEG": "image/jpeg"}
"""Pillow's name of a format that can be written -> its media type."""
BEHIND = (
    "What to put behind the subject: a color (a name or #rrggbb), an image as a file of the form, "
    "or blur, which takes the image's own background out of focus."
)
OFFERED = {
    one.name: one._replace(help=one.help._replace(text=BEHIND)) if one.name == "background" else one
    for one in (
        *parameters(OutputOptions),
        Parameter("format", Literal[*SUFFIX] | None, None,
                  Help("Format of the result.", default="as the header Accept says, else png")),
        Parameter("refine", bool, True,
                  Help("Follow the edges in the image, and remove the old background's color.")),
    )
}  # fmt: skip
LONGEST = 200
"""Most characters of a value."""
_TYPES: dict[str, TypeAdapter] = {name: TypeAdapter(one.kind) for name, one in OFFERED.items()}
_WANTED = {
    "bool_parsing": "true or false", "int_parsing": "a whole number", "float_parsing": "a number",
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What a request asks for.

    Attributes:
        output: how the result looks.
        format: Pillow's name, such as "PNG".
        refine: whether alpha follows the image's edges.
        behind: the file of an image to lay behind the subject, in place of `output.background`.
    """

    output: OutputOptions
    format: str = "PNG"
    refine: bool = True
    behind: bytes | None = None


def read_values(said: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The values of a query or a form; empty ones are left out.

    Raises:
        SettingsError: a name is unknown or comes twice, a value is not of its type, or it is an
            address.
    """
    values: dict[str, Any] = {}
    for name, text in said:
        if name in ADDRESSES:
            raise SettingsError(NO_ADDRESS)
        if name == "file":
            raise SettingsError(f"{name} is no file: send it as a form does, or as the body.")
        if name not in OFFERED:
            raise SettingsError(f"There is no option {name[:50]!r}: choose {', '.join(OFFERED)}.")
        if name in values:
            raise SettingsError(f"{name} is given twice: leave one out.")
        if text:
            values[name] = _value(name, text)
    return values


def wanted(values: Mapping[str, Any], behind: bytes | None, accept: str | None) -> Wanted:
    """What a request asks for.

    Args:
        values: see `read_values`.
        behind: the file of a background.
        accept: the header Accept.

    Raises:
        SettingsError: a value is out of its range, or two exclude each other.
    """
    own = dict(values)
    format, refine = own.pop("format", None), own.pop("refine", True)
    named = own.pop("background", None)
    if behind is not None and named is not None:
        raise SettingsError("The background is given twice: leave the file or the text out.")
    stands_in = Background(None)  # the file is decoded when the turn comes
    background = stands_in if behind is not None else named and _background(named)
    output = OutputOptions(background=background, **own)
    formats = [WRITERS[SUFFIX[format]]] if format else _accepted(accept)
    return Wanted(output, _fitting(formats, output), refine, behind)


def schema(one: Parameter) -> dict[str, Any]:
    """The JSON schema of an option's values."""
    found = _TYPES[one.name].json_schema()
    kinds = [kind for kind in found.get("anyOf", [found]) if kind.get("type") != "null"]
    default = {} if one.default is None else {"default": one.default}
    return kinds[0] | default


def description(one: Parameter) -> str:
    """An option's help, with its default in words where its value does not say it."""
    return one.help.text + (f" Default: {one.help.default}." if one.help.default else "")


def _value(name: str, text: str) -> Any:
    if len(text) > LONGEST:
        raise SettingsError(f"{name} is {text[:50]!r} and so on: give a shorter value.")
    try:
        return _TYPES[name].validate_python(text)
    except ValidationError as error:
        first = error.errors()[0]
        kind = first["type"]
        wants = first["ctx"]["expected"].replace("'", "") if kind == "literal_error" else (
            _WANTED.get(kind, "another value")
        )  # fmt: skip
        raise SettingsError(f"{name} is {text[:50]!r}: give {wants}.") from error


def _background(text: str) -> Background:
    """A color or blur; never a file of the server."""
    try:
        return without_file(text)
    except SettingsError as error:
        raise SettingsError(
            f"background is {text[:50]!r}: give blur, a color such as white or #rrggbb, or an "
            "image as a file of the form; no address is fetched."
        ) from error


def _accepted(header: str | None) -> list[str]:
    """The formats of a header Accept, the most welcome first; PNG where everything is."""
    if not header or not header.strip():
        return ["PNG"]
    ranked: list[tuple[float, str]] = []
    names = {media: format for format, media in MEDIA_TYPES.items()}
    for item in header.split(","):
        media, *settings = (part.strip().lower() for part in item.split(";"))
        weight = next((s[2:] for s in settings if s.startswith("q=")), "1")
        quality = float(weight) if re.fullmatch(r"[01](\.\d{0,3})?", weight) else 0.0
        format = "PNG" if media in ("*/*", "image/*") else names.get(media)
        if quality > 0 and format is not None:
            ranked.append((quality, format))
    if not ranked:
        raise SettingsError(
            f"This server answers with {', '.join(names)}: name one of them in Accept."
        )
    return [format for _, format in sorted(ranked, key=lambda one: -one[0])]


def _fitting(formats: list[str], output: OutputOptions) -> str:
    """The first format that can hold the result; the first one's refusal where none can."""
    refusals = []
    for format in formats:
        try:
            output.refuse_formats({format})
            return format
        except SettingsError as error:
            refusals.append(error)
    raise refusals[0]
