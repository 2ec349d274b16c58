"""One way to get a file: from disk, over http(s), from Google Drive or from Kaggle."""

import contextlib
import errno
import hashlib
import html
import json
import os
import re
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from clearbg.atomic import replacing_file
from clearbg.data import hubs
from clearbg.data.download import download, fingerprint, shown
from clearbg.errors import FetchError

REMOTE = {  # what follows the colon
    "http": r"//[^\s/\[\]]+(/.*)?",
    "https": r"//[^\s/\[\]]+(/.*)?",
    "gdrive": r"[-\w]+",
    "kaggle": r"[-\w]+/[-\w]+",
    "kaggle-competition": r"[-\w]+",
}
PAGES = {
    "the quota of downloads is used up: try again tomorrow": "quota|too many",
    "it wants a login: download with a browser and give the file's path": "sign.?in|log.?in",
    "it suspects a robot: download with a browser and give the file's path": "robot|captcha",
    "the file is not there: check the address": "not found|404",
}


def fetch(
    source: str | Sequence[str],
    folder: Path,
    *,
    sha256: str | None = None,
    name: str | None = None,
) -> Path:
    """Bring a file to `folder`, or return where it already is.

    A path or file:// URL is checked and returned in place. Downloads resume where an
    earlier run ended, if the server's file is still the same, and a finished one whose
    sha256 (given, or recorded when it arrived) still fits is returned without a request.

    Args:
        source: a path; file://, http:// or https://; gdrive:<file id>;
            kaggle:<owner>/<dataset>; kaggle-competition:<name>; or several of them, which
            are tried in order.
        sha256: 64 hexadecimal digits. Without it a body of undeclared length that is cut
            short goes unnoticed.
        name: the file's name in `folder`; by default the source's own.

    Raises:
        FetchError: with what went wrong at each source.
    """
    sources = [source] if isinstance(source, str) else list(source)
    refusals = []
    for one in sources:
        try:
            return _fetch(one, Path(folder), sha256 and sha256.lower(), name)
        except FetchError as error:
            refusals.append(str(error))
    raise FetchError(" ".join(refusals) or "No source to fetch from is given.")


def _fetch(source: str, folder: Path, sha256: str | None, name: str | None) -> Path:
    kind, _, rest = source.partition(":")
    if kind not in REMOTE:
        return _local(source, sha256)
    if not re.fullmatch(REMOTE[kind], rest):
        raise FetchError(f"What follows {kind}: in a source is not well formed: correct it.")
    target = folder / (name or _default_name(kind, rest))
    if _is_finished(target, source, sha256):
        return target
    part = target.with_name(f"{target.name}.part")
    with _disk(target):
        part.mkdir(parents=True, exist_ok=True)
        try:
            content = _bring(source, part, resume=sha256 is not None)
        except FetchError:
            with contextlib.suppress(OSError):
                part.rmdir()  # unless something has arrived
            raise
        try:
            digest = _check(content, shown(source), sha256)
            content.replace(target)
        finally:
            shutil.rmtree(part)
        record = {"source": fingerprint(source), "sha256": digest}
        with replacing_file(_record_of(target)) as aside:
            aside.write_text(json.dumps(record) + "\n")
    return target


def _bring(source: str, part: Path, *, resume: bool) -> Path:
    kind, _, rest = source.partition(":")
    if kind == "gdrive":
        return hubs.from_drive(rest, part, resume=resume)
    if kind == "kaggle":
        return hubs.from_kaggle(rest, part)
    if kind == "kaggle-competition":
        return hubs.from_kaggle_competition(rest, part)
    return download(source, part)


def _local(source: str, sha256: str | None) -> Path:
    """A path as it is: a file is checked, a folder must merely exist."""
    parts = urllib.parse.urlsplit(source)
    is_url = parts.scheme == "file"
    path = Path(urllib.request.url2pathname(parts.path) if is_url else source).expanduser()
    if not os.access(path, os.R_OK):
        raise FetchError(
            f"{path} does not exist or may not be read: give a path, or a source that starts "
            f"with file://, {', '.join(f'{kind}:' for kind in REMOTE)}."
        )
    if path.is_file():
        _check(path, str(path), sha256)
    elif sha256 is not None:
        raise FetchError(f"{path} is a folder and can have no sha256: give a file.")
    return path


def _default_name(kind: str, rest: str) -> str:
    if kind.startswith("kaggle"):
        return f"{PurePosixPath(rest).name}.zip"
    name = PurePosixPath(urllib.parse.unquote(urllib.parse.urlsplit(rest).path)).name
    return "download" if name in ("", "..") else name


def _record_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.fetched.json")


def _is_finished(target: Path, source: str, sha256: str | None) -> bool:
    if not target.is_file():
        return False
    expected = sha256
    if expected is None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            record = json.loads(_record_of(target).read_text())
            if record["source"] == fingerprint(source):
                expected = record["sha256"]
    return expected is not None and _sha256(target) == expected


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(path: Path, shown: str, sha256: str | None) -> str:
    """The file's sha256, unless the file is empty, a web page or not the one expected."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if not head:
        raise FetchError(f"{shown} gave an empty file: try again later, or use another source.")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise FetchError(f"{shown} gave a web page{_meaning(head)} in place of the file.")
    digest = _sha256(path)
    if sha256 is not None and digest != sha256:
        raise FetchError(
            f"{shown} gave a file with sha256 {digest}, not {sha256}: it was changed or damaged; "
            "use another source, or correct the sha256 if you trust this one."
        )
    return digest


def _meaning(page: bytes) -> str:
    text = page.decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.DOTALL | re.IGNORECASE)
    title = " ".join(html.unescape(title[1]).split())[:80] if title else ""
    for meaning, signs in PAGES.items():
        if re.search(signs, title or text, re.IGNORECASE):
            return f" ({meaning})"
    return f' ("{title}")' if title else ""


@contextlib.contextmanager
def _disk(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = "is full" if error.errno == errno.ENOSPC else f"says: {error.strerror or error}"
        raise FetchError(
            f"{target} could not be written, the disk {what}: make room or choose another "
            "folder, then run again; what has arrived is kept."
        ) from error
