"""Text from elsewhere, parsed within limits: JSON, YAML, and small text files.

Whatever the text is, it is parsed within seconds and little memory, or refused with a
`ParseError`, whose words continue a sentence that begins with the file's name.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any

from clearbg.errors import DataError

MAX_BYTES = 1_000_000
MAX_VALUES = 100_000  # in a document, each alias of YAML counted with all that it stands for
MAX_DEPTH = 32  # lists and mappings in one another
MAX_DIGITS = 400  # of an integer; the largest float has 309
LARGEST = 10**MAX_DIGITS


class ParseError(ValueError):
    """The text is not what it should be; the message goes on after the name of the file."""


def read_text(path: Path | str, most: int = MAX_BYTES) -> str:
    """The text of a regular file in UTF-8.

    Raises:
        ParseError: it is no regular file, longer than `most` bytes, or not UTF-8.
        OSError: it is missing or cannot be opened.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe without a writer would be waited for
        raise ParseError("is not a regular file")
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ParseError(f"has more than {most} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ParseError("is not text in UTF-8") from None


def parse_json(text: str | bytes, most: int = MAX_BYTES, values: int = MAX_VALUES) -> Any:
    """The value of a JSON text, in which no key stands twice.

    NaN and infinities are read as such, as Python writes them. `most` bounds the length of the
    text, `values` the number of values in it.

    Raises:
        ParseError: it is no JSON, repeats a key, or exceeds a limit.
    """
    if len(text) > most:
        raise ParseError(f"has {len(text)} characters, more than {most}")
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_int=_integer)
    except ParseError:
        raise
    except RecursionError:
        raise ParseError(_too_deep()) from None
    except ValueError:  # UnicodeDecodeError is one too
        raise ParseError("is no JSON") from None
    _limit(found, values)
    return found


def parse_yaml(text: str, loader: Any = None, most: int = MAX_BYTES) -> Any:
    """The value of a YAML document, in which no key stands twice.

    Args:
        loader: a class of PyYAML that builds plain values only; by default the fast safe one.

    Raises:
        ParseError: it is no YAML, repeats a key, or exceeds a limit.
    """
    import yaml  # here: removal reads no YAML, and starts without it

    if len(text) > most:
        raise ParseError(f"has {len(text)} characters, more than {most}")
    fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _Outline().check(yaml.parse(text, fast))
        found = yaml.load(text, loader or fast)
    except ParseError:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise ParseError(f"is not readable YAML{line}") from None
    # PyYAML's own for `!!int x`, `!!bool x`, a month 13, an integer of 5,000 digits.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise ParseError("holds a number, date or tagged value that YAML does not allow") from None
    _limit(found, MAX_VALUES)
    return found


def facts_of(path: Path, remedy: str) -> dict[str, Any]:
    """The mapping in a JSON file.

    Raises:
        DataError: the file is missing, no JSON, no mapping, or exceeds a limit; the sentence ends
            in `remedy`.
    """
    try:
        found = parse_json(read_text(path))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}): {remedy}.") from error
    except ParseError as error:
        raise DataError(f"{path} {error}: {remedy}.") from None
    if not isinstance(found, dict):
        raise DataError(f"{path} holds no mapping: {remedy}.")
    return found


def shown(value: Any, quoted: bool = True) -> str:
    """A value for a message, cut to a line; whatever it is, it can be printed."""
    if isinstance(value, list | tuple | dict | set) and _over(value, 20):
        return f"a {type(value).__name__} of {len(value)} values"
    text = ascii(value[:100] if isinstance(value, str | bytes) else value)
    text = text if quoted else text.strip("'")
    return text if len(text) <= 60 else f"{text[:57]}..."


class _Outline:
    """The shape of a YAML document, known from its events before any value is built."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}  # anchor -> values that an alias of it stands for
        self.open: list[list[Any]] = []  # of each collection: anchor, size, keys or None, is key

    def check(self, events: Any) -> None:
        for event in events:
            kind = type(event).__name__
            if kind in ("MappingStartEvent", "SequenceStartEvent"):
                self._place(None)
                self.open.append(
                    [event.anchor, 1, set() if kind.startswith("Mapping") else None, True]
                )
                if len(self.open) > MAX_DEPTH:
                    raise ParseError(_too_deep())
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                anchor, size, *_ = self.open.pop()
                self._add(anchor, size)
            elif kind == "ScalarEvent":
                self._place(event.value)
                self._add(event.anchor, 1)
            elif kind == "AliasEvent":
                if any(event.anchor == anchor for anchor, *_ in self.open):
                    raise ParseError(f"has an alias *{shown(event.anchor, False)} of itself")
                self._place(None)
                self._add(None, self.sizes.get(event.anchor, 1))

    def _place(self, key: str | None) -> None:
        """Take note of what comes next: in a mapping a key, then a value."""
        if self.open and (keys := self.open[-1][2]) is not None:
            if self.open[-1][3] and key is not None:
                if key in keys:
                    raise ParseError(f"has the key {shown(key)} twice")
                keys.add(key)
            self.open[-1][3] = not self.open[-1][3]

    def _add(self, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self.sizes[anchor] = size
        if self.open:
            self.open[-1][1] += size
        if size > MAX_VALUES:
            raise ParseError(_too_many(MAX_VALUES))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ParseError(f"has the key {shown(name)} twice")
        found[name] = value
    return found


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS + 1:
        raise ParseError(f"holds an integer of more than {MAX_DIGITS} digits")
    return int(digits)


def _limit(value: Any, most: int) -> None:
    """Refuse a value of too many parts, too many levels, or an integer that is too long."""
    level, count = [value], 0
    for _ in range(MAX_DEPTH):
        level = [part for held in level for part in _parts(held)]
        count += len(level)
        if any(isinstance(part, int) and abs(part) >= LARGEST for part in level):
            raise ParseError(f"holds an integer of more than {MAX_DIGITS} digits")
        if count > most:
            raise ParseError(_too_many(most))
        if not level:
            return
    raise ParseError(_too_deep())


def _over(value: Any, most: int) -> bool:
    try:
        _limit(value, most)
    except ParseError:
        return True
    return False


def _parts(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple | set) else ()


def _too_deep() -> str:
    return f"is nested more than {MAX_DEPTH} deep"


def _too_many(most: int) -> str:
    return f"holds more than {most} values"
