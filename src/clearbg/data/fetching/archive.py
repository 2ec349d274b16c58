"""Extract archives from strangers safely.

This module checks names and copies contents itself. It does not use the extract functions of
zipfile and tarfile, which allow links, file modes and unlimited sizes.
"""

import bz2
import errno
import gzip
import lzma
import re
import shutil
import stat
import sys
import tarfile
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

from tqdm import tqdm

from clearbg.data.fetching import zip_names
from clearbg.errors import ArchiveError
from clearbg.system.files import file_sha256, replacing_folder
from clearbg.system.progress import progress

MARKER = ".extracted-from"
BLOCK = 1 << 20
MAX_HEADER = 1 << 20  # bytes of a tar between two contents: long names and attributes
SMALL = 64 << 20  # bytes up to which a high ratio harms nobody
RESERVED = 256 << 20  # bytes of the disk that stay free whatever an archive holds
LONGEST_NAME, LONGEST_PATH = 255, 1000  # bytes of UTF-8; file systems hold no more
SIGNS = {  # the first bytes of a file
    "zip": (b"PK\3\4", b"PK\5\6"),
    "gz": (b"\x1f\x8b",),
    "xz": (b"\xfd7zXZ\0",),
    "bz2": (b"BZh",),
    "zst": (b"\x28\xb5\x2f\xfd",),
    "RAR": (b"Rar!\x1a\x07",),
    "7z": (b"7z\xbc\xaf\x27\x1c",),
}
OPENERS: dict[str, Any] = {
    "tar": open, "gz": gzip.open, "xz": lzma.open, "bz2": bz2.open,
}  # fmt: skip
UNOPENED = ("RAR", "7z", "zst")  # kinds of archives that nothing here extracts
METHODS = {  # of compression in a zip, by number (APPNOTE.TXT, section 4.4.5)
    6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd", 99: "AES",
}  # fmt: skip
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
HEAD = 512  # bytes that tell the kind


def extract(
    archive: Path,
    target: Path,
    *,
    max_files: int = 2_000_000,
    max_bytes: int = 400 << 30,
    max_ratio: float = 200,
) -> Path:
    """Extract a zip, tar, tar.gz, tar.bz2 or tar.xz, told apart by content, to the folder `target`.

    Contents are written to a folder aside, which is renamed at the end: all arrive or none. A
    `target` that was made from the same archive (its marker holds the archive's sha256) is
    returned as it is; one that was made from another archive is replaced.

    Args:
        max_files: files and folders together.
        max_bytes: of the contents together, counted while they are read.
        max_ratio: bytes of the contents by bytes of the archive; contents up to 64 MiB are
            allowed whatever their ratio.

    Raises:
        ArchiveError: not an archive, damaged, encrypted, over a limit or the disk's free
            space, with names that leave the folder or collide, or with anything but
            files and folders; or `target` holds something else.
        ClearBGError: `target` cannot be written.
    """
    archive, target = Path(archive), Path(target)
    if not archive.is_file():
        raise ArchiveError(f"{archive} does not exist: fetch it again.")
    with archive.open("rb") as file:
        kind = kind_of(file.read(HEAD))
    digest = file_sha256(archive)
    if kind in UNOPENED:
        raise ArchiveError(
            f"{archive} is a {kind} archive, which is not opened here: extract it yourself and "
            "give the folder in its place."
        )
    if kind != "zip" and kind not in OPENERS:
        raise ArchiveError(
            f"{archive} is {_article(kind)}, not a zip, tar, tar.gz, tar.bz2 or tar.xz archive: "
            "fetch it again."
        )
    marker = target / MARKER
    if marker.is_file():
        if marker.read_text().strip() == digest:
            return target
    elif target.exists() and (target.is_file() or any(target.iterdir())):
        raise ArchiveError(
            f"{target} holds something that was not extracted from {archive.name}: "
            "move it away, then run again."
        )
    with replacing_folder(target) as folder:
        budget = _Budget(archive, folder, max_files, max_bytes, max_ratio)
        members = (
            _zip_members(archive, budget) if kind == "zip" else _tar_members(archive, kind, budget)
        )
        try:
            with budget.bar:
                _write(members, folder, budget)
        except ArchiveError:
            raise
        except Exception as error:  # the readers raise nearly every built-in exception
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise  # of the disk, not of the archive (a bad offset in it gives EINVAL)
            message = f"{archive} is damaged or cut short ({error}): fetch it again."
            raise ArchiveError(message) from error
        (folder / MARKER).write_text(f"{digest}\n")
    return target


class _Budget:
    """Counts what comes out of an archive, and refuses the excess."""

    def __init__(
        self, archive: Path, folder: Path, max_files: int, max_bytes: int, max_ratio: float
    ):
        self.archive, self.folder = archive, folder
        self.files, self.bytes = max_files, max_bytes
        self.inflated = max(SMALL, int(max_ratio * archive.stat().st_size))
        self.unchecked = 0  # bytes since the disk was asked for its free space
        self.bar = progress(what=archive.name[-30:], unit="B", unit_scale=True)

    def expect(self, size: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if size > self.bytes:
            raise self.refusal("holds more bytes than the limit allows")
        if size > free:
            need, have = (tqdm.format_sizeof(number, "B") for number in (size, free))
            raise self.refusal(f"needs {need} on a disk with {have} free")
        self.bar.reset(total=size)

    def file(self) -> None:
        self.files -= 1
        if self.files < 0:
            raise self.refusal("has more files than the limit allows")

    def read(self, size: int) -> None:
        self.bytes -= size
        self.inflated -= size
        if self.bytes < 0:
            raise self.refusal("holds more bytes than the limit allows")
        if self.inflated < 0:
            raise self.refusal("grows out of proportion to its size, as a decompression bomb does")
        self.unchecked += size
        if self.unchecked >= SMALL:
            self.unchecked = 0
            if shutil.disk_usage(self.folder).free < RESERVED:
                raise self.refusal("holds more than the disk has room for; make room")
        self.bar.update(size)

    def refusal(self, why: str) -> ArchiveError:
        return ArchiveError(f"{self.archive} {why}: nothing was extracted.")


class _Counted:
    """A stream that counts its bytes; `allowance`, where set, limits what is read from now on."""

    def __init__(self, stream: BinaryIO, budget: _Budget):
        self.stream, self.budget = stream, budget
        self.allowance: int | None = None

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.budget.read(len(data))
        if self.allowance is not None:
            self.allowance -= len(data)
            if self.allowance < 0:
                raise self.budget.refusal("has more header than an honest archive")
        return data


Member = tuple[str, BinaryIO | _Counted | None]  # name as stored; content, None of a folder


def kind_of(head: bytes) -> str:
    """What a file is by its first `HEAD` bytes: a key of `SIGNS`, tar, web page, empty ..."""
    if not head:
        return "empty"
    if head[257:262] == b"ustar":
        return "tar"
    for kind, signs in SIGNS.items():
        if head.startswith(signs):
            return kind
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return "web page" if text.startswith((b"<!doctype html", b"<html")) else "something else"


def _article(kind: str) -> str:
    return kind if kind in ("empty", "something else") else f"a {kind}"


def _zip_members(archive: Path, budget: _Budget) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        budget.expect(sum(info.file_size for info in file.infolist()))
        names, supposed = zip_names.names(file.infolist())
        if supposed:
            print(
                f"{archive}: its names do not say their encoding: read as {supposed}.",
                file=sys.stderr,
            )
        for info, name in zip(file.infolist(), names, strict=True):
            if info.flag_bits & 1:
                raise budget.refusal(f"is encrypted ({name!r})")
            if info.compress_type not in READABLE:
                method = METHODS.get(info.compress_type, f"method {info.compress_type}")
                raise budget.refusal(
                    f"is compressed with {method}, which is not read here; extract it yourself and "
                    "give the folder in its place"
                )
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise budget.refusal(f"has a link or a device ({name!r})")
            if name.endswith(("/", "\\")):
                yield name, None
            else:
                with file.open(info) as content:
                    yield name, _Counted(content, budget)


class _StrictTarInfo(tarfile.TarInfo):
    """tarfile takes a damaged header for the archive's end; here only the end mark is one."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> tarfile.TarInfo:
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def _tar_members(archive: Path, kind: str, budget: _Budget) -> Iterator[Member]:
    with OPENERS[kind](archive, "rb") as stream:
        counted = _Counted(stream, budget)
        counted.allowance = MAX_HEADER
        with tarfile.open(fileobj=counted, mode="r|", tarinfo=_StrictTarInfo) as tar:
            while member := tar.next():
                if member.issparse() or not (member.isfile() or member.isdir()):
                    raise budget.refusal(f"has a link, a device or holes ({member.name!r})")
                counted.allowance = None
                yield member.name, tar.extractfile(member) if member.isfile() else None
                counted.allowance = MAX_HEADER
                tar.members.clear()  # tarfile would remember every header
        while counted.read(BLOCK):  # gz, bz2 and xz check their sums at the very end
            pass


def _write(members: Iterator[Member], folder: Path, budget: _Budget) -> None:
    taken = {_folded(PurePosixPath(MARKER)): "file"}
    for name, content in members:
        path = _safe(name, budget)
        if not path.parts:
            continue
        kind = "folder" if content is None else "file"
        for parent in reversed(path.parents[:-1]):
            _claim(parent, "folder", taken, budget)
        _claim(path, kind, taken, budget)
        if content is None:
            (folder / path).mkdir(parents=True, exist_ok=True)
            continue
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        with (folder / path).open("xb") as out:
            shutil.copyfileobj(content, out, BLOCK)


def _safe(name: str, budget: _Budget) -> PurePosixPath:
    """The relative path of a stored name, in which some writers use backslashes."""
    name = re.sub(r"(?<=[\udc80-\udcff])\\", "_", name)  # half a letter of Shift-JIS, GBK or Big5
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or PureWindowsPath(name).drive:
        raise budget.refusal(f"has a name that leaves the folder ({name!r})")
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        raise budget.refusal(f"has a name with control characters ({name!r})")
    lengths = [len(part.encode(errors="surrogateescape")) for part in parts]
    if max(lengths) > LONGEST_NAME or sum(lengths) + len(lengths) > LONGEST_PATH:
        raise budget.refusal(f"has a name too long to write ({name[:40]!r}...)")
    return PurePosixPath(*parts)


def _folded(path: PurePosixPath) -> str:
    """The path as a file system sees it that ignores case and normalizes Unicode."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(path)).casefold())


def _claim(path: PurePosixPath, kind: str, taken: dict[str, str], budget: _Budget) -> None:
    key = _folded(path)
    if key not in taken:
        budget.file()
        taken[key] = kind
    elif kind == "file" or taken[key] == "file":
        raise budget.refusal(f"has two names for one file ({str(path)!r})")
