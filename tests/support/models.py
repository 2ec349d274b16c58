"""Exported models that are made in milliseconds."""

from pathlib import Path

from clearbg.contract import METADATA_KEY, Contract


def brightness_model(path: Path, images: int | str = "n", **changes) -> Path:
    """An exported "model" whose alpha is the image's brightness; `changes` of its contract.

    Args:
        images: of a run; a name: any number of them.
    """
    import onnx
    from onnx import TensorProto, helper

    facts = {
        "model": "u2netp", "settings": {}, "height": 32, "width": 32, "fit": "stretch",
        "overlap": 0, "kernel": "bilinear", "color_order": "RGB", "mean": (0.0, 0.0, 0.0),
        "std": (1.0, 1.0, 1.0), "threshold": 0.5, "output": "cutout", "headline": "max_f",
        "weights_sha256": "0" * 64, "data_digest": "0" * 64, "data_license": "CC0-1.0",
    }  # fmt: skip
    contract = Contract(**{**facts, **changes})
    channels = contract.channels
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["images", "axes"], ["alpha"], keepdims=1)],
        "brightness",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [images, channels, "h", "w"])],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, [images, 1, "h", "w"])],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    onnx.save(model, path)
    return path
