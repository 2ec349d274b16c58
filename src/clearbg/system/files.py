"""Files and folders are written aside and then renamed, so that no reader sees half of one.

Here is also the SHA-256 of a file.
"""

import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clearbg.errors import ClearBGError

LONGEST_NAME = 255  # bytes; file systems hold no more
SHORT = 16  # letters of a suffix that tells a format
PROCESSES = "/proc/self/ns/pid"  # containers of one host name have process ids of their own
PLACE = platform.node() + (os.readlink(PROCESSES) if os.path.islink(PROCESSES) else "")
HOST = hashlib.sha256(PLACE.encode()).hexdigest()[:8]
BEGUN = re.compile(rf"\..*\.clearbg-{HOST}-([0-9]{{1,9}})(\.[^.]*)?", re.DOTALL)

_swept: set[str] = set()  # the folders in which this process has looked for such files


@contextlib.contextmanager
def replacing_file(target: Path | str, synced: bool = False) -> Iterator[Path]:
    """Yield a path beside `target` to write to; on success it takes `target`'s place.

    The temporary name keeps the suffix, so that writers which choose the format by it
    work. On any exception the target stays as it was. The file has the mode that `open` gives: of
    the file that it replaces, or by the umask. What killed processes of this computer have left
    in the folder is removed when a process first writes there. With `synced` the
    new file is on the disk before the rename, so that even a power cut leaves one of both whole.

    Raises:
        ClearBGError: the folder cannot be written to, or the disk is full.
    """
    target = Path(target)
    suffix = target.suffix if len(target.suffix) < SHORT else ""
    aside = beside(target, f"clearbg-{HOST}-{os.getpid()}{suffix}", target.stem)
    with _sentence(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        mode = _mode(target, aside)
        try:
            yield aside
            if os.name == "posix" and os.stat(aside).st_mode & 0o777 != mode:
                with contextlib.suppress(PermissionError):  # of a disk without such modes
                    os.chmod(aside, mode)
            if synced:
                _sync(aside)
            os.replace(aside, target)
            if synced:
                _sync(target.parent)
        finally:
            aside.unlink(missing_ok=True)


def _mode(target: Path, aside: Path) -> int:
    """The permission bits that `open(target, "w")` would give; `aside` is made for a moment."""
    with contextlib.suppress(FileNotFoundError):
        known = os.stat(target).st_mode & 0o777
        if known & stat.S_IWUSR:  # a protected file is one that DVC holds in its cache
            return known
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        return os.fstat(descriptor).st_mode & 0o777
    finally:
        os.close(descriptor)
        os.unlink(aside)


def _sweep(folder: Path) -> None:
    """Remove the files that processes of this computer had begun in a folder when they died."""
    place = os.path.abspath(folder)
    if place in _swept or os.name != "posix":
        return
    _swept.add(place)
    for name in os.listdir(folder):
        begun = BEGUN.fullmatch(name)
        if begun and not _alive(int(begun[1])):
            with contextlib.suppress(OSError):
                os.unlink(folder / name)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is somebody else's
        return True
    return True


def write_text(target: Path | str, text: str) -> None:
    """Replace a text file whole, in UTF-8; bytes of odd file names become \\udc80 to \\udcff."""
    with replacing_file(target) as aside:
        aside.write_text(text, encoding="utf-8", errors="backslashreplace")


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

    `target` is renamed before it is removed, so that its name never stands for a part of it. What
    a killed run left beside `target` is removed first, and an old folder that it had renamed gets
    its name back. A second process that wants to replace the same folder waits until the first
    has ended. Where `target` is a link to a folder, that folder is replaced and the link stays.

    Raises:
        ClearBGError: `target` is the working folder or a file, its parent cannot be written to, or
            the disk is full.
    """
    target = Path(os.path.realpath(target)) if os.path.islink(target) else Path(target)
    if target.name in ("", "..") or (target.exists() and not target.is_dir()):
        raise ClearBGError(f"{target} cannot be replaced as a folder: name another folder.")
    aside, old = beside(target, "aside"), beside(target, "old")
    with _sentence(target), _locked(target):
        _restore(old, target)
        shutil.rmtree(aside, ignore_errors=True)
        try:
            aside.mkdir()
            yield aside
            if target.exists():
                os.replace(target, old)
            os.replace(aside, target)
        finally:
            _restore(old, target)
            shutil.rmtree(aside, ignore_errors=True)


def too_long(path: Path | str) -> str:
    """The sentence about a path that no file system holds."""
    longest = max(Path(path).parts, key=lambda part: len(os.fsencode(part)))
    size = len(os.fsencode(longest))
    if size <= LONGEST_NAME:
        return f"{path} is too long a path: use a folder nearer to the root."
    return (
        f"{path} has a name of {size} bytes, more than the {LONGEST_NAME} that file systems "
        "allow: give it, or the file that it is named after, a shorter name."
    )


def beside(target: Path, end: str, name: str | None = None) -> Path:
    """A hidden path beside `target`; where its name gets too long, a hash stands for the name."""
    name = target.name if name is None else name
    if len(os.fsencode(f".{name}.{end}")) > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:32]
    return target.with_name(f".{name}.{end}")


def _restore(old: Path, target: Path) -> None:
    """Give a renamed folder its name back where no new one has taken it; else remove it."""
    if old.exists() and not target.exists():
        os.replace(old, target)
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Make `folder` and keep other processes out of it; a process that dies lets go of it.

    The folder may be removed inside; a process that waited for it then makes a new one.

    Raises:
        ClearBGError: the folder cannot be locked.
    """
    with _locked(folder):
        folder.mkdir(exist_ok=True)
        yield


@contextlib.contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Hold the lock file beside `target`; say so where another process makes this one wait."""
    from filelock import FileLock, Timeout

    file = beside(target, "lock")
    lock = FileLock(file)
    with _sentence(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"waiting for another run that is at work in {target}", file=sys.stderr)
        lock.acquire()
    except OSError as error:
        raise ClearBGError(
            f"{target} could not be written, since {file.name} beside it cannot be locked "
            f"({error.strerror or error}): check the folder's permissions and that its disk "
            "supports locks, then run again."
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows removes no file that is open
            file.unlink()  # while it is held: whoever waits for it then makes a new one
        lock.release()


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name != "posix":  # there folders cannot be opened
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _sentence(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ClearBGError(too_long(target)) from error
        raise ClearBGError(
            f"{target} could not be written ({error.strerror or error}): "
            "check the folder's permissions and the free disk space, then run again."
        ) from error
