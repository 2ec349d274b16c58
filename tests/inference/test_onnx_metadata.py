"""The contract inside an ONNX file, found without a library for ONNX."""

import math
import time

import numpy as np
import onnx
import pytest
from support.models import brightness_model

from clearbg import Remover
from clearbg.contract import METADATA_KEY
from clearbg.errors import ModelError
from clearbg.inference.onnx_metadata import contract_text


def test_it_is_what_onnx_itself_reads(tmp_path):
    path = brightness_model(tmp_path / "model.onnx")
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"other": "ü" * 300, **_props(model), "last": ""})
    onnx.save(model, path)
    assert contract_text(path) == _props(model)[METADATA_KEY]


def _props(model: onnx.ModelProto) -> dict[str, str]:
    return {prop.key: prop.value for prop in model.metadata_props}


def test_model_without_one_has_none_and_is_refused(tmp_path):
    path = brightness_model(tmp_path / "model.onnx")
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    assert contract_text(path) == ""
    with pytest.raises(ModelError, match="no preprocessing contract"):
        Remover(path)


@pytest.mark.parametrize("content", [b"", b"text\n", b"\xff" * 40, b"\x00" * 40])
def test_file_that_is_no_onnx_has_none_and_is_refused(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    assert contract_text(tmp_path / "model.onnx") == ""
    with pytest.raises(ModelError, match="export"):
        Remover(tmp_path / "model.onnx")


def test_file_that_is_cut_short_anywhere_is_refused(tmp_path):
    content = brightness_model(tmp_path / "whole.onnx").read_bytes()
    for length in range(0, len(content), 7):
        (tmp_path / "cut.onnx").write_bytes(content[:length])
        with pytest.raises(ModelError):
            Remover(tmp_path / "cut.onnx")


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 10_000_000,
        b"\x08\x01" * 5_000_000,
        b"\x72\0" * 5_000_000,
        b"\x72\xff\xff\xff\x04" + b"\0" * 0x9FFFFF,
        b"\x72\x0b\x0a\x07clearbg\x10\x05",
    ],
    ids=["zeros", "numbers", "empty pairs", "a pair of 10 MB", "a number for the contract"],
)
def test_file_of_10_mb_that_holds_nothing_is_refused_at_once(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    began = time.thread_time()
    assert contract_text(tmp_path / "model.onnx") == ""
    assert time.thread_time() - began < 20
    with pytest.raises(ModelError, match="export"):
        Remover(tmp_path / "model.onnx")


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e9, -0.5, 1.5])
def test_alpha_that_is_no_alpha_is_a_sentence(tmp_path, value):
    path = brightness_model(tmp_path / "model.onnx")
    model = onnx.load(path)
    model.graph.node[0].output[0] = "brightness"
    model.graph.initializer.append(onnx.helper.make_tensor("value", 1, [], [value]))
    model.graph.initializer.append(onnx.helper.make_tensor("none", 1, [], [0]))
    model.graph.node.append(onnx.helper.make_node("Mul", ["brightness", "none"], ["zero"]))
    model.graph.node.append(onnx.helper.make_node("Add", ["zero", "value"], ["alpha"]))
    onnx.save(model, path)
    for device in ("cpu", "openvino"):
        remover = Remover(path, device=device)
        with pytest.raises(ModelError, match="which is not between 0 and 1: export it again"):
            remover(np.zeros((40, 50, 3), np.uint8))


@pytest.mark.parametrize("number", [1, 14])
def test_length_beyond_the_file_reads_nothing(tmp_path, number):
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes([number << 3 | 2]) + b"\xff" * 8 + b"\x7f" + b"rest")
    assert contract_text(path) == ""
