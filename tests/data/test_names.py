"""Names of files that are not UTF-8, or in another form of Unicode."""

import csv
import json
import subprocess
import sys
from pathlib import Path

from support.tiny_sets import folder, ingested, jpg, png, settings

from clearbg.data import manifest
from clearbg.doctor import diagnose
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
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith("\\udcf6\n")
