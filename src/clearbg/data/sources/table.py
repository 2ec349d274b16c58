"""Pairs from a CSV file; every error names the file's line."""

import os
import re
from dataclasses import replace
from pathlib import Path

from clearbg.data.pairs import FilePair, safe_id, short_hash
from clearbg.data.sources.rows import rows
from clearbg.errors import DataError
from clearbg.system.names import Disk, composed

NEEDED = ("image", "mask")
FLAGS = ("index_foreground", "invert")
OPTIONAL = ("split", "group", *FLAGS)
SPLITS = {
    "": "", "train": "train", "validation": "validation", "valid": "validation",
    "val": "validation", "test": "test",
}  # fmt: skip
WINDOWS = re.compile(r"[A-Za-z]:|\\\\")  # a drive or a server
TRUTH = {"": False, "0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


def pairs(path: Path) -> list[FilePair]:
    """The pairs of a table with the columns image and mask, paths relative to its folder.

    Further columns: `split` (train, validation, test; empty: drawn by share), `group`,
    `index_foreground` and `invert` (true or false). A group with a split keeps to it. Paths may
    have the backslashes of Windows, and any form of Unicode.

    Raises:
        DataError: naming the line that is not as it should be, or that no file of a column exists.
    """
    found: dict[str, tuple[int, FilePair]] = {}
    splits: dict[str, tuple[int, str]] = {}
    disk = Disk()
    for line, row in rows(path, NEEDED, "a table of pairs", OPTIONAL):
        pair = _pair(path, line, row, disk)
        first, _ = found.setdefault(pair.id, (line, pair))
        if first != line:
            raise DataError(
                f"{path}, line {line}: {row['image']} is in line {first} too: remove one of them."
            )
        if pair.group and pair.split:
            first, split = splits.setdefault(pair.group, (line, pair.split))
            if split != pair.split:
                raise DataError(
                    f"{path}, line {line}: group {pair.group} is in {pair.split} here and in "
                    f"{split} in line {first}; a group must stay in one split."
                )
    _refuse_absent(path, [*found.values()])
    return [_with_split(pair, splits) for _, pair in found.values()]


def _refuse_absent(path: Path, found: list[tuple[int, FilePair]]) -> None:
    """Raise DataError where not one file of a column exists: the paths are meant otherwise."""
    for name in NEEDED:
        files = [(line, getattr(pair, name)) for line, pair in found]
        if files and not any(os.path.exists(file) for _, file in files):
            line, file = files[0]
            raise DataError(
                f"{path}: not one of the {len(files)} files in the column {name} exists; {file}, "
                f"in line {line}, is the first: write paths relative to {path.parent}, the table's "
                "folder."
            )


def _pair(path: Path, line: int, row: dict[str, str], disk: Disk) -> FilePair:
    split = row.get("split", "").lower()
    if split not in SPLITS:
        raise DataError(
            f"{path}, line {line}: split is {row['split']!r}; allowed: train, validation, test, "
            "or nothing."
        )
    flags = {}
    for name in FLAGS:
        value = row.get(name, "").lower()
        if value not in TRUTH:
            raise DataError(
                f"{path}, line {line}: {name} is {row[name]!r}; allowed: true, false, or nothing."
            )
        flags[name] = TRUTH[value]
    image, mask = (_file(path, line, row[name], disk) for name in NEEDED)
    inside = image.relative_to(path.parent) if image.is_relative_to(path.parent) else image
    inside = Path(composed(os.path.normpath(inside)))  # it names the pair, and decides its split
    return FilePair(
        f"{safe_id(inside.stem)}-{short_hash(inside.as_posix())}",
        image,
        mask,
        SPLITS[split],
        group=row.get("group", ""),
        **flags,
    )


def _file(table: Path, line: int, name: str, disk: Disk) -> Path:
    """The file that a cell names."""
    place = f"{table}, line {line}"
    if "\0" in name:
        raise DataError(f"{place}: a name holds the number 0: export the table again.")
    for spelling in dict.fromkeys((name, name.replace("\\", "/"))):
        file = disk.meant(table.parent / spelling)
        if os.path.exists(file):
            return file
    if WINDOWS.match(name):
        raise DataError(
            f"{place}: {name} is a path on a Windows computer: write it relative to "
            f"{table.parent}, the table's folder."
        )
    if any("\udc80" <= letter <= "\udcff" for letter in name):
        raise DataError(
            f"{place}: {name} is not in UTF-8, and no file has these bytes as its name: export the "
            "table again as CSV in UTF-8."
        )
    return file


def _with_split(pair: FilePair, splits: dict[str, tuple[int, str]]) -> FilePair:
    return pair if pair.split else replace(pair, split=splits.get(pair.group, (0, ""))[1])
