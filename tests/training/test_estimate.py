"""What a training will need is told before it starts, and nothing is written."""

import time

import pytest
import yaml
from support.project import TINY, demo
from support.training import write_augmented
from typer.testing import CliRunner

from clearbg import config
from clearbg.cli.app import app
from clearbg.errors import SettingsError
from clearbg.system import memory
from clearbg.training import estimate
from clearbg.training.budget import Budget, stages
from clearbg.training.image_counts import Counts, counted
from clearbg.training.trial import Trial

COUNTS = Counts(40, 8, "here")


def settings(**train) -> config.Settings:
    """None stays in the section train, which `demo` would leave out."""
    raw = demo(**TINY)
    raw["train"] |= train
    return config.parse(raw)


def project(folder, raw: dict):
    (folder / "recipes").mkdir()
    (folder / "params.yaml").write_text(yaml.safe_dump(raw))
    return folder


def files(folder) -> set:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_command_tells_everything_and_writes_nothing(tmp_path, monkeypatch):
    project(tmp_path, demo(**TINY))
    write_augmented(tmp_path / "data/augmented")
    before = files(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["estimate"])
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert list(lines) == ["device", "network", "data", "step", "loading", "memory", "epoch",
                           "training", "disk", "end"]  # fmt: skip
    assert lines["device"].startswith("CPU, ") and "1 threads" in lines["device"]
    assert lines["network"] == "u2netp, 1,131,181 parameters"
    assert lines["data"] == "12 training and 4 validation images (data/augmented)"
    assert lines["step"].startswith("4 images of 32×32 in ")
    assert lines["training"].startswith("6 steps in 2 epochs: ")
    assert files(tmp_path) == before


def test_missing_gpu_is_told_before_any_data_are_there(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    raw = demo(train={"accelerator": "cuda"})
    monkeypatch.chdir(project(tmp_path, raw))
    done = CliRunner().invoke(app, ["estimate"])
    assert done.exit_code == 1 and "torch finds no CUDA device" in done.stderr
    with pytest.raises(SettingsError):
        Trial(config.parse(raw))


@pytest.mark.parametrize(
    "train, steps, epochs, seconds",
    [
        ({"epochs": 3, "batch_size": 4}, 30, 3, 30 * 0.5 + 3 * 2),
        ({"epochs": None, "steps": 15, "batch_size": 4}, 15, 1.5, 15 * 0.5 + 2 * 2),
        ({"epochs": None, "minutes": 7, "batch_size": 4}, 600, 60, 420),
        ({"epochs": 2, "batch_size": 2, "accumulate": 2}, 20, 2, 20 * 0.5 + 2 * 2),
    ],
)
def test_length_is_that_of_the_budget(train, steps, epochs, seconds):
    chosen = settings(**train)
    pace = dict.fromkeys(stages(chosen.train, 32), 0.5)
    length = estimate._length(Budget(chosen.train, COUNTS.train, 32), pace, validating=2.0)
    assert sum(length.steps.values()) == steps
    assert (length.epochs, length.seconds) == pytest.approx((epochs, seconds))


def test_growing_sizes_are_counted_each_with_its_own_pace():
    raw = demo(**{**TINY, "augment": {"size": 64}, "transform": {"crop": 64}})
    raw["train"] |= {"epochs": 2, "batch_size": 2, "sizes": [[0.5, 32], [1.0, 64]]}
    budget = Budget(config.parse(raw).train, COUNTS.train, 64)
    small, large = budget.stages
    length = estimate._length(budget, {small: 1.0, large: 10.0}, 0.0)
    assert length.steps == {small: 5, large: 20} and length.seconds == 205


def test_loading_beside_the_steps_costs_only_what_is_longer():
    beside, between = (estimate.Loading(10.0, beside) for beside in (True, False))
    assert [beside.seconds(step, 8) for step in (0.5, 2.0)] == [0.8, 2.0]
    assert between.seconds(0.5, 8) == 1.3


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows cannot change its time zone so")
def test_end_is_told_by_the_clock_of_that_hour(monkeypatch):
    """Central Europe's clocks go from 02:00 to 03:00 in the night of 29 March 2026."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        changed.setattr(time, "time", lambda: 1774744200.0)  # 01:30 there
        told = estimate._end(3600)
    time.tzset()
    assert told == "Sunday 29 March 2026, 03:30, if it starts now"


def test_batch_that_is_too_large_for_the_memory_is_tried_in_part_and_told(monkeypatch):
    sizes, step = [], Trial._steps

    def watched(self, images, alpha, count):
        sizes.append(len(images))
        return 100.0 + 0 * step(self, images[:1], alpha[:1], 1)

    monkeypatch.setattr(Trial, "_steps", watched)
    monkeypatch.setattr(memory, "available", lambda: 1000)
    monkeypatch.setattr(estimate, "_validating", lambda *_: 1.0)
    held = memory.held()
    monkeypatch.setattr(memory, "held", lambda: held)
    monkeypatch.setattr(memory, "peak", lambda: held + 10**9)
    told = estimate.report(settings(batch_size=4000), Counts(8000, 8, "here"))
    assert set(sizes) == {2} and "TOO LITTLE: lower train.batch_size" in told
    assert "4000 images of 32×32 in 2e+05 s" in told


@pytest.mark.parametrize(
    "data, images, expected",
    [
        ({}, None, Counts(28, 5, "as data.count says")),
        ({}, 500, Counts(500, 50, "by --images")),
    ],
)
def test_images_are_counted_before_there_are_any(tmp_path, data, images, expected):
    raw = demo(**TINY)
    assert counted(config.parse(raw), project(tmp_path, raw), images) == expected


def test_ingested_images_are_counted_with_what_augment_makes_of_them(tmp_path):
    raw = demo(**TINY)
    project(tmp_path, raw)
    write_augmented(tmp_path / "data/ingested")
    assert counted(config.parse(raw), tmp_path) == Counts(24, 4, "data/ingested")
    other = demo(**{**TINY, "data": {"count": 50}})
    assert counted(config.parse(other), tmp_path).origin == "as data.count says"


def test_setting_that_changes_the_needs_is_told():
    told = estimate.report(settings(early_stopping=2, freeze=["stage1"], cache="on"), COUNTS)
    for part in ("early_stopping = 2", "of them learn", "decoded images", "no augmented images"):
        assert part in told
