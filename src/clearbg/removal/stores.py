"""Images in stores that fsspec reads and writes: s3://, gs://, sftp:// and others.

Credentials are found by each store's own client, in the environment or in its own files.
"""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from clearbg.errors import DataError
from clearbg.images import SUFFIXES

SEPARATOR = "://"
LOCAL = ("file://", "local://")
PUT_WHOLE = set("s3 s3a gs gcs az abfs abfss adl oss oci memory".split())
"""Stores whose objects appear whole or not at all."""


@dataclass(frozen=True, repr=False)
class Stored:
    """A file or a folder of a store, by its address."""

    address: str

    def __str__(self) -> str:
        """The address as people may see it: without a password."""
        return re.sub("//[^/@]*@", "//", self.address)

    def __truediv__(self, inside: Path) -> "Stored":
        return Stored(f"{self.address.rstrip('/')}/{inside.as_posix()}")

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.address).suffix

    def resolve(self) -> "Stored":
        """Itself: an address has no other."""
        return self

    def read(self) -> bytes:
        """The file's bytes.

        Raises:
            DataError: the store has no such file, refuses, or cannot be reached.
        """
        return self._ask("read", lambda store, path: store.cat_file(path))

    def write(self, encoded: bytes) -> None:
        """Put a file whole: nobody ever sees half of it.

        Raises:
            DataError: the store refuses, or cannot be reached.
        """
        self._ask("written", lambda store, path: _put(store, path, encoded))

    def files(self) -> dict[str, "Stored"]:
        """Every file below, by its path in the folder, sorted; a file itself under "".

        Raises:
            DataError: the store refuses, or cannot be reached.
        """

        def names(store: Any, path: str) -> list[str]:
            store.invalidate_cache()  # what another program has put there is seen
            try:
                return [name[len(path) :] for name in sorted(store.find(path))]
            except FileNotFoundError:
                return []

        base = self.address.rstrip("/")
        return {name[1:]: Stored(base + name) for name in self._ask("read", names)}

    def _ask(self, done: str, question: Callable[[Any, str], Any]) -> Any:
        """What the file system answers; `done` says in a message what could not be done."""
        import fsspec

        kind = self.address.partition(SEPARATOR)[0]
        try:
            store, path = fsspec.core.url_to_fs(self.address)
        except ImportError:
            what = 'pip install "clearbg[s3]"' if kind in ("s3", "s3a") else "install it"
            raise DataError(
                f"{self} needs fsspec's client for {kind}: {what}, then run again."
            ) from None
        except ValueError:
            raise DataError(
                f"{self} starts with {kind}{SEPARATOR}, which nothing here reads: use s3://, "
                "gs:// or another of fsspec's protocols."
            ) from None
        except Exception as error:  # each client has classes of its own
            raise self._refusal(done, error) from None
        try:
            return question(store, path)
        except MemoryError:
            raise
        except Exception as error:  # as above
            raise self._refusal(done, error) from None

    def _refusal(self, done: str, error: Exception) -> DataError:
        kind = self.address.partition(SEPARATOR)[0]
        if isinstance(error, FileNotFoundError):
            return DataError(f"{self} is not there: check the address.")
        lacks = "credential" in f"{type(error).__name__} {error}".lower()
        if lacks or isinstance(error, PermissionError):
            return DataError(
                f"{self} may not be {done}: give {kind} its credentials in the environment or "
                "its own files, on every machine that works on the images."
            )
        return DataError(
            f"{self} could not be {done} ({type(error).__name__}): check the connection and the "
            "address, and run again."
        )


Place = Path | Stored


def plain(text: str) -> str:
    """What a person named, a path as a path: without file://."""
    protocol = next((protocol for protocol in LOCAL if text.startswith(protocol)), "")
    return text.removeprefix(protocol)


def place(text: str) -> Place:
    """The address of a store, or a path."""
    return Stored(text) if SEPARATOR in text else Path(text)


def address(place: Place) -> str:
    """What `place` reads; it may hold a password."""
    return place.address if isinstance(place, Stored) else str(place)


def images_below(source: Stored) -> list[tuple[Path, Stored]]:
    """Images in a folder of a store, with their paths in it, sorted; hidden ones are left out.

    An address of a file gives that file, under its name.

    Raises:
        DataError: the store refuses, or cannot be reached.
    """
    found = []
    for inside, stored in source.files().items():
        path = Path((inside or stored.address.rpartition("/")[2]).lstrip("/"))
        hidden = any(part.startswith(".") for part in path.parts)  # .. as well
        if not hidden and path.suffix.lower() in SUFFIXES:
            found.append((path, stored))
    return found


def present(targets: Iterable[Place]) -> set[Place]:
    """Those of the targets that are there already; a store is asked once, for all of them.

    Raises:
        DataError: the store refuses, or cannot be reached.
    """
    targets = set(targets)
    stored = {target for target in targets if isinstance(target, Stored)}
    there = {target for target in targets - stored if target.exists()}
    if stored:
        addresses = [target.address for target in stored]
        folder = os.path.commonprefix(addresses).rpartition("/")[0]  # noqa: RUF071 - no path
        there |= stored & set(Stored(folder).files().values())
    return there


def _put(store: Any, path: str, encoded: bytes) -> None:
    protocols = {store.protocol} if isinstance(store.protocol, str) else set(store.protocol)
    if protocols & PUT_WHOLE:
        store.pipe_file(path, encoded)
        return
    folder, _, name = path.rpartition("/")
    aside = f"{folder}/.{name}.part"
    store.makedirs(folder, exist_ok=True)
    store.pipe_file(aside, encoded)
    store.mv(aside, path)
