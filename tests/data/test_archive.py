import contextlib
import os
import random
import struct
from types import SimpleNamespace

import pytest
from support.archives import (
    BROKEN,
    FILES,
    HONEST,
    HOSTILE,
    make_tar,
    make_zip,
    tree,
)

from clearbg.data.fetching import archive as archive_module
from clearbg.data.fetching.archive import extract
from clearbg.errors import ArchiveError, ClearBGError
from clearbg.system.files import replacing_folder


@pytest.fixture
def place(tmp_path):
    """A folder of its own, to see whether anything is written beside the target."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def archive_of(place, data):
    (place / "data.bin").write_bytes(data)
    return place / "data.bin"


@pytest.mark.parametrize("kind", HONEST)
def test_honest_archive_arrives_whole(place, kind):
    assert tree(extract(archive_of(place, HONEST[kind]), place / "out")) == FILES


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_archive_is_refused_and_leaves_nothing(place, kind):
    archive = archive_of(place, HOSTILE[kind])
    with pytest.raises(ArchiveError, match="nothing was extracted"):
        extract(archive, place / "out")
    assert os.listdir(place) == ["data.bin"]
    assert os.listdir(place.parent) == ["place"]


@pytest.mark.slow
def test_no_hostile_archive_fills_the_disk(place, monkeypatch):
    written = {}

    @contextlib.contextmanager
    def weighed(target):
        with replacing_folder(target) as folder:
            try:
                yield folder
            finally:
                files = [path for path in folder.rglob("*") if path.is_file()]
                written[kind] = sum(path.stat().st_size for path in files)

    monkeypatch.setattr(archive_module, "replacing_folder", weighed)
    assert len(HOSTILE) >= 30
    for kind in HOSTILE:
        with pytest.raises(ArchiveError):
            extract(archive_of(place, HOSTILE[kind]), place / "out")
    assert max(written.values()) <= archive_module.SMALL
    assert sum(size > 1 << 20 for size in written.values()) <= 3  # the bombs


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_archive_is_refused_and_leaves_nothing(place, kind):
    archive = archive_of(place, BROKEN[kind])
    with pytest.raises(ArchiveError, match=r"data.bin is .* fetch it again"):
        extract(archive, place / "out")
    assert os.listdir(place) == ["data.bin"]


@pytest.mark.parametrize("method, name", [(9, "Deflate64"), (93, "Zstandard"), (77, "method 77")])
def test_sound_zip_of_another_compression_is_named_and_not_called_damaged(place, method, name):
    packed = bytearray(make_zip([("a.txt", b"a" * 99)]))
    for sign, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        struct.pack_into("<H", packed, packed.index(sign) + offset, method)
    with pytest.raises(ArchiveError, match=f"{name}, which is not read here; extract it yourself"):
        extract(archive_of(place, bytes(packed)), place / "out")
    assert os.listdir(place) == ["data.bin"]


@pytest.mark.parametrize("sign", [b"\x28\xb5\x2f\xfd", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c"])
def test_archive_of_another_kind_asks_for_its_folder(place, sign):
    with pytest.raises(ArchiveError, match="extract it yourself and give the folder"):
        extract(archive_of(place, sign + bytes(600)), place / "out")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_mutations_raise_nothing_but_archive_errors(place, kind):
    rng = random.Random(0)
    for _ in range(100):
        mutant = bytearray(HONEST[kind])
        for _ in range(rng.randint(1, 4)):
            mutant[rng.randrange(len(mutant))] = rng.randrange(256)
        try:
            extract(archive_of(place, bytes(mutant)), place / "out")
        except ArchiveError:
            continue
    assert set(os.listdir(place)) <= {"data.bin", "out"}


def test_number_of_files_is_limited(place):
    archive = archive_of(place, HONEST["zip"])
    with pytest.raises(ArchiveError, match="more files"):
        extract(archive, place / "out", max_files=4)
    assert extract(archive, place / "out", max_files=5)


def test_folders_hidden_in_a_deep_name_count(place):
    with pytest.raises(ArchiveError, match="more files"):
        extract(archive_of(place, make_zip([("a/" * 50 + "b", b"")])), place / "out", max_files=20)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.xz"])
def test_total_size_is_limited(place, kind):
    with pytest.raises(ArchiveError, match="more bytes"):
        extract(archive_of(place, HONEST[kind]), place / "out", max_bytes=1000)


def test_limit_holds_against_a_header_that_lies(place):
    data = bytearray(make_zip([("a", bytes(1 << 20))]))
    size_at = data.rindex(b"PK\1\2") + 24
    data[size_at : size_at + 4] = struct.pack("<I", 10)
    with pytest.raises(ArchiveError):
        extract(archive_of(place, bytes(data)), place / "out", max_bytes=1000)


def test_archive_larger_than_the_free_space_is_refused_at_once(place):
    data = bytearray(make_zip([("a", b"x")]))
    size_at = data.rindex(b"PK\1\2") + 24
    data[size_at : size_at + 4] = struct.pack("<I", 0xFFFFFFFE)
    copies = 4096
    central = data[data.rindex(b"PK\1\2") : data.rindex(b"PK\5\6")]
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, copies, copies, len(central) * copies, 32, 0)
    with pytest.raises(ArchiveError, match=r"needs .*B on a disk"):
        extract(
            archive_of(place, bytes(data[:32] + central * copies + end)),
            place / "out",
            max_bytes=1 << 60,
        )


def test_tar_stops_before_the_disk_is_full(place, monkeypatch):
    nearly_full = SimpleNamespace(free=archive_module.RESERVED - 1)
    monkeypatch.setattr(archive_module.shutil, "disk_usage", lambda _: nearly_full)
    monkeypatch.setattr(archive_module, "SMALL", 1 << 20)
    data = random.Random(0).randbytes(3 << 20)
    with pytest.raises(ArchiveError, match="more than the disk has room for"):
        extract(archive_of(place, make_tar([("a", data)])), place / "out")
    assert os.listdir(place) == ["data.bin"]


def test_same_archive_is_not_extracted_again(place):
    archive = archive_of(place, HONEST["zip"])
    extract(archive, place / "out")
    (place / "out/img/a.jpg").write_bytes(b"touched")
    extract(archive, place / "out")
    assert (place / "out/img/a.jpg").read_bytes() == b"touched"


def test_changed_archive_replaces_what_the_old_one_gave(place):
    extract(archive_of(place, HONEST["zip"]), place / "out")
    extract(archive_of(place, make_zip([("new.txt", b"n")])), place / "out")
    assert tree(place / "out") == {"new.txt": b"n"}


def test_refused_archive_keeps_what_was_there(place):
    extract(archive_of(place, HONEST["zip"]), place / "out")
    with pytest.raises(ArchiveError):
        extract(archive_of(place, HOSTILE["zip bomb"]), place / "out")
    assert tree(place / "out") == FILES


def test_folder_of_somebody_else_is_never_replaced(place):
    (place / "out").mkdir()
    (place / "out/thesis.txt").write_text("years of work")
    with pytest.raises(ArchiveError, match="move it away"):
        extract(archive_of(place, HONEST["zip"]), place / "out")
    assert (place / "out/thesis.txt").exists()


def test_missing_archive_is_a_sentence(place):
    with pytest.raises(ArchiveError, match="does not exist"):
        extract(place / "none.zip", place / "out")


def test_full_disk_is_not_called_a_damaged_archive(place):
    (place / "file").write_text("")
    with pytest.raises(ClearBGError, match="could not be written"):
        extract(archive_of(place, HONEST["zip"]), place / "file" / "out")
