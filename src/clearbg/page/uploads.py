"""The folder of what people send and get: nothing in it grows old, and it does not grow."""

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from clearbg.page.limits import Limits

OFTEN = 60.0
"""Seconds between two looks for what has grown old."""


class Temporary:
    """A folder of the server's own, removed when it ends.

    Attributes:
        folder: its real path.
    """

    def __init__(self, limits: Limits):
        self.folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="clearbg-page-")))
        self._limits = limits
        self._sweeping, self._ended = threading.Lock(), threading.Event()

    def new(self) -> Path:
        """An empty folder in it, with a name that nobody guesses."""
        return Path(tempfile.mkdtemp(prefix="made-", dir=self.folder))

    def holds(self, path: str | os.PathLike) -> bool:
        """Whether a path leads to something in the folder, links followed."""
        with contextlib.suppress(OSError, ValueError):  # a path may hold anything, NUL too
            return Path(os.path.realpath(path)).is_relative_to(self.folder)
        return False

    def make_room(self, needed: int = 0) -> bool:
        """Remove what is too old, then the oldest until `needed` bytes fit in; whether they do."""
        with self._sweeping:
            found = sorted(_files(self.folder))
            total = sum(size for _, size, _ in found) + needed
            oldest = time.time() - self._limits.kept_seconds
            for changed, size, path in found:
                if changed >= oldest and total <= self._limits.kept_bytes:
                    break
                path.unlink(missing_ok=True)
                total -= size
            _remove_empty(self.folder, oldest)
        return total <= self._limits.kept_bytes

    @contextlib.contextmanager
    def kept_small(self) -> Iterator[None]:
        """Sweep every now and then inside; remove the folder at the end."""
        thread = threading.Thread(target=self._sweep, name="clearbg-sweep", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            self.remove()

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _sweep(self) -> None:
        while not self._ended.wait(min(OFTEN, self._limits.kept_seconds)):
            self.make_room()


def _remove_empty(folder: Path, oldest: float) -> None:
    """Remove folders in which nothing is, and nothing has changed since."""
    for parent, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):  # it holds something, or is gone already
            if Path(parent) != folder and os.stat(parent).st_mtime < oldest:
                os.rmdir(parent)


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Time of the last change, bytes and path of every file below."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                facts = path.lstat()
                yield facts.st_mtime, facts.st_size, path
