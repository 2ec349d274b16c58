"""Options that several commands share, and the model file that they name."""

from pathlib import Path
from typing import Annotated, Literal

import typer

DEFAULT_MODEL = Path("exports/model.onnx")

ModelOption = Annotated[
    Path, typer.Option(help="An exported model, or a folder with model.json and weights.")
]
DeviceOption = Annotated[
    Literal["cpu", "cuda", "openvino"],
    typer.Option(help="Where the model runs. A device that is not available is an error."),
]


def onnx_file(model: Path) -> Path:
    """The ONNX file of a model, exported on the way when `model` is a models folder."""
    if not model.is_dir():
        return model
    from clearbg.export.onnx import exported

    return exported(model)
