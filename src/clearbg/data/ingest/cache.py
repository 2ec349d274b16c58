"""What an earlier ingest made of a pair: a folder that grows costs its new images only."""

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

LIBRARIES = ("pillow", "numpy", "imagehash")


class Kept:
    """Rows, masks and converted images of earlier runs, found by what went into them.

    The key is the content of a pair's files, how they are to be read, the code that reads them
    and its libraries: what is found is what reading again would give, in the same bytes. What
    other code has made is deleted. Everything under `folder` may be deleted at any time.
    """

    def __init__(self, folder: Path):
        self.folder = folder / _code()
        if folder.is_dir():
            for other in folder.iterdir():
                if other != self.folder:
                    shutil.rmtree(other, ignore_errors=True)

    def key(self, pair: Pair, max_pixels: int) -> str | None:
        """64 hexadecimal digits; None of a pair that has no files or lacks one."""
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

    def recall(self, key: str, target: Path) -> dict[str, Any] | None:
        """The row that `keep` was given, its files put under `target` again; None if unknown."""
        place = self._place(key)
        try:
            row = json.loads((place / "row.json").read_text(encoding="utf-8"))
            for file in row["kept"]:
                shutil.copyfile(place / file, target / file)
        except (OSError, ValueError, KeyError):
            return None
        del row["kept"]
        return row

    def keep(self, key: str, row: dict[str, Any], target: Path, files: list[str]) -> None:
        """Remember a row (text and numbers) and `files`, paths relative to `target`."""
        place = self._place(key)
        for file in files:
            with replacing_file(place / file) as aside:
                shutil.copyfile(target / file, aside)
        write_json(place / "row.json", row | {"kept": files})

    def _place(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]


def _code() -> str:
    """A name for all that decides a row beside the pair's files and the settings."""
    libraries = " ".join(f"{name} {version(name)}" for name in LIBRARIES)
    rows = code.digest(Path(__file__).with_name("convert.py"))
    return hashlib.sha256(f"{libraries} {rows}".encode()).hexdigest()[:24]
