"""IS-Net's intermediate supervision: a teacher that is trained once and then only looked at."""

import pytest
import yaml
from support.project import ROOT
from support.training import fit, same

from clearbg import config
from clearbg.config import recipes
from clearbg.training import checkpoints, teacher


def settings(teacher_epochs: int) -> config.Settings:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        raw = yaml.safe_load(recipes.render("dis", demo=True))
    raw["augment"] |= {"size": 32}
    raw["transform"] |= {"crop": 32}
    raw["model"] |= {"teacher_epochs": teacher_epochs, "norm": "group"}
    raw["train"] |= {"epochs": 1, "batch_size": 12, "threads": 1, "precision": "32-true"}
    return config.parse(raw)


@pytest.mark.slow
def test_teacher_changes_what_is_learned_and_is_trained_once(augmented, tmp_path, monkeypatch):
    checkpoint = checkpoints.Checkpoint(tmp_path / "taught")
    _, taught, _ = fit(augmented, checkpoint, settings(1))
    _, untaught, _ = fit(augmented, checkpoints.Checkpoint(tmp_path / "untaught"), settings(0))
    assert not same(taught.best_weights, untaught.best_weights)
    assert (checkpoint.folder / "teacher.safetensors").is_file()
    assert not (tmp_path / "untaught/teacher.safetensors").exists()

    monkeypatch.setattr(teacher, "_train", None)  # a restart must not train it again
    _, again, _ = fit(augmented, checkpoint, settings(1))
    assert same(taught.best_weights, again.best_weights)
