"""The layouts of ten binarization contests in miniature: pairs, years, polarity."""

from pathlib import Path

import numpy as np
import pytest
from support.tiny_sets import alpha_of, archive, folder, found, hard, ink, jpg, reason, settings

from clearbg.data import sources
from clearbg.errors import DataError


def dibco(tmp_path, *archives: str) -> dict[str, sources.Pair]:
    return found(settings("dibco", archives=list(archives), sha256=None), tmp_path)


def test_ink_is_foreground(tmp_path):
    source = folder(tmp_path / "pages", {"img/p1.png": jpg(1), "gt/p1.png": ink(1, "PNG")})
    pairs = dibco(tmp_path, source)
    assert np.array_equal(alpha_of(pairs["pages-p1"]), hard(1))


CONTESTS = {
    "2009": {
        "DIBC02009_Test_images-handwritten/H01.bmp": jpg(1),
        "DIBCO2009_Test_images-printed/P01.bmp": jpg(2),
        "DIBCO2009-GT-Test-images_handwritten/H01.tiff": ink(1),
        "DIBCO2009-GT-Test-images_printed/P01.tiff": ink(2),
    },
    "2010": {
        "DIBC02010_Test_images/H01.tif": jpg(3),
        "DIBC02010_Test_GT/H01_estGT.tiff": ink(3),
        "DIBC02010_Test_GT/H01_skelGT.tiff": ink(3),
    },
    "2011": {"DIBCO11-handwritten/HW1.png": jpg(4), "DIBCO11-handwritten/HW1_GT.tiff": ink(4)},
    "2012": {"H-DIBCO2012-dataset/H01.png": jpg(5), "H-DIBCO2012-dataset/H01_GT.tif": ink(5)},
    "2013": {"OriginalImages/PR01.bmp": jpg(6), "GTimages/PR01_estGT.tiff": ink(6)},
    "2014": {"original_images/H01.png": jpg(7), "GT/H01_estGT.tiff": ink(7)},
    "2016": {"DIPCO2016_dataset/1.bmp": jpg(8), "DIPCO2016_Dataset_GT/1_gt.bmp": ink(8, "BMP")},
    "2017": {"Dataset/1.bmp": jpg(9), "GT/1_gt.bmp": ink(9, "BMP")},
    "2018": {"dataset/1.bmp": jpg(10), "gt/1_gt.bmp": ink(10, "BMP"), "weights/1_P.dat": b"1"},
    "2019": {"Dataset/1.bmp": jpg(11), "GT/1.bmp": ink(11, "BMP")},
}


@pytest.mark.parametrize("year", CONTESTS)
def test_layout_of_the_contest_is_read(tmp_path, year):
    pairs = dibco(tmp_path, folder(tmp_path / f"DIBCO{year}", CONTESTS[year]))
    names = {Path(name).stem for name in CONTESTS[year]}
    pages = {f"{year}-{name}" for name in names if "_" not in name}
    assert set(pairs) == pages
    for pair in pairs.values():
        assert alpha_of(pair).max() == 255 and alpha_of(pair).mean() < 128


def test_one_folder_may_hold_all_contests(tmp_path):
    for year, files in CONTESTS.items():
        folder(tmp_path / "dibco" / year, files)
    pairs = dibco(tmp_path, str(tmp_path / "dibco"))
    assert len(pairs) == 11
    for id, number in {"2012-H01": 5, "2014-H01": 7, "2016-1": 8, "2017-1": 9}.items():
        expected = hard(number)
        assert np.array_equal(alpha_of(pairs[id]), expected)


def test_pages_and_truth_may_come_in_archives_of_their_own(tmp_path):
    sets = [
        ("DIBCO2016_dataset-original.zip", {"DIPCO2016_dataset/1.bmp": jpg(1)}),
        ("DIBCO2016_dataset-GT.zip", {"DIPCO2016_Dataset_GT/1_gt.bmp": ink(1, "BMP")}),
        ("dibco2019_dataset_trackA.zip", {"1.bmp": jpg(2)}),
        ("dibco2019_gt_trackA.zip", {"1.bmp": ink(2, "BMP")}),
    ]
    pairs = dibco(tmp_path, *(archive(tmp_path / name, files) for name, files in sets))
    assert set(pairs) == {"2016-1", "2019-1"}
    assert np.array_equal(alpha_of(pairs["2019-1"]), hard(2))


def test_page_with_two_possible_truths_is_quarantined(tmp_path):
    files = {"img/1.png": jpg(1), "gt/1.png": ink(1, "PNG"), "gt/1_gt.png": ink(2, "PNG")}
    pairs = dibco(tmp_path, folder(tmp_path / "pages", files))
    assert reason(pairs["pages-1"]) == "two-truths"


def test_truth_of_another_year_is_no_partner(tmp_path):
    page = folder(tmp_path / "DIBCO2009", {"img/H03.png": jpg(1), "gt/H04.png": ink(2, "PNG")})
    truth = folder(tmp_path / "DIBCO2010", {"gt/H03.png": ink(1, "PNG")})
    pairs = dibco(tmp_path, page, truth)
    assert reason(pairs.pop("2009-H03")) == "no-mask"
    assert {reason(pair) for pair in pairs.values()} == {"no-image"} and len(pairs) == 2


def test_rar_archive_is_a_sentence(tmp_path):
    (tmp_path / "H-DIBCO2012-dataset.rar").write_bytes(b"Rar!\x1a\x07\x01\x00" + b"x" * 600)
    with pytest.raises(DataError, match=r"dataset\.rar is a RAR archive.*give the folder"):
        dibco(tmp_path, str(tmp_path / "H-DIBCO2012-dataset.rar"))


def test_folder_without_truth_is_a_sentence(tmp_path):
    source = folder(tmp_path / "pages", {"img/1.png": jpg(1)})
    with pytest.raises(DataError, match=r"pages: there are no truths; .*img/ and gt/"):
        dibco(tmp_path, source)
