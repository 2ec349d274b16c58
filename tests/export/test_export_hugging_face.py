"""Weights as Hugging Face's loaders take them: by plain safetensors and by the real mixin."""

import json

import pytest
import torch
from safetensors.torch import load_file

from clearbg import models
from clearbg.contract import Contract
from clearbg.export import hugging_face
from clearbg.models import weights

SMALL = {"channels": 4, "widths": [4, 8]}


def contract() -> Contract:
    return Contract(
        model="gan_generator", settings=SMALL, height=64, width=64, fit="stretch", overlap=0,
        kernel="bilinear", color_order="RGB", mean=(0.0,) * 3, std=(1.0,) * 3, threshold=0.5,
        output="cutout", headline="max_f", weights_sha256="0" * 64, data_digest="1" * 64,
        data_license="CC0-1.0",
    )  # fmt: skip


def test_hugging_face_folder_is_the_trained_network(tmp_path):
    net = models.build("gan_generator", **SMALL).eval()
    weights.save(net.state_dict(), tmp_path / weights.FILE)
    hugging_face.write(tmp_path, tmp_path / "hf", contract())
    facts = json.loads((tmp_path / "hf/config.json").read_text())
    plain = models.build(facts["model"], **facts["settings"])
    plain.load_state_dict(load_file(tmp_path / "hf/model.safetensors"))

    pytest.importorskip("huggingface_hub")
    from clearbg.export.pretrained import TrainedNetwork

    loaded = TrainedNetwork.from_pretrained(str(tmp_path / "hf"))
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        alpha = net(images)[0].sigmoid()
        assert torch.equal(loaded.eval()(images), alpha)
        assert torch.equal(plain.eval()(images)[0].sigmoid(), alpha)
    assert loaded.preprocessing["height"] == 64

    loaded.save_pretrained(tmp_path / "again")
    again = TrainedNetwork.from_pretrained(str(tmp_path / "again"))
    with torch.no_grad():
        assert torch.equal(again.eval()(images), alpha)
