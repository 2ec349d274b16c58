"""The server's temporary folder for uploads and results, held to an age and a total size.

Bytes count from the moment when they arrive, those of unfinished files too. A file that is finished
stays until it is too old: when there is no room, the new file is refused.
"""

import contextlib
import errno
import os
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

from clearbg.page.limits import Limits
from clearbg.web.room import Room

CLEANING_INTERVAL = 60.0
"""Seconds between two searches for files that have become too old."""
FILE_BYTES = 4096
"""What a file takes beside its content, so that empty files are not endless."""


class UploadFolder:
    """A temporary folder that belongs to one server and is removed when the server ends.

    It is removed at the exit of a process whose server has never run, too.

    Attributes:
        folder: its path, with all links resolved.
    """

    def __init__(self, limits: Limits):
        self.folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="clearbg-page-")))
        self.remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._limits = limits
        self._lock, self._ended = threading.RLock(), threading.Event()
        self._files: dict[Path, tuple[str, int]] = {}  # visitor and bytes
        self._room = Room(limits.storage_bytes)
        self._writing: set[Path] = set()

    def new_folder(self) -> Path:
        """An empty folder inside, with a name that nobody can guess."""
        return Path(tempfile.mkdtemp(prefix="result-", dir=self.folder))

    def contains(self, path: str | os.PathLike) -> bool:
        """Whether a path leads to something in the folder, after all links are resolved."""
        with contextlib.suppress(OSError, ValueError):  # a path may hold anything, NUL too
            return Path(os.path.realpath(path)).is_relative_to(self.folder)
        return False

    def visitor(self, path: Path) -> str:
        """Who sent a file, or for whom it was made; "" when nobody knows."""
        return self._files.get(Path(os.path.realpath(path)), ("", 0))[0]

    def fits(self, size: int, visitor: str) -> bool:
        """Whether a visitor may store `size` more bytes now."""
        return self._room.fits(size, visitor)

    @contextlib.contextmanager
    def writing(self, path: Path, visitor: str) -> Iterator[Callable[[int], None]]:
        """A file that is written inside the block, and removed when the block fails.

        Yields:
            A function that is called with a number of bytes before they are written. It raises
            OSError (ENOSPC) when they do not fit.
        """
        self._writing.add(path)
        try:
            self._take(path, FILE_BYTES, visitor)
            yield lambda size: self._take(path, size, visitor)
            os.utime(path)  # its time begins when it is finished
        except BaseException:
            self.discard(path)
            raise
        finally:
            self._writing.discard(path)

    def write(self, path: Path, content: bytes, visitor: str) -> None:
        """Write a whole file.

        Raises:
            OSError: there is no room.
        """
        with self.writing(path, visitor) as take:
            take(len(content))
            path.write_bytes(content)

    def discard(self, path: Path) -> None:
        """Remove a file, and its folder when nothing else is in it."""
        path.unlink(missing_ok=True)
        with self._lock:
            visitor, size = self._files.pop(path, ("", 0))
            self._room.give_back(size, visitor)
        if path.parent != self.folder:
            with contextlib.suppress(OSError):  # it holds something, or is gone already
                path.parent.rmdir()

    def clean(self) -> None:
        """Remove what is too old, and count what others have written or removed."""
        oldest, seen = time.time() - self._limits.retention_seconds, set()
        for changed, size, path in _files(self.folder):
            if path in self._writing:
                continue
            if changed < oldest:
                self.discard(path)
                continue
            seen.add(path)
            if path not in self._files:
                with self._lock:
                    self._files[path] = ("", size)
                    self._room.add(size, "")
        for path in set(self._files) - seen - self._writing:
            if not path.exists():
                self.discard(path)
        _remove_empty(self.folder, oldest)

    @contextlib.contextmanager
    def cleaned_regularly(self) -> Iterator[None]:
        """Remove old files from time to time inside the block, and the folder at its end."""
        thread = threading.Thread(target=self._clean, name="clearbg-clean", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            self.remove()

    def _take(self, path: Path, size: int, visitor: str) -> None:
        with self._lock:
            if not self._room.take(size, visitor):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._files[path] = (visitor, self._files.get(path, ("", 0))[1] + size)

    def _clean(self) -> None:
        while not self._ended.wait(min(CLEANING_INTERVAL, self._limits.retention_seconds)):
            self.clean()


def _remove_empty(folder: Path, oldest: float) -> None:
    """Remove empty folders that have not changed since the time `oldest`."""
    for parent, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):  # it holds something, or is gone already
            if Path(parent) != folder and os.stat(parent).st_mtime < oldest:
                os.rmdir(parent)


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Time of the last change, size in bytes and path of every file below a folder."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                facts = path.lstat()
                yield facts.st_mtime, facts.st_size, path
