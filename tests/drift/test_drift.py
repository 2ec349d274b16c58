"""Drift: recent images, or the log of those cut out, against the training split."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.images import disc
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.data import manifest
from clearbg.drift import comparison, samples, verdict
from clearbg.errors import DataError, SettingsError
from clearbg.images import DecodedImage, luma, read_image, resize, write_image
from clearbg.removal import image_statistics, log
from clearbg.system.files import file_sha256

WEIGHTS = "0" * 64  # of `brightness_model`


def population(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Numbers as those of photographs: skewed, bounded, and tied to each other."""
    width = np.exp(rng.normal(7, 0.4, count)).round()
    brightness = rng.beta(6, 6, count)
    coverage = rng.beta(2, 5, count) * (rng.random(count) > 0.06)
    return pd.DataFrame(
        {
            "width": width,
            "height": (width * rng.choice([0.67, 0.75, 1.5], count)).round(),
            "brightness": brightness,
            "contrast": brightness * rng.uniform(0.2, 0.5, count),
            "saturation": rng.beta(3, 5, count),
            "sharpness": np.exp(rng.normal(-3, 0.5, count)),
            "coverage": coverage,
            "empty": (coverage == 0).astype(float),
            "soft_fraction": coverage * rng.uniform(0.1, 0.5, count),
        }
    )


SHIFTS = {
    "darker by 30 %": (("brightness", "contrast"), lambda frame: frame * 0.7),
    "half the size": (("width", "height"), lambda frame: frame / 2),
    "larger subjects": (("coverage",), lambda frame: frame**0.5),
}


def drifted(rounds: int, changed=None, limits=comparison.Limits()) -> list[set[str]]:  # noqa: B008
    """What drifted in each of many comparisons of 1,000 training with 60 recent images."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(rounds):
        recent = population(rng, 60)
        if changed is not None:
            names, change = changed
            recent[[*names]] = change(recent[[*names]])
        judged = comparison.compare(population(rng, 1000), recent, limits)
        found.append({feature.name for feature in judged.drifted})
    return found


def share_of_alarms(rounds: int, changed=None, limits=comparison.Limits()) -> float:  # noqa: B008
    """How often all that was changed drifted, or anything where nothing was changed."""
    found = drifted(rounds, changed, limits)
    return np.mean([set(changed[0]) <= names if changed else bool(names) for names in found])


def test_images_of_the_same_kind_raise_no_alarm_but_one_of_twenty_at_most():
    assert share_of_alarms(20) <= 0.05


@pytest.mark.parametrize("shift", SHIFTS)
def test_plain_shift_raises_an_alarm_in_nineteen_of_twenty_cases(shift):
    assert share_of_alarms(20, SHIFTS[shift]) >= 0.95


@pytest.mark.slow
def test_shares_of_alarms_hold_in_hundreds_of_cases():
    """The correction keeps its promise also without the demand that a change be large."""
    assert share_of_alarms(200) <= 0.05
    assert share_of_alarms(200, limits=comparison.Limits(effect_size=0.0)) <= 0.05
    for shift in SHIFTS.values():
        assert share_of_alarms(200, shift) >= 0.95


def test_change_that_is_sure_and_too_small_to_matter_is_slight():
    rng = np.random.default_rng(0)
    training, recent = population(rng, 5000), population(rng, 5000)
    recent["brightness"] += 0.02
    found = {f.name: f for f in comparison.compare(training, recent, comparison.Limits()).features}
    assert found["brightness"].verdict == "slight" and found["brightness"].moved < 0.3
    assert found["width"].verdict == "same"
    strict = comparison.compare(training, recent, comparison.Limits(effect_size=0.1))
    assert [feature.name for feature in strict.drifted] == ["brightness"]


def test_smaller_chance_of_a_false_alarm_needs_more_proof():
    rng = np.random.default_rng(0)
    training, recent = population(rng, 300), population(rng, 100)
    recent["brightness"] *= 0.88

    def found(chance: float) -> comparison.Feature:
        judged = comparison.compare(training, recent, comparison.Limits(significance=chance))
        return next(feature for feature in judged.features if feature.name == "brightness")

    p = found(0.05).p
    assert 0 < p < 1
    assert (found(p * 1.01).verdict, found(p * 0.99).verdict) == ("drift", "same")


def test_training_images_all_of_one_size_are_no_division_by_nought():
    rng = np.random.default_rng(0)
    training, recent = population(rng, 200), population(rng, 200)
    training["width"], recent["width"] = 512, 514
    width = comparison.compare(training, recent, comparison.Limits()).features[0]
    assert (width.verdict, width.moved) == ("slight", 2 / comparison.LEAST_SPREAD["width"])


def test_numbers_follow_the_image():
    rgb, _ = disc(0, (60, 80))
    plain = image_statistics.of_image(DecodedImage(rgb))
    assert (plain["width"], plain["height"]) == (80, 60)
    darker = image_statistics.of_image(DecodedImage(np.uint8(rgb * 0.7)))
    assert darker["brightness"] == pytest.approx(0.7 * plain["brightness"], rel=0.05)
    assert darker["contrast"] == pytest.approx(0.7 * plain["contrast"], rel=0.05)
    gray = np.repeat(luma(rgb)[..., None], 3, -1)
    assert image_statistics.of_image(DecodedImage(gray))["saturation"] == 0
    smooth = resize(resize(rgb, (15, 20)), (60, 80))
    assert image_statistics.of_image(DecodedImage(smooth))["sharpness"] < plain["sharpness"] / 2
    assert image_statistics.of_image(DecodedImage(rgb[:1, :1]))["sharpness"] == 0


def test_numbers_of_a_large_image_are_those_of_all_its_pixels():
    rgb = np.random.default_rng(0).integers(0, 256, (900, 1300, 3), dtype=np.uint8)
    light = luma(rgb) / 255
    found = image_statistics.of_image(DecodedImage(rgb))
    assert found["brightness"] == pytest.approx(light.mean(), abs=0.01)
    assert found["contrast"] == pytest.approx(light.std(), abs=0.01)


def test_numbers_follow_the_alpha():
    alpha = np.zeros((40, 40), np.float32)
    assert image_statistics.of_alpha(alpha) == {"coverage": 0, "empty": 1, "soft_fraction": 0}
    alpha[:10], alpha[10:12] = 1, 0.5
    found = image_statistics.of_alpha(alpha)
    assert found == pytest.approx({"coverage": 0.275, "empty": 0, "soft_fraction": 0.05})


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """An ingested folder of 60 training images, a new one of 40, and the new ones darker."""
    folder, rows = tmp_path_factory.mktemp("drift"), []
    for index in range(100):
        rgb, _ = disc(index, (30, 40))
        if index < 60:
            path = folder / f"ingested/{index}.png"
            write_image(path, rgb)
            facts = {"id": str(index), "split": "train", "image": path.name, "status": "ok"}
            sha256 = file_sha256(path)
            rows.append(dict.fromkeys(manifest.COLUMNS, "") | facts | {"sha256": sha256})
        else:
            write_image(folder / f"new/{index}.png", rgb)
            write_image(folder / f"dark/{index}.png", np.uint8(rgb * 0.6))
    manifest.write(rows, folder / "ingested/manifest.csv")
    brightness_model(folder / "model.onnx")
    return folder


@pytest.fixture
def drift(made):
    """Runs the command on a folder or file of `made`, or on any path; demands the status."""

    def run(recent, *arguments: str, status: int = 0, least: str = "30"):
        command = ["drift", str(made / recent), "--reference", str(made / "ingested")]
        done = CliRunner().invoke(app, [*command, "--min-samples", least, *map(str, arguments)])
        assert done.exit_code == status, f"{done.output}{done.exception!r}"
        return done

    return run


def test_images_of_the_same_kind_are_no_drift_and_darker_ones_are(drift):
    done = drift("new")
    assert "No drift" in done.stdout and "Left out: coverage, empty, soft edges" in done.stdout
    told = drift("dark", status=3).stdout
    assert "Drift: " in told and "brightness" in told.partition("Drift: ")[2]
    assert all(len(line) <= 80 for line in told.splitlines() if not line.startswith("page"))


def test_model_brings_what_it_finds_in_the_images(drift, made):
    told = json.loads(drift("dark", "--model", made / "model.onnx", "--json", status=3).stdout)
    assert told["left_out"] == {} and "coverage" in told["drift"]
    assert told["features"]["coverage"]["training"]["images"] == 60
    assert (told["status"], told["recent"]["images"]) == (3, 40)


def test_page_needs_nothing_beside_itself_and_is_the_same_again(drift):
    pages = []
    for name in ("one.html", "two.html"):
        drift("dark", "--html", name, status=3)
        pages.append(Path(name).read_text())
    assert pages[0] == pages[1] and pages[0].count("<svg") == len(image_statistics.OF_IMAGE)
    assert "http" not in pages[0] and "prefers-color-scheme: dark" in pages[0]


def test_training_images_are_measured_once(drift, made, monkeypatch):
    first = drift("new", "--json").stdout
    read = []
    whole = read_image
    monkeypatch.setattr(samples, "read_image", lambda path: read.append(path) or whole(path))
    assert drift("new", "--json").stdout == first
    assert {path.parent.name for path in read} == {"new"}
    next(Path(".clearbg/drift").iterdir()).write_text("spoilt")
    assert drift("new", "--json").stdout == first


def test_fewer_images_are_taken_when_asked(drift):
    told = json.loads(drift("new", "--limit", 35, "--sample", 50, "--json").stdout)
    assert (told["recent"]["images"], told["training"]["images"]) == (35, 50)


def test_chance_and_distance_can_be_chosen(drift):
    assert "No drift" in drift("dark", "--effect-size", 9).stdout
    limits = json.loads(drift("new", "--significance", 0.01, "--json").stdout)["limits"]
    assert limits == {"significance": 0.01, "effect_size": 0.3, "min_samples": 30}


@pytest.mark.parametrize(
    "wrong, says",
    [
        (lambda: comparison.Limits(significance=0), "significance is 0"),
        (lambda: comparison.Limits(effect_size=-1), "effect_size is -1"),
        (lambda: comparison.Limits(min_samples=9), "min_samples is 9"),
        (lambda: verdict.judge(Path("new"), Path("data"), limit=0), "give 1 or more"),
    ],
)
def test_limit_out_of_its_range_is_refused(wrong, says):
    with pytest.raises(SettingsError, match=says):
        wrong()


def test_too_few_images_are_not_judged(drift, tmp_path):
    done = drift("new", least="50", status=4)
    assert "clearbg: 40 recent images are too few" in done.stderr and not done.stdout
    (tmp_path / "empty").mkdir()
    assert "0 recent images" in drift(tmp_path / "empty", status=4).stderr
    (tmp_path / "log").touch()
    assert "0 recent images" in drift(tmp_path / "log", status=4).stderr
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    "name, says",
    [
        ("nowhere", "does not exist"),
        ("new/60.png", "is an image"),
        ("model.onnx", "is no log"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(drift, name, says):
    done = drift(name, status=1)
    assert says in done.stderr and done.stderr.count("\n") == 1


def test_reference_that_is_none_is_one_sentence(drift, tmp_path):
    assert "dvc repro" in drift("new", "--reference", tmp_path, status=1).stderr


def test_unreadable_images_are_counted_and_stop_nothing(drift, made, tmp_path):
    os.symlink(made / "new", tmp_path / "linked")
    Path("broken.jpg").write_text("text")
    assert "1 of the recent images or lines could not be read" in drift(tmp_path).stdout


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
    assert "cannot be appended to" in done.stderr and not Path("cutouts").exists()


def test_log_that_fails_later_costs_no_image(made, monkeypatch):
    def full(file, line):
        raise OSError(28, "No space left on device")

    opened = log.RemovalLog.__init__

    def opened_then_full(self, *arguments):
        opened(self, *arguments)
        monkeypatch.setattr(log.os, "write", full)

    monkeypatch.setattr(log.RemovalLog, "__init__", opened_then_full)
    done = remove(made / "new/9*.png", "--log", "log")
    assert "log misses the lines of 10 images (No space left on device)" in done.stderr
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
