"""The imported folder is used like one that a training made, and is never overwritten."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.published_weights import lite, saved
from typer.testing import CliRunner

from clearbg import importing, models
from clearbg.cli.app import app
from clearbg.contract import read_contract
from clearbg.errors import ModelError
from clearbg.inference.predict import predict
from clearbg.inference.torch_network import as_network
from clearbg.models import weights


@pytest.mark.slow
def test_same_import_again_is_fine_and_another_does_not_replace_it():
    state = lite().state_dict()
    importing.import_weights(saved(state))
    importing.import_weights("net.pth")
    saved({name: tensor + 1 for name, tensor in state.items()})
    before = Path("imported/net/weights.safetensors").read_bytes()
    with pytest.raises(ModelError, match="already holds something else: name another"):
        importing.import_weights("net.pth")
    assert Path("imported/net/weights.safetensors").read_bytes() == before


def test_folder_with_other_files_is_never_replaced():
    Path("models").mkdir()
    Path("models/notes.txt").write_text("mine")
    with pytest.raises(ModelError, match="models already holds something else"):
        importing.import_weights(saved(lite().state_dict()), output=Path("models"))
    assert Path("models/notes.txt").read_text() == "mine"


def test_command_says_what_was_found_and_how_to_start_from_it():
    file = saved({"model": lite().state_dict(), "epoch": 4}, "light.pth")
    done = CliRunner().invoke(app, ["import-weights", file, "--size", "64", "--license", "CC0-1.0"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert "imported/light: u2netp, 798 tensors, 1,131,181 parameters, epoch 4" in lines
    contract = read_contract(Path("imported/light"))
    assert (contract.height, contract.width, contract.data_license) == (64, 64, "CC0-1.0")
    assert lines[-2:] == [
        "  init_from: imported/light",
        f"  init_sha256: {contract.weights_sha256}",
    ]


def test_command_fails_in_one_sentence():
    done = CliRunner().invoke(app, ["import-weights", "nowhere.pth"])
    assert done.exit_code == 1
    assert done.output.startswith("clearbg: nowhere.pth does not exist")


@pytest.mark.slow
def test_training_starts_from_the_imported_folder():
    found = importing.import_weights(saved(lite().state_dict()))
    fresh = models.build("u2netp")
    weights.start(fresh, Path("imported/net"), found.sha256)
    assert all(torch.equal(v, fresh.state_dict()[k]) for k, v in lite().state_dict().items())


@pytest.mark.slow
def test_imported_folder_predicts():
    folder = importing.import_weights(saved(lite().state_dict()), size=32).folder
    contract = read_contract(folder)
    net = weights.load(models.build(contract.model, **contract.settings), folder / weights.FILE)
    [alpha] = predict([np.full((20, 30, 3), 128, np.uint8)], as_network(net), contract)
    assert alpha.shape == (20, 30)
