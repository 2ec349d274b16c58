"""The set of faults that several files of tests examine."""

import os
import sys
from pathlib import Path

import pytest
from support.faulty_sets import CLEAN, FAULTS, clean, copied
from support.foreign_zips import archive

from clearbg.data.fetching.archive import extract


@pytest.fixture
def faulty(tmp_path) -> tuple[Path, dict[str, set[str]]]:
    """A set of two splits with one of each fault; id -> kinds that should be found."""
    train, test = clean(tmp_path / "own/train"), clean(tmp_path / "own/test", range(110, 113))
    expected = {}
    for number, fault in enumerate(FAULTS):
        fault.write(train, f"f{number:02d}", number)
        expected[f"train-f{number:02d}"] = {fault.kind}
    copied(train, "twin", train, "c100")
    copied(train, "alike", train, "c101", quality=60)
    copied(train, "leak", test, "c110")
    copied(train, "leakish", test, "c111", quality=60)
    expected |= {
        "train-c101": {"near-duplicate"},  # the later one, by name, is told of
        "train-twin": {"duplicate"},
        "train-leak": {"duplicate-across-splits"},
        "train-leakish": {"near-duplicate-across-splits"},
    }
    _odd_names(train)
    _from_japan(train, tmp_path)
    expected["train-linked"] = {"duplicate"}
    _linked(train, tmp_path / "cache")
    _left_out(train)
    return tmp_path / "own", expected


def _odd_names(folder: Path) -> None:
    """Pairs without a fault, whose names other programs stumble over."""
    CLEAN.write(folder, "n" * 246, 200)  # 250 bytes with the suffix
    CLEAN.write(folder, "caf\u00e9", 201)
    (folder / "masks/caf\u00e9.png").rename(folder / "masks/cafe\u0301.png")  # as macOS writes it
    if sys.platform == "linux":
        CLEAN.write(folder, os.fsdecode(b"gr\xfc\xdfe"), 202)  # Latin-1


def _from_japan(folder: Path, beside: Path) -> None:
    """A pair without a fault out of a zip whose names are Shift-JIS; the second half of a letter
    is a backslash.
    """
    name = "ソフト"
    files = CLEAN.write(beside / "sent", name, 203).files()
    named = {f"{file.parent.name}/{file.name}".encode("cp932"): file.read_bytes() for file in files}
    out = extract(archive(beside / "sent.zip", named), beside / "extracted")
    for part in ("images", "masks"):
        for file in (out / part).iterdir():
            file.rename(folder / part / file.name)


def _linked(folder: Path, cache: Path) -> None:
    """A pair and its copy, whose files are links to one file each, as DVC's cache makes them."""
    cache.mkdir()
    for file in CLEAN.write(folder, "link", 204).files():
        file.rename(cache / file.suffix[1:])
        for name in ("link", "linked"):
            file.with_stem(name).symlink_to(cache / file.suffix[1:])


def _left_out(folder: Path) -> None:
    """What is no image beside the images, and what hangs when it is read."""
    (folder / "images/.DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "images/notes.txt").write_text("no image")
    (folder / "images/@eaDir").mkdir()
    (folder / "images/@eaDir/c100.jpg").write_text("a thumbnail")
    os.mkfifo(folder / "images/pipe.jpg")
