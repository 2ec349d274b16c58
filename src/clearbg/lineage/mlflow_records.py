"""The runs, versions and promotions in MLflow that have a model's hashes."""

import datetime
from typing import Any

from clearbg.errors import RegistryError
from clearbg.lineage.facts import Lineage
from clearbg.promotion import promotion_log
from clearbg.promotion.promotion_log import PromotionLog, counted, number_of
from clearbg.system.parsing import ParseError, parse_json
from clearbg.tracking.registry import Registry, Version, find_registry
from clearbg.tracking.runs import WEIGHTS

RUN_TAGS = ("mlflow.source.git.commit", "git.dirty", "recipe", "torch", "dvc.experiment")


def look(found: Lineage, asked: Version | None) -> None:
    """Add the runs, versions and promotions of the file, or of the version asked for."""
    weights = found.contract.get("weights_sha256") or (asked.tags.get(WEIGHTS) if asked else "")
    sha256 = found.file.get("sha256") or (asked.onnx if asked else "")
    try:
        registry = find_registry()
        if registry is None:
            found.missing.append("There is no MLflow store here: set MLFLOW_TRACKING_URI.")
            return
        registry = Registry(asked.name) if asked else registry
        found.runs = [_run(one) for one in registry.runs(WEIGHTS, weights)] if weights else []
        aliases = registry.aliases()
        for one in registry.versions():
            same = {"file": one.onnx == sha256, "weights": one.tags.get(WEIGHTS) == weights}
            kinds = [kind for kind, equal in same.items() if equal]
            if kinds:
                found.versions.append(_facts_of(one, aliases) | {"same": kinds[0]})
        numbers = {one["number"] for one in found.versions}
        for entry in counted(PromotionLog(registry).entries()):
            moved = {number_of(entry, tag) for tag in (promotion_log.NEW, promotion_log.OLD)}
            if numbers & moved:
                found.promotions.append(_promotion(entry))
    except RegistryError as error:
        found.missing.append(str(error))
        return
    if not found.runs:
        found.missing.append("No MLflow run is tagged with these weights.")
    if not found.versions:
        found.missing.append(f"{registry.name} has no version with this file or its weights.")
    elif not found.promotions:
        found.missing.append("None of its versions was ever promoted.")


def _run(one) -> dict[str, Any]:
    tags = {key: value for key, value in one.data.tags.items() if key in RUN_TAGS}
    return {
        "id": one.info.run_id,
        "name": one.info.run_name,
        "started": _time(one.info.start_time),
        "tags": tags,
        "params": dict(one.data.params),
        "metrics": one.data.metrics,
    }


def _facts_of(one: Version, aliases: dict[str, int]) -> dict[str, Any]:
    return {
        "name": one.name,
        "number": one.number,
        "aliases": sorted(alias for alias, number in aliases.items() if number == one.number),
        "registered": _time(one.created),
        "run": one.run_id,
        "tags": dict(one.tags),
    }


def _promotion(entry: Version) -> dict[str, Any]:
    """The facts of a log's entry; those whose tags were removed by hand are empty."""
    try:
        evidence = parse_json(entry.tags.get(promotion_log.EVIDENCE, "{}"))
    except ParseError:
        evidence = {}
    return {
        "entry": str(entry),
        "action": entry.tags.get(promotion_log.ACTION, ""),
        "champion": entry.tags.get(promotion_log.NEW, ""),
        "replaces": entry.tags.get(promotion_log.OLD, ""),
        "by": entry.tags.get(promotion_log.BY, ""),
        "time": _time(entry.created),
        "why": entry.text,
        "evidence": evidence if isinstance(evidence, dict) else {},
    }


def _time(milliseconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return moment.isoformat(timespec="seconds")
