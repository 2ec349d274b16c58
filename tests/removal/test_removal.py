"""From trained weights to cutouts: export, parity, the remover and its command."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from support.images import disc

from clearbg import Remover, models
from clearbg.contract import Contract
from clearbg.errors import ExportError, ImageError, ModelError
from clearbg.export import onnx as onnx_export
from clearbg.export import parity
from clearbg.images import write_image
from clearbg.inference.predict import predict, prepare

SMALL = {"channels": 4, "widths": [4, 8]}


def contract(**changes) -> Contract:
    facts = {
        "model": "gan_generator", "settings": SMALL, "height": 64, "width": 64, "fit": "stretch",
        "overlap": 0, "kernel": "bilinear", "color_order": "RGB",
        "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "threshold": 0.5,
        "output": "cutout", "headline": "max_f",
        "weights_sha256": "0" * 64, "data_digest": "1" * 64, "data_license": "CC0-1.0",
    }  # fmt: skip
    return Contract(**{**facts, **changes})


def network() -> torch.nn.Module:
    """Random weights that give every alpha from 0 to 1."""
    torch.manual_seed(3)
    net = models.build("gan_generator", **SMALL)
    net(torch.randn(4, 3, 64, 64))  # moves the batch norms' averages off their start
    torch.nn.init.normal_(net.head.weight)
    return net.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    onnx_export.export(network(), contract(), path, opset=20)
    return path


def run_cli(*arguments: str | Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "clearbg", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ)


@pytest.mark.parametrize(
    "shape", [(1, 64, 64), (3, 64, 64), (2, 96, 160), (1, 61, 97), (5, 33, 32)]
)
def test_onnx_gives_torchs_alpha_at_any_batch_and_size(exported, shape):
    batch = np.random.default_rng(0).normal(size=(shape[0], 3, *shape[1:])).astype(np.float32)
    with torch.no_grad():
        expected = network()(torch.from_numpy(batch))[0].sigmoid().numpy()
    assert np.abs(Remover(exported).network(batch) - expected).max() < 1e-5


def test_onnx_carries_its_contract_and_no_trace_of_its_maker(exported, tmp_path):
    assert Remover(exported).contract == contract()
    content = exported.read_bytes()
    for trace in (b"site-packages", os.fsencode(os.getcwd()), b".py"):
        assert trace not in content


@pytest.mark.slow
def test_equal_weights_export_to_equal_bytes(exported, tmp_path):
    onnx_export.export(network(), contract(), tmp_path / "again.onnx", opset=20)
    assert (tmp_path / "again.onnx").read_bytes() == exported.read_bytes()


@pytest.mark.slow
def test_opset_is_the_one_asked_for(tmp_path):
    onnx_export.export(network(), contract(), tmp_path / "m.onnx", opset=18)
    assert onnx.load(tmp_path / "m.onnx").opset_import[0].version == 18


@pytest.mark.parametrize("size", [(60, 80), (81, 33), (1, 7), (200, 10)])
def test_cutout_has_exactly_the_inputs_size_and_colors(exported, tmp_path, size):
    rgb = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    write_image(tmp_path / "p.png", rgb)
    cutout = np.array(Remover(exported, refine=False)(tmp_path / "p.png"))
    assert cutout.shape == (*size, 4) and np.array_equal(cutout[..., :3], rgb)


def test_remover_takes_path_bytes_and_stream(exported, tmp_path):
    path = tmp_path / "p.png"
    write_image(path, disc(1)[0])
    remover = Remover(exported)
    with open(path, "rb") as stream:
        images = [remover(path), remover(str(path)), remover(path.read_bytes()), remover(stream)]
    assert len({image.tobytes() for image in images}) == 1


def test_transparency_of_the_input_stays(exported, tmp_path):
    rgb, alpha = disc(2)
    write_image(tmp_path / "p.png", rgb, alpha)
    cutout = np.array(Remover(exported)(tmp_path / "p.png"))
    assert (cutout[..., 3] <= alpha).all()


def test_dark_image_is_not_brightened():
    dark = np.full((8, 8, 3), 10, np.uint8)
    dark[0, 0] = 20
    prepared = prepare(dark, contract(height=8, width=8, mean=(0, 0, 0), std=(1, 1, 1)))
    assert prepared.max() == pytest.approx(20 / 255)


def test_empty_image_stays_empty():
    """No stretch: what the network calls nothing comes out as nothing."""
    faint = np.random.default_rng(0).uniform(0, 0.01, (1, 1, 64, 64)).astype(np.float32)
    alpha = predict([np.zeros((90, 70, 3), np.uint8)], lambda batch: faint, contract())[0]
    assert alpha.shape == (90, 70) and alpha.max() <= 0.01


def test_network_of_another_size_is_refused():
    with pytest.raises(ModelError, match="do not belong together"):
        predict([np.zeros((9, 9, 3), np.uint8)], lambda b: np.zeros((1, 1, 32, 32)), contract())


def test_file_that_is_not_a_model_is_a_sentence(tmp_path):
    (tmp_path / "m.onnx").write_text("no model")
    with pytest.raises(ModelError, match="not a complete ONNX file"):
        Remover(tmp_path / "m.onnx")


def test_missing_model_says_how_to_make_one(tmp_path):
    with pytest.raises(ModelError, match="dvc repro"):
        Remover(tmp_path / "m.onnx")


def test_model_without_contract_is_refused(exported, tmp_path):
    model = onnx.load(exported)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="no preprocessing contract"):
        Remover(tmp_path / "m.onnx")


def test_unbearable_difference_names_the_worst_image(exported, tmp_path, tiny, ingested):
    other = network()
    torch.nn.init.constant_(other.head.bias, 5.0)
    with pytest.raises(ExportError, match=r"on p\d\d.*export\.tolerance"):
        parity.check(other, exported, ingested, tiny.export)


@pytest.mark.slow
def test_agreement_is_measured_alone_in_a_batch_and_at_other_sizes(exported, tiny, ingested):
    agreement = parity.check(network(), exported, ingested, tiny.export)
    assert agreement["max_difference"] < 1e-5
    assert agreement["cases"] == tiny.export.images + 1 + 3


def test_remove_keeps_folders_and_survives_a_bad_image(exported, tmp_path):
    for name in ("in/a.jpg", "in/sub/b.png", "in/sub/b.jpg"):
        write_image(tmp_path / name, disc(1)[0])
    (tmp_path / "in/bad.png").write_text("this is text")
    done = run_cli("remove", "in", "-o", "out", "--model", exported)
    assert done.returncode == 1
    made = sorted(
        p.relative_to(tmp_path / "out").as_posix() for p in Path("out").resolve().rglob("*.png")
    )
    assert made == ["a.png", "sub/b.jpg.png", "sub/b.png.png"]
    sentences = [line for line in done.stderr.splitlines() if line.startswith("clearbg:")]
    assert len(sentences) == 1 and "bad.png" in sentences[0]


def test_remove_writes_one_image_to_the_file_named(exported, tmp_path):
    write_image(tmp_path / "a.jpg", disc(1)[0])
    assert run_cli("remove", "a.jpg", "-o", "cut.png", "--model", exported).returncode == 0
    with Image.open(tmp_path / "cut.png") as image:
        assert (image.mode, image.size) == ("RGBA", (80, 60))


@pytest.mark.parametrize(
    "inputs, says", [("nowhere.jpg", "does not exist"), ("empty", "no images")]
)
def test_remove_of_nothing_is_one_sentence(exported, tmp_path, inputs, says):
    (tmp_path / "empty").mkdir()
    done = run_cli("remove", inputs, "--model", exported)
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr


def test_unreadable_image_is_an_image_error(exported):
    with pytest.raises(ImageError):
        Remover(exported)(b"no image")
