"""Generated images, own transparent images and own tables -> pairs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.images import disc
from support.project import demo
from support.tiny_sets import (
    MANY,
    SMALL,
    alpha_of,
    classes,
    encoded,
    folder,
    found,
    hard,
    ingested,
    ink,
    jpg,
    png,
    reason,
    rgba,
    settings,
)

from clearbg import config
from clearbg.data import sources
from clearbg.doctor import layouts
from clearbg.errors import DataError
from clearbg.images import encode_image, read_mask, write_image


def test_generated_images_are_of_the_kind_that_is_asked_for(tmp_path):
    raw = demo(data={"kind": "portraits", "count": 12})
    pairs = sources.pairs(config.parse(raw).data, tmp_path)
    assert [pair.id for pair in pairs[:2]] == ["generated-00000", "generated-00001"]
    portrait = pairs[3].read(MANY)[0].rgb
    cars = sources.GeneratedPair("x", pairs[3].seed, 3, "cars").read(MANY)[0].rgb
    assert portrait.shape != cars.shape or not np.array_equal(portrait, cars)


def instances(index: int) -> bytes:
    """A gray PNG with the number of a person in each pixel: 0 none, 1 and 2."""
    return encoded(Image.fromarray(hard(index) // 255 * (1 + np.uint8(np.arange(40) > 20))), "PNG")


def test_numbers_of_persons_in_files_with_a_suffix_are_masks(tmp_path):
    files = {f"images/{n}.png": encode_image(disc(n, SMALL)[0]) for n in range(12)}
    files |= {f"masks/{n}_mask.png": instances(n) for n in range(12)}
    own = folder(tmp_path / "own", files)
    data = settings("folder", path=own, images="images", masks="masks")
    frame = ingested(data, tmp_path)
    assert len(frame) == 12 and set(frame.status) == {"ok"}
    stored = {
        row.id: read_mask(tmp_path / "ingested" / row["mask"])[0] for _, row in frame.iterrows()
    }
    assert all(np.array_equal(stored[str(n)], hard(n)) for n in range(12))
    seen = layouts.find([Path(own)]).pairs
    assert {(p.id, p.mask) for p in seen} == {
        (p.id, p.mask) for p in found(data, tmp_path).values()
    }


def cutouts(tmp_path, backgrounds: str | None) -> config.Data:
    folder(tmp_path / "own", {f"cut/{i}.png": rgba(i) for i in range(4)})
    return settings("cutouts", path=str(tmp_path / "own"), images="cut", backgrounds=backgrounds)


def test_cutout_lies_over_the_given_background(tmp_path):
    blue = np.full((50, 50, 3), (0, 0, 255), np.uint8)
    write_image(tmp_path / "own/backgrounds/blue.png", blue)
    pair = found(cutouts(tmp_path, "backgrounds"), tmp_path)["1"]
    image, alpha, original = pair.read(MANY)
    rgb, truth = disc(1, SMALL)
    share = truth[..., None] / 255
    expected = share * rgb + (1 - share) * blue[0, 0]
    assert original is None and np.array_equal(alpha, truth)
    assert np.abs(image.rgb - expected).max() <= 1


def test_generated_backgrounds_are_the_same_each_time_and_differ_by_image(tmp_path):
    data = cutouts(tmp_path, None)
    first, again = (found(data, tmp_path)["0"].read(MANY) for _ in range(2))
    other = found(data, tmp_path)["1"].read(MANY)
    assert np.array_equal(first[0].rgb, again[0].rgb)
    outside = (first[1] == 0) & (other[1] == 0)
    assert not np.array_equal(first[0].rgb[outside], other[0].rgb[outside])


def test_opaque_image_among_cutouts_is_quarantined(tmp_path):
    data = cutouts(tmp_path, None)
    (tmp_path / "own/cut/photo.jpg").write_bytes(jpg(9))
    assert reason(found(data, tmp_path)["photo"]) == "no-alpha"


def table(tmp_path, text: str, name: str = "pairs.csv") -> config.Data:
    files = {f"p/{i}.jpg": jpg(i) for i in range(8)} | {f"m/{i}.png": png(i) for i in range(8)}
    files |= {"m/classes.png": classes(7), "m/ink.tif": ink(6), name: text.encode()}
    folder(tmp_path / "own", files)
    return settings("csv", path=str(tmp_path / "own"), table=name)


def test_table_names_split_group_and_kind_of_mask(tmp_path):
    data = table(
        tmp_path,
        "image,mask,split,group,index_foreground,invert\n"
        "p/7.jpg,m/classes.png,train,g1,true,\n"
        "p/6.jpg,m/ink.tif,val,,false,1\n"
        "p/1.jpg,m/1.png,,g1,,\n",
    )
    pairs = {pair.image.stem: pair for pair in found(data, tmp_path).values()}
    assert [pairs[n].split for n in "761"] == ["train", "validation", "train"]
    assert np.array_equal(alpha_of(pairs["7"]), hard(7))
    assert np.array_equal(alpha_of(pairs["6"]), hard(6))


def test_groups_of_a_table_stay_in_one_split(tmp_path):
    lines = [f"p/{i}.jpg;m/{i}.png;g{(6, 4, 1, 3)[i // 2]}\n" for i in range(8)]
    frame = ingested(table(tmp_path, "image;mask;group\n" + "".join(lines)), tmp_path)
    assert set(frame.split) == {"train", "validation", "test"}
    assert (frame.groupby("group").split.nunique() == 1).all() and frame.group.nunique() == 4


@pytest.mark.parametrize(
    "text, message",
    [
        ("image,mask\np/0.jpg,m/0.png\np/1.jpg\n", "line 3: the number of cells"),
        ("image,mask\np/0.jpg,\n", "line 2: the cell mask is empty"),
        ("image,mask,split\np/0.jpg,m/0.png,trian\n", "line 2: split is 'trian'"),
        ("image,mask,invert\np/0.jpg,m/0.png,2\n", "line 2: invert is '2'"),
        ("image,mask\np/0.jpg,m/0.png\np/0.jpg,m/1.png\n", "line 3: p/0.jpg is in line 2 too"),
        ("image,alpha\np/0.jpg,m/0.png\n", "line 1: there is no column mask"),
        ("image,mask,spilt\np/0.jpg,m/0.png,test\n", "line 1: .*did you mean split"),
        ("image,mask,split,group\np/0.jpg,m/0.png,test,g\np/1.jpg,m/1.png,train,g\n",
         "line 3: group g is in train here and in test in line 2"),
        ("image,mask\n", "has no images"),
    ],
)  # fmt: skip
def test_bad_line_of_a_table_is_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        found(table(tmp_path, text), tmp_path)


def test_image_that_a_table_names_in_vain_is_quarantined(tmp_path):
    lines = "p/0.jpg,m/0.png\np/nowhere.jpg,m/1.png\n"
    pairs = found(table(tmp_path, f"image,mask\n{lines}"), tmp_path).values()
    assert [reason(pair) for pair in pairs if pair.image.stem == "nowhere"] == ["missing"]


def test_missing_table_is_a_sentence(tmp_path):
    data = table(tmp_path, "").model_copy(update={"table": "other.csv"})
    with pytest.raises(DataError, match=r"other\.csv does not exist"):
        found(data, tmp_path)
