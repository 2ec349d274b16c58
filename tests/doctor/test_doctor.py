"""`clearbg doctor`: finds every fault and nothing else, in every layout, and fixes what it can."""

import html
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.faulty_sets import (
    FAULTS,
    Fault,
    clean,
    close,
    doctor,
    examined,
    exif,
    found,
    hard,
    jpg,
    png,
    scene,
    stored,
)

from clearbg.data import workers
from clearbg.doctor import checkup, findings, fixing, layouts, report
from clearbg.images import read_image, read_mask, write_image, write_mask

CLEAN = Fault("none")
FIX = [f for f in FAULTS if f.alpha and f.kind in fixing.CHANGES]


def copied(folder: Path, name: str, source: Path, original: str, quality: int | None = None):
    """The pair `original` of `source` once more in `folder`, perhaps encoded anew."""
    for part, suffix in (("images", "jpg"), ("masks", "png")):
        (folder / part).mkdir(parents=True, exist_ok=True)
        target = folder / part / f"{name}.{suffix}"
        shutil.copy(source / part / f"{original}.{suffix}", target)
        if quality and suffix == "jpg":
            Image.open(target).save(target, quality=quality)


@pytest.fixture
def faulty(tmp_path) -> tuple[Path, dict[str, set[str]]]:
    """A set of two splits with one of each fault; id -> kinds that should be found."""
    train, test = clean(tmp_path / "own/train"), clean(tmp_path / "own/test", range(110, 113))
    expected = {}
    for number, fault in enumerate(FAULTS):
        fault.write(train, f"f{number:02d}", number)
        expected[f"train-f{number:02d}"] = {fault.kind}
    copied(train, "twin", train, "c100")
    copied(train, "alike", train, "c101", quality=60)
    copied(train, "leak", test, "c110")
    copied(train, "leakish", test, "c111", quality=60)
    expected |= {
        "train-c101": {"near-duplicate"},  # the later one, by name, is told of
        "train-twin": {"duplicate"},
        "train-leak": {"duplicate-across-splits"},
        "train-leakish": {"near-duplicate-across-splits"},
    }
    return tmp_path / "own", expected


def test_every_fault_is_found_and_nothing_else(faulty):
    folder, expected = faulty
    status, facts = examined(folder)
    assert found(facts) == expected
    assert status == facts["status"] == 2
    assert facts["statistics"]["splits"]["test"] == 3


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
    assert left == {*broken, "train-twin", "train-leak", "train-leakish"}
    fixable = {n for n, several in expected.items() if findings.severity(*several) != "suspicious"}
    assert set(log.id) == fixable | {"train-f09", "train-f23"}  # and what a person must decide
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
    assert set(log.change) == {"called a-c1.jpg", "called b-c1.jpg"}


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


# The set as a whole


def test_set_of_inverted_masks_is_told_and_fixed(tmp_path):
    for number in range(6):
        Fault("x", mask=lambda a: png(255 - a)).write(tmp_path / "own", f"p{number}", number)
    Fault("x", mask=lambda a: png(a * 0 + 255)).write(tmp_path / "own", "nothing", 6)
    CLEAN.write(tmp_path / "own", "upright", 7)
    status, facts = examined("own", "--fix", "fixed")
    assert status == 1
    assert found(facts) == {f"p{n}": {"inverted"} for n in range(6)} | {
        "nothing": {"inverted", "empty"}  # white everywhere, in a set that is white on black
    }
    status, facts = examined("fixed")
    assert status == 0 and found(facts) == {"nothing": {"empty"}}
    for number, name in enumerate([*(f"p{n}" for n in range(6)), "upright"]):
        alpha = read_mask(f"fixed/masks/{name}.png")[0]
        assert np.array_equal(alpha, scene(number if name != "upright" else 7)[1])


def test_single_inverted_mask_stays_a_suspicion(tmp_path):
    folder = clean(tmp_path / "own")
    Fault("x", mask=lambda a: png(255 - a)).write(folder, "a", 1)
    status, facts = examined(folder)
    assert status == 0 and found(facts) == {"a": {"maybe-inverted"}}
    assert "along the frame" in facts["findings"][0]["detail"]  # the evidence


def test_twin_with_another_mask_is_told_of(tmp_path):
    folder = clean(tmp_path / "own")
    copied(folder, "twin", folder, "c100")
    write_mask(folder / "masks/twin.png", scene(55)[1])
    assert "different masks" in examined(folder)[1]["findings"][0]["detail"]


def test_copy_is_left_out_of_the_less_protected_split(tmp_path):
    for split in ("train", "validation", "test"):
        clean(tmp_path / "own" / split, [{"train": 1, "validation": 2, "test": 3}[split]])
    copied(tmp_path / "own/train", "a", tmp_path / "own/validation", "c2")
    copied(tmp_path / "own/validation", "b", tmp_path / "own/test", "c3")
    _, facts = examined("own", "--fix", "fixed")
    kind = "duplicate-across-splits"
    assert found(facts) == {"train-a": {kind}, "validation-b": {kind}}
    kept = {path.relative_to("fixed").as_posix() for path in Path("fixed").rglob("*.jpg")}
    assert kept == {"train/images/c1.jpg", "validation/images/c2.jpg", "test/images/c3.jpg"}


def test_statistics_describe_the_usable_pairs(tmp_path):
    folder = clean(tmp_path / "own", range(4))
    Fault("x", mask=lambda a: png(hard(a) // 255 * 3)).write(folder, "classes", 5)
    Fault("no-mask", mask=None).write(folder, "lonely", 6)
    facts = examined(folder)[1]["statistics"]
    assert (facts["pairs"], facts["usable"]) == (6, 5)
    assert facts["width"] == {"min": 80, "median": 80, "max": 80}
    cover = [scene(n)[1].mean() / 255 for n in range(4)] + [hard(scene(5)[1]).mean() / 255]
    assert facts["coverage"]["mean"] == pytest.approx(np.mean(cover), abs=1e-4)
    assert sum(facts["coverage_histogram"]) == 5
    assert facts["classes"]["3"] == {"masks": 1, "share": pytest.approx(cover[-1], abs=1e-4)}


# What it prints and writes


def test_table_has_number_example_and_advice_of_each_kind(faulty):
    folder, expected = faulty
    _, text = doctor(folder)
    for kind in {kind for several in expected.values() for kind in several}:
        line = next(line for line in text.splitlines() if line.split()[:1] == [kind])
        assert findings.ADVICE[kind] in line and re.search(r" \d+ ", line)
    assert str(folder / "train/images/f00.jpg") in text


def test_page_shows_each_kind_and_needs_nothing_beside_itself(faulty):
    folder, expected = faulty
    doctor(folder, "--html", "out/page.html")
    page = html.unescape(Path("out/page.html").read_text())
    for kind in {kind for several in expected.values() for kind in several}:
        assert f'id="{kind}"' in page and findings.ADVICE[kind] in page
    assert page.count("data:image/jpeg;base64,") > len(expected)
    assert "--fix" in page and not re.search(r"""(src|href)=["'](?!data:|#)""", page)


def test_page_escapes_names(tmp_path):
    CLEAN.write(tmp_path / "own", "a", 1)
    Fault("no-mask", mask=None).write(tmp_path / "own", "<b>&", 2)
    doctor("own")
    assert "<b>&" not in Path("doctor.html").read_text()


def test_clean_set_is_clean(tmp_path):
    status, text = doctor(clean(tmp_path / "own"))
    assert status == 0 and "nothing found" in text
    assert "nothing found" in Path("doctor.html").read_text()


def test_fixable_set_has_status_1(tmp_path):
    folder = clean(tmp_path / "own")
    Fault("x", mask=lambda a: png(hard(a) // 255)).write(folder, "a", 1)
    assert doctor(folder)[0] == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere"], "does not exist"),
        ([], "Missing argument"),
        (["own", "--bad"], "No such option"),
        (["images"], "known are images/"),
        (["archive.zip"], "extract an archive first"),
    ],
)
def test_wrong_usage_has_a_status_of_its_own(arguments, message, tmp_path):
    (tmp_path / "images").mkdir()
    write_image(tmp_path / "images/a.jpg", scene(1)[0])
    (tmp_path / "archive.zip").touch()
    status, text = doctor(*arguments)
    assert status == 3 and message in " ".join(re.sub("[│╭╮╰╯─]", "", text).split())


@pytest.mark.slow
def test_it_runs_as_a_program_with_plain_json_on_stdout(tmp_path):
    folder = clean(tmp_path / "own")
    done = subprocess.run(
        [sys.executable, "-m", "clearbg", "doctor", folder, "--json"], capture_output=True
    )
    assert done.returncode == 0 and json.loads(done.stdout)["statistics"]["pairs"] == 4


@pytest.mark.slow
def test_many_pairs_are_examined_by_several_processes(tmp_path, monkeypatch):
    folder = clean(tmp_path / "own", range(3))
    pairs = layouts.find([folder]).pairs
    alone = checkup.check(pairs)
    monkeypatch.setattr(workers, "FEW", 1)
    assert [row.findings for row in checkup.check(pairs)] == [row.findings for row in alone]


def test_every_kind_has_advice_and_every_fixable_one_a_change():
    assert set(findings.ADVICE) == set(findings.KINDS)
    fixable = {kind for kind, severity in findings.KINDS.items() if severity == "fixable"}
    assert fixable == {*fixing.CHANGES, *fixing.LEFT_OUT}
    assert report.status([]) == 0 and findings.severity("no-user") == "broken"
