"""What `clearbg doctor` prints and writes, and its exit status."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.faulty_sets import (
    CLEAN,
    Fault,
    clean,
    doctor,
    hard,
    png,
    scene,
)

from clearbg.doctor import findings, fixing, report
from clearbg.images import write_image


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
    assert f"<title>Images to look at in {folder.name}</title>" in page
    assert "No regular file (1):" in page and str(folder / "train/images/pipe.jpg") in page
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


def test_every_kind_has_advice_and_every_fixable_one_a_change():
    assert set(findings.ADVICE) == set(findings.KINDS)
    fixable = {kind for kind, severity in findings.KINDS.items() if severity == "fixable"}
    assert fixable == {*fixing.CHANGES, *fixing.LEFT_OUT}
    assert report.status([]) == 0 and findings.severity("no-user") == "broken"
