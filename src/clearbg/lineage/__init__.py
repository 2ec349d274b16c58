"""Trace where a model comes from, by its content.

The model may be any file, or a version of the registry. Its hashes lead to the commits whose
dvc.lock names it, to the MLflow runs that are tagged with its weights, and to the versions and
promotions of the registry. Names, paths and times play no part, so this also works for a stage
that DVC restored from its run cache.
"""

import dataclasses
from pathlib import Path

from clearbg import licenses
from clearbg.contract import WEIGHTS, Contract, parse_contract, read_contract
from clearbg.errors import ClearBGError, ModelError
from clearbg.inference.onnx_metadata import contract_text
from clearbg.lineage import commits, mlflow_records
from clearbg.lineage.facts import Lineage
from clearbg.system import dvc_lock
from clearbg.system.files import file_sha256
from clearbg.tracking.registry import Registry, Version, find_registry, model_name

MODEL_FILES = ("model.onnx", WEIGHTS)


def lineage(asked: str) -> Lineage:
    """The lineage of a file, or of a version: `models:/clearbg@champion`, `clearbg@champion`, `3`.

    Raises:
        ModelError: `asked` is neither a file nor a version.
        RegistryError: `asked` is no file, and the registry does not answer.
    """
    found = Lineage(asked)
    path = Path(asked)
    version = None
    if path.is_dir():
        path = next((path / name for name in MODEL_FILES if (path / name).is_file()), path)
    if path.is_file():
        _look_into(path, found)
    elif path.exists():
        raise ModelError(
            f"{asked} holds neither {' nor '.join(MODEL_FILES)}: name a file of a model."
        )
    else:
        registry, version = _version(asked)
        try:
            _look_into(registry.file(version), found)
        except ClearBGError as error:
            found.missing.append(f"The file of {version} could not be fetched: {error}")
    commits.look(found)
    mlflow_records.look(found, version)
    return found


def _version(asked: str) -> tuple[Registry, Version]:
    """A version by `models:/NAME@ALIAS`, `NAME@ALIAS`, `NAME/NUMBER`, a number or an alias."""
    name, _, which = asked.removeprefix("models:/").replace("@", "/").rpartition("/")
    registry = find_registry() and Registry(name or model_name())
    version = None
    if registry is not None:
        version = registry.version(int(which)) if which.isdigit() else registry.aliased(which)
    if version is None:
        known = ", ".join(sorted(registry.aliases())) if registry else ""
        raise ModelError(
            f"{asked} is neither a file nor a version of {name or model_name()}: name a file, "
            f"a version's number, or an alias ({known or 'there is none yet'})."
        )
    return registry, version


def _look_into(path: Path, found: Lineage) -> None:
    """Add the hashes of a file, and the facts in its contract."""
    found.file = {
        "path": str(path),
        "sha256": file_sha256(path),
        "md5": dvc_lock.file_md5(path),
    }
    contract = _contract(path)
    if contract is None:
        found.missing.append(
            f"{path} has no contract, so the hashes of its weights and its data are unknown."
        )
        return
    found.contract = {
        "model": contract.model,
        "weights_sha256": contract.weights_sha256,
        "data_digest": contract.data_digest,
        "trained_on": [dataclasses.asdict(origin) for origin in contract.trained_on],
        "open_to_commercial_use": licenses.is_open(contract.trained_on),
    }


def _contract(path: Path) -> Contract | None:
    """The contract embedded in an ONNX file or beside weights.safetensors; None: there is none."""
    try:
        if path.suffix == ".onnx":
            text = contract_text(path)
            return parse_contract(text, str(path)) if text else None
        return read_contract(path.parent) if path.name == WEIGHTS else None
    except (ModelError, OSError):
        return None
