"""An archive's address -> the folder of its contents, and folders inside that."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from clearbg.data.archive import extract
from clearbg.data.fetch import fetch
from clearbg.data.sources.pair import safe_id, short_hash
from clearbg.errors import DataError

FOREIGN = {b"Rar!\x1a\x07": "RAR", b"7z\xbc\xaf\x27\x1c": "7z"}
DEPTH = 3  # folders around a layout that a repacked archive may add


def opened(source: str, sha256: str | None, downloads: Path) -> Path:
    """The folder with the contents of `source`; a local folder is taken as it is.

    Raises:
        DataError: it cannot be fetched or is no archive that can be opened.
    """
    name = safe_id(source.rstrip("/").rpartition("/")[2].rpartition(":")[2])
    place = downloads / f"{name}-{short_hash(source)}"
    path = fetch(source, place, sha256=sha256)
    if path.is_dir():
        return path
    with path.open("rb") as file:
        head = file.read(6)
    if head in FOREIGN:
        raise DataError(
            f"{path} is a {FOREIGN[head]} archive, which is not opened here: extract it "
            f"(7z x, or unrar x) and give the folder in place of {source}."
        )
    return extract(path, place / "contents")


def opened_all(
    sources: Sequence[str], sums: Sequence[str | None] | None, downloads: Path
) -> list[Path]:
    """`opened` for each of several, in order."""
    sums = sums or [None] * len(sources)
    return [opened(*pair, downloads) for pair in zip(sources, sums, strict=True)]


def inner_archive(archive: Path, downloads: Path) -> Path:
    """The contents of an archive that lay in another one."""
    return opened(str(archive), None, downloads)


def folders(root: Path) -> Iterator[Path]:
    """`root` and the folders in it, the outer first, without what a Mac adds to an archive."""
    for depth in range(DEPTH + 1):
        pattern = "/".join(itertools.repeat("*", depth))
        for folder in sorted(root.glob(pattern)) if depth else [root]:
            inside = folder.relative_to(root).parts
            if folder.is_dir() and not any(p.startswith((".", "__MACOSX")) for p in inside):
                yield folder


def holding(root: Path, names: Sequence[str], source: str, layout: str) -> Path:
    """The outermost folder that has a folder of each of `names`.

    Raises:
        DataError: none has; the message says that `source` should be laid out as `layout`.
    """
    for folder in folders(root):
        if all((folder / name).is_dir() for name in names):
            return folder
    missing = [name for name in names if not any((f / name).is_dir() for f in folders(root))]
    raise DataError(
        f"{source} holds no folder {(missing or list(names))[0]}: "
        f"it should be laid out as {layout}."
    )
