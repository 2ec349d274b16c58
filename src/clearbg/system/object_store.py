"""Files in stores that fsspec reads and writes: s3://, gs://, sftp:// and others.

Every store's own client finds the credentials, in the environment or in its own files.
"""

import os
import re
import urllib.parse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from clearbg.errors import DataError
from clearbg.system.files import beside

SEPARATOR = "://"
WRITE_WHOLE = set("s3 s3a gs gcs az abfs abfss adl oss oci memory".split())
"""Stores in which nobody sees a file before all of it is written."""


@dataclass(frozen=True, repr=False)
class StorePath:
    """A file or a folder in a store, by its address."""

    address: str

    def __str__(self) -> str:
        """The address without a password, for messages."""
        return without_secrets(self.address)

    def __truediv__(self, inside: Path) -> "StorePath":
        return StorePath(f"{self.address.rstrip('/')}/{inside.as_posix()}")

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.address).suffix

    def resolve(self) -> "StorePath":
        """The same object, since an address is already absolute."""
        return self

    def read(self) -> bytes:
        """The file's bytes.

        Raises:
            DataError: the store has no such file, refuses, or cannot be reached.
        """
        return self._ask("read", lambda store, path: store.cat_file(path))

    def write(self, content: bytes) -> None:
        """Write the whole file; nobody ever sees half of it.

        Raises:
            DataError: the store refuses, or cannot be reached.
        """
        self._ask("written", lambda store, path: _write_whole(store, path, content))

    def files(self) -> dict[str, "StorePath"]:
        """All files below the folder, sorted, by their path in it; of a file itself by "".

        Raises:
            DataError: the store refuses, or cannot be reached.
        """

        def names(store: Any, path: str) -> list[str]:
            store.invalidate_cache()  # another program may have added files
            try:
                return [name[len(path) :] for name in sorted(store.find(path))]
            except FileNotFoundError:
                return []

        base = self.address.rstrip("/")
        return {name[1:]: StorePath(base + name) for name in self._ask("read", names)}

    def _ask(self, done: str, question: Callable[[Any, str], Any]) -> Any:
        """The file system's answer; `done` is the word for what failed, for the message."""
        store, path = file_system(self.address)
        try:
            return question(store, path)
        except MemoryError:
            raise
        except Exception as error:  # each client has its own classes
            raise DataError(refusal(self.address, error, done)) from None


Location = Path | StorePath


def location(text: str) -> Location:
    """The address of a store, or a path."""
    return StorePath(text) if SEPARATOR in text else Path(text)


def address_of(location: Location) -> str:
    """The text from which `location` makes the same again; it may contain a password."""
    return location.address if isinstance(location, StorePath) else str(location)


def without_file_scheme(text: str) -> str:
    """The text that a user typed; an address with file:// becomes a path, %20 in it a space."""
    if text.startswith("file://"):
        return urllib.parse.unquote(text.removeprefix("file://"))
    return text.removeprefix("local://")


def without_secrets(address: str) -> str:
    """An address for messages: without user and password, and without the query of a web page."""
    text = re.sub("//[^/]*@", "//", address, count=1)
    return re.split("[?#]", text)[0] if re.match("(?i)https?:", text) else text


def existing(targets: Iterable[Location]) -> set[Location]:
    """The targets that exist already; a store is asked once for all of them.

    Raises:
        DataError: the store refuses, or cannot be reached.
    """
    targets = set(targets)
    stored = {target for target in targets if isinstance(target, StorePath)}
    found = {target for target in targets - stored if os.path.exists(target)}
    if stored:
        addresses = [target.address for target in stored]
        folder = os.path.commonprefix(addresses).rpartition("/")[0]  # noqa: RUF071 - no path
        found |= stored & set(StorePath(folder).files().values())
    return found


def file_system(address: str) -> tuple[Any, str]:
    """fsspec's file system for an address, and the path in it.

    Raises:
        DataError: nothing here reads such addresses, the store's client is not installed, or it
            cannot start.
    """
    import fsspec

    kind = address.partition(SEPARATOR)[0]
    try:
        return fsspec.core.url_to_fs(address)
    except ImportError:
        remedy = 'pip install ".[s3]"' if kind in ("s3", "s3a") else "install it"
        raise DataError(
            f"{without_secrets(address)} needs fsspec's client for {kind}: {remedy}, then run "
            "again."
        ) from None
    except ValueError:
        raise DataError(
            f"{without_secrets(address)} starts with {kind}{SEPARATOR}, which nothing here reads: "
            "use s3://, gs:// or another of fsspec's protocols, or download it and give the path."
        ) from None
    except Exception as error:  # each client has its own classes
        raise DataError(refusal(address, error, "read")) from None


def refusal(address: str, error: Exception, done: str = "read") -> str:
    """One sentence about what a store's client raised, without secrets.

    Args:
        done: what could not be done: "read" or "written".
    """
    shown, kind = without_secrets(address), address.partition(SEPARATOR)[0]
    if isinstance(error, FileNotFoundError):
        return f"{shown} is not there: check the address."
    if is_final(error):
        return (
            f"{shown} may not be {done}: give {kind} its credentials in the environment or its own "
            "files, on every machine that takes part, or, if it is public, set "
            f"FSSPEC_{kind.upper()}_ANON=true."
        )
    name = type(error).__name__
    why = "no answer in time" if "timeout" in name.lower() else name
    return f"{shown} could not be {done} ({why}): check the connection, then run again."


def is_final(error: Exception) -> bool:
    """Whether asking the store again cannot help: no such file, or no permission."""
    lacks_credentials = "credential" in f"{type(error).__name__} {error}".lower()
    return lacks_credentials or isinstance(error, FileNotFoundError | PermissionError)


def _write_whole(store: Any, path: str, content: bytes) -> None:
    protocols = {store.protocol} if isinstance(store.protocol, str) else set(store.protocol)
    if protocols & WRITE_WHOLE:
        store.pipe_file(path, content)
        return
    folder, _, name = path.rpartition("/")
    aside = f"{folder}/{beside(Path(name), 'part').name}"
    store.makedirs(folder, exist_ok=True)
    store.pipe_file(aside, content)
    store.mv(aside, path)
