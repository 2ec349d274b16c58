"""File names as other systems write them."""

import io
import os
import sys
import unicodedata
from pathlib import Path


def composed(name: str) -> str:
    """A name in NFC: macOS writes the same name in NFD, with accents as letters of their own."""
    return unicodedata.normalize("NFC", name)


def printable(text: str) -> str:
    """The text with bytes of names that are not UTF-8 as \\udc80 to \\udcff, as JSON has them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def print_any_name() -> None:
    """Let standard output and standard error take every name, as `printable` writes it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Disk:
    """Finds files by their names in any form of Unicode; lists each folder once."""

    def __init__(self) -> None:
        self._listed: dict[Path, dict[str, str]] = {}

    def meant(self, path: Path) -> Path:
        """The path under which the file is on the disk; the path itself where there is none."""
        if path == path.parent or os.path.lexists(path):
            return path
        parent = self.meant(path.parent)
        if parent not in self._listed:
            names = (
                os.listdir(parent) if os.path.isdir(parent) and os.access(parent, os.R_OK) else []
            )
            self._listed[parent] = {composed(name): name for name in sorted(names)}
        return parent / self._listed[parent].get(composed(path.name), path.name)
