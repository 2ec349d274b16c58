"""`clearbg doctor --fix` writes a copy in which nothing is left to fix."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.faulty_sets import (
    CLEAN,
    FAULTS,
    clean,
    close,
    doctor,
    examined,
    exif,
    found,
    jpg,
    png,
    scene,
    stored,
)

from clearbg.doctor import findings, fixing
from clearbg.images import read_image, read_mask, write_mask

FIX = [f for f in FAULTS if f.alpha and f.kind in fixing.CHANGES]


def test_fixed_copy_has_nothing_left_to_fix(faulty, tmp_path):
    folder, expected = faulty
    broken = [name for name, several in expected.items()
              if any(findings.severity(kind) == "broken" for kind in several)]  # fmt: skip
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    status, text = doctor(folder, "--fix", "fixed")
    assert status == 2 and "fixed/changes.csv" in text.replace("\n", "")
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    log = pd.read_csv("fixed/changes.csv")
    left = set(log[log.change.str.startswith("left out")].id)
    assert left == {*broken, "train-twin", "train-linked", "train-leak", "train-leakish"}
    fixable = {n for n, several in expected.items() if findings.severity(*several) != "suspicious"}
    renamed = set(log[log.change.str.startswith("renamed to")].id)
    assert {name[:9] for name in renamed} <= {"train-nnn", "train-caf", "train-gr_", "train-_-2"}
    # And what a person must decide.
    assert set(log.id) - renamed == fixable | {"train-f09", "train-f23"}
    status, facts = examined("fixed")
    assert status == 0
    assert {kind for several in found(facts).values() for kind in several} == {
        finding for several in expected.values() for finding in several
        if findings.severity(finding) == "suspicious"
    }  # fmt: skip


@pytest.mark.parametrize("fault", FIX, ids=lambda f: f.kind)
def test_fix_writes_what_the_mask_stands_for(fault, tmp_path):
    folder = clean(tmp_path / "own")
    fault.write(folder, "a", 3)
    assert doctor(folder, "--fix", "fixed")[0] == 1
    rgb, alpha = scene(3, fault.size)
    mask = Path("fixed/masks/a.png")
    with Image.open(mask) as image:
        assert image.mode == "L" and image.format == "PNG"
    assert close(read_mask(mask)[0], fault.expected(alpha))
    image = next(Path("fixed/images").glob("a.*"))
    assert not read_image(image).notes
    assert close(read_image(image).rgb, rgb, of_jpeg=12)
    log = pd.read_csv("fixed/changes.csv")
    assert fault.kind in set(log[log.id == "a"].kind)


def test_fix_copies_what_is_clean_byte_for_byte(tmp_path):
    folder = clean(tmp_path / "own")
    assert doctor(folder, "--fix", "fixed")[0] == 0
    for path in folder.rglob("*.*"):
        assert (Path("fixed") / path.relative_to(folder)).read_bytes() == path.read_bytes()
    assert pd.read_csv("fixed/changes.csv").empty


def test_fix_tells_apart_what_has_one_name(tmp_path):
    clean(tmp_path / "own/a", [1])
    CLEAN.write(tmp_path / "own/b", "c1", 2)
    doctor("own", "--fix", "fixed")
    assert {path.name for path in Path("fixed/images").iterdir()} == {"a-c1.jpg", "b-c1.jpg"}
    log = pd.read_csv("fixed/changes.csv")
    assert set(log.change) == {"renamed to a-c1.jpg", "renamed to b-c1.jpg"}


def test_fix_keeps_profile_and_resolution_of_a_turned_image(tmp_path):
    folder = clean(tmp_path / "own")
    rgb, alpha = scene(3)
    (folder / "images/a.jpg").write_bytes(jpg(stored(rgb, 6), exif=exif(6), dpi=(300, 300)))
    write_mask(folder / "masks/a.png", alpha)
    doctor(folder, "--fix", "fixed")
    assert read_image("fixed/images/a.png").dpi == pytest.approx((300, 300), abs=1)


def test_fix_refuses_a_folder_that_holds_something_or_is_read(tmp_path):
    folder = clean(tmp_path / "own")
    status, text = doctor(folder, "--fix", folder / "fixed")
    assert status == 3 and "another folder" in text and not (folder / "fixed").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    status, text = doctor(folder, "--fix", "full")
    assert status == 3 and "exists already" in text and Path("full/file").exists()


def test_every_orientation_is_read_right_or_reported_and_fixed(tmp_path):
    expected, names, alpha = {}, [], scene(0, subject=1)[1]
    for orientation, tagged, turned in itertools.product(
        range(1, 9), ("image", "mask", "both"), (False, True)
    ):
        if turned and (tagged == "both" or orientation == 1):
            continue
        name = f"o{orientation}-{tagged}-{'false' if turned else 'true'}"
        rgb = scene(len(names), subject=1)[0]
        names.append(name)
        tags = {part: orientation if tagged in (part, "both") else 1 for part in ("image", "mask")}
        # A tag is false where image and mask are stored alike and only one has it.
        places = dict.fromkeys(tags, tags["image"]) if turned else tags
        (tmp_path / "own/images").mkdir(parents=True, exist_ok=True)
        (tmp_path / "own/masks").mkdir(exist_ok=True)
        image = jpg(stored(rgb, places["image"]), exif=exif(tags["image"]))
        mask = png(stored(alpha, places["mask"]), exif=exif(tags["mask"]))
        (tmp_path / f"own/images/{name}.jpg").write_bytes(image)
        (tmp_path / f"own/masks/{name}.png").write_bytes(mask)
        if orientation > 1:
            expected[name] = "exif-disagreement" if turned else "exif-orientation"
    status, facts = examined("own", "--fix", "fixed")
    assert status == 1 and facts["statistics"]["usable"] == 8 * 3 + 7 * 2
    told = {f["id"]: f["kind"] for f in facts["findings"] if f["kind"] != "near-duplicate"}
    assert told == expected
    for name in names:
        assert np.array_equal(read_mask(f"fixed/masks/{name}.png")[0], alpha)
    assert examined("fixed")[0] == 0
