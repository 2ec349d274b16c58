"""Search dvc.lock by content: which stage wrote a file, in this folder and in any commit.

DVC names a file by the MD5 of its bytes, and a folder by the MD5 of the list of its files, which
is in DVC's cache. So a file is found by its content wherever it is, and whether a run, the run
cache or a pull put it there.
"""

import configparser
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearbg.system import project
from clearbg.system.parsing import ParseError, parse_json, parse_yaml

FILE = "dvc.lock"
MOST_OF_FOLDER = 10**9  # bytes of the list of a folder's files in DVC's cache, and values in it


@dataclass(frozen=True)
class Output:
    """An output of a stage.

    Attributes:
        path: the output's path from the project's folder.
        md5: the MD5 of the file; of a folder, the MD5 of its list with the suffix ".dir".
        inside: the path of the file that was searched, if the output is a folder; else "".
    """

    stage: str
    path: str
    md5: str
    inside: str = ""

    def __str__(self) -> str:
        return f"{self.path}/{self.inside}" if self.inside else self.path


def stages(text: str) -> dict[str, Any]:
    """Stage -> its entry in dvc.lock; empty if the text is not a lock."""
    try:
        lock = parse_yaml(text)
    except ParseError:
        return {}
    found = lock.get("stages") if isinstance(lock, dict) else None
    return found if isinstance(found, dict) else {}


def outputs(lock: dict[str, Any]) -> Iterator[Output]:
    """All outputs of the stages of a lock."""
    for stage, facts in lock.items():
        outs = facts.get("outs") if isinstance(facts, dict) else None
        for out in outs if isinstance(outs, list) else ():
            if isinstance(out, dict) and isinstance(out.get("path"), str):
                yield Output(str(stage), out["path"], str(out.get("md5", "")))


def names(lock: dict[str, Any], folder: Path) -> bool:
    """Whether the lock has the folder as a stage's output with the content that is on disk."""
    given = [out.md5 for out in outputs(lock) if out.path == folder.as_posix()]
    return bool(given) and folder.is_dir() and given[0] == folder_md5(folder)


def find(md5: str, lock: dict[str, Any], lists: dict[str, dict[str, str]]) -> list[Output]:
    """The outputs with this content, or with a file of it.

    Args:
        md5: of a file, or of a folder as `folder_md5` gives it.
        lists: MD5 of a folder -> its files, see `files_of`; this function adds what it reads.
            A folder whose list is not in DVC's cache counts as empty.
    """
    found = []
    for out in outputs(lock):
        if out.md5 == md5:
            found.append(out)
        elif out.md5.endswith(".dir"):
            if out.md5 not in lists:
                lists[out.md5] = files_of(out.md5)
            inside = sorted(path for path, one in lists[out.md5].items() if one == md5)
            found += [Output(out.stage, out.path, out.md5, path) for path in inside]
    return found


def files_of(md5: str) -> dict[str, str]:
    """Path -> MD5 of the files in a folder, from DVC's cache; empty if the cache lacks it."""
    try:
        content = (_cache() / "files" / "md5" / md5[:2] / md5[2:]).read_bytes()
        listed = parse_json(content, MOST_OF_FOLDER, MOST_OF_FOLDER)
        return {str(entry["relpath"]): str(entry["md5"]) for entry in listed}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def file_md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def folder_md5(folder: Path) -> str:
    """The MD5 by which DVC names the folder."""
    return listing(folder)[0]


def listing(folder: Path) -> tuple[str, dict[str, str]]:
    """The MD5 by which DVC names a folder on disk, and path -> MD5 of its files."""
    paths = sorted(path.relative_to(folder).parts for path in folder.rglob("*") if path.is_file())
    files = {"/".join(parts): file_md5(folder.joinpath(*parts)) for parts in paths}
    listed = [{"md5": md5, "relpath": path} for path, md5 in files.items()]
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir", files


def _cache() -> Path:
    """DVC's cache: where .dvc/config puts it, or .dvc/cache."""
    folder = project.root() / ".dvc"
    settings = configparser.ConfigParser(interpolation=None)
    for name in ("config", "config.local"):
        settings.read(folder / name, encoding="utf-8")
    return folder / settings.get("cache", "dir", fallback="cache")
