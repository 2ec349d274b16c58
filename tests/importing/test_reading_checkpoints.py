"""Checkpoints are read in every form in which they are published."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.published_weights import assert_same_outputs, lite, refusal, renamed_by_place, saved

from clearbg import importing
from clearbg.errors import ModelError
from clearbg.models import weights


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {f"_orig_mod.module.{name}": tensor for name, tensor in state.items()},
        lambda state: {"state_dict": {f"model.{k}": v for k, v in state.items()}, "epoch": 7},
        lambda state: {"model_state_dict": state, "best_loss": np.float64(0.25)},
        lambda state: {"run": {"net": state}, "mask_values": [0, 1]},
        lambda state: {**state, "mask_values": [0, 255]},
        renamed_by_place,
    ],
    ids="plain module compiled lightning numpy nested values by-order".split(),
)
def test_every_wrapping_gives_the_same_weights(wrap):
    found = importing.import_weights(saved(wrap(lite().state_dict())))
    assert (found.model, found.tensors, found.parameters) == ("u2netp", 798, 1_131_181)
    assert found.folder == Path.cwd() / "imported/net"
    written = load_file(found.folder / weights.FILE)
    assert written.keys() == lite().state_dict().keys()
    assert all(torch.equal(written[k], v) for k, v in lite().state_dict().items())


def test_imported_network_gives_the_originals_outputs():
    assert_same_outputs(importing.import_weights(saved(lite().state_dict())).folder, lite())


@pytest.mark.slow
def test_equal_input_gives_equal_bytes():
    first = importing.import_weights(saved(lite().state_dict(), "a.pth"))
    second = importing.import_weights(
        saved({"model": renamed_by_place(lite().state_dict())}, "b.pth")
    )
    for name in ("weights.safetensors", "model.json"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()


def test_what_was_done_by_order_is_said():
    found = importing.import_weights(saved(renamed_by_place(lite().state_dict())))
    assert "matched by their order" in found.remarks[0]


def test_old_format_of_torch_is_read():
    file = saved(lite().state_dict(), _use_new_zipfile_serialization=False)
    assert importing.import_weights(file).model == "u2netp"


def test_checkpoint_without_batch_counters_is_read():
    state = {k: v for k, v in lite().state_dict().items() if "num_batches" not in k}
    assert_same_outputs(importing.import_weights(saved(state)).folder, lite())


@pytest.mark.slow
def test_safetensors_are_read_by_name_and_never_by_order():
    state = {k: v.contiguous() for k, v in lite().state_dict().items()}
    save_file(state, "named.safetensors")
    assert importing.import_weights("named.safetensors").model == "u2netp"
    Path("imported/named").rename("kept")
    save_file(renamed_by_place(state), "other.safetensors")
    assert "nearest is u2netp" in refusal("other.safetensors")


def test_half_precision_becomes_single():
    state = {k: v.half() if v.is_floating_point() else v for k, v in lite().state_dict().items()}
    found = importing.import_weights(saved(state))
    dtypes = {tensor.dtype for tensor in load_file(found.folder / weights.FILE).values()}
    assert dtypes == {torch.float32, torch.int64}


def test_of_several_networks_one_must_be_chosen():
    state = lite().state_dict()
    file = saved({"model": state, "ema": renamed_by_place(state)})
    assert "'model' (u2netp), 'ema' (u2netp): choose one with --key" in refusal(file)
    assert "only at 'model', 'ema'" in refusal(file, key="best")
    [remark, *_] = importing.import_weights(file, key="ema").remarks
    assert remark == "the network is 'ema' of the file"


def test_optimizer_is_no_network():
    optimizer = torch.optim.Adam(lite().parameters())
    optimizer.state = {p: {"exp_avg": torch.zeros_like(p)} for p in lite().parameters()}
    checkpoint = {"net": lite().state_dict(), "optimizer": optimizer.state_dict(), "epoch": 12}
    found = importing.import_weights(saved(checkpoint))
    assert (found.model, found.epoch) == ("u2netp", 12)


def test_archive_with_one_checkpoint_is_opened():
    saved(lite().state_dict(), "inside.pth.tar")
    Path("inside.pth.tar").rename("inside.pth")
    with zipfile.ZipFile("all.zip", "w") as archive:
        archive.write("inside.pth", "weights/inside.pth")
    assert importing.import_weights("all.zip").folder.name == "inside"
    with zipfile.ZipFile("more.zip", "w") as archive:
        archive.write("inside.pth", "a.pth")
        archive.write("inside.pth", "b.pth")
    with pytest.raises(ModelError, match="several checkpoints: import one of"):
        importing.import_weights("more.zip")
