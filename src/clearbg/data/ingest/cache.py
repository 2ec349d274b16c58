"""The cache of ingest: when a data set grows, only its new images are read."""

import hashlib
import json
import shutil
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from clearbg.data.pairs import GeneratedPair, Pair
from clearbg.system import code
from clearbg.system.files import file_sha256, replacing_file, write_json
from clearbg.system.parsing import parse_json, read_text

LIBRARIES = ("pillow", "numpy", "imagehash")


class Cache:
    """Rows, masks and converted images of earlier runs.

    The key of a pair is made of the content of its files, how they are to be read, the code that
    reads them and its libraries. So reading a pair again would give the same bytes as the cache.
    Entries that other code has made are deleted. `folder` may be deleted at any time.
    """

    def __init__(self, folder: Path):
        self.folder = folder / _code()
        if folder.is_dir():
            for other in folder.iterdir():
                if other != self.folder:
                    shutil.rmtree(other, ignore_errors=True)

    def key(self, pair: Pair, max_pixels: int) -> str | None:
        """64 hexadecimal digits; None for a pair that has no files or lacks one."""
        if isinstance(pair, GeneratedPair):
            return None
        facts: dict[str, Any] = {"kind": type(pair).__name__, "max_pixels": max_pixels}
        for field in fields(pair):
            value = getattr(pair, field.name)
            if isinstance(value, Path):
                if not value.is_file():
                    return None
                value = [value.suffix, file_sha256(value)]
            elif field.name in ("split", "group"):
                continue
            facts[field.name] = value
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def find(self, key: str, target: Path) -> dict[str, Any] | None:
        """Copy the files of a stored pair under `target` and return its row; None if unknown."""
        place = self._folder_of(key)
        try:
            row = parse_json(read_text(place / "row.json"))
            for file in row["files"]:
                if ".." in Path(file).parts or Path(file).is_absolute():
                    return None
                shutil.copyfile(place / file, target / file)
        except (OSError, ValueError, LookupError, TypeError):
            return None
        del row["files"]
        return row

    def store(self, key: str, row: dict[str, Any], target: Path, files: list[str]) -> None:
        """Store a row (text and numbers) and its `files`, paths relative to `target`."""
        place = self._folder_of(key)
        for file in files:
            with replacing_file(place / file) as aside:
                shutil.copyfile(target / file, aside)
        write_json(place / "row.json", row | {"files": files})

    def _folder_of(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]


def _code() -> str:
    """The part of every key that stands for code and libraries."""
    libraries = " ".join(f"{name} {version(name)}" for name in LIBRARIES)
    rows = code.digest(Path(__file__).with_name("convert.py"))
    return hashlib.sha256(f"{libraries} {rows}".encode()).hexdigest()[:24]
