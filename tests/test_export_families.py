"""Every family's network in half precision and in eight bits, at any batch and size."""

import numpy as np
import onnxruntime
import pytest
import torch
from test_models import CHANNELS, EXPORTED, built, exported, noise, settled

from clearbg.export import fp16, quantize
from clearbg.export.gate import Verdict

TOLERANCE = {"fp16": 0.03, "int8": 0.5}


def alpha(path, images: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["alpha"], {"images": images.numpy()})[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTED)
def test_every_format_says_nearly_what_the_network_says_at_any_size(name, tmp_path):
    images = noise(name, 4, 64, 64)
    exported(settled(built(name), images), CHANNELS.get(name, 3), tmp_path / "fp32.onnx")
    fp16.write(tmp_path / "fp32.onnx", tmp_path / "fp16.onnx")
    quantize.write(
        tmp_path / "fp32.onnx",
        tmp_path / "int8.onnx",
        list(images.numpy()),
        0.0,
        lambda _: Verdict({}, None),
    )
    for count, *size in ((1, 64, 64), (2, 64, 96), (1, 33, 47)):
        batch = noise(name, count, *size)
        expected = alpha(tmp_path / "fp32.onnx", batch)
        for kind, tolerance in TOLERANCE.items():
            found = alpha(tmp_path / f"{kind}.onnx", batch)
            assert found.shape == expected.shape
            assert np.abs(found - expected).max() < tolerance, kind
            assert np.abs(found - expected).mean() < tolerance / 5, kind
