"""Checks model.onnx, then writes and checks every format that `export` in params.yaml asks for."""

from pathlib import Path
from typing import Any

from torch import nn

from clearbg import config
from clearbg.contract import Contract
from clearbg.errors import ExportError
from clearbg.export import fp16, hugging_face, parity, quantize, rembg
from clearbg.export.gate import Gate, Verdict

FILES = {"fp32": "model.onnx", "fp16": "model-fp16.onnx", "int8": "model-int8.onnx"}
"""Format -> the file's name in exports/."""


def complete(
    network: nn.Module,
    contract: Contract,
    trained: Path,
    data: Path,
    folder: Path,
    settings: config.Export,
) -> dict[str, Any]:
    """Check the model.onnx in `folder` and write beside it what the settings ask for.

    Args:
        network: the trained one that model.onnx was exported from.
        trained: the models folder that network and contract were read from.
        data: an ingested folder, whose validation split the files are judged on.

    Returns:
        `max_difference` and `cases` of the fp32 file at all batches and sizes, and by format
        the figures of its `clearbg.export.gate.Verdict`.

    Raises:
        ExportError: a file differs more than a budget allows, and the worst image is named; or
            rembg cannot run such a model.
        DataError: there are no validation images.
    """
    paths = {name: folder / file for name, file in FILES.items()}
    for session in settings.rembg:
        rembg.write(paths["fp32"], folder / "rembg" / f"{session}.onnx", contract, session)
    if settings.hugging_face:
        hugging_face.write(trained, folder / "hf", contract)
    gate = Gate(network, contract, data, settings)
    agreement = parity.check(network, paths["fp32"], data, settings)
    verdicts = {"fp32": passed(gate.judge(paths["fp32"], "tolerance"), "export.opset")}
    if "fp16" in settings.formats:
        fp16.write(paths["fp32"], paths["fp16"])
        verdicts["fp16"] = passed(gate.judge(paths["fp16"], "fp16_tolerance"))
    if "int8" in settings.formats:
        images = parity.prepared(data, contract, slice(-settings.calibration, None))
        verdicts["int8"] = passed(
            quantize.write(
                paths["fp32"],
                paths["int8"],
                list(images.values()),
                settings.float_layers,
                lambda path: gate.judge(path, "int8_tolerance"),
            )
        )
    return agreement | {name: verdict.figures for name, verdict in verdicts.items()}


def passed(verdict: Verdict, remedy: str = "export.formats") -> Verdict:
    """Return the verdict if no budget is exceeded.

    Raises:
        ExportError: a budget is exceeded; `remedy` names the key to change instead of raising it.
    """
    if verdict.over is None:
        return verdict
    if "float_layers" in verdict.figures:
        in_float = verdict.figures["float_layers"]
        raise ExportError(
            f"{verdict.over}, though {in_float} of its convolutions stay in float: raise that "
            "budget or export.float_layers, or take int8 out of export.formats."
        )
    raise ExportError(
        f"{verdict.over}: raise that budget if you can accept it, or change {remedy}."
    )
