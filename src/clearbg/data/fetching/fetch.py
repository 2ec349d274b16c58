"""Fetch a file from the disk, over http(s), from an object store, Google Drive or Kaggle."""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from clearbg.data.fetching import hubs
from clearbg.data.fetching.archive import HEAD, UNOPENED, kind_of
from clearbg.data.fetching.download import (
    download,
    fingerprint,
    page_meaning,
    progress_of,
    refuse_without_room,
)
from clearbg.data.fetching.storage import from_storage
from clearbg.errors import FetchError
from clearbg.system.files import exclusive, file_sha256, replacing_file
from clearbg.system.object_store import without_secrets
from clearbg.system.parsing import parse_json, read_text

REMOTE = {  # what follows the colon
    "http": r"//[^\s/\[\]]+(/.*)?",
    "https": r"//[^\s/\[\]]+(/.*)?",
    "gdrive": r"[-\w]+",
    "gdrive-folder": r"[-\w]+",
    "kaggle": r"[-\w]+/[-\w]+(/[1-9]\d*)?",
    "kaggle-competition": r"[-\w]+",
}
STORE = re.compile(r"(?!file:)[a-z][a-z0-9+.-]+://.+")
KIND_BY_SUFFIX = {
    ".zip": "zip",
    ".tar": "tar",
    ".gz": "gz",
    ".tgz": "gz",
    ".xz": "xz",
    ".txz": "xz",
    ".bz2": "bz2",
    ".tbz2": "bz2",
}
"""The kind of content that a name's suffix promises."""
CHECKPOINT = re.compile(r"\.(pth|pt|ckpt)\.tar$")  # by a custom of PyTorch's, and no tar


def fetch(
    source: str | Sequence[str],
    folder: Path,
    *,
    sha256: str | None = None,
    name: str | None = None,
) -> Path:
    """Download a file (or a Drive folder) to `folder`, or return where it already is.

    A path or file:// URL is checked and returned as it is. A download resumes where an earlier
    run ended, if the server's file has not changed. A finished download is returned without a
    request if its sha256 (given, or recorded when it arrived) is still the same. When two
    processes want one file, the second waits for the first.

    Args:
        source: a path; file://, http:// or https://; s3://, gs:// or another protocol of
            fsspec; gdrive:<file id>; gdrive-folder:<folder id>; kaggle:<owner>/<dataset>, with
            /<version> to pin one; kaggle-competition:<name>; or several of them, mirrors of one
            file, which are tried in order.
        sha256: 64 hexadecimal digits; of a folder, over its files' names and sums. Without it
            nobody notices that an answer of undeclared length was cut short.
        name: the file's name in `folder`; by default the first source's own.

    Raises:
        FetchError: with what went wrong at each source.
    """
    sources = mirrors(source)
    sha256 = sha256 and sha256.lower()
    remote = [one for one in sources if is_remote(one)]
    target = Path(folder) / (name or default_name(sources[0]))
    if not remote:
        return _first_of(sources, target, sha256)
    part = target.with_name(f"{target.name}.part")
    if not part.exists() and _is_finished(target, remote, sha256):
        return target
    with _disk_errors(target), exclusive(part):
        if not _is_finished(target, remote, sha256):
            try:
                return _first_of(sources, target, sha256)
            finally:
                with contextlib.suppress(OSError):
                    part.rmdir()  # unless something has arrived
        shutil.rmtree(part)
    return target


def adopt(file: Path, source: str | Sequence[str], folder: Path, sha256: str | None) -> Path:
    """Use a file that was downloaded by hand as if `fetch` had downloaded it from `source`.

    The file stays where it is; it is linked, or copied to another disk.

    Raises:
        FetchError: it is missing, empty, a web page, not what its name says, or has another
            sha256; or the disk has no room for it.
    """
    sources = mirrors(source)
    target = Path(folder) / default_name(sources[0])
    if not file.is_file():
        raise FetchError(f"{file} is no file: give the archive that you downloaded.")
    part = target.with_name(f"{target.name}.part")
    with _disk_errors(target), exclusive(part):
        digest = _check(file, str(file), sha256 and sha256.lower(), target.name)
        content = part / "content"
        content.unlink(missing_ok=True)
        try:
            os.link(file.resolve(), content)
        except OSError:  # another disk, or one without links
            _copy(file, content)
        _move_into_place(content, target, sources[0], digest)
    return target


def mirrors(source: str | Sequence[str]) -> list[str]:
    """The addresses of one file, each well formed.

    Raises:
        FetchError: there is none, or one is not well formed.
    """
    sources = [source] if isinstance(source, str) else list(source)
    if not sources:
        raise FetchError("No source to fetch from is given.")
    for one in sources:
        kind, _, rest = one.partition(":")
        if kind in REMOTE and not re.fullmatch(REMOTE[kind], rest):
            raise FetchError(f"What follows {kind}: in a source is not well formed: correct it.")
    return sources


def is_remote(source: str) -> bool:
    return source.partition(":")[0] in REMOTE or STORE.fullmatch(source) is not None


def recorded_sha256(path: Path) -> str | None:
    """The sha256 that `fetch` recorded of its download `path`; None if it was not fetched."""
    return _record(path).get("sha256")


def default_name(source: str) -> str:
    """The name that the file of a source gets on the disk."""
    kind, _, rest = source.partition(":")
    if kind.startswith("kaggle"):
        return f"{rest.split('/')[min(1, rest.count('/'))]}.zip"
    path = urllib.parse.unquote(urllib.parse.urlsplit(rest).path) if is_remote(source) else source
    name = PurePosixPath(path).name
    return "download" if name in ("", "..") else name


def _first_of(sources: list[str], target: Path, sha256: str | None) -> Path:
    """The file from the first source that gives it."""
    refusals = []
    for one in sources:
        try:
            if is_remote(one):
                return _remote(one, target, sha256)
            return _local(one, sha256)
        except FetchError as error:
            refusals.append(str(error))
    raise FetchError(" ".join(refusals))


def _remote(source: str, target: Path, sha256: str | None) -> Path:
    part = target.with_name(f"{target.name}.part")
    place = part / fingerprint(source)[:8]  # mirrors never continue one another's bytes
    place.mkdir(exist_ok=True)
    try:
        content = _download(source, place, resume=sha256 is not None)
    except FetchError:
        if {path.name for path in place.iterdir()} <= {"begun"}:  # nothing has arrived
            shutil.rmtree(place)
        raise
    try:
        digest = _check(content, without_secrets(source), sha256, target.name)
    except FetchError:
        shutil.rmtree(place)
        raise
    _move_into_place(content, target, source, digest)
    return target


def _move_into_place(content: Path, target: Path, source: str, digest: str) -> None:
    """Move a complete download to `target`, and remove its partial files."""
    # The record comes first: after a power cut between the two, `content` is found whole.
    with replacing_file(_record_of(target)) as aside:
        aside.write_text(json.dumps({"source": fingerprint(source), "sha256": digest}) + "\n")
    if target.is_dir():
        shutil.rmtree(target)
    content.replace(target)
    shutil.rmtree(target.with_name(f"{target.name}.part"))


def _download(source: str, place: Path, *, resume: bool) -> Path:
    kind, _, rest = source.partition(":")
    match kind:
        case "http" | "https":
            return download(source, place)
        case "gdrive":
            return hubs.from_drive(rest, place, resume=resume)
        case "gdrive-folder":
            return hubs.from_drive_folder(rest, place)
        case "kaggle":
            return hubs.from_kaggle(rest, place)
        case "kaggle-competition":
            return hubs.from_kaggle_competition(rest, place)
    return from_storage(source, place)


def _local(source: str, sha256: str | None) -> Path:
    """A path as it is: a file is checked, a folder must merely exist."""
    parts = urllib.parse.urlsplit(source)
    is_url = parts.scheme == "file"
    path = Path(urllib.request.url2pathname(parts.path) if is_url else source).expanduser()
    if not os.access(path, os.R_OK):
        raise FetchError(
            f"{path} does not exist or may not be read: give a path, or a source that starts "
            f"with file://, s3://, {', '.join(f'{kind}:' for kind in REMOTE)}."
        )
    if path.is_file() or sha256 is not None:
        _check(path, str(path), sha256, path.name)
    return path


def _copy(file: Path, content: Path) -> None:
    refuse_without_room(str(file), file.stat().st_size, content.parent)
    with file.open("rb") as inside, content.open("wb") as out, progress_of(str(file)) as bar:
        bar.reset(total=file.stat().st_size)
        while block := inside.read(1 << 20):
            out.write(block)
            bar.update(len(block))


def _record_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.fetched.json")


def _record(target: Path) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return dict(parse_json(read_text(_record_of(target))))
    return {}


def _is_finished(target: Path, sources: list[str], sha256: str | None) -> bool:
    record = _record(target)
    if sha256 is None and record.get("source") in map(fingerprint, sources):
        sha256 = record.get("sha256")
    return sha256 is not None and target.exists() and _sha256(target) == sha256


def _sha256(path: Path) -> str:
    """The sum of a file's bytes; of a folder, over its files' names and sums."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        lines = [f"{_sha256(file)}  {file.relative_to(path).as_posix()}\n" for file in files]
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    return file_sha256(path)


def _check(path: Path, shown: str, sha256: str | None, name: str) -> str:
    """The sha256 of a download.

    Raises:
        FetchError: it is empty, a web page, has another sum than `sha256`, or is not of the
            kind that the suffix of `name` says (which a correct sum excuses).
    """
    head, kind = b"", "folder"
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(1 << 16)
        kind = kind_of(head[:HEAD])
    if kind == "empty":
        raise FetchError(f"{shown} gave an empty file: try again later, or use another source.")
    if kind == "web page":
        raise FetchError(f"{shown} gave a web page{page_meaning(head)} in place of the file.")
    digest = _sha256(path)
    if digest == sha256:
        return digest
    expected = (
        None if CHECKPOINT.search(name) else KIND_BY_SUFFIX.get(PurePosixPath(name).suffix.lower())
    )
    if expected and kind not in (expected, "folder", *UNOPENED):  # those have their own advice
        raise FetchError(
            f"{shown} gave {kind}, not the {expected} that the name {name} says: look at the "
            "address in a browser, or use another source."
        )
    if sha256 is not None:
        raise FetchError(
            f"{shown} gave a file with sha256 {digest}, not {sha256}: it was changed or damaged; "
            "use another source, or correct the sha256 if you trust this one."
        )
    return digest


@contextlib.contextmanager
def _disk_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = "is full" if error.errno == errno.ENOSPC else f"says: {error.strerror or error}"
        raise FetchError(
            f"{target} could not be written, the disk {what}: make room or choose another "
            "folder, then run again; the part that has arrived stays on the disk."
        ) from error
