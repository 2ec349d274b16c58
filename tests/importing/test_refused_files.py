"""Files that hold no sound weights are refused in one sentence, and nothing in them is run."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from support.published_weights import lite, refusal, renamed_by_place, saved


class Attack:
    def __reduce__(self):
        return os.system, ("touch attacked",)


@pytest.mark.parametrize("new_format", [True, False])
def test_pickle_that_runs_code_is_refused_and_runs_nothing(new_format):
    content = {"state_dict": lite().state_dict(), "epoch": Attack()}
    file = saved(content, "bad.pth", _use_new_zipfile_serialization=new_format)
    message = refusal(file)
    assert "bad.pth asks to run" in message and "system" in message and "state dict" in message
    assert not Path("attacked").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_bare_pickle_that_runs_code_runs_nothing(protocol):
    Path("bad.pth").write_bytes(pickle.dumps(Attack(), protocol=protocol))
    assert refusal("bad.pth").startswith("bad.pth ")
    assert not Path("attacked").exists()


def test_pickled_module_is_refused_by_the_name_of_its_class():
    assert "asks to run torch.nn.modules.conv.Conv2d" in refusal(saved(torch.nn.Conv2d(1, 1, 1)))


@pytest.mark.parametrize("new_format", [True, False])
def test_truncated_checkpoint_is_refused(new_format):
    file = saved(lite().state_dict(), _use_new_zipfile_serialization=new_format)
    content = Path(file).read_bytes()
    Path(file).write_bytes(content[: len(content) // 2])
    assert "net.pth is not a complete checkpoint" in refusal(file)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "not a complete checkpoint"),
        (b"<!doctype html><title>Sign in</title>", "web page"),
        (b"", "empty"),
        (b"\x40\0\0\0\0\0\0\0{" + b" " * 20, "damaged safetensors"),
    ],
    ids="pointer page empty safetensors".split(),
)
def test_other_file_is_refused(content, said):
    Path("net.pth").write_bytes(content)
    assert said in refusal("net.pth")


@pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}, {"w": torch.zeros(3)}])
def test_checkpoint_without_a_network_is_refused(content):
    assert "holds no state dict of a network" in refusal(saved(content))


def test_missing_file_and_folder_are_refused():
    Path("folder").mkdir()
    assert "does not exist" in refusal("nowhere.pth")
    assert "folder is a folder" in refusal("folder")


@pytest.mark.slow
def test_shape_that_does_not_fit_is_named_with_the_nearest_network():
    state = lite().state_dict() | {"side3.weight": torch.zeros(2, 64, 3, 3)}
    message = refusal(saved(state))
    assert "nearest is u2netp, whose side3.weight is 1×64×3×3 and here 2×64×3×3" in message
    state = renamed_by_place(
        lite().state_dict() | {"stage1.rebnconvin.conv_s1.weight": torch.ones(9, 9)}
    )
    message = refusal(saved(state))
    assert "tensor 1, stage1.rebnconvin.conv_s1.weight, is 64×3×3×3" in message
    assert "here layer0.weight, 9×9" in message


def test_values_that_are_no_numbers_are_refused():
    state = lite().state_dict() | {"side3.bias": torch.tensor([float("nan")])}
    assert "side3.bias" in refusal(saved(state))
