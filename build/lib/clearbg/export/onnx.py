"""The trained network as one ONNX file, in which its preprocessing contract is embedded."""

import contextlib
import hashlib
import io
import logging
import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from clearbg import models
from clearbg.contract import METADATA_KEY, Contract, read_contract
from clearbg.models import weights
from clearbg.system import project
from clearbg.system.files import replacing_file

OPSET = 20  # of `exported`; the stage takes export.opset


class Alpha(nn.Module):
    """A network whose output is the alpha of its finest logits, `(N,1,H,W)` in [0, 1]."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)[0].sigmoid()


def export(network: nn.Module, contract: Contract, path: Path, opset: int) -> None:
    """Write a file that turns `images (N,C,H,W)` into `alpha (N,1,H,W)`; N, H and W are free.

    The contract goes into the file's metadata. Equal weights give equal bytes.
    """
    # Two images of unequal sides: a dimension of 1, or two equal ones, would be taken for
    # constants.
    example = torch.zeros(2, contract.channels, contract.height, contract.width + 32)
    free = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    with quiet():
        program = torch.onnx.export(
            Alpha(network).eval(),
            (example,),
            input_names=["images"],
            output_names=["alpha"],
            opset_version=opset,
            dynamic_shapes={"images": free},
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    _forget_origin(model)
    _name_axes(model)
    onnx.helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    onnx.checker.check_model(model)
    with replacing_file(path) as aside:
        onnx.save(model, aside)


def exported(folder: Path) -> Path:
    """The ONNX file of a folder with model.json and weights, written once into `.clearbg/`.

    Raises:
        ModelError: a file is missing, or weights and contract do not belong together.
    """
    contract = read_contract(folder)
    name = hashlib.sha256(contract.to_json().encode()).hexdigest()
    path = project.state() / "exported" / f"{name}.onnx"
    if not path.is_file():
        network = models.build(contract.model, **contract.settings)
        export(weights.load(network, folder / weights.FILE), contract, path, OPSET)
    return path


def _forget_origin(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes: they hold stack traces with this machine's paths."""
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for function in model.functions:
        for part in (function, *function.node):
            part.ClearField("metadata_props")
            part.ClearField("doc_string")


def _name_axes(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.ClearField("metadata_props")
        for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[axis].dim_param = name


@contextlib.contextmanager
def quiet():
    """Silence the exporter, converter and quantizer, which report their progress as warnings."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
