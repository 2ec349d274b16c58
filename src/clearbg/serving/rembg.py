"""The form of rembg's server (`rembg s`, 2.0.86), so that its clients work unchanged.

https://github.com/danielgatis/rembg/blob/main/rembg/commands/s_command.py
"""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from clearbg.errors import SettingsError
from clearbg.removal.backgrounds import Background
from clearbg.removal.options import OutputOptions
from clearbg.serving.parameters import ADDRESSES, NO_ADDRESS, Wanted

MODELS = {
    "u2net": {"u2net"}, "u2netp": {"u2netp"}, "isnet-general-use": {"isnet"},
    "u2net_custom": {"u2net", "u2netp"}, "dis_custom": {"isnet"},
}  # fmt: skip
"""rembg's name of a model -> the architectures that it can stand for."""
HALF = 0.5
"""Alpha from which a pixel is opaque after rembg's post-processing."""
PARAMETERS: dict[str, tuple[type, Any, str]] = {
    "model": (str, None, "The model that runs here, or nothing."),
    "a": (bool, False, "Alpha matting. Edges are always followed here."),
    "af": (int, 240, "Foreground threshold of rembg's matting. Only its default is taken."),
    "ab": (int, 10, "Background threshold of rembg's matting. Only its default is taken."),
    "ae": (int, 10, "Erosion of rembg's matting. Only its default is taken."),
    "om": (bool, False, "Answer with the mask alone."),
    "ppm": (bool, False, "Make hard edges."),
    "dc": (bool, False, "Clean the colors of edges. They are always cleaned here."),
    "vm": (bool, False, "ViTMatte, which is not here: only false is taken."),
    "bgc": (str, None, "Background color: red,green,blue,alpha; each from 0 to 255."),
    "extras": (str, None, "Further settings of rembg as JSON. None of them is known here."),
}
"""rembg's parameters: type, default, and what they mean here."""
_WANTS = {bool: "true or false", int: "a whole number", str: "text"}


def wanted(said: Iterable[tuple[str, str]], architecture: str) -> Wanted:
    """What a request in rembg's form asks for.

    Args:
        said: the values of the query and the form.
        architecture: of the model that runs here.

    Raises:
        SettingsError: a value is wrong, or asks for what is not here.
    """
    values = {name: default for name, (_, default, _) in PARAMETERS.items()}
    for name, text in said:
        if name in ADDRESSES:
            raise SettingsError(NO_ADDRESS)
        if name in PARAMETERS and text:  # rembg ignores others
            values[name] = _value(name, text)
    _refuse_model(values["model"], architecture)
    for name in ("af", "ab", "ae"):
        default = PARAMETERS[name][1]
        if values["a"] and values[name] != default:
            raise SettingsError(
                f"{name} is {values[name]}, and edges are found in another way here: leave it out."
            )
    if values["vm"]:
        raise SettingsError("vm asks for ViTMatte, which is not here: leave it out.")
    if values["extras"] and values["extras"].strip() not in ("{}", "null"):
        raise SettingsError("extras holds settings of rembg that are not here: leave it out.")
    color = None if values["om"] else _color(values["bgc"])
    threshold = HALF if values["ppm"] else None
    return Wanted(OutputOptions(mask=values["om"], background=color, threshold=threshold))


def _value(name: str, text: str) -> Any:
    kind = PARAMETERS[name][0]
    try:
        return TypeAdapter(kind).validate_python(text)
    except ValidationError as error:
        raise SettingsError(f"{name} is {text[:50]!r}: give {_WANTS[kind]}.") from error


def _refuse_model(name: str | None, architecture: str) -> None:
    if name is not None and architecture not in MODELS.get(name, ()):
        raise SettingsError(
            f"This server runs another model than {name[:50]!r}: leave model out to use it."
        )


def _color(text: str | None) -> Background | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    numbers = [int(part) for part in parts if re.fullmatch(r"[0-9]{1,3}", part)]
    if not len(numbers) == len(parts) == 4 or max(numbers) > 255:
        raise SettingsError(f"bgc is {text[:50]!r}: give red,green,blue,alpha from 0 to 255.")
    if numbers[3] == 0:
        return None
    if numbers[3] != 255:
        raise SettingsError(f"bgc is half transparent ({numbers[3]}): give it the alpha 255 or 0.")
    return Background(np.array([[numbers[:3]]], np.uint8))
