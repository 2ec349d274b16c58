"""The server's temporary folder for uploads and results, held to an age and a total size."""

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from clearbg.page.limits import Limits

CLEANING_INTERVAL = 60.0
"""Seconds between two searches for files that have become too old."""


class UploadFolder:
    """A temporary folder that belongs to one server and is removed when the server ends.

    Attributes:
        folder: its path, with all links resolved.
    """

    def __init__(self, limits: Limits):
        self.folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="clearbg-page-")))
        self._limits = limits
        self._cleaning, self._ended = threading.Lock(), threading.Event()

    def new_folder(self) -> Path:
        """An empty folder inside, with a name that nobody can guess."""
        return Path(tempfile.mkdtemp(prefix="result-", dir=self.folder))

    def contains(self, path: str | os.PathLike) -> bool:
        """Whether a path leads to something in the folder, after all links are resolved."""
        with contextlib.suppress(OSError, ValueError):  # a path may hold anything, NUL too
            return Path(os.path.realpath(path)).is_relative_to(self.folder)
        return False

    def make_room(self, needed: int = 0) -> bool:
        """Remove files that are too old, then the oldest until `needed` more bytes fit.

        Returns:
            Whether they fit.
        """
        with self._cleaning:
            files = sorted(_files(self.folder))
            total = sum(size for _, size, _ in files) + needed
            oldest = time.time() - self._limits.retention_seconds
            for changed, size, path in files:
                if changed >= oldest and total <= self._limits.storage_bytes:
                    break
                path.unlink(missing_ok=True)
                total -= size
            _remove_empty(self.folder, oldest)
        return total <= self._limits.storage_bytes

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

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _clean(self) -> None:
        while not self._ended.wait(min(CLEANING_INTERVAL, self._limits.retention_seconds)):
            self.make_room()


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
