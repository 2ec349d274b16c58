"""The commits whose dvc.lock names a file, and how the oldest of them says it was made."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clearbg.contract import WEIGHTS
from clearbg.errors import CommandError
from clearbg.lineage.facts import Lineage
from clearbg.system import dvc_lock, project
from clearbg.system.files import file_sha256
from clearbg.system.parsing import ParseError, parse_json
from clearbg.system.process import git, run

HERE = "this folder"
FIGURES = ("reports/evaluate/metrics.json", "reports/export/parity.json")


def look(found: Lineage) -> None:
    """Add the commits whose dvc.lock names the file; if there are none, those of its weights."""
    locks = list(_locks(found))
    lists = _on_disk(found, locks)
    for what, md5 in _names(found):
        for commit, text in locks:
            lock = dvc_lock.stages(text)
            outputs = dvc_lock.find(md5, lock, lists)
            if not outputs:
                continue
            named = [f"{out.stage}: {out}" for out in outputs]
            found.commits.append({**commit, "outputs": named, "holds": what})
            if len(found.commits) == 1:
                _facts(found, commit["commit"], lock)
        if found.commits:
            return
    unread = sum(not files for files in lists.values())
    hint = (
        f"; {unread} folders that they name could not be searched, because DVC's cache lacks "
        "the lists of their files (`dvc fetch --all-commits` fetches them)"
    )
    found.missing.append(
        f"No dvc.lock, here or in a commit, names this file{hint if unread else ''}."
    )


def _locks(found: Lineage) -> Iterator[tuple[dict[str, str], str]]:
    """(commit, text of its dvc.lock) of all branches, oldest first, and last of this folder."""
    try:
        log = git("log", "--all", "--reverse", "--format=%H%x09%cI%x09%s", "--", dvc_lock.FILE)
        for line in log.splitlines():
            commit, time, subject = line.split("\t", 2)
            text = _at(commit, dvc_lock.FILE)
            yield {"commit": commit, "time": time, "subject": subject}, text
    except CommandError as error:
        found.missing.append(f"There is no history of commits to search: {error}")
    path = project.root() / dvc_lock.FILE
    if path.is_file():
        yield {"commit": HERE, "time": "", "subject": ""}, path.read_text(encoding="utf-8")


def _at(commit: str, path: str) -> str:
    """The text of a file in a commit or in this folder; "": there is no such file."""
    if commit == HERE:
        file = project.root() / path
        return file.read_text(encoding="utf-8") if file.is_file() else ""
    done = run("git", "show", f"{commit}:./{path}", accepted=(0, 128))
    return done.stdout if done.returncode == 0 else ""


def _on_disk(found: Lineage, locks: list) -> dict[str, dict[str, str]]:
    """The files of the output folder that holds the file: DVC's cache may lack their list."""
    path = Path(found.file.get("path", "")).absolute()
    outs = {out.path for _, text in locks[-1:] for out in dvc_lock.outputs(dvc_lock.stages(text))}
    holding = (project.root() / out for out in outs if (project.root() / out) in path.parents)
    return dict(dvc_lock.listing(folder) for folder in holding)


def _names(found: Lineage) -> Iterator[tuple[str, str]]:
    """(what, MD5) to search for: first the file, then its weights if they lie in models/."""
    if found.file:
        yield "the file", found.file["md5"]
    weights = project.root() / "models" / WEIGHTS
    known = found.contract.get("weights_sha256")
    if known and weights.is_file() and file_sha256(weights) == known:
        yield "its weights", dvc_lock.file_md5(weights)


def _facts(found: Lineage, commit: str, lock: dict[str, Any]) -> None:
    """Add the outputs, params and figures of a commit."""
    for out in dvc_lock.outputs(lock):
        found.stages.setdefault(out.stage, {})[out.path] = out.md5
        if out.path in FIGURES:
            text = _at(commit, out.path)
            if hashlib.md5(text.encode()).hexdigest() == out.md5:
                try:
                    found.metrics[out.path] = parse_json(text)
                except ParseError as error:
                    found.missing.append(f"{out.path} in {commit} {error}.")
            else:
                found.missing.append(
                    f"{out.path} in {commit} is not the file that its dvc.lock names."
                )
    for facts in lock.values():
        for section, value in (facts.get("params", {}).get("params.yaml") or {}).items():
            keys = value if isinstance(value, dict) else {"": value}
            found.params |= {f"{section}.{key}".rstrip("."): one for key, one in keys.items()}
