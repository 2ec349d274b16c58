"""Convolutions to a single channel, written so that eight-bit runtimes are quick at them.

ONNX Runtime lays all that a kernel sees out anew for each pixel, and multiplies that by a matrix,
which is slow when the matrix has one column: U²-Net-lite spends a sixth of its time on its six
side outputs. Here a 1×1 convolution gives each of the kernel's taps a channel, and a second one
adds them up, each from where its tap looks.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper


def split(model: onnx.ModelProto) -> None:
    """Split the convolutions to one channel of a model, where that saves work, with equal results.

    Split are those of one group that have fewer taps than input channels and look at neighbors.
    """
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    for node in graph.node:
        kernel = weights.get(node.input[1]) if node.op_type == "Conv" else None
        if kernel is None or not _worth_it(kernel.dims):
            nodes.append(node)
            continue
        values = numpy_helper.to_array(kernel)
        taps = np.prod(values.shape[2:])
        each = np.ascontiguousarray(values.reshape(-1, taps).T[..., None, None])
        where = np.eye(taps, dtype=values.dtype).reshape(1, taps, *values.shape[2:])
        names = [f"{node.name}_{part}" for part in ("taps", "where", "each")]
        graph.initializer.append(numpy_helper.from_array(each, names[2]))
        graph.initializer.append(numpy_helper.from_array(where, names[1]))
        nodes.append(helper.make_node("Conv", [node.input[0], names[2]], names[:1], names[0]))
        total = onnx.NodeProto()
        total.CopyFrom(node)
        total.input[0], total.input[1] = names[0], names[1]
        nodes.append(total)
    del graph.node[:]
    graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    unread = [tensor for tensor in graph.initializer if tensor.name not in read]
    for tensor in unread:
        graph.initializer.remove(tensor)


def _worth_it(dims: tuple[int, ...]) -> bool:
    """Of a kernel (output channels, input channels of its group, height, width)."""
    outputs, inputs, *sides = dims
    return outputs == 1 and 1 < np.prod(sides) < inputs
