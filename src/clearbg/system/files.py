"""Files written aside, then renamed, so that nothing half-written is taken for whole; and their
SHA-256."""

import contextlib
import glob
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clearbg.errors import ClearBGError

try:
    import fcntl
except ImportError:  # Windows has no locks on folders: two runs at once are not kept apart there
    fcntl = None


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


def file_sha256(path: Path | str) -> str:
    """The SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def replacing_folder(target: Path | str) -> Iterator[Path]:
    """Yield an empty folder beside `target`; on success it takes the place of `target`.

    What a killed run left beside `target` is removed first.

    Raises:
        ClearBGError: the parent cannot be written to, or the disk is full.
    """
    target = Path(target)
    with _sentence(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_overs(target)
        aside, lock = _locked_aside(target)
        try:
            yield aside
            shutil.rmtree(target, ignore_errors=True)
            os.replace(aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            _unlock(lock)


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Make `folder` and keep other processes out of it; a process that dies lets go of it.

    The folder may be removed inside; who waited for it then makes a new one.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        lock = _lock(folder, wait=False)
        if lock is None and fcntl is not None:
            print(f"waiting for another run that is at work in {folder}", file=sys.stderr)
            lock = _lock(folder, wait=True)
        with contextlib.suppress(FileNotFoundError):
            if lock is None or os.path.samestat(os.fstat(lock), folder.stat()):
                break
        _unlock(lock)  # of a folder that its owner has removed
    try:
        yield
    finally:
        _unlock(lock)


def _aside_prefix(target: Path) -> str:
    return f".{target.name}.aside-"


def _remove_left_overs(target: Path) -> None:
    """Remove folders aside whose process is gone: nobody holds their lock."""
    for left in target.parent.glob(f"{glob.escape(_aside_prefix(target))}*"):
        lock = _lock(left, wait=False)
        if lock is not None:
            shutil.rmtree(left, ignore_errors=True)
            _unlock(lock)


def _locked_aside(target: Path) -> tuple[Path, int | None]:
    while True:
        aside = Path(tempfile.mkdtemp(prefix=_aside_prefix(target), dir=target.parent))
        lock = _lock(aside, wait=True)
        if aside.exists():  # another run may have taken it for a left-over before the lock
            aside.chmod(0o755)
            return aside, lock
        _unlock(lock)


def _lock(folder: Path, *, wait: bool) -> int | None:
    """An open descriptor that holds the folder; None: somebody else does, or there are no locks."""
    if fcntl is None:
        return None
    with contextlib.suppress(OSError):
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return lock
        except OSError:  # held, or a file system without locks
            os.close(lock)
    return None


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


@contextlib.contextmanager
def _sentence(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ClearBGError(
            f"{target} could not be written ({error.strerror or error}): "
            "check the folder's permissions and the free disk space, then run again."
        ) from error
