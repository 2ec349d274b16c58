"""Which model runs: one answer for the commands, Python, the page, its Space and Ray."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clearbg import pretrained
from clearbg.contract import Contract, parse_contract
from clearbg.errors import ModelError
from clearbg.inference.onnx_metadata import contract_text
from clearbg.system import project

EXPORT = Path("exports/model.onnx")
"""The project's own export, in the project's folder."""
TASKS = {"cutout": "subjects of photographs", "ink": "ink of documents"}
GENERATED = {"cutout": "subjects of generated images", "ink": "ink of generated pages"}
WARNING = "trained on generated images and not for photographs"


@dataclass(frozen=True)
class Choice:
    """A model that was chosen: its ONNX file, and what people call it."""

    name: str
    file: Path


def choose(
    model: str | Path | None = None, device: str = "cpu", others: Sequence[str] = ()
) -> Choice:
    """The model of a name or a path; None: the project's export, else the shipped clearbg-lite.

    Args:
        model: a string may be the name of a shipped model, alone or with -fp16 behind it; a path
            of the same letters is written ./NAME, or as a `Path`.
        device: the name alone means 8-bit integers, except on "cuda", which is slower at them.
        others: further names that the caller knows, for the message.

    Raises:
        ModelError: there is no such file and no such name; the message lists the names.
    """
    if model is None:
        export = project.root() / EXPORT
        if export.is_file():
            return Choice(str(EXPORT), export)
        model = pretrained.DEFAULT
    if isinstance(model, str):
        name = model.removesuffix(pretrained.SUFFIX)
        if name in pretrained.names():
            half = name != model or device == "cuda"
            file = pretrained.FP16 if half else pretrained.INT8
            return Choice(model, pretrained.folder(name) / file)
    if not Path(model).is_file():
        known = ", ".join((*shipped(), *others))
        wrong = "is a folder" if Path(model).is_dir() else "does not exist"
        raise ModelError(
            f"{model} {wrong}: name an exported model's file, or one of {known}; to make one, "
            f"{project.to_run('dvc repro')}."
        )
    return Choice(os.fspath(model), Path(model))


def shipped() -> list[str]:
    """The names that `choose` knows: of each shipped model alone, and with -fp16."""
    return [name + end for name in pretrained.names() for end in ("", pretrained.SUFFIX)]


def introduction(choice: Choice) -> str:
    """One sentence: which model runs, under which terms, and what it is not for.

    Raises:
        ModelError: the file holds no contract.
    """
    contract = parse_contract(contract_text(choice.file), str(choice.file))
    if only_generated(contract):
        return f"the model is {choice.name}, {WARNING}, which --model {pretrained.DEFAULT} is for."
    return f"the model is {choice.name} ({terms(contract)})."


def only_generated(contract: Contract) -> bool:
    """Whether a model has learned from nothing but generated images."""
    origins = contract.trained_on
    return bool(origins) and all(origin.source == "synthetic" for origin in origins)


def task(contract: Contract) -> str:
    """What a model finds, and in which images."""
    return (GENERATED if only_generated(contract) else TASKS)[contract.output]


def terms(contract: Contract) -> str:
    """The terms of all that a model has learned from, each once."""
    licenses = dict.fromkeys(origin.license for origin in contract.trained_on)
    return "; ".join(licenses) or contract.data_license or "terms unknown"
