"""Every family's network exported in all formats, at any batch and size."""

import numpy as np
import onnxruntime
import pytest
import torch
from test_models import CHANNELS, EXPORTED, built, exported, largest_difference, noise, settled
from torch import nn

from clearbg import models
from clearbg.export import fp16, quantize
from clearbg.export.gate import Verdict

TOLERANCE = {"fp16": 0.03, "int8": 0.5}


def short(name: str) -> nn.Module:
    """The network as it is, or its like with fewer layers of the same kind.

    IS-Net's stages are U²-Net's, which u2netp shows: here each is one convolution.
    """
    if name.startswith("gan_generator"):
        return models.build("gan_generator", channels=3 if "3" in name else 4, widths=[8, 16, 32])
    network = built(name)
    if name == "isnet":
        for key, stage in network.named_children():
            if key.startswith("stage"):
                block = stage.rebnconvin.conv_s1
                layer = nn.Conv2d(block.in_channels, block.out_channels, 3, padding=1)
                setattr(network, key, layer)
    return network


def alpha(path, images: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["alpha"], {"images": images.numpy()})[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in EXPORTED if name != "u2net"])  # as u2netp
def test_files_say_what_the_network_says_at_any_size(name, tmp_path):
    images = noise(name, 4, 64, 64)
    network = settled(short(name), images)
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
