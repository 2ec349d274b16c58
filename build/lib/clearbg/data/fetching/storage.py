"""Download one file from an object store with fsspec: s3://, gs://, sftp:// and others.

The store's own client finds the credentials, in the environment or in its own files.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clearbg.data.fetching import download
from clearbg.data.fetching.download import fingerprint, progress_of, refuse_without_room
from clearbg.errors import DataError, FetchError
from clearbg.system.object_store import file_system, is_final, refusal, without_secrets

BLOCK = 4 << 20  # bytes asked for at a time; a broken connection costs at most one
VERSIONS = "ETag etag VersionId generation checksum LastModified mtime created".split()


def from_storage(address: str, part: Path) -> Path:
    """Download `address` to `part/content`, and go on where an earlier try ended.

    An earlier part is continued only if the store gives the file a version and it is the same.

    Raises:
        FetchError: the store has no client here, refuses, or fails again and again; it has no
            such file; the file changes meanwhile; or the disk has no room for it.
    """
    store, path = _store(address)
    content, begun = part / "content", part / "begun"
    facts = _ask(address, lambda: store.info(path))
    if facts["type"] != "file":
        raise FetchError(
            f"{without_secrets(address)} is a folder: give the address of one file in it."
        )
    version, size = _version(facts), facts["size"]
    key = f"{fingerprint(address)} {version} {size}"
    if not (version and begun.exists() and begun.read_text() == key):
        content.unlink(missing_ok=True)
        begun.write_text(key)
    have = content.stat().st_size if content.exists() else 0
    refuse_without_room(without_secrets(address), size - have, part)
    with content.open("ab") as out, progress_of(without_secrets(address)) as bar:
        bar.reset(total=size)
        bar.update(have)
        while have < size:
            span = {"start": have, "end": min(have + BLOCK, size)}
            block = _ask(address, lambda span=span: store.cat_file(path, **span))
            out.write(block)
            bar.update(len(block))
            have += len(block)
            if len(block) != span["end"] - span["start"]:
                break
    store.invalidate_cache()
    after = _ask(address, lambda: store.info(path))
    if have != size or (_version(after), after["size"]) != (version, size):
        content.unlink()
        raise FetchError(f"{without_secrets(address)} changed while it was fetched: run again.")
    return content


def _store(address: str) -> tuple[Any, str]:
    """`file_system`, with a FetchError for its DataError: another mirror may have the file."""
    try:
        return file_system(address)
    except DataError as error:
        raise FetchError(str(error)) from None


def _ask(address: str, question: Callable[[], Any]) -> Any:
    """The store's answer; the question is repeated after failures that may pass."""
    for failure in range(1, download.FAILURES + 1):
        try:
            return question()
        except Exception as error:  # each client has its own classes
            if is_final(error) or failure == download.FAILURES:
                raise FetchError(refusal(address, error)) from None
        time.sleep(download.FIRST_WAIT * 2**failure)


def _version(facts: dict[str, Any]) -> str:
    """The version of a file, as the store names it; "" where the store tells nothing."""
    told = [f"{name}={facts[name]}" for name in VERSIONS if facts.get(name)]
    return " ".join(told)
