"""The exported model in eight-bit integers: static quantization, calibrated on images.

Weights become int8 by output channel and activations uint8 by tensor, written as pairs of
QuantizeLinear and DequantizeLinear (QDQ) that every ONNX runtime understands.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    qdq_loss_debug,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from clearbg.contract import METADATA_KEY
from clearbg.export import input_channels, taps
from clearbg.export.gate import Verdict
from clearbg.export.onnx import quiet
from clearbg.images import resize
from clearbg.inference.sessions import open_model
from clearbg.system.files import replacing_file

RANKING_IMAGES, RANKING_SIDE = 2, 256
"""Layers are ranked on so many images, of at most so many pixels a side: every activation of
the network is in memory at once."""


def write(
    source: Path,
    target: Path,
    inputs: Sequence[np.ndarray],
    float_layers: float,
    judge: Callable[[Path], Verdict],
) -> Verdict:
    """Quantize an exported model, with no more convolutions in float than the budgets ask for.

    First all layers are quantized. As long as `judge` finds a budget exceeded, the layers that
    quantization harms most stay in float: one, two, four and so on, up to the share
    `float_layers` of all convolutions. The same inputs give the same bytes.

    Args:
        inputs: prepared images, float32 `(C,h,w)`, from which the ranges of activations are
            taken.
        judge: gives the verdict on a file.

    Returns:
        The last verdict, with `float_layers`, the convolutions in float, among its figures.
        When it still names a budget the file must not be used.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = _Work(source, Path(folder), inputs)
        most = int(float_layers * len(work.convolutions))
        ranking: list[str] = []
        for count in _counts(most):
            if count and not ranking:
                ranking = work.ranking()
            work.write(target, ranking[:count])
            verdict = judge(target).with_figure("float_layers", count)
            if verdict.over is None:
                break
    return verdict


def _counts(most: int) -> Iterator[int]:
    """0, 1, 2, 4, ... and `most`."""
    yield 0
    count = 1
    while count < most:
        yield count
        count *= 2
    if most:
        yield most


class _Work:
    """One model being quantized: prepared, its ranges measured once."""

    def __init__(self, source: Path, folder: Path, inputs: Sequence[np.ndarray]):
        self._inputs, self._folder = inputs, folder
        self._prepared = folder / "prepared.onnx"
        self._ranges = folder / "ranges.json"
        self._contract = open_model(source).contract
        with quiet():
            # Symbolic shapes stop at the free height and width; ONNX's own inference does not.
            quant_pre_process(source, self._prepared, skip_symbolic_shape=True)
        model = onnx.load(self._prepared)
        taps.split(model)
        onnx.save(model, self._prepared)
        self._nodes = model.graph.node
        self.convolutions = [
            node.name for node in self._nodes if node.op_type in ("Conv", "ConvTranspose")
        ]

    def write(self, target: Path, in_float: list[str]) -> None:
        model = self._quantized(in_float)
        input_channels.widen(model, "images")
        onnx.helper.set_model_props(model, {METADATA_KEY: self._contract.to_json()})
        onnx.checker.check_model(model)
        with replacing_file(target) as aside:
            onnx.save(model, aside)

    def _quantized(self, in_float: list[str]) -> onnx.ModelProto:
        with quiet():
            quantize_static(
                self._prepared,
                self._folder / "int8.onnx",
                _Images(self._inputs),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                # Seven bits of weight: x86 processors without VNNI add up pairs of products in
                # 16 bits, which eight overflow.
                reduce_range=True,
                nodes_to_exclude=in_float,
                calibration_cache_path=self._ranges,
            )
        return onnx.load(self._folder / "int8.onnx")

    def ranking(self) -> list[str]:
        """The convolutions' names; the one whose output loses most to quantization comes first.

        The loss is the signal-to-noise ratio between the float activations and the quantized ones.
        """
        whole = self._folder / "whole.onnx"
        onnx.save(self._quantized([]), whole)
        images = [_reduced(image) for image in self._inputs[:RANKING_IMAGES]]
        activations = []
        for path in (whole, self._prepared):
            opened = self._folder / f"{path.stem}-open.onnx"
            qdq_loss_debug.modify_model_output_intermediate_tensors(path, opened)
            activations.append(qdq_loss_debug.collect_activations(str(opened), _Images(images)))
        matched = qdq_loss_debug.create_activation_matching(*activations)
        errors = qdq_loss_debug.compute_activation_error(matched)
        ratios = {name: error.get("xmodel_err", np.inf) for name, error in errors.items()}
        nodes = {node.name: node for node in self._nodes}
        return sorted(self.convolutions, key=lambda name: self._ratio(nodes[name], ratios))

    def _ratio(self, node: onnx.NodeProto, ratios: dict[str, float]) -> float:
        """Of a convolution's output, or of what an activation makes of it at once."""
        following = [other.output[0] for other in self._nodes if node.output[0] in other.input]
        return min((ratios[name] for name in (node.output[0], *following) if name in ratios),
                   default=np.inf)  # fmt: skip


class _Images(CalibrationDataReader):
    """Prepared images one by one, as ONNX Runtime's calibration asks for them."""

    def __init__(self, images: Sequence[np.ndarray]):
        self._left = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self._left, None)
        return None if image is None else {"images": image[None]}


def _reduced(image: np.ndarray) -> np.ndarray:
    """float32 `(C,h,w)`, brought down to at most RANKING_SIDE a side."""
    size = tuple(min(side, RANKING_SIDE) for side in image.shape[1:])
    return np.stack([resize(np.ascontiguousarray(c), size, "bilinear") for c in image])
