"""Names in archives that do not say their encoding."""

import io
import struct
import tarfile
import zlib
from pathlib import Path

import pytest
from support.foreign_zips import archive
from support.tiny_sets import jpg, png

from clearbg.data.fetching.archive import extract
from clearbg.doctor import layouts


def pairs_of(folder: Path) -> set[str]:
    """The stems of the images, each of which has its mask."""
    pairs = layouts.find([folder]).pairs
    assert all(pair.image.is_file() and pair.mask.is_file() for pair in pairs)
    return {pair.image.stem for pair in pairs}


def layout(names: list[bytes], images: str, masks: str) -> dict[bytes, bytes]:
    files = {images.encode().replace(b"{}", name): jpg(1) for name in names}
    return files | {masks.encode().replace(b"{}", name): png(1) for name in names}


NAMES = {
    "cp932": ["写真", "ソフト", "表示", "IMG_機能2"],
    "gbk": ["照片", "红色汽车"],
    "euc_kr": ["사진", "자동차"],
    "big5": ["許功蓋", "圖片"],
    "cp866": ["фото", "Снимок экрана"],
    "utf-8": ["größe", "写真"],
    "cp437": ["größe", "schön", "créée"],
}


@pytest.mark.parametrize("place", [("images/{}.jpg", "masks/{}.png"), ("{}.jpg", "{}_mask.png")])
@pytest.mark.parametrize("encoding", NAMES)
def test_names_of_a_systems_own_encoding_are_read_and_pair(tmp_path, encoding, place, capsys):
    raw = [name.encode(encoding) for name in NAMES[encoding]]
    out = extract(archive(tmp_path / "a.zip", layout(raw, *place)), tmp_path / "out")
    assert pairs_of(out) == {*NAMES[encoding]}
    assert ("do not say their encoding" in capsys.readouterr().err) is (encoding != "utf-8")


def test_names_of_no_known_encoding_pair_too(tmp_path):
    raw = ["ソ".encode("cp932"), b"\xff\xfe\x80", "größe".encode("latin-1"), b"\xf0\\x"]
    for number, place in enumerate([("i/{}.jpg", "i/{}_mask.png"), ("{}.jpg", "{}_mask.png")]):
        zipped = archive(tmp_path / f"{number}.zip", layout(raw, *place))
        assert len(pairs_of(extract(zipped, tmp_path / f"out{number}"))) == 4
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        for name, content in layout(raw, "i/{}.jpg", "i/{}_mask.png").items():
            info = tarfile.TarInfo(name.decode(errors="surrogateescape"))
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    assert len(pairs_of(extract(path, tmp_path / "out"))) == 4


def test_name_in_the_extra_field_counts(tmp_path):
    raw = "写真.jpg".encode("cp932")
    right = "写真.jpg".encode()
    extra = struct.pack("<HHBI", 0x7075, 5 + len(right), 1, zlib.crc32(raw)) + right
    out = extract(archive(tmp_path / "a.zip", {raw: jpg(1)}, extra), tmp_path / "out")
    assert (out / "写真.jpg").is_file()


def test_folders_of_windows_stay_folders(tmp_path):
    zipped = archive(tmp_path / "a.zip", layout([b"a"], "images\\{}.jpg", "masks\\{}.png"))
    assert pairs_of(extract(zipped, tmp_path / "out")) == {"a"}
