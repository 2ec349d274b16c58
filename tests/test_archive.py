import gzip
import io
import lzma
import os
import random
import struct
import tarfile
import warnings
import zipfile

import pytest

from clearbg.data.archive import MARKER, extract
from clearbg.errors import ArchiveError, ClearBGError

FILES = {"img/a.jpg": b"a" * 1000, "mask/a.png": b"b" * 20, "empty.txt": b""}


def make_zip(files, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as file:
        warnings.simplefilter("ignore")  # zipfile dislikes the collisions, too
        for name, content in files:
            file.writestr(name, content)
    return buffer.getvalue()


def make_tar(members, format=tarfile.GNU_FORMAT):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as file:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if info.isreg():
                info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zip_entry(name, mode=0o100644, **fields):
    info = zipfile.ZipInfo("placeholder")
    info.filename, info.create_system, info.external_attr = name, 3, mode << 16
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def tar_entry(name, kind=tarfile.REGTYPE, **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def flagged(data, flag):
    """The zip with a general purpose flag set in every header."""
    data = bytearray(data)
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset] |= flag
            at = data.find(signature, at + 4)
    return bytes(data)


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MARKER
    }


ITEMS = list(FILES.items())
HONEST = {
    "zip": make_zip(ITEMS),
    "stored zip": make_zip(ITEMS, zipfile.ZIP_STORED),
    "lzma zip": make_zip(ITEMS, zipfile.ZIP_LZMA),
    "zip with folders": make_zip([("img/", b""), ("mask/", b""), *ITEMS]),
    "zip with backslashes": make_zip(
        [("img\\", b""), *((name.replace("/", "\\"), content) for name, content in ITEMS)]
    ),
    "tar": make_tar(ITEMS),
    "pax tar": make_tar(ITEMS, tarfile.PAX_FORMAT),
    "tar from a dot": make_tar(
        [(tar_entry(".", tarfile.DIRTYPE), b""), *(("./" + name, c) for name, c in ITEMS)]
    ),
    "tar.gz": gzip.compress(make_tar(ITEMS)),
    "tar.xz": lzma.compress(make_tar(ITEMS)),
}

NAMES = {
    "name leaves the folder": "../escaped",
    "name leaves the folder in the middle": "a/../../escaped",
    "name leaves the folder by backslashes": "..\\escaped",
    "absolute name": "/tmp/escaped-absolute",
    "absolute name by backslashes": "\\\\server\\escaped",
    "name with a drive": "C:escaped",
    "name with a line break": "a\nb",
    "name of the marker": MARKER.upper(),
}
COLLISIONS = {
    "one name twice": ["a", "a"],
    "names that differ by case": ["a.png", "A.png"],
    "names that differ by unicode form": ["\u00e9.png", "e\u0301.png"],
    "names that differ by sharp s": ["stra\u00dfe", "STRASSE"],
    "a file as folder": ["a", "a/b"],
    "a folder as file": ["a/b", "A"],
    "names that differ by dots": ["a/b", "a/./b"],
}
HOSTILE = {
    "tar with a symbolic link": make_tar([(tar_entry("l", tarfile.SYMTYPE, linkname="/tmp"), b"")]),
    "tar that writes through its link": make_tar(
        [(tar_entry("l", tarfile.SYMTYPE, linkname=".."), b""), ("l/escaped", b"x")]
    ),
    "tar with a hard link": make_tar(
        [("a", b"x"), (tar_entry("l", tarfile.LNKTYPE, linkname="a"), b"")]
    ),
    "tar with a device": make_tar([(tar_entry("d", tarfile.CHRTYPE, devmajor=1, devminor=3), b"")]),
    "tar with a pipe": make_tar([(tar_entry("p", tarfile.FIFOTYPE), b"")]),
    "tar with holes": make_tar([(tar_entry("s", tarfile.GNUTYPE_SPARSE), b"")]),
    "tar with an endless name": make_tar([("n" * (4 << 20), b"")]),
    "tar with endless attributes": make_tar(
        [(tar_entry("a", pax_headers={"comment": "c" * (4 << 20)}), b"")], tarfile.PAX_FORMAT
    ),
    "tar.gz bomb": gzip.compress(make_tar([("zeros", bytes(70 << 20))])),
    "tar.gz bomb behind the end": gzip.compress(make_tar(ITEMS) + bytes(4 << 20)),
    "zip bomb": make_zip([("zeros", bytes(70 << 20))]),
    "zip bomb of many files": make_zip([(f"{i}", bytes(1 << 20)) for i in range(70)]),
    "zip with a symbolic link": make_zip([(zip_entry("l", 0o120777), b"/tmp")]),
    "zip with a device": make_zip([(zip_entry("d", 0o020666), b"")]),
    "encrypted zip": flagged(make_zip(ITEMS), 1),
}
HOSTILE |= {f"zip: {why}": make_zip([(zip_entry(name), b"x")]) for why, name in NAMES.items()}
HOSTILE |= {f"tar: {why}": make_tar([(name, b"x")]) for why, name in NAMES.items()}
for _why, _names in COLLISIONS.items():
    HOSTILE[f"zip: {_why}"] = make_zip([(zip_entry(name), b"x") for name in _names])
    HOSTILE[f"tar: {_why}"] = make_tar([(name, b"x") for name in _names])

BROKEN = {
    "empty file": b"",
    "web page": b"<!DOCTYPE html><title>Too many requests</title>",
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(600),
    "gz of something else": gzip.compress(b"a,b\n1,2\n"),
    "zip with a wrong sum": HONEST["stored zip"].replace(b"a" * 1000, b"a" * 999 + b"x", 1),
    "tar with a damaged second header": HONEST["tar"][: 1536 + 10] + b"?" + HONEST["tar"][1547:],
    "tar without its end": HONEST["tar"][:1536],
    "tar.gz with a wrong sum": HONEST["tar.gz"][:-8] + bytes(8),
}
for _kind in ("zip", "tar", "tar.gz", "tar.xz"):
    for _share in (0.3, 0.6, 0.9):
        _whole = HONEST[_kind].rstrip(b"\0") if _kind == "tar" else HONEST[_kind]
        BROKEN[f"{_kind} cut at {_share}"] = _whole[: int(len(_whole) * _share)]


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


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_archive_is_refused_and_leaves_nothing(place, kind):
    archive = archive_of(place, BROKEN[kind])
    with pytest.raises(ArchiveError, match=r"data.bin is .* fetch it again"):
        extract(archive, place / "out")
    assert os.listdir(place) == ["data.bin"]


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
    with pytest.raises(ArchiveError, match=r"needs .* GB on a disk"):
        extract(
            archive_of(place, bytes(data[:32] + central * copies + end)),
            place / "out",
            max_bytes=1 << 60,
        )


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
