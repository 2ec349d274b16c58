"""Drift: recent images, or the log of those cut out, against the training split."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.images import disc

from clearbg.drift import comparison, samples, verdict
from clearbg.errors import DataError, SettingsError
from clearbg.images import DecodedImage, luma, read_image, resize
from clearbg.removal import image_statistics


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
        assert share_of_alarms(100, shift) >= 0.95


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
    assert "<title>Drift: 40 recent images (" in pages[0]
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
    os.symlink("nowhere", "lost.jpg")
    assert "2 of the recent images or lines could not be read" in drift(tmp_path).stdout


def test_missing_manifest_is_said_before_any_image_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "recent", None)
    with pytest.raises(DataError, match="does not exist"):
        verdict.judge(tmp_path, tmp_path / "ingested")
