"""A models folder, trained or imported, as the ONNX file that removal runs."""

import hashlib
from pathlib import Path

from clearbg import models
from clearbg.contract import read_contract
from clearbg.export import onnx
from clearbg.models import weights
from clearbg.system import project

OPSET = 20


def exported(folder: Path) -> Path:
    """The exported model of a folder with model.json and weights, cached in .clearbg/.

    Raises:
        ModelError: a file is missing, or weights and contract do not belong together.
    """
    contract = read_contract(folder)
    name = hashlib.sha256(contract.to_json().encode()).hexdigest()
    path = project.state() / "exported" / f"{name}.onnx"
    if not path.is_file():
        network = models.build(contract.model, **contract.settings)
        onnx.export(weights.load(network, folder / weights.FILE), contract, path, OPSET)
    return path
