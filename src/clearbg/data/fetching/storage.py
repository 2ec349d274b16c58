"""One file from a store that fsspec reads: s3://, gs://, sftp:// and others.

Credentials are found by each store's own client, in the environment or in its own files.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clearbg.data.fetching import download
from clearbg.data.fetching.download import fingerprint, progress_of, refuse_without_room, shown
from clearbg.errors import FetchError

BLOCK = 4 << 20  # bytes asked for at a time; a broken connection costs at most one
VERSIONS = "ETag etag VersionId generation checksum LastModified mtime created".split()


def from_storage(address: str, part: Path) -> Path:
    """The file at `address` in `part/content`, from where an earlier try ended.

    An earlier part is continued if the store tells a version of the file, and it is the same.

    Raises:
        FetchError: the store has no client here, refuses, or fails again and again; it has no
            such file; the file changes meanwhile; or the disk has no room for it.
    """
    store, path = _store(address)
    content, begun = part / "content", part / "begun"
    facts = _asked(address, lambda: store.info(path))
    if facts["type"] != "file":
        raise FetchError(f"{shown(address)} is a folder: give the address of one file in it.")
    version, size = _version(facts), facts["size"]
    key = f"{fingerprint(address)} {version} {size}"
    if not (version and begun.exists() and begun.read_text() == key):
        content.unlink(missing_ok=True)
        begun.write_text(key)
    have = content.stat().st_size if content.exists() else 0
    refuse_without_room(shown(address), size - have, part)
    with content.open("ab") as out, progress_of(shown(address)) as bar:
        bar.reset(total=size)
        bar.update(have)
        while have < size:
            span = {"start": have, "end": min(have + BLOCK, size)}
            block = _asked(address, lambda span=span: store.cat_file(path, **span))
            out.write(block)
            bar.update(len(block))
            have += len(block)
            if len(block) != span["end"] - span["start"]:
                break
    store.invalidate_cache()
    after = _asked(address, lambda: store.info(path))
    if have != size or (_version(after), after["size"]) != (version, size):
        content.unlink()
        raise FetchError(f"{shown(address)} changed while it was fetched: run again.")
    return content


def _store(address: str) -> tuple[Any, str]:
    """fsspec's file system, and the path in it.

    Raises:
        FetchError: the address is of no known kind, or its client is not installed.
    """
    import fsspec

    kind = address.partition("://")[0]
    try:
        return fsspec.core.url_to_fs(address)
    except ImportError:
        need = "s3" if kind in ("s3", "s3a") else None
        what = 'pip install "clearbg[s3]"' if need else f"install fsspec's client for {kind}"
        raise FetchError(
            f"{shown(address)} needs a package more: {what}, then run again."
        ) from None
    except ValueError:
        raise FetchError(
            f"{shown(address)} starts with {kind}://, which nothing here reads: use https://, "
            "s3://, gs:// or another of fsspec's protocols, or download it and give the path."
        ) from None
    except Exception as error:  # each client has classes of its own
        raise _refusal(address, error) from None


def _asked(address: str, question: Callable[[], Any]) -> Any:
    """What the store answers, asked again while that may help."""
    for failure in range(1, download.FAILURES + 1):
        try:
            return question()
        except Exception as error:  # each client has classes of its own
            if _is_final(error) or failure == download.FAILURES:
                raise _refusal(address, error) from None
        time.sleep(download.FIRST_WAIT * 2**failure)


def _is_final(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError | PermissionError) or _lacks_credentials(error)


def _lacks_credentials(error: Exception) -> bool:
    return "credential" in f"{type(error).__name__} {error}".lower()


def _refusal(address: str, error: Exception) -> FetchError:
    kind = address.partition("://")[0]
    if isinstance(error, FileNotFoundError):
        return FetchError(f"{shown(address)} is not there: check the address.")
    if isinstance(error, PermissionError) or _lacks_credentials(error):
        return FetchError(
            f"{shown(address)} may not be read: give {kind} its credentials in the environment "
            f"or its own files, or, if it is public, set FSSPEC_{kind.upper()}_ANON=true."
        )
    why = "gives no answer in time" if "timeout" in type(error).__name__.lower() else (
        f"cannot be reached, or breaks the connection ({type(error).__name__})"
    )  # fmt: skip
    return FetchError(
        f"{shown(address)} {why}: check the connection and run again later; what has arrived "
        "is kept."
    )


def _version(facts: dict[str, Any]) -> str:
    """What tells one version of a file from the next; "" where the store tells nothing."""
    told = [f"{name}={facts[name]}" for name in VERSIONS if facts.get(name)]
    return " ".join(told)
