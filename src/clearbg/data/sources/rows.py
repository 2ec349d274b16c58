"""The rows of a CSV file from any program; every error names the file's line."""

import codecs
import csv
import difflib
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from clearbg.errors import DataError

SEPARATORS = ",;\t|"
STATED = re.compile(r'\ufeff?"?sep=([^\w"\r\n])"?[,;|\s]*?(?:\r\n|\r|\n)', re.IGNORECASE)
"""Excel's own first line, which says how cells are parted."""
EMPTY = re.compile(r"(?:[,;|\t \ufeff]*(?:\r\n|\r|\n))*")  # lines without content
MARKS = {  # the first bytes of a text -> its encoding
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
HEAD = 1 << 16  # letters in which the header ends
WORKBOOKS = (b"PK\3\4", b"\xd0\xcf\x11\xe0")  # Excel's and LibreOffice's, then Excel's older ones


def rows(
    path: Path, needed: Sequence[str], what: str, optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number, and cells by the names of their columns, of a table.

    Cells are parted by commas, semicolons, tabs or bars, whichever gives the needed columns.
    Names of columns may be in upper case and have spaces. Empty lines, and cells without content
    at the end of a line, are passed over. The text is UTF-8 or UTF-16; bytes that are neither
    become \\udc80 to \\udcff, as in Python's names of files.

    Raises:
        DataError: it cannot be read, lacks a needed column or cell, or a line has another
            number of cells than the header; `what` says in messages what the file should be.
    """
    text, before = _without_preamble(_text(path, what))
    if not text:
        raise DataError(f"{path} is empty: give {what}, or correct the setting.")
    stated = STATED.match(before)
    separators = (stated[1] if stated else "") + SEPARATORS
    lines_before = len(before.splitlines())
    separator = max(separators, key=lambda one: _fit(text, one, needed))
    try:
        reader = _reader(text, separator)
        header = [_column(name) for name in next(reader)]
        place = f"{path}, line {lines_before + 1}"
        _refuse_columns(place, header, needed, what, optional)
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                line = lines_before + reader.line_num
                yield line, _row(f"{path}, line {line}", header, cells, needed)
    except csv.Error as error:
        raise DataError(f"{path} is not a readable CSV file ({error}): export it again.") from error


def _reader(text: str, separator: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)


def _text(path: Path, what: str) -> str:
    if not path.exists():
        raise DataError(f"{path} does not exist: give {what}, or correct the setting.")
    if not path.is_file():
        raise DataError(f"{path} is no regular file: give {what}, or correct the setting.")
    try:
        content = path.read_bytes()
        if content.startswith(WORKBOOKS):
            raise DataError(
                f"{path} is a workbook of a spreadsheet: save it as CSV in UTF-8, and give that."
            )
        return content.decode(_encoding(content), "surrogateescape")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} is not a readable CSV file ({error}): export it again as CSV in UTF-8."
        ) from error


def _encoding(content: bytes) -> str:
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return encoding
    even, odd = (content[start:1024:2].count(0) for start in (0, 1))
    if max(even, odd) * 4 > min(len(content), 1024):  # without a mark: letters of ASCII
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"


def _without_preamble(text: str) -> tuple[str, str]:
    """The text from its header on, and the lines before it."""
    stated = STATED.match(text)
    empty = EMPTY.match(text, stated.end() if stated else 0)
    start = empty.end() if empty else 0
    return text[start:].removeprefix("\ufeff"), text[:start]


def _fit(text: str, separator: str, needed: Sequence[str]) -> tuple[int, int]:
    """How many of the needed columns a separator gives, and how many columns."""
    try:
        header = [_column(name) for name in next(_reader(text[:HEAD], separator))]
    except csv.Error:
        return 0, 0
    return len({*needed} & {*header}), len(header)


def _column(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip("\ufeff").strip().casefold())


def _row(
    place: str, header: Sequence[str], cells: list[str], needed: Sequence[str]
) -> dict[str, str]:
    while len(cells) > len(header) and not cells[-1]:
        cells.pop()
    named = max(number for number, name in enumerate(header, 1) if name)
    if len(cells) > len(header) or len(cells) < named:
        count = sum(map(bool, header))
        raise DataError(
            f"{place}: the number of cells is not the header's ({count}): correct the line."
        )
    row = dict(zip(header, cells, strict=False))
    empty = [name for name in needed if not row[name]]
    if empty:
        raise DataError(f"{place}: the cell {empty[0]} is empty: fill it in.")
    return row


def _refuse_columns(
    place: str, header: Sequence[str], needed: Sequence[str], what: str, optional: Sequence[str]
) -> None:
    for name in needed:
        if name not in header:
            told = ", ".join(one for one in header if one) or "none"
            raise DataError(
                f"{place}: there is no column {name}, which {what} has; its columns are "
                f"{told[:200]}: add it, or a first line with the names of the columns."
            )
    for name in (*needed, *optional):
        if header.count(name) > 1:
            raise DataError(f"{place}: two columns have the name {name}: rename one of them.")
    for name in header:
        near = difflib.get_close_matches(name, optional, n=1, cutoff=0.75)
        if near and near[0] not in header:
            raise DataError(f"{place}: column {name} is not known; did you mean {near[0]}?")
