"""Published layouts of photographs in miniature: splits, groups, and what is refused."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.images import disc
from support.tiny_sets import (
    MANY,
    SMALL,
    alpha_of,
    archive,
    classes,
    folder,
    found,
    gif,
    hard,
    ingested,
    jpg,
    png,
    reason,
    rgba,
    settings,
)

from clearbg import config
from clearbg.errors import DataError, FetchError
from clearbg.images import encode_image

DIS = ("DIS-TR", "DIS-VD", "DIS-TE1", "DIS-TE2", "DIS-TE3", "DIS-TE4")


def dis5k(parts=DIS) -> dict[str, bytes]:
    files = {}
    for number, part in enumerate(parts):
        files[f"DIS5K/{part}/im/1#Bag#{number}.jpg"] = jpg(number)
        files[f"DIS5K/{part}/gt/1#Bag#{number}.png"] = png(number)
    return files


def test_dis5k_keeps_its_official_splits(tmp_path):
    source = archive(tmp_path / "DIS5K.zip", dis5k())
    pairs = found(settings("dis5k", archive=source, sha256=None), tmp_path)
    assert sorted(pair.split for pair in pairs.values()) == ["test"] * 4 + ["train", "validation"]
    assert {id[: id.index("1_Bag") - 1] for id in pairs} == set(DIS)


def test_dis5k_needs_no_share_to_be_ingested(tmp_path):
    source = archive(tmp_path / "DIS5K.tar.gz", dis5k())
    frame = ingested(settings("dis5k", archive=source, sha256=None), tmp_path)
    assert set(frame.split) == {"train", "validation", "test"}


def test_extracted_folder_stands_for_the_archive(tmp_path):
    source = folder(tmp_path / "extracted", dis5k())
    assert len(found(settings("dis5k", archive=source, sha256=None), tmp_path)) == 6


def test_dis5k_with_a_missing_part_is_a_sentence(tmp_path):
    source = archive(tmp_path / "DIS5K.zip", dis5k(DIS[:-1]))
    with pytest.raises(DataError, match=r"DIS5K\.zip holds no folder DIS-TE4.*DIS5K/\{DIS-TR"):
        found(settings("dis5k", archive=source, sha256=None), tmp_path)


META2 = "\timage_name\tuser_id\theight\twidth\tset\tbrightness\n"
META1 = ",attachment_id,user_id,data_hash,width,height,brightness,train,test,valid\n"
USERS = {"a": "u1", "b": "u1", "c": "u2", "d": "u3"}
PARTS = {"a": "train", "b": "train", "c": "val", "d": "test"}


def portraits() -> tuple[dict[str, bytes], dict[str, bytes]]:
    places = {name: f"{part}/{name}" for name, part in PARTS.items()}
    return (
        {f"{place}.jpg": jpg(ord(name)) for name, place in places.items()},
        {f"{place}.png": classes(ord(name)) for name, place in places.items()},
    )


def meta2(names=USERS) -> bytes:
    lines = [f"{i}\t{n}\t{USERS[n]}\t30\t40\t{PARTS[n]}\t99\n" for i, n in enumerate(names)]
    return (META2 + "".join(lines)).encode()


def version_2(tmp_path, meta: bytes) -> config.Data:
    photographs, annotations = portraits()
    archives = [
        archive(tmp_path / "images.zip", photographs),
        archive(tmp_path / "annotations.zip", annotations),
        archive(tmp_path / "meta.zip", {"meta.csv": meta}),
    ]
    return settings("easyportrait", version=2, archives=archives, sha256=None)


def test_easyportrait_2_has_official_splits_and_users_as_groups(tmp_path):
    pairs = found(version_2(tmp_path, meta2()), tmp_path)
    assert {i: (p.split, p.group) for i, p in pairs.items()} == {
        "a": ("train", "user-u1"),
        "b": ("train", "user-u1"),
        "c": ("validation", "user-u2"),
        "d": ("test", "user-u3"),
    }


def test_every_class_but_background_is_the_person(tmp_path):
    pairs = found(version_2(tmp_path, meta2()), tmp_path)
    expected = hard(ord("a"))
    assert np.array_equal(alpha_of(pairs["a"]), expected)


def test_easyportrait_1_keeps_its_meta_file_in_the_annotations(tmp_path):
    rows = [f"{i},{n},{u},x,40,30,9,True,False,False\n" for i, (n, u) in enumerate(USERS.items())]
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as file:
        file.writestr("meta.csv", META1 + "".join(rows))
    photographs, annotations = portraits()
    archives = [
        archive(tmp_path / "images.zip", {f"images/{n}": b for n, b in photographs.items()}),
        archive(tmp_path / "annotations.zip", {**annotations, "meta.zip": inner.getvalue()}),
    ]
    data = settings("easyportrait", version=1, archives=archives, sha256=[None, None])
    assert found(data, tmp_path)["b"].group == "user-u1"


def test_easyportrait_may_come_as_one_archive(tmp_path):
    photographs, annotations = portraits()
    files = {f"images/{n}": b for n, b in photographs.items()}
    files |= {f"annotations/{n}": b for n, b in annotations.items()} | {"meta.csv": meta2()}
    source = archive(tmp_path / "easyportrait.zip", files)
    data = settings("easyportrait", version=2, archives=[source], sha256=None)
    assert all(pair.image and pair.mask for pair in found(data, tmp_path).values())


def test_meta_file_of_the_other_version_is_a_sentence(tmp_path):
    data = version_2(tmp_path, META1.encode())
    with pytest.raises(DataError, match=r"meta\.csv, line 1: .*image_name.*data\.version"):
        found(data, tmp_path)


def test_missing_meta_file_is_a_sentence(tmp_path):
    data = version_2(tmp_path, meta2())
    data = data.model_copy(update={"archives": data.archives[:2]})
    with pytest.raises(DataError, match=r"no meta\.csv or meta\.zip.*data\.archives"):
        found(data, tmp_path)


def test_portrait_of_an_unknown_user_is_quarantined(tmp_path):
    pairs = found(version_2(tmp_path, meta2("acd")), tmp_path)
    assert reason(pairs["b"]) == "no-user"


def test_missing_annotations_are_a_sentence(tmp_path):
    data = version_2(tmp_path, meta2())
    data = data.model_copy(update={"archives": [data.archives[0], data.archives[2]]})
    with pytest.raises(DataError, match=r"no annotations \(png\) in a folder train"):
        found(data, tmp_path)


def test_people_are_found_below_the_archives_own_folder(tmp_path):
    root = "people_segmentation"
    files = {f"{root}/images/a-{i}.jpg": jpg(i) for i in range(3)}
    for i in range(3):
        zero_one = encode_image(np.uint8(disc(i, SMALL)[1] > 127))
        files[f"{root}/masks/a-{i}.png"] = zero_one
    files[f"{root}/segmentation/train.txt"] = b"a-0\na-1\n"
    files[f"__MACOSX/{root}/images/._a-0.jpg"] = b"\0"
    files[f"__MACOSX/{root}/masks/._a-0.png"] = b"\0"
    source = archive(tmp_path / "people.zip", files)
    pairs = found(settings("people", archive=source, sha256=None), tmp_path)
    assert sorted(pairs) == ["a-0", "a-1", "a-2"]
    assert set(np.unique(alpha_of(pairs["a-0"]))) == {0, 255}


def test_archive_of_something_else_names_the_layout(tmp_path):
    source = archive(tmp_path / "people.zip", {"cats/1.jpg": jpg(1)})
    with pytest.raises(DataError, match=r"people\.zip holds no folder images.*people_segmentation"):
        found(settings("people", archive=source, sha256=None), tmp_path)


def cars(count: int = 6, sides: int = 3) -> tuple[dict[str, bytes], dict[str, bytes]]:
    images, masks = {}, {}
    for car in range(count):
        for side in range(1, sides + 1):
            name = f"{car:012x}_{side:02d}"
            images[f"train/{name}.jpg"] = jpg(car * sides + side)
            masks[f"train_masks/{name}_mask.gif"] = gif(car * sides + side)
    return images, masks


def test_sides_of_a_car_never_leave_their_split(tmp_path):
    images, masks = cars()
    archives = [
        archive(tmp_path / "train.zip", images),
        archive(tmp_path / "train_masks.zip", masks),
    ]
    frame = ingested(settings("carvana", archives=archives, sha256=None, validation=0.45), tmp_path)
    assert set(frame.split) == {"train", "validation", "test"} and len(frame) == 18
    assert (frame.groupby(frame.id.str[:12]).split.nunique() == 1).all()


def test_gif_masks_are_read_as_alpha(tmp_path):
    images, masks = cars(1)
    source = folder(tmp_path / "cars", {Path(n).name: b for n, b in (images | masks).items()})
    pairs = found(settings("carvana", archives=[source], sha256=None), tmp_path)
    assert np.array_equal(alpha_of(pairs[f"{0:012x}_02"]), hard(2))


def test_kaggles_archive_of_archives_is_opened(tmp_path):
    images, masks = cars(2)
    train = Path(archive(tmp_path / "in/train.zip", images)).read_bytes()
    truth = Path(archive(tmp_path / "in/train_masks.zip", masks)).read_bytes()
    files = {"train.zip": train, "train_masks.zip": truth, "test.zip": b"never opened"}
    source = archive(tmp_path / "carvana-image-masking-challenge.zip", files)
    pairs = found(settings("carvana", archives=[source], sha256=None), tmp_path)
    assert len(pairs) == 6 and all(pair.mask for pair in pairs.values())


def test_car_without_a_number_is_quarantined(tmp_path):
    source = folder(tmp_path / "cars", {"a_01.jpg": jpg(1), "a_01_mask.gif": gif(1),
                                        "car.jpg": jpg(2), "car_mask.gif": gif(2)})  # fmt: skip
    pairs = found(settings("carvana", archives=[source], sha256=None), tmp_path)
    assert reason(pairs["car"]) == "no-car"


def test_photographs_without_their_masks_are_a_sentence(tmp_path):
    source = archive(tmp_path / "train.zip", cars(1)[0])
    with pytest.raises(DataError, match=r"train\.zip: there are no masks .*train_masks"):
        found(settings("carvana", archives=[source], sha256=None), tmp_path)


def both_sides(truth=rgba) -> dict[str, bytes]:
    files = {f"data/with bg/{i}.jpg": jpg(i) for i in range(3)}
    return files | {f"data/no bg/{i}.png": truth(i) for i in range(3)}


def kaggle_pairs(tmp_path, files, folders=(None, None)) -> config.Data:
    source = archive(tmp_path / "pairs.zip", files)
    return settings(
        "kaggle_pairs", archive=source, sha256=None, images=folders[0], cutouts=folders[1]
    )


def test_transparent_folder_is_the_one_without_background(tmp_path):
    pairs = found(kaggle_pairs(tmp_path, both_sides()), tmp_path)
    image, alpha, original = pairs["1"].read(MANY)
    assert original.suffix == ".jpg" and image.alpha is None
    assert np.array_equal(alpha, disc(1, SMALL)[1])


def test_pairs_go_by_number_where_no_names_agree(tmp_path):
    files = {f"a/photo{i}.jpg": jpg(i) for i in range(3)}
    files |= {f"b/photo_removed_0{i}.png": rgba(i) for i in range(3)}
    pairs = found(kaggle_pairs(tmp_path, files, ("a", "b")), tmp_path)
    assert pairs["photo2"].mask.name == "photo_removed_02.png"


def test_second_image_without_transparency_is_quarantined(tmp_path):
    files = {**both_sides(), "data/no bg/2.png": encode_image(disc(2, SMALL)[0])}
    pairs = found(kaggle_pairs(tmp_path, files), tmp_path)
    assert reason(pairs["2"]) == "no-alpha"


def test_folders_that_cannot_be_told_apart_are_listed(tmp_path):
    data = kaggle_pairs(tmp_path, both_sides(truth=jpg))
    with pytest.raises(DataError, match=r"pairs\.zip: .*data/no bg, data/with bg.*data\.cutouts"):
        found(data, tmp_path)


def test_archive_with_another_sum_is_refused(tmp_path):
    source = archive(tmp_path / "DIS5K.zip", dis5k())
    with pytest.raises(FetchError, match="sha256"):
        found(settings("dis5k", archive=source, sha256="0" * 64), tmp_path)


def test_sums_and_archives_must_be_as_many():
    with pytest.raises(Exception, match="sha256 lists 1 values and archives 2"):
        settings("carvana", archives=["a.zip", "b.zip"], sha256=[None])


def test_two_sets_with_archives_of_one_name_do_not_mix(tmp_path):
    for part, index in (("one", 1), ("two", 2)):
        files = {"images/x.jpg": jpg(index), "masks/x.png": png(index)}
        archive(tmp_path / part / "images.zip", files)
    alphas = [
        alpha_of(found(settings("people", archive=str(tmp_path / part / "images.zip"),
                                sha256=None), tmp_path)["x"])
        for part in ("one", "two")
    ]  # fmt: skip
    assert not np.array_equal(*alphas)
