"""The tags of a registered version: its file, data, code and figures."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from clearbg import config
from clearbg.contract import Contract
from clearbg.errors import CommandError, RegistryError
from clearbg.system import dvc_lock
from clearbg.system.files import file_sha256
from clearbg.system.process import git
from clearbg.tracking import stage_logs
from clearbg.tracking.registry import Registry, Version
from clearbg.tracking.runs import ONNX, WEIGHTS

DATA, COMMIT, DIRTY, LOCK, METRICS, LICENSES = (
    f"clearbg.{key}" for key in ("data", "git", "git.dirty", "dvc_lock", "metrics", "licenses")
)


def tags(
    model: Path, contract: Contract, digest: str, figures: Mapping[str, float], lock: Path
) -> dict[str, str]:
    """The tags of an exported model; the same model with the same figures has the same ones.

    Args:
        digest: of the manifest that it is judged on.
        figures: what it reached there, to four decimals in the tag: the others change with the
            processor.
        lock: dvc.lock; the tag is missing where it does not name this export.
    """
    text = lock.read_text(encoding="utf-8") if lock.is_file() else ""
    named = dvc_lock.names(dvc_lock.stages(text), model.parent)
    rounded = {name: round(value, 4) for name, value in sorted(figures.items())}
    found = {
        ONNX: file_sha256(model),
        WEIGHTS: contract.weights_sha256,
        DATA: digest,
        METRICS: json.dumps(rounded),
        LICENSES: "; ".join(f"{o.source}: {o.license}" for o in contract.trained_on),
        LOCK: hashlib.sha256(text.encode()).hexdigest() if named else "",
        **_code(),
    }
    return {key: value for key, value in found.items() if value}


def register(
    registry: Registry, model: Path, contract: Contract, settings: config.Settings,
    tags: Mapping[str, str],
) -> Version:  # fmt: skip
    """The version of an exported model with these tags: the one there is, or a new one.

    Its MLflow run is the one that trained the weights, its logged model that run's.

    Raises:
        RegistryError: MLflow takes neither.
    """
    for version in registry.versions():
        if tags.items() <= version.tags.items():
            return version
    run = stage_logs.run_of(contract, settings)
    source = run.model(model)
    if source is None:
        raise RegistryError(
            f"MLflow did not take {model}, see the warning above: fix that, then run again."
        )
    stage_logs.log_missed_evaluation(run, contract, settings)
    return registry.add(source, run.id, tags)


def _code() -> dict[str, str]:
    """The commit, and whether code or settings differ from it; nothing outside git."""
    try:
        commit = git("rev-parse", "HEAD")
        changes = git("status", "--porcelain", "--", ".", ":!dvc.lock", ":!reports")
    except CommandError:
        return {}
    return {COMMIT: commit, DIRTY: str(bool(changes)).lower()}
