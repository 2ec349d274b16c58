"""params.yaml -> typed, frozen settings.

Every key is written out in params.yaml: a default hidden in code would change results
without DVC noticing. A key that is unknown, missing, of the wrong type or out of range is
one sentence that names the file, the key, the value and what is allowed.
"""

import dataclasses
import difflib
import re
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clearbg.errors import SettingsError

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
PerChannel = Annotated[list[float], Field(min_length=3, max_length=3)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Data(Section):
    """What every source shares."""

    seed: Annotated[int, Field(ge=0, description="of generated pictures and of the split")]
    path: Annotated[
        str,
        Field(min_length=1, description="the folder or file that DVC watches for changes"),
    ]
    licence: Annotated[str, Field(min_length=1, description="terms the pictures come under")]
    validation: Annotated[float, Field(gt=0, lt=1, description="share of groups")]
    max_quarantined: Annotated[Fraction, Field(description="share of bad items that is fatal")]
    max_pixels: Annotated[Positive, Field(description="a picture with more is quarantined")]


def _shares_fit(data):
    if data.validation + data.test >= 1:
        raise ValueError("validation and test together must leave a share for training")
    return data


class SyntheticData(Data):
    source: Literal["synthetic"]
    count: Annotated[int, Field(ge=10, description="pictures to generate")]
    test: Annotated[float, Field(gt=0, lt=1, description="share of groups")]

    _shares = model_validator(mode="after")(_shares_fit)


class FolderData(Data):
    """Two folders under `path`, paired by file name without suffix."""

    source: Literal["folder"]
    images: Annotated[str, Field(min_length=1, description="folder of pictures in data.path")]
    masks: Annotated[str, Field(min_length=1, description="folder of masks in data.path")]
    test: Annotated[float, Field(gt=0, lt=1, description="share of groups")]

    _shares = model_validator(mode="after")(_shares_fit)


class DutsData(Data):
    """The official archives; the official test set stays the test split."""

    source: Literal["duts"]
    train_archive: Annotated[str, Field(min_length=1, description="URL or path of DUTS-TR.zip")]
    test_archive: Annotated[str, Field(min_length=1, description="URL or path of DUTS-TE.zip")]
    train_sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")]
    test_sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")]


class Augment(Section):
    size: Annotated[int, Field(ge=32, le=4096, description="working height and width, pixels")]
    kernel: Literal["bilinear", "bicubic", "lanczos"]
    mirror: Annotated[bool, Field(description="mirrored copies of the training split")]


class Model(Section):
    name: Literal["u2net", "u2netp"]
    mean: Annotated[PerChannel, Field(description="of the channels R, G, B in [0, 1]")]
    std: Annotated[PerChannel, Field(description="of the channels R, G, B in [0, 1]")]
    threshold: Annotated[float, Field(gt=0, lt=1, description="alpha counted as foreground")]


class Train(Section):
    epochs: Positive
    batch_size: Positive
    optimizer: Literal["adam", "adamw"]
    lr: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    schedule: Literal["constant", "cosine", "one_cycle"]
    warmup: Annotated[float, Field(ge=0, lt=1, description="share of the steps that rise")]
    clip_norm: Annotated[float, Field(ge=0, description="gradient norm; 0 = no clipping")]
    ema: Annotated[float, Field(ge=0, lt=1, description="decay of averaged weights; 0 = off")]
    crop: Annotated[int, Field(ge=32, description="side of the random crop, <= augment.size")]
    flip: Annotated[Fraction, Field(description="chance of a horizontal flip")]
    color: Annotated[Fraction, Field(description="strength of the colour jitter; 0 = off")]
    select_by: Literal["max_f", "mean_f", "weighted_f", "s_measure", "mean_e", "mae"]
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    accelerator: Literal["auto", "cpu", "cuda"]
    devices: Positive
    threads: Annotated[Positive, Field(description="CPU threads; changes the last digits")]
    workers: Annotated[int, Field(ge=0, description="processes that load pictures")]
    seed: Annotated[int, Field(ge=0)]
    checkpoint_every: Annotated[Positive, Field(description="steps between checkpoints")]

    @model_validator(mode="after")
    def _warmup_used(self):
        if self.schedule == "constant" and self.warmup:
            raise ValueError("warmup must be 0 with schedule constant")
        return self


class Evaluate(Section):
    batch_size: Positive
    accelerator: Literal["auto", "cpu", "cuda"]
    protocols: Annotated[list[Literal["raw", "min_max"]], Field(min_length=1)]
    cases: Annotated[Positive, Field(description="worst, middle and best pictures in the report")]


class Export(Section):
    opset: Annotated[int, Field(ge=17, le=23)]
    tolerance: Annotated[float, Field(gt=0, description="largest allowed alpha difference")]
    pictures: Annotated[Positive, Field(description="validation pictures checked")]


SOURCES: dict[str, type[Data]] = {
    "synthetic": SyntheticData,
    "folder": FolderData,
    "duts": DutsData,
}


@dataclass(frozen=True)
class Settings:
    data: Data
    augment: Augment
    model: Model
    train: Train
    evaluate: Evaluate
    export: Export

    def flat(self) -> dict[str, Any]:
        """`{"train.lr": 0.001, ...}`, the keys as people write them."""
        return {
            f"{field.name}.{key}": value
            for field in dataclasses.fields(self)
            for key, value in getattr(self, field.name).model_dump().items()
        }


class _Loader(yaml.SafeLoader):
    """Reads 1e-4 as a number, as YAML 1.2 and DVC do; YAML 1.1 takes it for a string."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def load(path: Path | str = "params.yaml") -> Settings:
    """Read and check a settings file.

    Raises:
        SettingsError: the file is missing, is not YAML, or a key is not as it should be.
    """
    path = Path(path)
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise SettingsError(
            f"{path} does not exist: run inside the project's folder, or take a recipe with "
            "`clearbg use demo`."
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{path} is not readable YAML{line}: correct it there.") from error
    if not isinstance(raw, dict):
        raise SettingsError(f"{path} holds no settings: start from one with `clearbg use demo`.")
    try:
        return parse(raw)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


def parse(raw: dict[str, Any]) -> Settings:
    """Check settings that are already a nested dictionary.

    Raises:
        SettingsError: in one sentence, the first key that is not as it should be.
    """
    sections = {field.name: field.type for field in dataclasses.fields(Settings)}
    for name in raw:
        if name not in sections:
            raise SettingsError(_unknown_key(str(name), "", sections))
    checked = {}
    for name, section in sections.items():
        if not isinstance(raw.get(name), dict):
            raise SettingsError(f"the section {name} is missing; add it (see recipes/).")
        if section is Data:
            section = _data_section(raw["data"])
        try:
            checked[name] = section.model_validate(raw[name])
        except ValidationError as error:
            # A misspelt key is unknown and missing at once; the former names the cure.
            problems = error.errors(include_url=False)
            problem = min(problems, key=lambda p: p["type"] != "extra_forbidden")
            raise SettingsError(_sentence(name, section, problem)) from None
    settings = Settings(**checked)
    if settings.train.crop > settings.augment.size:
        raise SettingsError(
            f"train.crop = {settings.train.crop} is larger than augment.size = "
            f"{settings.augment.size}; lower the one or raise the other."
        )
    return settings


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


def _sentence(name: str, section: type[Section], problem: dict[str, Any]) -> str:
    """What pydantic found in a section, as a person would say it."""
    kind, place = problem["type"], problem["loc"]
    if kind == "value_error":
        return f"{name}: {problem['ctx']['error']}."
    if kind == "extra_forbidden":
        return _unknown_key(str(place[0]), f"{name}.", section.model_fields)
    key = ".".join([name, *map(str, place)])
    field = section.model_fields[place[0]]
    meaning = f" ({field.description})" if field.description else ""
    if kind == "missing":
        return f"{key}{meaning} is missing; add it (see recipes/)."
    if kind == "literal_error":
        return _unknown_value(key, problem["input"], _literals(field.annotation))
    message = problem["msg"].removeprefix("Input ").removeprefix("List ").removeprefix("String ")
    return f"{key}{meaning} = {problem['input']!r}, but it {message}."


def _unknown_key(key: str, prefix: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)
    hint = f"did you mean {prefix}{near[0]}?" if near else f"known: {', '.join(known)}."
    return f"{prefix}{key} is not a known key; {hint}"


def _unknown_value(key: str, value: Any, allowed: list[str]) -> str:
    near = difflib.get_close_matches(str(value), allowed, n=1)
    hint = f"did you mean {near[0]}? Allowed" if near else "allowed"
    return f"{key} = {value!r} is not known; {hint}: {', '.join(allowed)}."


def _literals(annotation: Any) -> list[str]:
    """The values of a Literal, also of one inside a list."""
    if typing.get_origin(annotation) is Literal:
        return list(typing.get_args(annotation))
    return [value for part in typing.get_args(annotation) for value in _literals(part)]
