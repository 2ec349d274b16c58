"""Convolutions to one channel, written in two: the same results from an equal graph."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from clearbg.export import taps


def convolution(outputs: int, inputs: int, side: int = 3, **attributes) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(outputs, inputs, side, side)).astype(np.float32)
    bias = rng.normal(size=outputs).astype(np.float32)
    node = helper.make_node("Conv", ["x", "kernel", "bias"], ["y"], "conv", **attributes)
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", inputs, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", outputs, "H", "W"])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(bias, "bias")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


@pytest.mark.parametrize(
    "attributes",
    [
        {"pads": [1, 1, 1, 1]},
        {"pads": [2, 2, 2, 2], "dilations": [2, 2]},
        {"pads": [0, 1, 1, 0], "strides": [2, 1]},
        {"auto_pad": "SAME_UPPER"},
    ],
)
def test_convolution_to_one_channel_gives_the_same_in_two_steps(attributes):
    model = convolution(1, 64, **attributes)
    x = np.random.default_rng(1).normal(size=(2, 64, 13, 10)).astype(np.float32)
    before = run(model, x)
    taps.split(model)
    kernels = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    assert sorted(kernels.values()) == [(1,), (1, 9, 3, 3), (9, 64, 1, 1)]
    np.testing.assert_allclose(run(model, x), before, atol=1e-4)


@pytest.mark.parametrize(
    ("outputs", "inputs", "side"), [(2, 64, 3), (1, 9, 3), (1, 64, 1)],
    ids=["two channels", "as many taps as inputs", "no neighbors"],
)  # fmt: skip
def test_others_stay(outputs, inputs, side):
    model = convolution(outputs, inputs, side)
    before = model.SerializeToString()
    taps.split(model)
    assert model.SerializeToString() == before
