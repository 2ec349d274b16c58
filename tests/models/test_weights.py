"""Files of weights: a damaged one is refused in a sentence, whatever the damage is."""

import json
import struct

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from clearbg.errors import ClearBGError, ModelError
from clearbg.models import weights
from clearbg.system.files import file_sha256


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


@pytest.fixture
def path(tmp_path):
    weights.save(weights.copied(network()), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def test_file_of_any_shorter_length_is_refused(path):
    content = path.read_bytes()
    for length in (*range(0, len(content), 7), len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ModelError, match="not a readable safetensors file"):
            weights.load(network(), path)


def test_flipped_byte_anywhere_is_refused_where_the_sha256_is_known(path):
    content, known = path.read_bytes(), file_sha256(path)
    weights.start(network(1), path, known)
    rng = np.random.default_rng(0)
    for place in rng.integers(len(content), size=200):
        changed = bytearray(content)
        changed[place] ^= int(rng.integers(1, 256))
        path.write_bytes(changed)
        with pytest.raises(ModelError) as caught:
            weights.start(network(1), path, known)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_flipped_byte_of_the_header_is_a_sentence_or_harmless(path):
    content, whole = path.read_bytes(), network().state_dict()
    for place in range(8 + struct.unpack("<Q", content[:8])[0]):
        changed = bytearray(content)
        changed[place] ^= 0x04
        path.write_bytes(changed)
        other = network(1)
        try:
            weights.load(other, path)
        except ModelError as error:
            assert "\n" not in str(error)
        else:
            assert all(torch.equal(v, whole[name]) for name, v in other.state_dict().items())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_number_that_is_not_finite_is_refused(path, value):
    state = weights.copied(network())
    state["1.running_var"][2] = value
    weights.save(state, path)
    with pytest.raises(ModelError, match=r"1\.running_var that are not finite"):
        weights.load(network(), path)


@pytest.mark.parametrize("dtype", [torch.int32, torch.float64, torch.float8_e5m2])
def test_numbers_of_another_kind_are_refused(path, dtype):
    state = {name: v.to(dtype) for name, v in network().state_dict().items()}
    save_file(state, path)
    with pytest.raises(ModelError, match=r"as torch\..*, where Sequential has"):
        weights.load(network(), path)


def test_half_precision_is_widened(path):
    state = {n: v.half() if v.is_floating_point() else v for n, v in network().state_dict().items()}
    save_file(state, path)
    loaded = weights.load(network(1), path).state_dict()
    assert torch.equal(loaded["0.weight"], network().state_dict()["0.weight"].half().float())


def test_header_that_names_another_number_format_is_refused(path):
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    header["0.weight"]["dtype"] = "I32"
    changed = json.dumps(header, separators=(",", ":")).encode().ljust(size)
    path.write_bytes(content[:8] + changed + content[8 + size :])
    with pytest.raises(ModelError, match="int32"):
        weights.load(network(), path)


def test_full_disk_is_a_sentence_and_the_older_weights_stay(path, monkeypatch):
    def full(*_):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    before = path.read_bytes()
    monkeypatch.setattr(weights, "save_file", full)
    with pytest.raises(ClearBGError, match=r"w\.safetensors .*No space left.* free disk space"):
        weights.save(weights.copied(network(1)), path)
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1
