"""A learning rate is suggested from a sweep, and nothing of the project changes."""

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from support.project import ROOT, TINY, demo
from support.training import write_augmented
from typer.testing import CliRunner

from clearbg import config
from clearbg.cli.app import app
from clearbg.data.dataset import Pairs
from clearbg.errors import ClearBGError, SettingsError
from clearbg.training import descent, lr_find, supervised
from clearbg.training.lr_find import Suggestion, Sweep

RATES = np.geomspace(1e-6, 1.0, 100)
LOGS = np.log10(RATES)
FALLS = 1.0 - 0.8 / (1 + np.exp(-4 * (LOGS + 4)))  # fastest at 1e-4


def settings(**train) -> config.Settings:
    return config.parse(demo(**{**TINY, "train": {**TINY["train"], **train}}))


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(demo(**TINY)))
    write_augmented(tmp_path / "data/augmented")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder) -> dict:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_command_writes_a_curve_beside_the_outputs_and_nothing_else(project):
    before = files(project)
    done = CliRunner().invoke(app, ["lr-find", "--steps", "10", "--highest", "0.1"])
    assert done.exit_code == 0, done.stderr
    assert "curve: " in done.stdout and ("train.lr" in done.stdout or "no sugg" in done.stdout)
    folder = project / ".clearbg/lr-find"
    table = pd.read_csv(folder / "curve.csv")
    assert table.lr.iloc[0] == pytest.approx(1e-6) and table.lr.is_monotonic_increasing
    assert Image.open(folder / "curve.png").size == (960, 540)
    after = files(project)
    assert set(after) - set(before) == {folder / "curve.csv", folder / "curve.png"}
    assert all(after[path] == content for path, content in before.items())


@pytest.mark.slow
def test_each_step_has_its_rate(augmented, monkeypatch):
    seen, step = [], descent.Descent.step

    def watched(self, *arguments):
        seen.extend(group["lr"] for group in self.optimizer.optimizer.param_groups)
        return step(self, *arguments)

    monkeypatch.setattr(descent.Descent, "step", watched)
    found = lr_find.sweep(settings(), Pairs(augmented, "train", settings()), 1e-6, 1e-4, 10)
    assert seen == pytest.approx(np.geomspace(1e-6, 1e-4, 10)) == found.rates.tolist()


def sweep_of(losses, augmented, monkeypatch) -> Sweep:
    coming = iter(losses)

    def step(self, *_):
        return {"loss": next(coming)}

    monkeypatch.setattr(supervised.Supervised, "step", step)
    return lr_find.sweep(settings(), Pairs(augmented, "train", settings()), 1e-6, 1.0, 40)


@pytest.mark.parametrize("bad", [float("nan"), 9.0])
def test_sweep_ends_where_the_loss_is_lost(augmented, monkeypatch, bad):
    found = sweep_of([1.0] * 15 + [bad], augmented, monkeypatch)
    assert len(found.rates) == len(found.losses) == 15


def test_sweep_that_is_lost_at_once_is_a_sentence(augmented, monkeypatch):
    with pytest.raises(ClearBGError, match=r"blew up after 3 steps.*smaller --lowest"):
        sweep_of([1.0] * 3 + [float("nan")], augmented, monkeypatch)


def test_rates_that_fall_are_a_sentence(augmented):
    with pytest.raises(SettingsError, match=r"--lowest 1 must be below --highest 0\.1"):
        lr_find.sweep(settings(), Pairs(augmented, "train", settings()), 1.0, 0.1, 20)


def test_adversarial_training_is_a_sentence(augmented):
    pairs, chosen = Pairs(augmented, "train", settings()), config.load(ROOT / "recipes/gan.yaml")
    with pytest.raises(SettingsError, match="two losses of an adversarial training"):
        lr_find.sweep(chosen, pairs, 1e-6, 1.0, 20)


def test_rate_where_the_loss_falls_fastest_is_suggested():
    rises = np.where(LOGS > -1.5, 3 * (LOGS + 1.5), 0)
    noise = 0.02 * np.random.default_rng(0).normal(size=100)
    found = lr_find.suggest(Sweep(RATES, FALLS + rises + noise))
    assert isinstance(found, Suggestion) and 5e-5 < found.rate < 2e-4
    assert "falls fastest here" in found.reason and "rises from there" in found.reason


def test_suggestion_keeps_away_from_the_lowest_loss():
    losses = np.where(LOGS < -3, 1.0 - 0.02 * (LOGS + 6) ** 3, 0.46 + 0.5 * (LOGS + 3))
    found = lr_find.suggest(Sweep(RATES, losses))
    assert isinstance(found, Suggestion) and found.rate < 1e-3 / 2
    assert "a third of the rate of the lowest loss" in found.reason


def test_sweep_that_ends_at_its_lowest_loss_says_so():
    assert "where the sweep ends" in lr_find.suggest(Sweep(RATES, FALLS)).reason


@pytest.mark.parametrize("losses", [np.ones(100), np.linspace(1, 3, 100)])
def test_loss_that_does_not_fall_gives_no_rate(losses):
    noise = 0.1 * np.random.default_rng(0).normal(size=100)
    assert "no suggestion" in lr_find.suggest(Sweep(RATES, losses + noise))
