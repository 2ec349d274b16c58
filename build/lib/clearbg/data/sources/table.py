"""Pairs from a CSV file; every error names the file's line."""

import csv
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from clearbg.data.pairs import FilePair, safe_id, short_hash
from clearbg.errors import DataError

NEEDED = ("image", "mask")
FLAGS = ("index_foreground", "invert")
OPTIONAL = ("split", "group", *FLAGS)
SPLITS = {
    "": "", "train": "train", "validation": "validation", "valid": "validation",
    "val": "validation", "test": "test",
}  # fmt: skip
TRUTH = {"": False, "0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


def pairs(path: Path) -> list[FilePair]:
    """The pairs of a table with the columns image and mask, paths relative to its folder.

    Further columns: `split` (train, validation, test; empty: drawn by share), `group`,
    `index_foreground` and `invert` (true or false). A group with a split keeps to it.

    Raises:
        DataError: naming the line that is not as it should be.
    """
    found: dict[str, tuple[int, FilePair]] = {}
    splits: dict[str, tuple[int, str]] = {}
    for line, row in rows(path, NEEDED, "a table of pairs", OPTIONAL):
        pair = _pair(path, line, row)
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
    return [_with_split(pair, splits) for _, pair in found.values()]


def rows(
    path: Path, needed: Sequence[str], what: str, optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells, stripped, of a table parted by commas, semicolons or tabs.

    Raises:
        DataError: it cannot be read, lacks a needed column or cell, or a line has another
            number of cells than the header; `what` says in messages what the file should be.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            file.seek(0)
            reader = csv.DictReader(file, delimiter=max(",;\t", key=header.count))
            _refuse_columns(path, reader.fieldnames or [], needed, what, optional)
            for row in reader:
                line, cells = reader.line_num, len([v for v in row.values() if v is not None])
                if None in row or cells != len(reader.fieldnames):
                    raise DataError(
                        f"{path}, line {line}: the number of cells is not the header's "
                        f"({len(reader.fieldnames)}): correct the line."
                    )
                row = {name.strip(): value.strip() for name, value in row.items()}
                empty = [name for name in needed if not row[name]]
                if empty:
                    raise DataError(
                        f"{path}, line {line}: the cell {empty[0]} is empty: fill it in."
                    )
                yield line, row
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: give {what}, or correct the setting.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path} is not a readable CSV file in UTF-8 ({error}): export it again."
        ) from error


def _refuse_columns(
    path: Path, header: Sequence[str], needed: Sequence[str], what: str, optional: Sequence[str]
) -> None:
    names = [name.strip() for name in header]
    for name in needed:
        if name not in names:
            raise DataError(
                f"{path}, line 1: there is no column {name}, which {what} has; "
                f"its columns are {', '.join(names) or 'none'}: add it."
            )
    for name in names:
        near = difflib.get_close_matches(name, optional, n=1, cutoff=0.75)
        if near and near[0] not in names:
            raise DataError(f"{path}, line 1: column {name} is not known; did you mean {near[0]}?")


def _pair(path: Path, line: int, row: dict[str, str]) -> FilePair:
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
    image = Path(row["image"])
    return FilePair(
        f"{safe_id(image.stem)}-{short_hash(image.as_posix())}",
        path.parent / image,
        path.parent / row["mask"],
        SPLITS[split],
        group=row.get("group", ""),
        **flags,
    )


def _with_split(pair: FilePair, splits: dict[str, tuple[int, str]]) -> FilePair:
    return pair if pair.split else replace(pair, split=splits.get(pair.group, (0, ""))[1])
