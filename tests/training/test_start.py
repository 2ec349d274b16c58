"""The weights that a training starts from: a shipped model's, a file's, or random ones."""

import pytest
import torch
from support.project import TINY, demo

from clearbg import config, models, pretrained
from clearbg.errors import ModelError
from clearbg.models import weights
from clearbg.training import start
from clearbg.training.fingerprint import fingerprint
from clearbg.training.supervised import initial_network

LITE = "clearbg-lite"


def settings(init_from: str | None, norm: str = "frozen", **data) -> config.Settings:
    raw = demo(**TINY)
    raw["train"] |= {"init_from": init_from, "freeze": ["stage1"]}
    raw["model"]["norm"] = norm
    raw["data"] |= data
    return config.parse(raw)


def test_name_of_a_shipped_model_stands_for_its_weights():
    first = initial_network(settings(LITE)).state_dict()
    shipped = models.build("u2netp", norm="frozen")
    weights.start(shipped, pretrained.weights(LITE), None)
    assert all(torch.equal(first[name], value) for name, value in shipped.state_dict().items())


def test_name_that_is_neither_shipped_nor_a_file_is_a_sentence(tmp_path):
    with pytest.raises(ModelError, match=r"correct train\.init_from, or name .*clearbg-lite"):
        start.place(settings("clearbg-light"))


def test_weights_that_may_not_be_used_commercially_are_left_out_and_their_worth_is_said(capsys):
    chosen = start.permitted(settings(LITE, commercial_only=True))
    assert chosen.train.init_from is None and chosen.train.freeze == []
    assert chosen.model.norm == "batch"
    said = capsys.readouterr().out
    assert "rules out clearbg-lite (DUTS, academic use)" in said and said.count("\n") == 1


@pytest.mark.parametrize("init_from, commercial_only", [(LITE, False), ("a.safetensors", True)])
def test_other_settings_stay_as_they_are(init_from, commercial_only, capsys):
    chosen = settings(init_from, commercial_only=commercial_only)
    assert start.permitted(chosen) is chosen and not capsys.readouterr().out


def test_training_from_other_weights_is_another_training(tmp_path):
    names = []
    for value in (0.0, 1.0):
        weights.save({"weight": torch.tensor([value])}, tmp_path / "first.safetensors")
        names.append(fingerprint(settings(str(tmp_path / "first.safetensors")), tmp_path))
    assert names[0] != names[1] != fingerprint(settings(None), tmp_path)
