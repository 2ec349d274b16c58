"""The facts about where a model comes from."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Lineage:
    """What was found out about a model.

    Attributes:
        asked: the file or version, as the user gave it.
        file: its path, sha256 and md5; empty if the file could not be fetched.
        contract: facts of the file's contract: network, weights, digest of the training's
            manifest, and `trained_on` with the licenses.
        commits: the commits that name the file, oldest first and "this folder" last, each with
            commit, time, subject, and the outputs of stages that hold the file.
        stages: stage -> outputs with their MD5, in the first of these commits.
        params: of the first of these commits.
        metrics: file of figures -> figures, in the first of these commits.
        runs: MLflow's runs with these weights.
        versions: the registry's versions with this file or these weights.
        promotions: who made one of these versions champion, or rolled it back, when and why.
        missing: sentences that say what was not found.
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
