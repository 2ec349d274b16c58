"""What is known of a model's past."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Lineage:
    """What was found out about a model; `missing` says in sentences what was not.

    Attributes:
        asked: as it was asked for.
        file: path, sha256 and md5 of the file; nothing where it could not be had.
        contract: what the file itself says: weights, digest of the training's manifest, and the
            `trained_on` with licenses.
        commits: oldest first, "this folder" last: commit, time, subject, and the stages' outputs
            that hold the file.
        stages: of the oldest of these, stage -> outputs with their hashes.
        params, metrics: of the same.
        runs: of MLflow, with these weights.
        versions: of the registry, with this file or these weights.
        promotions: who made one of these versions champion, or took it back, when and why.
    """

    asked: str
    file: dict[str, str] = field(default_factory=dict)
    contract: dict[str, Any] = field(default_factory=dict)
    commits: list[dict[str, Any]] = field(default_factory=list)
    stages: dict[str, dict[str, str]] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    promotions: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)
