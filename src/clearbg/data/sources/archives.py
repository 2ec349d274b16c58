"""Fetch and extract the archives of a data set, and find folders in them."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clearbg import config
from clearbg.config.data import OneArchive, SeveralArchives
from clearbg.data.fetching.archive import HEAD, UNOPENED, extract, kind_of
from clearbg.data.fetching.fetch import adopt, default_name, fetch, is_remote, mirrors
from clearbg.data.pairs import safe_id, short_hash
from clearbg.errors import DataError, FetchError
from clearbg.images import finding
from clearbg.system.object_store import without_secrets

DEPTH = 3  # folders around a layout that a repacked archive may add
COPY_NUMBER = re.compile(r" ?\(\d+\)(?=\.|$)")  # which browsers add to a second download

Address = str | Sequence[str]


@dataclass(frozen=True)
class Archive:
    """An archive that the settings name under `key`."""

    key: str
    address: Address
    sha256: str | None

    @property
    def name(self) -> str:
        return default_name(mirrors(self.address)[0])


def archives_of(data: config.Data) -> list[Archive]:
    """The archives that a source reads; none for own and generated images."""
    match data:
        case OneArchive():
            return [Archive("data.archive", data.archive, data.sha256)]
        case SeveralArchives():
            sums = data.sha256 or [None] * len(data.archives)
            return [
                Archive(f"data.archives.{number}", address, one)
                for number, (address, one) in enumerate(zip(data.archives, sums, strict=True))
            ]
        case config.DutsData():
            return [
                Archive("data.train_archive", data.train_archive, data.train_sha256),
                Archive("data.test_archive", data.test_archive, data.test_sha256),
            ]
    return []


def fetch_archives(
    data: config.Data, downloads: Path, by_hand: Sequence[Path] = ()
) -> list[tuple[Archive, Path]]:
    """Fetch the archives that the settings name, so that ingest needs no network.

    Args:
        by_hand: archives that were downloaded another way. Each replaces the download of the
            archive that has its name, or of the only archive.

    Returns:
        Each archive with the path of its file or folder.

    Raises:
        DataError: an archive cannot be fetched, or a file belongs to none.
    """
    archives = archives_of(data)
    for file in by_hand:
        one = _archive_for(file, archives, data)
        adopt(file, one.address, _place(one.address, downloads), one.sha256)
    return [
        (one, fetch(one.address, _place(one.address, downloads), sha256=one.sha256))
        for one in archives
    ]


def _archive_for(file: Path, archives: list[Archive], data: config.Data) -> Archive:
    """The archive of the settings that a file, downloaded by hand, replaces."""
    fetched = [one for one in archives if any(map(is_remote, mirrors(one.address)))]
    if not fetched:
        raise FetchError(
            f"{file}: data.source {data.source} fetches no archive: give its path in the recipe, "
            "or take another recipe with `clearbg use`."
        )
    name = COPY_NUMBER.sub("", file.name).casefold()
    fitting = [one for one in fetched if one.name.casefold() == name]
    if len(fitting) == 1:
        return fitting[0]
    if len(fetched) == 1:
        return fetched[0]
    names = ", ".join(one.name for one in fetched)
    raise FetchError(f"{file} is named like no archive of the recipe: rename it to one of {names}.")


def display_name(address: Address) -> str:
    """The name of an archive in messages: its first address, without password and query."""
    first = mirrors(address)[0]
    return without_secrets(first) if is_remote(first) else first


def open_archive(address: Address, sha256: str | None, downloads: Path) -> Path:
    """The folder with the contents of an archive; a local folder is taken as it is.

    What is no image in it is said on standard error.

    Args:
        address: of the archive, or its mirrors.

    Raises:
        DataError: it cannot be fetched or is no archive that can be opened.
    """
    place = _place(address, downloads)
    path = fetch(address, place, sha256=sha256)
    if path.is_dir():
        finding.say_left_out(path)
        return path
    with path.open("rb") as file:
        kind = kind_of(file.read(HEAD))
    if kind in UNOPENED:
        raise DataError(
            f"{path} is a {kind} archive, which is not opened here: extract it "
            f"(7z x, unrar x or zstd -d) and give the folder in place of {display_name(address)}."
        )
    folder = extract(path, place / "contents")
    finding.say_left_out(folder)
    return folder


def open_archives(
    addresses: Sequence[Address], sums: Sequence[str | None] | None, downloads: Path
) -> list[Path]:
    """`open_archive` for each of several, in order."""
    sums = sums or [None] * len(addresses)
    return [open_archive(*pair, downloads) for pair in zip(addresses, sums, strict=True)]


def _place(address: Address, downloads: Path) -> Path:
    """An archive's own folder, which its first address alone decides."""
    first = mirrors(address)[0]
    return downloads / f"{safe_id(default_name(first))}-{short_hash(first)}"


def open_inner_archive(archive: Path, downloads: Path) -> Path:
    """The contents of an archive that lay in another one."""
    return open_archive(str(archive), None, downloads)


def folders(root: Path) -> Iterator[Path]:
    """`root` and the folders in it, outer ones first, without those that macOS adds."""
    for depth in range(DEPTH + 1):
        pattern = "/".join(itertools.repeat("*", depth))
        for folder in sorted(root.glob(pattern)) if depth else [root]:
            inside = folder.relative_to(root).parts
            if folder.is_dir() and not any(p.startswith((".", "__MACOSX")) for p in inside):
                yield folder


def folder_with(root: Path, names: Sequence[str], source: str, layout: str) -> Path:
    """The outermost folder that holds folders of all these names.

    Args:
        source, layout: what the error message names: where `root` is from, and how it should
            be laid out.

    Raises:
        DataError: there is no such folder.
    """
    for folder in folders(root):
        if all((folder / name).is_dir() for name in names):
            return folder
    missing = [name for name in names if not any((f / name).is_dir() for f in folders(root))]
    raise DataError(
        f"{source} holds no folder {(missing or list(names))[0]}: "
        f"it should be laid out as {layout}."
    )
