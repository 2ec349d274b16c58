"""A manifest that was edited by hand, or by another program, is read or refused with its row."""

import pytest
from support import contenders

from clearbg.data import manifest
from clearbg.errors import DataError


@pytest.mark.parametrize(
    "column, value, says",
    [
        ("width", "abc", "is no manifest"),
        ("width", "-1", "width = '-1' in row 2"),
        ("status", "maybe", "status = 'maybe' in row 2"),
        ("split", "dev", "split = 'dev' in row 2"),
        ("image", "../../secret.png", "image = '../../secret.png' in row 2"),
        ("mask", "/etc/passwd", "mask = '/etc/passwd' in row 2"),
        ("coverage", "1e9", "coverage = '1000000000.0' in row 2"),
        ("phash", "xyz", "phash = 'xyz' in row 2"),
        ("id", "", "id = '' in row 2"),
    ],
)
def test_value_that_ingest_does_not_write_is_named(tmp_path, column, value, says):
    folder = contenders.ingested(tmp_path / "ingested")
    header, first, *rest = (folder / "manifest.csv").read_text().splitlines()
    cells = first.split(",")
    cells[header.split(",").index(column)] = value
    (folder / "manifest.csv").write_text("\n".join([header, ",".join(cells), *rest]))
    with pytest.raises(DataError) as error:
        manifest.read(folder)
    assert says in str(error.value) and str(error.value).endswith("and run `dvc repro`.")


@pytest.mark.parametrize("name", ["NA", "null", "None", "nan"])
def test_image_may_have_a_name_that_means_nothing_elsewhere(tmp_path, name):
    folder = contenders.ingested(tmp_path / "ingested")
    header, first, *rest = (folder / "manifest.csv").read_text().splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True))
    cells |= {"id": name, "group": name, "source": name, "reason": "", "coverage": ""}
    (folder / "manifest.csv").write_text("\n".join([header, ",".join(cells.values()), *rest]))
    row = manifest.read(folder).iloc[0]
    assert row["id"] == row["group"] == row["source"] == name and row["reason"] == ""
    assert row["coverage"] != row["coverage"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'"', b"\0" * 99, b"a,b\n1,2,3,4\n1,2,3\n"])
def test_file_that_is_no_table_is_refused(tmp_path, content):
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"manifest\.csv .*run `dvc repro`"):
        manifest.read(tmp_path)
