"""Names of files that are not UTF-8, or in another form of Unicode."""

import csv
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from support.tiny_sets import folder, ingested, jpg, png, settings

from clearbg.data import manifest, sources
from clearbg.doctor import diagnose, layouts
from clearbg.removal import plan
from clearbg.system.names import printable

ODD = "gr\udcf6\udcdfe"  # größe in Latin-1


def odd_set(tmp_path) -> Path:
    """12 pairs of odd names with a table of odd groups, and a file that is no image."""
    names = [f"{ODD}{n}" for n in range(12)]
    files = {f"images/{name}.jpg": jpg(n) for n, name in enumerate(names)}
    files |= {f"masks/{name}.png": png(n) for n, name in enumerate(names)}
    files |= {f"images/{ODD}.jpg": b"no image", f"masks/{ODD}.png": png(0)}
    rows = "".join(f"images/{n}.jpg,masks/{n}.png,{n}\n" for n in [*names, ODD])
    files["t.csv"] = f"image,mask,group\n{rows}".encode(errors="surrogateescape")
    return Path(folder(tmp_path / "own", files))


def test_names_that_are_no_utf8_are_ingested_and_their_manifest_is_read_again(tmp_path):
    own = odd_set(tmp_path)
    ingested(settings("csv", path=str(own), table="t.csv"), tmp_path)
    frame = manifest.read(tmp_path / "ingested")
    assert (frame.status == "ok").sum() == 12
    assert set(frame.group) == {printable(ODD), *(printable(f"{ODD}{n}") for n in range(12))}
    images = frame[frame.status == "ok"].image
    assert all((tmp_path / "ingested" / image).is_file() for image in images)
    text = (tmp_path / "quarantine.csv").read_text(encoding="utf-8")
    assert f"{printable(ODD)}.jpg is not an image" in text


def test_doctor_names_and_copies_files_whose_names_are_no_utf8(tmp_path):
    own = odd_set(tmp_path)
    made = {"page": tmp_path / "page.html", "fix": Path("fixed")}
    status, text = diagnose([own], as_json=False, **made)
    assert status == 2 and "12 pairs, 1 left out" in text
    with open("fixed/changes.csv", encoding="utf-8", newline="") as file:
        left = [row for row in csv.DictReader(file) if row["kind"] == "not-an-image"]
    # A text of JSON gives the name back.
    assert [json.loads(f'"{row["file"]}"') for row in left] == [str(own / f"images/{ODD}.jpg")]


def test_stage_prints_any_name(tmp_path):
    (tmp_path / "pipelines").mkdir()
    code = "from clearbg.system.stage import stage\nwith stage('s', 'x'): print('\\udcf6')\n"
    (tmp_path / "pipelines/s.py").write_text(code)
    command = [sys.executable, tmp_path / "pipelines/s.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stdout.startswith("\\udcf6\n")


FORMS = {form: unicodedata.normalize(form, "grüße-é-0") for form in ("NFC", "NFD")}
PLACES = {
    "two folders": ("{}/images", "{}/masks", "{}"),
    "folders with names of their own": ("Größe_images", "Größe_masks", "{}"),
    "one folder": ("x", "x", "{}_mask"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("of_image, of_mask", [("NFC", "NFD"), ("NFD", "NFC")])
def test_doctor_pairs_names_in_either_form_of_unicode(tmp_path, place, of_image, of_mask):
    images, masks, mask = PLACES[place]
    images = unicodedata.normalize(of_image, images.format("a"))
    masks = unicodedata.normalize(of_mask, masks.format("a"))
    files = {f"{images}/{FORMS[of_image]}.jpg": jpg(1)}
    files[f"{masks}/{mask.format(FORMS[of_mask])}.png"] = png(1)
    (pair,) = layouts.find([Path(folder(tmp_path / "set", files))]).pairs
    assert pair.image.is_file() and pair.mask.is_file()


def test_sources_pair_names_in_either_form_of_unicode(tmp_path):
    image, mask = FORMS["NFC"], FORMS["NFD"]
    own = folder(tmp_path / "own", {f"é/{image}.jpg": jpg(1), f"m/{mask}.png": png(1)})
    cars = {f"train/{image}1_01.jpg": jpg(1), f"train_masks/{mask}1_01_mask.gif": png(1)}
    pages = {f"img/{image}.jpg": jpg(1), f"gt/{mask}.png": png(1)}
    portraits: dict[str, bytes] = {}
    for part in ("train", "val", "test"):
        portraits |= {f"{part}/{image}{part}.jpg": jpg(1), f"{part}/{mask}{part}.png": png(1)}
    rows = "".join(f"{mask}{part},u\n" for part in ("train", "val", "test"))
    portraits["meta.csv"] = f"image_name,user_id\n{rows}".encode()
    several = [
        settings("folder", path=own, images=unicodedata.normalize("NFD", "é"), masks="m"),
        settings("carvana", archives=[folder(tmp_path / "cars", cars)], sha256=None),
        settings("dibco", archives=[folder(tmp_path / "pages", pages)], sha256=None),
        settings("easyportrait", archives=[folder(tmp_path / "p", portraits)], sha256=None,
                 version=2),
    ]  # fmt: skip
    for data in several:
        pairs = sources.pairs(data, tmp_path / "downloads")
        assert pairs and all(file.is_file() for pair in pairs for file in pair.files())


def test_results_of_one_name_in_two_forms_do_not_meet_on_a_mac(tmp_path):
    for name in FORMS.values():
        (tmp_path / f"{name}.jpg").write_bytes(jpg(1))
    jobs = plan.plan([tmp_path], tmp_path / "out", None)
    assert len({unicodedata.normalize("NFC", str(job.target)) for job in jobs}) == 2
