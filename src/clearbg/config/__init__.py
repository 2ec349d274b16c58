"""params.yaml -> typed, frozen settings.

A key that is unknown, missing, of the wrong type or out of range is one sentence that names
the file, the key, the value and what is allowed.
"""

import dataclasses
import difflib
import re
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from clearbg import licenses
from clearbg.config.data import (
    SOURCES,
    CarvanaData,
    CsvData,
    CutoutsData,
    Data,
    DibcoData,
    Dis5kData,
    DutsData,
    EasyPortraitData,
    FolderData,
    KagglePairsData,
    PeopleData,
    SplitData,
    SyntheticData,
)
from clearbg.config.section import Section
from clearbg.config.sections import Augment, Evaluate, Export, Model, Promote
from clearbg.config.train import Train
from clearbg.config.transform import Transform
from clearbg.errors import SettingsError
from clearbg.system import parsing, project
from clearbg.system.parsing import ParseError, shown

__all__ = [
    "SOURCES",
    "Augment",
    "CarvanaData",
    "CsvData",
    "CutoutsData",
    "Data",
    "DibcoData",
    "Dis5kData",
    "DutsData",
    "EasyPortraitData",
    "Evaluate",
    "Export",
    "FolderData",
    "KagglePairsData",
    "Model",
    "PeopleData",
    "Promote",
    "Section",
    "Settings",
    "SplitData",
    "SyntheticData",
    "Train",
    "Transform",
    "learned_from",
    "load",
    "loads",
    "parse",
]


@dataclass(frozen=True)
class Settings:
    data: Data
    augment: Augment
    transform: Transform
    model: Model
    train: Train
    evaluate: Evaluate
    export: Export
    promote: Promote

    def flat(self) -> dict[str, Any]:
        """`{"train.lr": 0.001, ...}`: all settings that decide a model, by their full keys.

        The section `promote` is left out: another margin makes no other model.
        """
        return {
            f"{field.name}.{key}": value
            for field in dataclasses.fields(self)
            if field.name != "promote"
            for key, value in getattr(self, field.name).given().items()
        }


MAX_BYTES = 200_000  # of params.yaml; a recipe has 6,000


class Loader(yaml.SafeLoader):
    """YAML in which 1e-4 is a number, as in YAML 1.2 and DVC; YAML 1.1 takes it for a string."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def load(path: Path | str = "params.yaml") -> Settings:
    """Read and check a settings file.

    Raises:
        SettingsError: the file is missing, is not YAML, or a key is not as it should be.
    """
    try:
        text = parsing.read_text(path, MAX_BYTES)
    except FileNotFoundError:
        project.required()
        raise SettingsError(
            f"{path} does not exist: check the path, or take a recipe with `clearbg use demo`."
        ) from None
    except ParseError as error:
        raise SettingsError(f"{path} {error}: correct it there.") from error
    except (OSError, ValueError) as error:  # the latter: a path with a zero byte
        raise SettingsError(f"{shown(path)} cannot be read: check the path.") from error
    return loads(text, str(path))


def loads(text: str, origin: str) -> Settings:
    """Check settings written as YAML; `origin` names the file in messages.

    Raises:
        SettingsError: it is not YAML, or a key is not as it should be.
    """
    try:
        raw = parsing.parse_yaml(text, Loader, MAX_BYTES)
    except ParseError as error:
        raise SettingsError(f"{origin} {error}: correct it there.") from error
    if not isinstance(raw, dict):
        raise SettingsError(f"{origin} holds no settings: start from one with `clearbg use demo`.")
    try:
        return parse(raw)
    except SettingsError as error:
        raise SettingsError(f"{origin}: {error}") from None


def parse(raw: dict[str, Any]) -> Settings:
    """Check settings that are already a nested dictionary.

    Raises:
        SettingsError: in one sentence, the first key that is not as it should be.
    """
    sections: dict[str, type[Section]] = typing.get_type_hints(Settings)
    for name in raw:
        if name not in sections:
            raise SettingsError(_unknown_key(shown(name, False), "", sections))
    checked: dict[str, Any] = {}
    for name, section in sections.items():
        if not isinstance(raw.get(name), dict):
            raise SettingsError(f"the section {name} is missing; add it (see recipes/).")
        if section is Data:
            section = _data_section(raw["data"])
        try:
            checked[name] = section.model_validate(raw[name])
        except ValidationError as error:
            # A misspelt key is unknown and missing at once; only the former tells the right name.
            problems = error.errors(include_url=False)
            problem = min(problems, key=lambda p: p["type"] != "extra_forbidden")
            raise SettingsError(_sentence(name, section, problem)) from None
    settings = Settings(**checked)
    _refuse_contradictions(settings)
    return settings


def _refuse_contradictions(settings: Settings) -> None:
    """Refuse settings of different sections that contradict each other."""
    generator = settings.model.name == "gan_generator"
    if generator != (settings.train.method == "adversarial"):
        raise SettingsError(
            f"model.name = {settings.model.name} and train.method = {settings.train.method} do "
            "not go together: gan_generator is trained by method adversarial, and only it."
        )
    if settings.transform.crop > settings.augment.size:
        raise SettingsError(
            f"transform.crop = {settings.transform.crop} is larger than augment.size = "
            f"{settings.augment.size}; lower the one or raise the other."
        )
    train = settings.train
    for _, size in train.sizes or ():
        if size > settings.transform.crop:
            raise SettingsError(
                f"train.sizes has {size} pixels, which is more than transform.crop = "
                f"{settings.transform.crop}; lower the one or raise the other."
            )
    if train.freeze and train.method == "adversarial":
        raise SettingsError("train.freeze is for train.method = supervised: set it to [].")
    if train.compile != "off" and train.method == "adversarial":
        raise SettingsError(
            f"train.compile = {train.compile} is for train.method = supervised: set it to off."
        )
    together = train.devices * train.nodes if train.sync_batch_norm else 1
    if settings.model.norm == "batch" and train.batch_size == 1 and together == 1:
        raise SettingsError(
            "train.batch_size = 1 leaves batch norm nothing to average over: raise it, or set "
            "model.norm to group or frozen."
        )
    data = settings.data
    licenses.refuse_wrong_claim(data.source, data.license)
    if data.commercial_only:
        licenses.refuse_closed(learned_from(settings))


def learned_from(settings: Settings, images: int | None = None) -> tuple[licenses.Origin, ...]:
    """The origins that the settings name: the encoder's ImageNet weights, and the data.

    Args:
        images: how many images of the data; None where it is not known.
    """
    data = settings.data
    terms = licenses.terms(data.source, data.license)
    own = licenses.origin(data.source, terms, images)
    if settings.model.pretrained and settings.train.init_from is None:
        return licenses.origin("imagenet", licenses.IMAGENET, None), own
    return (own,)


def _data_section(raw: dict[str, Any]) -> type[Data]:
    if "source" not in raw:
        raise SettingsError(f"data.source is missing; allowed: {', '.join(SOURCES)}.")
    source = raw["source"]
    if not isinstance(source, str) or source not in SOURCES:
        raise SettingsError(_unknown_value("data.source", source, list(SOURCES)))
    for key in raw:
        owners = [name for name, model in SOURCES.items() if key in model.model_fields]
        if owners and source not in owners:
            raise SettingsError(
                f"data.{key} belongs to data.source {' or '.join(owners)}, and data.source is "
                f"{source}; remove the key or change the source."
            )
    return SOURCES[source]


def _sentence(name: str, section: type[Section], problem: ErrorDetails) -> str:
    """An error of pydantic's in a section as one sentence."""
    kind, place = problem["type"], problem["loc"]
    if kind == "value_error":
        return f"{name}: {problem['ctx']['error']}."
    if kind in ("extra_forbidden", "invalid_key"):  # the latter: YAML's key is not a string
        return _unknown_key(shown(place[0], False), f"{name}.", section.model_fields)
    field = section.model_fields[str(place[0])]
    indices = [str(part) for part in place[1:] if isinstance(part, int)]  # others name types
    key = ".".join([name, str(place[0]), *indices])
    meaning = f" ({field.description})" if field.description else ""
    if kind == "missing":
        return f"{key}{meaning} is missing; add it (see recipes/)."
    if kind == "literal_error":
        return _unknown_value(key, problem["input"], _literals(field.annotation))
    message = problem["msg"].removeprefix("Input ").removeprefix("List ").removeprefix("String ")
    return f"{key}{meaning} = {shown(problem['input'])}, but it {message}."


_MOVED = (
    *("crop", "scale", "rotate", "flip", "flip_vertical", "bleed_through", "color"),
    *("channel_shuffle", "tint", "tone", "noise", "blur"),
)
RENAMED = {
    "data.licence": "data.license",
    **{f"train.{key}": f"transform.{key}" for key in ("color", "crop", "flip")},
    **{f"augment.{key}": f"transform.{key}" for key in _MOVED},
    "augment.holes": "transform.coarse_dropout",
    "model.gt_epochs": "model.teacher_epochs",
    "export.pictures": "export.images",
    "promote.bar": "promote.min_score",
    "promote.slice_floor": "promote.max_slice_drop",
    "promote.empty_floor": "promote.max_empty_alpha_rise",
    "promote.min_pictures": "promote.min_images",
}
"""Keys that had another name: the old one -> the present one."""
REMOVED = {
    "train.strategy": "train.devices and train.nodes say whether several devices share it",
    "train.checkpoint_every": "train.checkpoint_seconds says how often, in seconds",
}
"""Keys that are gone: the old one -> why."""
RENAMED_VALUES = {
    ("augment.fit", "squeeze"): "stretch",
    ("train.loss", "hesho"): "mse",
}


def _unknown_key(key: str, prefix: str, known: Iterable[str]) -> str:
    if new := RENAMED.get(prefix + key):
        return f"{prefix}{key} is called {new} now: rename it."
    if why := REMOVED.get(prefix + key):
        return f"{prefix}{key} is gone, because {why}: take it out."
    near = difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)
    hint = f"did you mean {prefix}{near[0]}?" if near else f"known: {', '.join(known)}."
    return f"{prefix}{key} is not a known key; {hint}"


def _unknown_value(key: str, value: Any, allowed: list[str]) -> str:
    if new := RENAMED_VALUES.get((key, shown(value, False))):
        return f"{key} = {value} is called {new} now: rename it."
    near = difflib.get_close_matches(shown(value, False), allowed, n=1)
    hint = f"did you mean {near[0]}? Allowed" if near else "allowed"
    return f"{key} = {shown(value)} is not known; {hint}: {', '.join(allowed)}."


def _literals(annotation: Any) -> list[str]:
    """The values of a Literal, also of one inside a list or beside None."""
    if typing.get_origin(annotation) is typing.Literal:
        return list(typing.get_args(annotation))
    return [value for part in typing.get_args(annotation) for value in _literals(part)]
