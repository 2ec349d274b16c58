"""The exported model as a file that `rembg` runs unchanged, as one of its custom sessions.

rembg stretches every image to the session's size with Lanczos, divides it by its own largest
value, and subtracts and divides by the session's mean and standard deviation. It then
stretches the result by its minimum and maximum. The file undoes what can be undone:

- In front of the network the session's normalization is undone, the image reduced to the
  model's size with antialiasing, and normalized as the model's contract says.
- Behind it one pixel of the largest alpha becomes 1 and one of the smallest 0, and nothing
  else changes: the stretch is then the identity. Where no alpha reaches the contract's
  threshold everything becomes 0, so that an empty image stays empty (rembg divides 0 by 0
  and writes that as 0).

What cannot be undone: a dark image is brightened by rembg's division; one pixel is opaque and one
is transparent, whatever they were; a subject that is fainter than the threshold everywhere is not
found. The division can help or harm, as the model has learned to see in the dark or not: on
generated images at 50, 30 and 10 % of their brightness the demo's model, which has not, gives
masks with a MAE of 0.034 by rembg and of 0.065, 0.117 and 0.161 by the remover; at full
brightness both are at 0.034 (`python benchmarks/dark.py`).
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import compose, helper, numpy_helper, parser

from clearbg.contract import METADATA_KEY, Contract
from clearbg.errors import ExportError
from clearbg.system.files import replacing_file

SESSIONS = {
    "u2net_custom": (320, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "dis_custom": (1024, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)),
}
"""rembg's session -> side of its square input, mean and standard deviation of R, G, B."""

LUMA = (0.299, 0.587, 0.114)  # as clearbg.images.luma
MODES = {
    "bilinear": 'mode="linear"',
    "bicubic": 'mode="cubic", cubic_coeff_a=-0.5',
    "lanczos": 'mode="cubic", cubic_coeff_a=-0.5',  # ONNX has no Lanczos; this is nearest
}

BEFORE = """<ir_version: {ir}, opset_import: ["" : {opset}]>
before (float[1,3,{side},{side}] image) => (float[1,{channels},{height},{width}] prepared) {{
  spread = Mul(image, session_std)
  rgb = Add(spread, session_mean)
  {mixed}
  reduced = {reduced}
  low = Constant<value = float {{0.0}}>()
  high = Constant<value = float {{1.0}}>()
  bounded = Clip(reduced, low, high)
  centered = Sub(bounded, mean)
  prepared = Div(centered, std)
}}"""

DARKER = """red_and_green = Gather<axis=1>(rgb, two)
  mixed = ReduceMin<keepdims=1>(red_and_green, channel)"""
"""As clearbg.images.darker."""

AFTER = """<ir_version: {ir}, opset_import: ["" : {opset}]>
after (float[1,1,{height},{width}] alpha) => (float[1,1,{side},{side}] mask) {{
  grown = {grown}
  row = Flatten(grown)
  first_least = ArgMin<axis = 1, keepdims = 1>(row)
  last_most = ArgMax<axis = 1, keepdims = 1, select_last_index = 1>(row)
  raised = ScatterElements<axis = 1>(row, last_most, one)
  anchored = ScatterElements<axis = 1>(raised, first_least, zero)
  peak = ReduceMax<keepdims = 0>(row)
  found = GreaterOrEqual(peak, threshold)
  nothing = Mul(row, zero)
  chosen = Where(found, anchored, nothing)
  mask = Reshape(chosen, shape)
}}"""
"""First and last: of an alpha that is the same everywhere one pixel falls and another rises."""


def write(source: Path, target: Path, contract: Contract, session: str) -> None:
    """Wrap an exported model, whose contract is `contract`, for a session of rembg.

    The same model gives the same bytes.

    Raises:
        ExportError: the model reads images in tiles, which rembg cannot give.
    """
    if contract.fit == "tile":
        raise ExportError(
            "export.rembg: rembg stretches every image to one size, and this model reads "
            "images in tiles: set export.rembg to []."
        )
    model = onnx.load(source)
    before, after = _before(model, contract, session), _after(model, contract, session)
    joined = compose.merge_models(
        before, compose.add_prefix(model, "model_"), io_map=[("prepared", "model_images")]
    )
    joined = compose.merge_models(joined, after, io_map=[("model_alpha", "alpha")])
    joined.graph.name = session
    helper.set_model_props(joined, {METADATA_KEY + "-rembg": contract.to_json()})
    onnx.checker.check_model(joined)
    with replacing_file(target) as aside:
        onnx.save(joined, aside)


def _before(model: onnx.ModelProto, contract: Contract, session: str) -> onnx.ModelProto:
    side, session_mean, session_std = SESSIONS[session]
    values = {
        "session_mean": _channels(session_mean),
        "session_std": _channels(session_std),
        "mean": _channels(contract.mean),
        "std": _channels(contract.std),
    }
    mixed = "mixed = Identity(rgb)"
    if contract.color_order == "darker":
        mixed = DARKER
        values["two"], values["channel"] = np.array([0, 1], np.int64), np.array([1], np.int64)
    elif contract.color_order == "L":
        mixed, values["luma"] = (
            "mixed = Conv(rgb, luma)",
            np.array(LUMA, np.float32).reshape(1, 3, 1, 1),
        )
    reduced = "Identity(mixed)"
    if (contract.height, contract.width) != (side, side):
        reduced = f"Resize<antialias=1, axes=[2,3], {MODES[contract.kernel]}>(mixed, , , size)"
        values["size"] = np.array([contract.height, contract.width], np.int64)
    text = BEFORE.format(
        side=side, channels=contract.channels, height=contract.height, width=contract.width,
        mixed=mixed, reduced=reduced, **_versions(model),
    )  # fmt: skip
    return _parsed(text, values)


def _after(model: onnx.ModelProto, contract: Contract, session: str) -> onnx.ModelProto:
    side = SESSIONS[session][0]
    grown = "Identity(alpha)"
    values = {
        "zero": np.zeros((1, 1), np.float32),
        "one": np.ones((1, 1), np.float32),
        "threshold": np.array(contract.threshold, np.float32),
        "shape": np.array([1, 1, side, side], np.int64),
    }
    if (contract.height, contract.width) != (side, side):
        grown = 'Resize<antialias=1, axes=[2,3], mode="linear">(alpha, , , full_size)'
        values["full_size"] = np.array([side, side], np.int64)
    text = AFTER.format(
        side=side, height=contract.height, width=contract.width, grown=grown, **_versions(model),
    )  # fmt: skip
    return _parsed(text, values)


def _parsed(text: str, values: dict[str, np.ndarray]) -> onnx.ModelProto:
    model = parser.parse_model(text)
    for name, value in values.items():
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


def _channels(values: tuple[float, ...]) -> np.ndarray:
    return np.array(values, np.float32).reshape(1, -1, 1, 1)


def _versions(model: onnx.ModelProto) -> dict[str, int]:
    return {"ir": model.ir_version, "opset": model.opset_import[0].version}
