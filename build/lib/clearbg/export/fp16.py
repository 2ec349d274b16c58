"""The exported model in half precision: half the size, for devices that compute in it."""

from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from clearbg.export.onnx import quiet
from clearbg.system.files import replacing_file


def write(source: Path, target: Path) -> None:
    """Convert an exported model. Its input and output stay float32, so callers see no change.

    Operators that ONNX Runtime does not have in half precision stay in float32. The
    preprocessing contract stays embedded. Equal models give equal bytes.
    """
    with quiet():
        converted = OnnxModel(convert_float_to_float16(onnx.load(source), keep_io_types=True))
        _drop_repeated_casts(converted.model.graph)
        # The converter appends its casts, and ONNX wants every value made before it is used.
        converted.topological_sort(is_deterministic=True)
    onnx.checker.check_model(converted.model)
    with replacing_file(target) as aside:
        onnx.save(converted.model, aside)


def _drop_repeated_casts(graph: onnx.GraphProto) -> None:
    """Keep one of the equal casts to float32 that the converter adds for each reader of a value."""
    nodes = {node.output[0]: node for node in reversed(graph.node)}
    infos = {info.name: info for info in reversed(graph.value_info)}
    for field, first in ((graph.node, nodes), (graph.value_info, infos)):
        single = list(reversed(first.values()))
        del field[:]
        field.extend(single)
