"""What is found in a folder, and what is left out with a reason."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support.faulty_sets import clean, doctor, examined
from support.image_files import made_image
from support.tiny_sets import settings

from clearbg.data import sources
from clearbg.drift import samples
from clearbg.images import SUFFIXES, find_images, finding, read_image, write_image
from clearbg.images.decoding import FORMATS, weigh
from clearbg.removal import plan
from clearbg.system.object_store import StorePath


@pytest.fixture
def odd(tmp_path, monkeypatch) -> Path:
    """A folder with one image, and one of everything that is left out."""
    folder = tmp_path / "photos"
    for name in ("a.jpg", "notes.TXT", ".b.jpg", "@eaDir/c.jpg", "forbidden/d.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(folder / name, made_image()) if name == "a.jpg" else (folder / name).touch()
    os.mkfifo(folder / "pipe.jpg")
    real = os.scandir

    def scandir(path):
        if Path(path).name == "forbidden":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    return folder


def test_suffixes_are_all_that_the_decoders_know():
    Image.init()
    assert {s for s, format in Image.EXTENSION.items() if format in FORMATS} <= {*SUFFIXES}
    assert {".jfif", ".jpe", ".pbm", ".heic"} <= {*SUFFIXES}


@pytest.mark.parametrize("suffix, format", [(".jfif", "JPEG"), (".jpe", "JPEG"), (".pbm", "PPM")])
def test_rarer_suffix_is_found_in_a_folder_too(tmp_path, suffix, format):
    image = Image.fromarray(made_image()[..., 0] > 9) if suffix == ".pbm" else made_image()
    image = image if suffix == ".pbm" else Image.fromarray(image)
    image.save(tmp_path / f"a{suffix}", format)
    assert find_images(tmp_path) == [tmp_path / f"a{suffix}"]
    assert read_image(tmp_path / f"a{suffix}").format == format


def test_what_is_left_out_is_counted_and_named(odd):
    found, left = finding.survey(odd)
    assert found == [odd / "a.jpg"]
    assert {reason: [path.name for path in paths] for reason, paths in left.items()} == {
        finding.OTHER_NAME: ["notes.TXT"],
        finding.HIDDEN: [".b.jpg"],
        finding.SYSTEM: ["@eaDir"],
        finding.FORBIDDEN: ["forbidden"],
        finding.SPECIAL: ["pipe.jpg"],
    }
    told = finding.left_out(left, odd)
    assert "1 not named as an image (.txt)" in told and "1 no regular file (pipe.jpg)" in told
    (sentence,) = plan.left_out([odd], None)
    assert sentence == told
    assert ".txt" in plan.left_out([f"{odd}/*"], None)[0]


def test_what_is_left_out_of_a_store_is_counted_and_named():
    names = ["a.jpg", "notes.TXT", ".b.jpg", "x/@eaDir/c.jpg", "__MACOSX/._a.jpg", "__MACOSX/d.jpg",
             "Thumbs.db", ".DS_Store", "x/e.PNG"]  # fmt: skip
    for name in names:
        StorePath(f"memory://left/{name}").write(b"content")
    assert [str(job.source) for job in plan.plan(["memory://left"], "out", None)] == [
        "memory://left/a.jpg",
        "memory://left/x/e.PNG",
    ]
    told = plan.left_out(["memory://left"], "out")
    assert told == (
        "left out of memory://left: 2 folders of the system (__MACOSX, @eaDir); 1 hidden "
        "(.b.jpg); 2 not named as an image (.db, .txt).",
    )


def test_sources_and_drift_say_what_they_leave_out(odd, tmp_path, capsys):
    (odd / "images").mkdir()
    (odd / "masks").mkdir()
    for name in ("images/a.jpg", "masks/a.png"):
        write_image(odd / name, made_image())
    for data in (
        settings("people", archive=str(odd), sha256=None),
        settings("cutouts", path=str(odd), images=".", backgrounds=None),
    ):
        sources.pairs(data, tmp_path)
        assert "1 folder of the system (@eaDir)" in capsys.readouterr().err
    samples.recent(odd, 9, None)
    assert "1 no regular file (pipe.jpg)" in capsys.readouterr().err


def test_folder_is_looked_at_once_and_its_other_names_are_said(tmp_path):
    folder = tmp_path / "photos"
    for place in (folder, tmp_path / "elsewhere"):
        place.mkdir()
        write_image(place / "a.jpg", made_image())
    (folder / "out").symlink_to(tmp_path / "elsewhere")
    (folder / "round").symlink_to(folder)
    (folder / "two").symlink_to(tmp_path / "elsewhere")
    found, left = finding.survey(folder)
    assert found == [folder / "a.jpg", folder / "out/a.jpg"]
    assert left == {finding.LINKED: [folder / "round", folder / "two"]}


def test_results_of_an_earlier_run_are_not_called_left_out(tmp_path):
    (tmp_path / "cutouts").mkdir()
    (tmp_path / "cutouts/report.json").touch()
    assert plan.left_out([tmp_path], tmp_path / "cutouts") == ()


def test_pipe_does_not_make_anything_wait(odd):
    assert weigh(odd / "pipe.jpg") == 0
    command = [sys.executable, "-m", "clearbg", "remove", odd / "pipe.jpg", "-o", odd / "o.png"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "is not a file that may be read" in done.stderr


def test_doctor_names_what_it_does_not_look_at(odd, monkeypatch):
    clean(odd / "own")
    status, facts = examined(odd)
    assert status == 0 and facts["findings"] == []
    assert len(facts["left_out"]) == 5
    assert "left out  no regular file (1): " in doctor(odd)[1]
