"""The removal log: what `clearbg remove --log` writes and `clearbg drift` reads."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.drift import samples
from clearbg.errors import DataError
from clearbg.images import DecodedImage
from clearbg.removal import image_statistics, log

WEIGHTS = "0" * 64  # of `brightness_model`


def test_log_of_removal_is_compared_as_its_images_are(drift, made):
    remove(made / "dark", "--log", "logs/removal.jsonl", "--no-refine")
    arguments = ("--model", made / "model.onnx", "--json")
    of_log = json.loads(drift(Path.cwd() / "logs/removal.jsonl", *arguments, status=3).stdout)
    of_folder = json.loads(drift("dark", *arguments, status=3).stdout)
    assert of_log["drift"] == of_folder["drift"]
    for name, facts in of_folder["features"].items():
        assert of_log["features"][name]["moved"] == pytest.approx(facts["moved"], abs=0.01)


def remove(images: Path, *arguments: str, status: int = 0):
    folder = images.parent.parent if images.suffix else images.parent
    command = ["remove", str(images), "--model", str(folder / "model.onnx")]
    done = CliRunner().invoke(app, [*command, *arguments])
    assert done.exit_code == status, f"{done.output}{done.exception!r}"
    return done


def test_log_has_a_line_for_every_image_that_the_network_saw_and_names_none(made, tmp_path):
    for name in ("90", "91"):
        (tmp_path / f"in/{name}.png").parent.mkdir(exist_ok=True)
        (tmp_path / f"in/{name}.png").write_bytes((made / f"new/{name}.png").read_bytes())
    (tmp_path / "in/broken.png").write_text("text")
    brightness_model(tmp_path / "model.onnx")
    remove(tmp_path / "in", "--log", "log", status=1)
    lines = Path("log").read_text().splitlines()
    assert len(lines) == 2
    expected = {"format", "model", *image_statistics.OF_IMAGE, *image_statistics.OF_ALPHA}
    assert all(set(json.loads(line)) == expected for line in lines)
    assert json.loads(lines[0])["model"] == WEIGHTS
    assert "90" not in Path("log").read_text().replace(WEIGHTS, "").split('"')


def test_how_results_look_does_not_change_the_log(made, tmp_path):
    for name, options in {"plain": (), "hard": ("--threshold", "0.5", "--no-refine")}.items():
        remove(made / "new/9*.png", "--log", name, "--workers", "1", *options)
    # Images are done side by side: whoever is ready first writes first.
    plain, hard = (sorted(Path(name).read_text().splitlines()) for name in ("plain", "hard"))
    assert plain == hard


def test_log_that_cannot_be_appended_to_is_said_before_any_work(made):
    done = remove(made / "new", "--log", str(made), status=2)
    assert "is a folder: name a file" in done.stderr and not Path("cutouts").exists()


def test_log_that_fails_later_costs_no_image(made, monkeypatch):
    def full(file, line):
        raise OSError(28, "No space left on device")

    opened = log.RemovalLog.__init__

    def opened_then_full(self, *arguments):
        opened(self, *arguments)
        monkeypatch.setattr(log.os, "write", full)

    monkeypatch.setattr(log.RemovalLog, "__init__", opened_then_full)
    done = remove(made / "new/9*.png", "--log", "log")
    assert "log lacks the lines of 10 images (No space left on device)" in done.stderr
    assert len(list(Path("cutouts").iterdir())) == 10


WRITER = """
import sys, pathlib, numpy
from clearbg import images
from clearbg.removal.log import RemovalLog
log = RemovalLog(pathlib.Path("log"), sys.argv[1])
image = images.DecodedImage(numpy.zeros((8, 8, 3), numpy.uint8))
for _ in range(200):
    log(image, numpy.ones((8, 8), numpy.float32))"""


def test_threads_and_processes_append_whole_lines():
    one = log.RemovalLog(Path("log"), "a" * 64)
    image = DecodedImage(np.zeros((8, 8, 3), np.uint8))

    def write():
        for _ in range(100):
            one(image, np.ones((8, 8), np.float32))

    other = subprocess.Popen([sys.executable, "-c", WRITER, "b" * 64])
    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.wait() == 0
    found = log.read(Path("log"), 10**6)
    models = [row["model"][0] for row in found.rows]
    assert (found.unreadable, models.count("a"), models.count("b")) == (0, 300, 200)


def line(**changes) -> str:
    facts = dict.fromkeys((*image_statistics.OF_IMAGE, *image_statistics.OF_ALPHA), 0.5)
    return (
        json.dumps({"format": image_statistics.FORMAT, "model": WEIGHTS, **facts, **changes}) + "\n"
    )


def test_torn_lines_and_those_of_other_versions_are_counted():
    spoilt = [line()[:40] + "\n", line(format=99), line(width=float("nan")), "\n", line(model=1)]
    Path("log").write_text(line() + "".join(spoilt) + line(width=7))
    found = log.read(Path("log"), 100)
    assert [row["width"] for row in found.rows] == [0.5, 7] and found.unreadable == 4
    assert [row["width"] for row in log.read(Path("log"), 1).rows] == [7]


def test_log_of_other_versions_alone_is_none():
    Path("log").write_text(line(format=99))
    with pytest.raises(DataError, match="no log of this version"):
        log.read(Path("log"), 100)


def test_lines_of_another_model_tell_of_the_images_only(made):
    model = samples.Model(samples.Remover(made / "model.onnx"), made / "model.onnx")
    Path("log").write_text(line(model="f" * 64) * 3)
    found = samples.recent(Path("log"), 100, model)
    assert set(found.left_out) == set(image_statistics.OF_ALPHA)
    assert "no line of the log comes from the model" in found.left_out["coverage"]
    Path("log").write_text(line(model="f" * 64) + line())
    found = samples.recent(Path("log"), 100, model)
    assert found.frame["coverage"].count() == 1 and found.frame["width"].count() == 2
    assert found.left_out == {}


def test_lines_that_no_log_has_are_counted_and_no_pipe_is_waited_for():
    spoilt = ["[" * 9000, "9" * 5000, line(width=10**300), line(width="1"), line(width=True)]
    text = "\n".join([*spoilt, line(width=5).strip(), ""])
    Path("log").write_bytes(text.encode() + b"\0" * 100_000)
    found = log.read(Path("log"), 100)
    assert [row["width"] for row in found.rows] == [5] and found.unreadable >= 5
    os.mkfifo("pipe")
    with pytest.raises(DataError, match="pipe is not a regular file"):
        log.read(Path("pipe"), 1)
