"""The loop: what it selects, and that a restart is the same run."""

import pandas as pd
import pytest
import torch
from conftest import TINY, demo, disc

from clearbg import config, images
from clearbg.errors import ClearBGError, SettingsError
from clearbg.fingerprint import fingerprint
from clearbg.training import loop, recovery
from clearbg.training.schedules import schedule


def settings(**train) -> config.Settings:
    return config.parse(demo(**{**TINY, "train": {**TINY["train"], **train}}))


class Killed(Exception):
    pass


class KilledAt(recovery.Checkpoint):
    """Ends the run right after its n-th checkpoint, as a power cut would."""

    def __init__(self, folder, number: int):
        super().__init__(folder)
        self.left = number

    def save(self, method, progress):
        super().save(method, progress)
        self.left -= 1
        if not self.left:
            raise Killed


def fit(folder, checkpoint, **train):
    chosen = settings(**train)
    tables = []
    _, progress = loop.fit(loop.launch(chosen.train), chosen, folder, checkpoint, tables.append)
    return progress, tables


def same(first: dict, second: dict) -> bool:
    return all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.slow
@pytest.mark.parametrize("checkpoints", [1, 2, 3])
@pytest.mark.parametrize("schedule", ["one_cycle", "constant"])
def test_killed_run_goes_on_to_identical_weights(augmented, tmp_path, checkpoints, schedule):
    recipe = {"schedule": schedule, "warmup": 0.2 if schedule == "one_cycle" else 0.0,
              "ema": 0.9, "flip": 0.5}  # fmt: skip
    whole, _ = fit(augmented, recovery.Checkpoint(tmp_path / "whole"), **recipe)
    with pytest.raises(Killed):
        fit(augmented, KilledAt(tmp_path / "cut", checkpoints), **recipe)
    resumed, tables = fit(augmented, recovery.Checkpoint(tmp_path / "cut"), **recipe)
    assert same(whole.best_weights, resumed.best_weights)
    assert whole.history == resumed.history
    pd.testing.assert_frame_equal(tables[-1], pd.DataFrame(whole.history))


def test_best_epoch_is_kept_not_the_last(augmented, tmp_path, monkeypatch):
    scores = iter([0.5, 0.9, 0.7])
    monkeypatch.setattr(loop, "validate", lambda *_: {"loss": 1.0, "max_f": next(scores)})
    progress, _ = fit(augmented, recovery.Checkpoint(tmp_path / "c"), epochs=3)
    assert (progress.best_epoch, progress.best_score) == (2, 0.9)


def test_selection_by_mae_prefers_less(augmented, tmp_path, monkeypatch):
    scores = iter([0.2, 0.1])
    monkeypatch.setattr(loop, "validate", lambda *_: {"loss": 1.0, "mae": next(scores)})
    progress, _ = fit(augmented, recovery.Checkpoint(tmp_path / "c"), select_by="mae")
    assert progress.best_epoch == 2


def test_averaged_weights_are_the_ones_kept(augmented, tmp_path):
    plain, _ = fit(augmented, recovery.Checkpoint(tmp_path / "a"), ema=0.0, epochs=1)
    averaged, _ = fit(augmented, recovery.Checkpoint(tmp_path / "b"), ema=0.9, epochs=1)
    assert not same(plain.best_weights, averaged.best_weights)


@pytest.mark.parametrize(
    "change",
    [{"optimizer": "adamw", "weight_decay": 0.1}, {"weight_decay": 0.5}, {"lr": 0.03},
     {"clip_norm": 0.01}, {"seed": 7}, {"batch_size": 6}, {"precision": "bf16-mixed"}],
    ids=lambda c: next(iter(c)),
)  # fmt: skip
def test_setting_changes_the_weights(augmented, tmp_path, change):
    recipe = {"epochs": 1, "schedule": "constant", "warmup": 0.0, "color": 0.0}
    usual, _ = fit(augmented, recovery.Checkpoint(tmp_path / "a"), **recipe)
    changed, _ = fit(augmented, recovery.Checkpoint(tmp_path / "b"), **{**recipe, **change})
    assert not same(usual.best_weights, changed.best_weights)


def test_loss_that_is_not_finite_stops_with_a_sentence(augmented, tmp_path, monkeypatch):
    monkeypatch.setattr(loop.Supervised, "step", lambda *_: float("nan"))
    with pytest.raises(ClearBGError, match=r"lower train\.lr"):
        fit(augmented, recovery.Checkpoint(tmp_path / "c"))


def test_fingerprint_tells_settings_and_data_apart(tiny, augmented):
    names = {fingerprint(tiny, augmented), fingerprint(settings(lr=0.5), augmented)}
    images.write_mask(augmented / "masks/0.png", disc(0, (32, 32))[1][:, ::-1])
    names.add(fingerprint(tiny, augmented))  # a mirrored mask: same name, same coverage
    assert len(names) == 3


def test_fingerprint_does_not_see_evaluation(tiny, augmented):
    other = config.parse(demo(**{**TINY, "evaluate": {"cases": 5}}))
    assert fingerprint(tiny, augmented) == fingerprint(other, augmented)


def test_gpu_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match=r"train\.accelerator = cuda"):
        loop.launch(settings(accelerator="cuda").train)


def test_half_precision_on_a_cpu_is_a_sentence():
    with pytest.raises(SettingsError, match="bf16-mixed"):
        loop.launch(settings(precision="16-mixed").train)


def rates(kind: str, steps: int = 100, **train) -> list[float]:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    plan = schedule(optimizer, settings(schedule=kind, lr=0.01, **train).train, steps)
    values = []
    for _ in range(steps):
        values.append(plan.get_last_lr()[0])
        optimizer.step()
        plan.step()
    return values


def test_constant_schedule_stays():
    assert set(rates("constant", warmup=0.0)) == {0.01}


def test_cosine_rises_then_falls_to_nothing():
    values = rates("cosine", warmup=0.1)
    assert values[0] == pytest.approx(0.001) and max(values) == pytest.approx(0.01)
    assert values.index(max(values)) in (9, 10) and values[-1] < 1e-5


def test_one_cycle_starts_at_a_25th_and_peaks_where_told():
    values = rates("one_cycle", warmup=0.3)
    assert values[0] == pytest.approx(0.01 / 25) and max(values) == pytest.approx(0.01)
    assert values.index(max(values)) == 29
