"""A fourth channel of zeros for the images of a quantized model: the same bits from it."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

from clearbg.export import input_channels

IMAGES = np.random.default_rng(0).normal(size=(2, 3, 12, 9)).astype(np.float32)
CONVOLUTION = ("Conv", ["images", "kernel"], ["found"])
SHAPE = ("Shape", ["images"], ["shape"])
SUM = ("ReduceMax", ["images"], ["most"])


class Images(CalibrationDataReader):
    def __init__(self):
        self.left = iter([{"images": IMAGES}])

    def get_next(self):
        return next(self.left, None)


def quantized(folder, *nodes, **attributes) -> onnx.ModelProto:
    """A model of 9 output channels in which every node's result is an output."""
    shape = (9, 3 // attributes.get("group", 1), 3, 3)
    kernel = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    kinds = {"shape": TensorProto.INT64}
    graph = helper.make_graph(
        [helper.make_node(*node, **attributes) for node in nodes],
        "one",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [
            helper.make_tensor_value_info(out, kinds.get(out, TensorProto.FLOAT), None)
            for _, _, (out,) in nodes
        ],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, folder / "float.onnx")
    quantize_static(
        folder / "float.onnx",
        folder / "int8.onnx",
        Images(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
    )
    return onnx.load(folder / "int8.onnx")


def run(model: onnx.ModelProto) -> list[np.ndarray]:
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"images": IMAGES})


def kernels(model: onnx.ModelProto) -> list[tuple[int, ...]]:
    return [tuple(tensor.dims) for tensor in model.graph.initializer if len(tensor.dims) == 4]


@pytest.mark.parametrize("nodes", [(CONVOLUTION,), (SHAPE, CONVOLUTION)])
def test_a_fourth_channel_changes_no_bit(tmp_path, nodes):
    model = quantized(tmp_path, *nodes)
    before = run(model)
    input_channels.widen(model, "images")
    assert kernels(model) == [(9, 4, 3, 3)]
    for one, other in zip(run(model), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("nodes", "attributes"),
    [((CONVOLUTION, SUM), {}), ((CONVOLUTION,), {"group": 3})],
    ids=["something else reads them", "in groups"],
)
def test_images_with_another_reader_than_a_plain_convolution_stay(tmp_path, nodes, attributes):
    model = quantized(tmp_path, *nodes, **attributes)
    before = model.SerializeToString()
    input_channels.widen(model, "images")
    assert model.SerializeToString() == before


def test_convolution_in_float_stays(tmp_path):
    quantized(tmp_path, CONVOLUTION)
    model = onnx.load(tmp_path / "float.onnx")
    before = model.SerializeToString()
    input_channels.widen(model, "images")
    assert model.SerializeToString() == before
