"""What the export stage writes beside model.onnx, and the gate that every file must pass."""

import io
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from support.project import demo

from clearbg import config, models
from clearbg.contract import Contract, read_contract
from clearbg.data import manifest
from clearbg.errors import DataError, ExportError, SettingsError
from clearbg.export import formats as exports
from clearbg.export import fp16, gate, latency, parity, quantize
from clearbg.export import onnx as onnx_export
from clearbg.models import weights
from clearbg.removal.remover import Remover
from clearbg.system.files import file_sha256

SMALL = {"channels": 4, "widths": [4, 8]}


def network(bias: float = 0.0) -> torch.nn.Module:
    """Random weights whose alpha rises with the image's brightness in places."""
    torch.manual_seed(3)
    net = models.build("gan_generator", **SMALL)
    net(torch.randn(4, 3, 64, 64))
    torch.nn.init.normal_(net.head.weight)
    torch.nn.init.constant_(net.head.bias, bias)
    return net.eval()


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A models folder."""
    folder = tmp_path_factory.mktemp("models")
    weights.save(network().state_dict(), folder / weights.FILE)
    contract = Contract(
        model="gan_generator", settings=SMALL, height=64, width=64, fit="stretch", overlap=0,
        kernel="bilinear", color_order="RGB", mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225), threshold=0.5, output="cutout", headline="max_f",
        weights_sha256=file_sha256(folder / weights.FILE), data_digest="1" * 64,
        data_license="CC0-1.0",
    )  # fmt: skip
    (folder / "model.json").write_text(contract.to_json())
    return folder


@pytest.fixture(scope="module")
def contract(trained) -> Contract:
    return read_contract(trained)


@pytest.fixture(scope="module")
def fp32(contract, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    onnx_export.export(network(), contract, path, opset=20)
    return path


@pytest.fixture(scope="module")
def inputs() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(3, 64, 64)).astype(np.float32) for _ in range(2)]


def settings(**changes) -> config.Export:
    own = {"images": 2, "calibration": 2, "int8_tolerance": 1.0, "max_f_loss": 1.0,
           "mae_loss": 1.0, "boundary_iou_loss": 1.0}  # fmt: skip
    return config.parse(demo(export={**own, **changes})).export


def content(verdict: bool | None) -> gate.Verdict:
    return gate.Verdict({}, None if verdict else "q.onnx: too bad")


SHAPES = [(1, 64, 64), (3, 64, 64), (2, 96, 61), (1, 33, 47)]


def difference(first: Path, second: Path, shape: tuple[int, int, int]) -> float:
    batch = np.random.default_rng(1).normal(size=(shape[0], 3, *shape[1:])).astype(np.float32)
    return float(np.abs(Remover(first).network(batch) - Remover(second).network(batch)).max())


@pytest.mark.parametrize("shape", SHAPES)
def test_half_precision_gives_nearly_the_same_alpha_at_any_batch_and_size(fp32, tmp_path, shape):
    fp16.write(fp32, tmp_path / "h.onnx")
    assert 0 < difference(fp32, tmp_path / "h.onnx", shape) < 0.01


def test_half_precision_halves_the_weights_and_keeps_the_contract(fp32, contract, tmp_path):
    fp16.write(fp32, tmp_path / "h.onnx")
    kinds = {w.data_type for w in onnx.load(tmp_path / "h.onnx").graph.initializer if w.dims}
    assert onnx.TensorProto.FLOAT16 in kinds
    assert onnx.TensorProto.FLOAT not in kinds
    assert Remover(tmp_path / "h.onnx").contract == contract


@pytest.fixture(scope="module")
def int8(fp32, inputs, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("int8") / "q.onnx"
    quantize.write(fp32, path, inputs, 0.5, lambda _: content(True))
    return path


@pytest.mark.parametrize("shape", SHAPES)
def test_eight_bits_give_nearly_the_same_alpha_at_any_batch_and_size(fp32, int8, shape):
    assert 0 < difference(fp32, int8, shape) < 0.3


def test_eight_bit_weights_go_by_channel_in_pairs_of_quantize_and_dequantize(int8, contract):
    model = onnx.load(int8)
    kinds = {node.op_type for node in model.graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert "QLinearConv" not in kinds
    tensors = {w.name: w for w in model.graph.initializer}
    made = {node.output[0]: node for node in model.graph.node}
    weights = [made[node.input[1]].input for node in model.graph.node if node.op_type == "Conv"]
    for kernel, scale, _ in weights:
        assert tensors[kernel].data_type == onnx.TensorProto.INT8
        assert tensors[scale].dims == tensors[kernel].dims[:1]
    assert Remover(int8).contract == contract


def test_same_model_gives_the_same_bytes(fp32, int8, inputs, tmp_path):
    quantize.write(fp32, tmp_path / "q.onnx", inputs, 0.5, lambda _: content(True))
    assert (tmp_path / "q.onnx").read_bytes() == int8.read_bytes()
    for name in ("1.onnx", "2.onnx"):
        fp16.write(fp32, tmp_path / name)
    assert (tmp_path / "1.onnx").read_bytes() == (tmp_path / "2.onnx").read_bytes()


def convolutions(path: Path) -> tuple[int, int]:
    """How many take eight-bit weights, and how many there are."""
    graph = onnx.load(path).graph
    floats = {w.name for w in graph.initializer if w.data_type == onnx.TensorProto.FLOAT}
    found = [node for node in graph.node if node.op_type in ("Conv", "ConvTranspose")]
    return sum(node.input[1] not in floats for node in found), len(found)


def test_layers_stay_in_float_until_the_budgets_are_met(fp32, inputs, tmp_path):
    seen = []

    def judge(path: Path) -> gate.Verdict:
        eight, count = convolutions(path)
        seen.append(count - eight)
        return content(count - eight >= 3)

    verdict = quantize.write(fp32, tmp_path / "q.onnx", inputs, 1.0, judge)
    assert seen == [0, 1, 2, 4]
    assert verdict.over is None
    assert verdict.figures["float_layers"] == 4


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_no_more_layers_than_the_share_stay_in_float(fp32, inputs, tmp_path, share):
    verdict = quantize.write(fp32, tmp_path / "q.onnx", inputs, share, lambda _: content(False))
    eight, count = convolutions(tmp_path / "q.onnx")
    assert count - eight == int(share * count) == verdict.figures["float_layers"]
    assert verdict.over


def test_layer_that_suffers_most_stays_in_float_first(fp32, contract, inputs, tmp_path):
    """One convolution's weights get an outlier that spoils the eight-bit scale of a channel."""
    model = onnx.load(fp32)
    names = {node.input[1]: node.output[0] for node in model.graph.node if node.op_type == "Conv"}
    weight = next(w for w in model.graph.initializer if w.name in names and w.dims[0] == 8)
    values = onnx.numpy_helper.to_array(weight).copy()
    values[:, 0, 0, 0] = 300 * np.abs(values).max()
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    onnx.save(model, tmp_path / "m.onnx")
    losses = []

    def judge(path: Path) -> gate.Verdict:
        losses.append(difference(tmp_path / "m.onnx", path, (1, 64, 64)))
        return content(len(losses) == 3)

    quantize.write(tmp_path / "m.onnx", tmp_path / "q.onnx", inputs, 1.0, judge)
    assert losses[-1] < losses[0]


def test_gate_finds_nothing_between_the_network_and_its_own_file(
    fp32, contract, ingested, monkeypatch
):
    monkeypatch.setattr(sys, "stderr", terminal := io.StringIO())
    terminal.isatty = lambda: True
    verdict = gate.Gate(network(), contract, ingested, settings()).judge(fp32, "tolerance")
    assert verdict.over is None
    assert verdict.figures.pop("max_difference") < 1e-5
    assert set(verdict.figures.values()) == {0.0}
    bars = re.findall(r"export: ([\w. ]+): 100%", terminal.getvalue())
    # A bar whose last step took long is drawn twice.
    assert list(dict.fromkeys(bars)) == ["trained model", "model.onnx"]


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"tolerance": 0.01}, r"model.onnx: alpha differs .* on p\d\d, .*export\.tolerance = 0.01"),
        ({"tolerance": 1.0, "mae_loss": 0.01}, r"MAE rises by 0\.\d+ .*export\.mae_loss = 0.01"),
        ({"tolerance": 1.0, "boundary_iou_loss": 0.001}, r"boundary IoU falls .*_iou_loss = 0.001"),
        ({"tolerance": 1.0, "max_f_loss": 0.001}, r"maxF falls .*export\.max_f_loss = 0.001"),
    ],
)
def test_each_budget_alone_stops_a_bad_file_and_names_the_worst_image(
    fp32, contract, ingested, tmp_path, changes, says
):
    bad = spoilt(fp32, tmp_path / "model.onnx")
    truth = torch.nn.Sequential()  # replaced below: a network that knows the discs
    truth.forward = lambda images: [40 * (images.mean(1, keepdim=True) + 0.6)]
    verdict = gate.Gate(truth, contract, ingested, settings(**changes)).judge(bad, "tolerance")
    with pytest.raises(ExportError, match=says) as raised:
        exports.passed(verdict)
    assert any(name in str(raised.value) for name in manifest.read(ingested)["id"])


def spoilt(source: Path, target: Path) -> Path:
    """The exported model with its alpha turned over."""
    model = onnx.load(source)
    model.graph.node[-1].output[0] = "turned"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(1, np.float32), "one"))
    model.graph.node.append(onnx.helper.make_node("Sub", ["one", "turned"], ["alpha"]))
    onnx.save(model, target)
    return target


def test_gate_without_validation_images_is_a_sentence(contract, ingested):
    frame = manifest.read(ingested)
    frame["split"] = "train"
    manifest.write(frame.to_dict("records"), ingested / "manifest.csv")
    with pytest.raises(DataError, match="no validation images"):
        gate.Gate(network(), contract, ingested, settings())


@pytest.fixture
def completed(trained, contract, fp32, ingested, tmp_path):
    """Completes a folder that holds model.onnx; the folder and the figures."""

    def complete(**changes) -> tuple[Path, dict]:
        folder = tmp_path / "exports"
        folder.mkdir()
        shutil.copyfile(fp32, folder / "model.onnx")
        return folder, exports.complete(
            network(), contract, trained, ingested, folder, settings(**changes)
        )

    return complete


def test_everything_asked_for_is_written_and_measured(completed, ingested):
    folder, figures = completed()
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == {
        "model.onnx", "model-fp16.onnx", "model-int8.onnx", "rembg/u2net_custom.onnx",
        "hf/model.safetensors", "hf/config.json",
    }  # fmt: skip
    assert figures["cases"] == 2 + 1 + 3
    assert set(figures["int8"]) == {
        "max_difference", "mae_loss", "max_f_loss", "boundary_iou_loss", "float_layers"
    }  # fmt: skip
    times = latency.of_exports(network(), folder, ingested, settings())
    assert list(times) == ["torch", "fp32", "fp16", "int8"]
    assert latency.line({"torch": 2.04, "fp32": 1.0}) == (
        "torch 2.0 ms an image, fp32 1.0 ms an image"
    )


def test_nothing_is_written_that_is_not_asked_for(completed):
    none = dict.fromkeys(("fp16_tolerance", "int8_tolerance", "calibration", "float_layers"))
    folder, figures = completed(formats=[], rembg=[], hugging_face=False, **none)
    assert [p.name for p in folder.iterdir()] == ["model.onnx"]
    assert not {"fp16", "int8"} & figures.keys()


@pytest.mark.parametrize(
    "key, value, says",
    [
        ("fp16_tolerance", 1e-9, r"model-fp16\.onnx: .*export\.fp16_tolerance = 1e-09.*formats"),
        ("int8_tolerance", 1e-9, r"model-int8\.onnx: .*export\.int8_tolerance = .*float_layers"),
    ],
)
def test_format_over_its_tolerance_fails(completed, key, value, says):
    with pytest.raises(ExportError, match=says):
        completed(**{key: value})


def test_ranges_come_from_as_many_images_as_asked_for(contract, ingested, tmp_path):
    names = [list(parity.prepared(ingested, contract, slice(-n, None))) for n in (1, 2)]
    assert names[0] == names[1][-1:]
    assert len(names[1]) == 2


@pytest.mark.parametrize("formats, key", [(["int8"], "fp16_tolerance"), (["fp16"], "int8_tol")])
def test_key_of_a_format_that_is_not_written_is_refused(formats, key):
    with pytest.raises(SettingsError, match=f"{key}.* belongs to formats"):
        config.parse(demo(export={"formats": formats}))
