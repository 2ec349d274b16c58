"""Tables of pairs as spreadsheets and other systems write them."""

import unicodedata
from pathlib import Path

import pytest
from support.tiny_sets import folder, jpg, png

from clearbg.data.sources import table
from clearbg.errors import DataError


def of_table(tmp_path, content: bytes, names: tuple[str, ...] = ("0", "1")) -> list[str]:
    """The names of the pairs' files, which exist."""
    files = {f"p/{n}.jpg": jpg(1) for n in names} | {f"m/{n}.png": png(1) for n in names}
    place = Path(folder(tmp_path / "own", files | {"t.csv": content}))
    pairs = table.pairs(place / "t.csv")
    assert all(file.is_file() for pair in pairs for file in pair.files())
    return [unicodedata.normalize("NFC", pair.image.stem) for pair in pairs]


PLAIN = "image,mask\np/0.jpg,m/0.png\np/1.jpg,m/1.png\n"
WRITTEN = {
    "backslashes": PLAIN.replace("/", "\\").encode(),
    "dots before the folder": PLAIN.replace("p/", ".\\p\\").encode(),
    "Excel's first line": b"sep=;\r\n" + PLAIN.replace(",", ";").encode(),
    "a first line that no longer holds": b"sep=;\n" + PLAIN.encode(),
    "a first line with tabs": b"sep=\t\r\n" + PLAIN.replace(",", "\t").encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "bars": PLAIN.replace(",", " | ").encode(),
    "names in upper case": PLAIN.replace("image,mask", "Image, MASK ").encode(),
    "a mark before the names": PLAIN.encode("utf-8-sig"),
    "two marks": ("\ufeff" + PLAIN).encode("utf-8-sig"),
    "UTF-16": PLAIN.replace(",", "\t").encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "quotes": b'"image", "mask"\r\n"p/0.jpg", "m/0.png"\r\n"p/1.jpg","m/1.png"',
    "returns alone": PLAIN.replace("\n", "\r").encode(),
    "empty columns and lines": (
        b"\r\n;;;\r\nimage;mask;;\r\np/0.jpg;m/0.png;;\r\n;;;\r\np/1.jpg;m/1.png\r\n;;\r\n"
    ),
    "more cells than names": PLAIN.replace(".png", ".png,,").encode(),
    "separators of the other kind in the names": (
        b"image;mask;group\np/0.jpg;m/0.png;a,b,c\np/1.jpg;m/1.png;,,\n"
    ),
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_table_of_any_program_is_read(tmp_path, kind):
    assert of_table(tmp_path, WRITTEN[kind]) == ["0", "1"]


@pytest.mark.parametrize("name", ["a%20b", "größe, 2;3", "a b", "a\\b", "g\udcf6"])
def test_name_in_a_table_is_that_of_the_file(tmp_path, name):
    text = f'image,mask\n"p/{name}.jpg","m/{name}.png"\n'
    assert of_table(tmp_path, text.encode(errors="surrogateescape"), (name,)) == [name]


def test_table_and_files_may_write_accents_in_either_form(tmp_path):
    mac = unicodedata.normalize("NFD", "ö")
    content = "image,mask\np/ö.jpg,m/ö.png\n".encode()
    assert of_table(tmp_path, content, (mac,)) == ["ö"]


REFUSED = {
    "C:\\data\\0.jpg": "line 2: C:.*is a path on a Windows computer: write it relative",
    "\\\\nas\\data\\0.jpg": "is a path on a Windows computer",
    "g\udcf6.jpg": "line 2: .* is not in UTF-8",
    "q/0.jpg": "not one of the 1 files in the column image exists; .*q/0.jpg, in line 2",
    "x" * 300: "not one of the 1 files",
    "a\0b": "line 2: a name holds the number 0",
}


@pytest.mark.parametrize("name", REFUSED)
def test_name_that_leads_nowhere_is_explained(tmp_path, name):
    text = f"image,mask\n{name},m/0.png\n"
    with pytest.raises(DataError, match=REFUSED[name]):
        of_table(tmp_path, text.encode(errors="surrogateescape"))


@pytest.mark.parametrize(
    "content, message",
    [
        (b"Image;Alpha\np/0.jpg;m/0.png\n", "no column mask.*its columns are image, alpha: add"),
        (b"p/0.jpg,m/0.png\n", "or a first line with the names of the columns"),
        (b"image,Image,mask\na,b,c\n", "two columns have the name image"),
        (b"\n\nimage,mask\n,m/0.png\n", "line 4: the cell image is empty"),
        (b"sep=,\nimage,mask\np/0.jpg,m/0.png\np/0.jpg,m/0.png\n", "line 4: .* is in line 3 too"),
        (b"image,mask\n./p/0.jpg,m/0.png\np\\0.jpg,m/0.png\n", "is in line 2 too"),
        (b"PK\3\4..", "is a workbook"),
        (b"\r\n", "is empty"),
        (b"\xff\xfei\0m", "not a readable CSV file|no column image"),
    ],
)
def test_table_that_is_none_is_explained(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        of_table(tmp_path, content)


def test_pair_of_an_absolute_path_keeps_its_name_when_the_table_moves(tmp_path):
    place = Path(folder(tmp_path / "own", {"p.jpg": jpg(1), "m.png": png(1)}))
    names = set()
    for where in ("here", "there/deep"):
        moved = tmp_path / where / "pairs.csv"
        moved.parent.mkdir(parents=True)
        moved.write_text(f"image,mask\n{place / 'p.jpg'},{place / 'm.png'}\n")
        names |= {pair.id for pair in table.pairs(moved)}
    assert len(names) == 1
