"""`clearbg doctor` finds the pairs in folders as people have them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import tiny_sets
from support.faulty_sets import clean, doctor, examined, exif, found, scene

from clearbg.data.pairs import FilePair
from clearbg.doctor import checkup, layouts
from clearbg.errors import DataError
from clearbg.images import read_image, write_image


def written(tmp_path, files: dict[str, bytes]) -> Path:
    return Path(tiny_sets.folder(tmp_path / "set", files))


def paired(*paths: Path) -> dict[str, tuple[str, str]]:
    """Image's name -> mask's name and split."""
    pairs = layouts.find(paths).pairs
    assert len({pair.id for pair in pairs}) == len(pairs)
    return {pair.image.name: (pair.mask.name, pair.split) for pair in pairs}


LAYOUTS = {
    "images and masks": (["images/a.jpg", "masks/a.png"], ""),
    "one folder deeper": (["set/Images/a.jpg", "set/Masks/a.png"], ""),
    "pictures and masks": (["pictures/a.jpg", "masks/a.png"], ""),
    "img and gt": (["img/a.jpg", "gt/a.png"], ""),
    "DIS5K": (["DIS5K/DIS-VD/im/a.jpg", "DIS5K/DIS-VD/gt/a.png"], "validation"),
    "DIS5K's tests": (["DIS-TE3/im/a.jpg", "DIS-TE3/gt/a.png"], "test"),
    "DUTS": (["DUTS-TR/DUTS-TR-Image/a.jpg", "DUTS-TR/DUTS-TR-Mask/a.png"], "train"),
    "Carvana": (["train/a.jpg", "train_masks/a_mask.gif"], "train"),
    "side by side": (["a.jpg", "a_mask.png"], ""),
    "side by side in a split": (["val/a.jpg", "val/a-gt.png"], "validation"),
    "splits inside": (["images/test/a.jpg", "annotations/test/a.png"], "test"),
    "split outside": (["test/images/a.jpg", "test/masks/a.png"], "test"),
    "VOC": (["JPEGImages/a.jpg", "SegmentationClass/a.png"], ""),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_is_known(name, tmp_path):
    files, split = LAYOUTS[name]
    contents = {".jpg": tiny_sets.jpg(1), ".png": tiny_sets.png(1), ".gif": tiny_sets.gif(1)}
    folder = written(tmp_path, {file: contents[Path(file).suffix] for file in files})
    assert paired(folder) == {"a.jpg": (Path(files[1]).name, split)}


def test_image_whose_own_name_ends_like_a_mask_keeps_its_mask(tmp_path):
    files = {f"images/{name}.jpg": tiny_sets.jpg(1) for name in ("a", "b-alpha")}
    files |= {f"masks/{name}.png": tiny_sets.png(1) for name in ("a-alpha", "b-alpha")}
    folder = written(tmp_path, files)
    assert paired(folder) == {"a.jpg": ("a-alpha.png", ""), "b-alpha.jpg": ("b-alpha.png", "")}


def test_easyportrait_keeps_its_users_and_its_classes_are_no_fault(tmp_path):
    files = {"meta.csv": b"\timage_name\tuser_id\n0\ta\tu1\n1\tb\tu2\n2\tc\tu3\n"}
    for name, split in (("a", "train"), ("b", "val"), ("c", "test")):
        files |= {f"images/{split}/{name}.jpg": tiny_sets.jpg(ord(name)),
                  f"annotations/{split}/{name}.png": tiny_sets.classes(ord(name))}  # fmt: skip
    pairs = layouts.find([written(tmp_path, files)]).pairs
    assert [(pair.split, pair.group) for pair in pairs] == [
        ("train", "user-u1"), ("validation", "user-u2"), ("test", "user-u3")
    ]  # fmt: skip
    rows = checkup.check(pairs)
    assert not any("mask-index" in row.kinds for row in rows)
    assert set(checkup.statistics(rows)["classes"]) == {"0", "1", "2"}


def test_contest_pages_are_read_black_on_white(tmp_path):
    files = {f"2010/H0{n}.bmp": tiny_sets.jpg(n) for n in range(4)}
    files |= {f"2010/H0{n}_estGT.tiff": tiny_sets.ink(n) for n in range(4)}
    rows = checkup.check(layouts.find([written(tmp_path, files)]).pairs)
    assert len(rows) == 4
    assert not any({"inverted", "maybe-inverted"} & {*row.kinds} for row in rows)


def test_folder_of_cutouts_is_examined_and_fixed_as_such(tmp_path):
    folder = tmp_path / "cutouts"
    for number in range(3):
        write_image(folder / f"c{number}.png", *scene(number))
    write_image(folder / "opaque.png", scene(3)[0])
    deep = np.dstack([*np.moveaxis(scene(4)[0], 2, 0), scene(4)[1]])
    Image.fromarray(deep).save(folder / "turned.png", exif=exif(3))
    status, facts = examined(folder, "--fix", "fixed")
    assert status == 2
    assert found(facts) == {"opaque": {"no-alpha"}, "turned": {"exif-orientation"}}
    assert sorted(p.name for p in Path("fixed/cutouts").iterdir()) == [
        "c0.png", "c1.png", "c2.png", "turned.png"
    ]  # fmt: skip
    fixed = read_image("fixed/cutouts/turned.png")
    assert not fixed.notes and np.array_equal(fixed.alpha, scene(4)[1][::-1, ::-1])
    assert examined("fixed")[0] == 0


def test_images_with_and_without_background_are_pairs(tmp_path):
    files = {f"with/{n}.jpg": tiny_sets.jpg(n) for n in range(3)}
    files |= {f"without/cut-{n}.png": tiny_sets.rgba(n) for n in range(3)}
    assert paired(written(tmp_path, files)) == {f"{n}.jpg": (f"cut-{n}.png", "") for n in range(3)}


def test_cutouts_with_backgrounds_stay_cutouts(tmp_path):
    files = {f"cutouts/c{n}.png": tiny_sets.rgba(n) for n in range(3)}
    files |= {f"backgrounds/{n + 10}.jpg": tiny_sets.jpg(n) for n in range(2)}
    data_set = layouts.find([written(tmp_path, files)])
    assert (
        data_set.layouts == [layouts.CUTOUTS]
        and len(data_set.pairs) == 3
        and len(data_set.unpaired) == 2
    )


def test_tables_of_other_programs_change_nothing(tmp_path):
    folder = clean(tmp_path / "own", range(2))
    (folder / "manifest.csv").write_text("file,bytes\na,1\n")
    (folder / "metadata.csv").write_text("name,author\na,b\n")
    assert len(layouts.find([folder]).pairs) == 2


def test_loop_of_links_is_walked_once(tmp_path):
    folder = clean(tmp_path / "own/more", range(2)).parent
    (folder / "more/loop").symlink_to(folder)
    assert len(layouts.find([folder]).pairs) == 2


def test_two_plain_folders_are_images_and_masks(tmp_path):
    clean(tmp_path / "own", range(2))
    (tmp_path / "own/images").rename("photos of mine")
    (tmp_path / "own/masks").rename("truth")
    shutil.copy("truth/c0.png", "truth/c1_mask.png")
    Path("truth/c1.png").unlink()
    paths = Path("photos of mine"), Path("truth")
    assert paired(*paths) == {"c0.jpg": ("c0.png", ""), "c1.jpg": ("c1_mask.png", "")}


def test_several_sets_are_several_splits(tmp_path):
    clean(tmp_path / "first", range(2))
    clean(tmp_path / "my-test", range(1, 3))
    _, facts = examined("first", "my-test")
    assert facts["statistics"]["splits"] == {"test": 2, "first": 2}
    assert found(facts) == {"first-c1": {"duplicate-across-splits"}}


def test_table_of_pairs_is_read(tmp_path):
    folder = clean(tmp_path / "own", range(2))
    lines = ["image,mask,split", "images/c0.jpg,masks/c0.png,test", "images/x.jpg,masks/c1.png,"]
    (folder / "pairs.csv").write_text("\n".join(lines))
    _, facts = examined(folder / "pairs.csv")
    assert list(found(facts).values()) == [{"missing"}]
    assert facts["statistics"]["splits"]["test"] == 1


def test_table_of_a_spreadsheet_on_windows_is_read_and_a_row_twice_is_named(tmp_path):
    folder = clean(tmp_path / "own", range(2))
    lines = ["sep=;", "Image;Mask", r"images\c0.jpg;masks\c0.png", r"images\c1.jpg;masks\c1.png"]
    lines += [r"images\gone.jpg;masks\c1.png"]
    table = folder / "pairs.csv"
    table.write_text("\r\n".join(lines), newline="")
    status, facts = examined(table)
    assert status == 2 and facts["statistics"]["usable"] == 2
    assert list(found(facts).values()) == [{"missing"}]
    table.write_text("\r\n".join([*lines, lines[2]]), newline="")
    status, text = doctor(table)
    assert status == 3 and "line 6: images\\c0.jpg is in line 3 too" in text.replace("\n", " ")


def test_ingested_folder_keeps_its_splits(augmented):
    pairs = layouts.find([augmented]).pairs
    assert [pair.split for pair in pairs].count("validation") == 4 and len(pairs) == 16


def test_images_outside_the_layout_are_named(tmp_path):
    folder = clean(tmp_path / "own", range(1))
    shutil.copy(folder / "images/c0.jpg", folder / "cover.jpg")
    _, facts = examined(folder)
    assert facts["unpaired"] == [str(folder / "cover.jpg")]
    assert "cover.jpg" in doctor(folder)[1]


def test_same_names_in_two_places_stay_apart(tmp_path):
    clean(tmp_path / "own/a", range(2))
    clean(tmp_path / "own/b", range(2, 4))
    clean(tmp_path / "own/b", range(2))
    assert {pair.id for pair in layouts.find([tmp_path / "own"]).pairs} == {
        "a-c0", "a-c1", "b-c0", "b-c1", "b-c2", "b-c3"
    }  # fmt: skip


def test_nothing_but_a_folder_without_pairs_is_an_error(tmp_path):
    with pytest.raises(DataError, match="holds no pairs"):
        layouts.find([tmp_path])
    assert isinstance(layouts.find([clean(tmp_path / "own")]).pairs[0], FilePair)
