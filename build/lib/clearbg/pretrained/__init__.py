"""The models that come with the package: a folder each, written by `make pretrained`.

A folder is a models folder (weights.safetensors, model.json, card.md, training_images.csv.gz), from
which a training can start, with ONNX files beside it that removal runs:

    model-int8.onnx   8-bit integers: what the name alone means on a CPU
    model-fp16.onnx   half precision: NAME-fp16, and the name alone on a GPU
    params.yaml       the settings that the weights were trained with
    made.json         what the files were made from, and what was measured
"""

import json
from pathlib import Path
from typing import Any

from clearbg.errors import ModelError

FOLDER = Path(__file__).parent
DEFAULT = "clearbg-lite"
MADE = "made.json"
INT8, FP16 = "model-int8.onnx", "model-fp16.onnx"
SUFFIX = "-fp16"


def names() -> list[str]:
    """The models' names, the default one first."""
    found = sorted(path.parent.name for path in FOLDER.glob("*/model.json"))
    return sorted(found, key=lambda name: name != DEFAULT)


def folder(name: str) -> Path:
    """The models folder of a shipped model.

    Raises:
        ModelError: there is none of this name; the message lists the names.
    """
    if name not in names():
        raise ModelError(f"no model {name!r} is shipped: choose {' or '.join(names())}.")
    return FOLDER / name


def weights(name: str) -> Path:
    """The safetensors file of a shipped model, to start a training from.

    Its convolutions are stored in half precision, which `clearbg.models.weights` widens.

    Raises:
        ModelError: see `folder`.
    """
    return folder(name) / "weights.safetensors"


def made(name: str) -> dict[str, Any]:
    """made.json: what the files of a shipped model were made from, and what was measured.

    Raises:
        ModelError: see `folder`.
    """
    return json.loads((folder(name) / MADE).read_text(encoding="utf-8"))
