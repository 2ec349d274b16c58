"""Every family's network exported in all formats, at any batch and size."""

import numpy as np
import onnxruntime
import pytest
import torch
from test_models import (
    CHANNELS,
    EXPORTED,
    built,
    exported,
    largest_difference,
    noise,
    settled,
)

from clearbg.export import fp16, quantize
from clearbg.export.gate import Verdict

TOLERANCE = {"fp16": 0.03, "int8": 0.5}


def alpha(path, images: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["alpha"], {"images": images.numpy()})[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in EXPORTED if name != "u2net"])  # as u2netp
def test_files_say_what_the_network_says_at_any_size(name, tmp_path):
    images = noise(name, 4, 64, 64)
    network = settled(built(name), images)
    session = exported(network, CHANNELS.get(name, 3), tmp_path / "fp32.onnx")
    for count, *size in ((1, 64, 64), (2, 64, 96), (1, 33, 47), (3, 17, 128), (1, 5, 4)):
        assert largest_difference(network, session, noise(name, count, *size)) < 1e-5

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
