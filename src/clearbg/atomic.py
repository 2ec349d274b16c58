"""Write aside, then rename: nothing half-written is ever taken for whole."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clearbg.errors import ClearBGError


@contextlib.contextmanager
def replacing_file(target: Path | str) -> Iterator[Path]:
    """Yield a path beside `target` to write to; on success it takes `target`'s place.

    The temporary name keeps the suffix, so that writers which choose the format by it
    work. On any exception the target stays as it was.

    Raises:
        ClearBGError: the folder cannot be written to, or the disk is full.
    """
    target = Path(target)
    aside = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    with _sentence(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield aside
            os.replace(aside, target)
        finally:
            aside.unlink(missing_ok=True)


def write_text(target: Path | str, text: str) -> None:
    """Replace a text file whole, in UTF-8."""
    with replacing_file(target) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(target: Path | str, value: Any) -> None:
    """Replace a JSON file whole; keys stay in order."""
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def replacing_folder(target: Path | str) -> Iterator[Path]:
    """Yield an empty folder beside `target`; on success it takes the place of `target`.

    Raises:
        ClearBGError: the parent cannot be written to, or the disk is full.
    """
    target = Path(target)
    with _sentence(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        aside.chmod(0o755)
        try:
            yield aside
            shutil.rmtree(target, ignore_errors=True)
            os.replace(aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _sentence(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ClearBGError(
            f"{target} could not be written ({error.strerror or error}): "
            "check the folder's permissions and the free disk space, then run again."
        ) from error
