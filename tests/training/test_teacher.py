"""IS-Net's intermediate supervision: a teacher that is trained once and then only looked at."""

import os
import signal

import pytest
import yaml
from support.project import ROOT
from support.training import Killed, KilledAt, fit, same

from clearbg import config
from clearbg.config import recipes
from clearbg.data.dataset import Pairs
from clearbg.errors import Stopped
from clearbg.system import signals
from clearbg.training import checkpoints, teacher
from clearbg.training.launch import launch


def settings(teacher_epochs: int, **train) -> config.Settings:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        raw = yaml.safe_load(recipes.render("dis", demo=True))
    raw["augment"] |= {"size": 32}
    raw["transform"] |= {"crop": 32}
    raw["model"] |= {"teacher_epochs": teacher_epochs, "norm": "group"}
    raw["train"] |= {"epochs": 1, "batch_size": 12, "threads": 1, "precision": "32-true"}
    raw["train"] |= train
    return config.parse(raw)


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_networks")
def test_teacher_changes_what_is_learned_and_is_trained_once(augmented, tmp_path, monkeypatch):
    checkpoint = checkpoints.Checkpoint(tmp_path / "taught")
    _, taught, _ = fit(augmented, checkpoint, settings(1))
    _, untaught, _ = fit(augmented, checkpoints.Checkpoint(tmp_path / "untaught"), settings(0))
    assert not same(taught.best_weights, untaught.best_weights)
    assert (checkpoint.folder / "teacher/state.pt").is_file()
    assert not (tmp_path / "untaught/teacher").exists()

    monkeypatch.setattr(teacher, "_train", None)  # a restart must not train it again
    _, again, _ = fit(augmented, checkpoint, settings(1))
    assert same(taught.best_weights, again.best_weights)


@pytest.mark.slow
@pytest.mark.parametrize("saves", [1, 2, 3])
@pytest.mark.usefixtures("tiny_networks")
def test_killed_teacher_goes_on_to_identical_weights(augmented, tmp_path, monkeypatch, saves):
    def taught(folder):
        pairs = [Pairs(augmented, split, chosen) for split in ("train", "validation")]
        return teacher.teacher(fabric, chosen, *pairs, folder).state_dict()

    monkeypatch.setattr(teacher, "ENOUGH", 2.0)
    chosen = settings(2, batch_size=6, checkpoint_seconds=0)
    fabric = launch(chosen.train)
    whole = taught(tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(teacher, "Checkpoint", lambda folder: KilledAt(folder, saves))
        taught(tmp_path / "cut")
    assert same(whole, taught(tmp_path / "cut"))


def test_teacher_stops_at_a_signal_and_goes_on(augmented, tmp_path, monkeypatch):
    chosen = settings(1, batch_size=6)
    pairs = [Pairs(augmented, split, chosen) for split in ("train", "validation")]
    fabric = launch(chosen.train)
    with pytest.raises(Stopped, match="SIGHUP"), signals.noted():
        os.kill(os.getpid(), signal.SIGHUP)
        teacher.teacher(fabric, chosen, *pairs, tmp_path)
    pupil = teacher.Pupil(fabric, chosen)
    assert checkpoints.Checkpoint(tmp_path / "teacher").load(pupil).step == 1
