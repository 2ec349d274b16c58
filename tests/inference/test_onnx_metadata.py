"""The contract inside an ONNX file, found without a library for ONNX."""

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


@pytest.mark.parametrize("number", [1, 14])
def test_length_beyond_the_file_reads_nothing(tmp_path, number):
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes([number << 3 | 2]) + b"\xff" * 8 + b"\x7f" + b"rest")
    assert contract_text(path) == ""
