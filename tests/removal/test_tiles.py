"""Images of any size through tiles, gray networks, and ink as output."""

import dataclasses
import io
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image
from support.images import profile

import clearbg
from clearbg import Remover
from clearbg.contract import METADATA_KEY, Contract
from clearbg.errors import DataError, ExportError, ModelError, SettingsError
from clearbg.export import parity
from clearbg.images import encode_image, read_image, write_image
from clearbg.inference.predict import PIXELS_AT_ONCE, predict, prepare
from clearbg.removal.files import remove_files
from clearbg.removal.options import OutputOptions

SIDE, OVERLAP = 32, 8
PAGE = Contract(
    model="darkness", settings={}, height=SIDE, width=SIDE, fit="tile", overlap=OVERLAP,
    kernel="bilinear", color_order="L", mean=(1.0,), std=(-1.0,), threshold=0.5, output="ink",
    headline="f_measure", weights_sha256="0" * 64, data_digest="", data_license="CC0-1.0",
)  # fmt: skip
WHITE = OutputOptions(background="white")
SIZES = [(1, 1), (5, 2000), (2000, 5), (32, 32), (56, 80), (33, 31), (57, 57), (81, 200)]
"""Smaller than a tile, exactly one, exact multiples of the stride, and anything else."""


def gray(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    return np.repeat(values[..., None], 3, axis=2)


def written_page() -> np.ndarray:
    """Black strokes on white paper, 70 x 90."""
    rgb = np.full((70, 90, 3), 255, np.uint8)
    rgb[10:60:8, 12:80] = 0
    return rgb


def write_model(path: Path, contract: Contract) -> Path:
    """A "network" whose alpha is its input: with `PAGE`, the darkness of the page."""
    shape = ["n", 1, "height", "width"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["images"], ["alpha"])],
        "darkness",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.onnx", PAGE)


@pytest.mark.parametrize("size", SIZES)
def test_tiles_that_return_themselves_give_back_the_page(size):
    page = gray(size)
    (alpha,) = predict([page], lambda batch: batch, PAGE)
    assert alpha.shape == size and alpha.dtype == np.float32
    assert np.abs(alpha - (1 - page[..., 0] / 255)).max() < 1e-6


@pytest.mark.parametrize("overlap", [0, 1, 8, 15])
@pytest.mark.parametrize("size", SIZES)
def test_weights_of_all_tiles_sum_to_one(size, overlap):
    contract = dataclasses.replace(PAGE, overlap=overlap)
    (alpha,) = predict([gray(size)], lambda batch: np.full_like(batch, 0.3), contract)
    assert np.abs(alpha - 0.3).max() < 1e-6


@pytest.mark.parametrize("height, width", [(300, 33), (61, 57), (100, 200), (58, 150)])
def test_tiles_that_disagree_leave_no_seam(height, width):
    """Tiles flatly of 0 or 1, at random: no step is larger than 2 / (overlap + 1)."""
    rng = np.random.default_rng(1)

    def flat(batch):
        return np.broadcast_to(rng.integers(0, 2, (len(batch), 1, 1, 1)), batch.shape)

    (alpha,) = predict([gray((height, width))], flat, PAGE)
    assert alpha.max() - alpha.min() > 0.9
    for axis in (0, 1):
        assert np.abs(np.diff(alpha, axis=axis)).max() <= 2 / (OVERLAP + 1) + 1e-6


def test_what_a_tile_says_near_its_cut_hardly_counts():
    """Networks are poor at a tile's rim, where they see one side only."""

    def rim_is_wrong(batch):
        alpha = np.zeros_like(batch)
        alpha[..., 0], alpha[..., -1] = 1, 1
        return alpha

    (alpha,) = predict([gray((SIDE, 3 * SIDE))], rim_is_wrong, PAGE)
    assert alpha[:, 1:-1].max() <= 1 / (OVERLAP + 1) + 1e-6


def test_memory_of_a_call_does_not_grow_with_the_page():
    contract, calls = dataclasses.replace(PAGE, height=256, width=256, overlap=32), []

    def watched(batch):
        calls.append(batch.shape)
        return batch

    predict([np.zeros((900, 1400, 3), np.uint8)], watched, contract)
    assert max(count for count, *_ in calls) == 4 == PIXELS_AT_ONCE // 256**2
    assert sum(count for count, *_ in calls) == 4 * 7
    assert {shape[1:] for shape in calls} == {(1, 256, 256)}


def test_tile_larger_than_the_bound_goes_alone():
    contract, calls = dataclasses.replace(PAGE, height=1024, width=512), []

    def watched(batch):
        calls.append(len(batch))
        return batch

    predict([np.zeros((1024, 1000, 3), np.uint8)], watched, contract)
    assert calls == [1, 1]


def test_every_image_of_a_list_keeps_its_own_size():
    pages = [gray(size) for size in SIZES]
    assert [a.shape for a in predict(pages, lambda batch: batch, PAGE)] == SIZES


def test_network_of_another_tile_size_is_refused():
    with pytest.raises(ModelError, match="do not belong together"):
        predict([gray((90, 90))], lambda batch: batch[..., 1:], PAGE)


def test_gray_network_sees_the_luma_of_colors_or_the_darker_of_them():
    rgb = np.zeros((SIDE, SIDE, 3), np.uint8)
    rgb[..., 1] = 255
    contract = dataclasses.replace(PAGE, mean=(0.0,), std=(1.0,))
    assert prepare(rgb, contract).shape == (1, SIDE, SIDE)
    assert prepare(rgb, contract) == pytest.approx(150 / 255)  # 0.587 of green, in 8 bits
    darker = dataclasses.replace(contract, color_order="darker")
    assert prepare(rgb, darker).max() == 0
    assert prepare(np.uint8([[[90, 80, 10]]]), darker) == pytest.approx(80 / 255)  # not blue


def test_color_network_takes_tiles_too():
    contract = dataclasses.replace(PAGE, color_order="RGB", mean=(0.0,) * 3, std=(1.0,) * 3)
    page = gray((50, 70))
    (alpha,) = predict([page], lambda batch: batch[:, 1:2], contract)
    assert np.abs(alpha - page[..., 1] / 255).max() < 1e-6


@pytest.mark.parametrize("size", [(1, 1), (10, 90), (90, 10), (100, 90)])
def test_input_of_a_tiled_network_is_one_tile(size):
    assert prepare(gray(size), PAGE).shape == (1, SIDE, SIDE)


def test_small_page_is_extended_by_its_reflection():
    page = gray((SIDE, 20))
    (tile,) = prepare(page, PAGE)
    assert np.array_equal(tile[:, 20:], tile[:, 18 : 18 - 12 : -1])


def test_ink_is_black_and_paper_is_transparent(model, tmp_path):
    write_image(tmp_path / "page.png", written_page())
    cutout = np.array(Remover(model)(tmp_path / "page.png"))
    assert cutout.shape == (70, 90, 4) and not cutout[..., :3].any()
    assert np.array_equal(cutout[..., 3], 255 - written_page()[..., 0])


def test_white_background_gives_black_on_white(model, tmp_path):
    write_image(tmp_path / "page.png", written_page())
    clean = Remover(model)(tmp_path / "page.png", background="white")
    assert clean.mode == "RGB" and np.array_equal(np.array(clean), written_page())


@pytest.mark.parametrize("background", ["red", "#f00", "#ff0000"])
def test_subject_keeps_its_colors_in_front_of_a_background(tmp_path, background):
    contract = dataclasses.replace(PAGE, output="cutout", mean=(0.0,), std=(1.0,))
    rgb = gray((40, 50))
    write_image(tmp_path / "p.png", rgb)
    cutout = Remover(write_model(tmp_path / "m.onnx", contract))(tmp_path / "p.png", background)
    alpha = rgb / 255
    expected = alpha * rgb + (1 - alpha) * np.array([255, 0, 0])
    assert np.abs(np.array(cutout) - expected).max() <= 0.51


@pytest.mark.parametrize("background", ["paper", "#12", "", "#ffffff80"])
def test_bad_color_is_one_sentence(background):
    with pytest.raises(SettingsError, match=r"is no opaque color: give .*#rrggbb\."):
        OutputOptions(background=background)


def test_page_turned_by_its_camera_comes_out_upright(model, tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # turn by 90 degrees clockwise
    Image.fromarray(np.rot90(written_page())).save(tmp_path / "page.png", exif=exif)
    clean = Remover(model)(tmp_path / "page.png", "white")
    assert np.array_equal(np.array(clean), written_page())


def test_resolution_of_a_scan_stays(model, tmp_path):
    write_image(tmp_path / "page.png", written_page(), dpi=(300, 300))
    remove_files([tmp_path / "page.png"], tmp_path / "c.png", Remover(model), output_options=WHITE)
    assert read_image(tmp_path / "c.png").dpi == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("background", [None, "white"])
def test_profile_is_kept_with_the_inputs_own_colors(tmp_path, background):
    contract = dataclasses.replace(PAGE, output="cutout")
    write_image(tmp_path / "p.png", gray((40, 50)), icc_profile=profile())
    cutout = Remover(write_model(tmp_path / "m.onnx", contract))(tmp_path / "p.png", background)
    assert cutout.info["icc_profile"] == profile()


@pytest.mark.parametrize("name", ["clean.png", "clean.jpg", "clean.JPEG"])
def test_command_writes_an_opaque_page(model, tmp_path, name):
    write_image(tmp_path / "page.png", written_page())
    command = ["remove", "page.png", "-o", name, "--model", model, "--background", "white"]
    done = subprocess.run([sys.executable, "-m", "clearbg", *command], capture_output=True)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / name) as clean:
        assert (clean.mode, clean.size) == ("RGB", (90, 70))


def test_folder_with_a_background_becomes_opaque_png(model, tmp_path):
    write_image(tmp_path / "in/sub/page.jpg", written_page())
    remove_files([tmp_path / "in"], tmp_path / "out", Remover(model), output_options=WHITE)
    assert read_image(tmp_path / "out/sub/page.png").alpha is None


def test_jpeg_without_background_is_refused(model, tmp_path):
    write_image(tmp_path / "page.png", written_page())
    with pytest.raises(SettingsError, match="give a background"):
        remove_files([tmp_path / "page.png"], tmp_path / "clean.jpg", Remover(model))


def test_no_input_is_written_over(model, tmp_path):
    write_image(tmp_path / "page.png", written_page())
    with pytest.raises(DataError, match="would be lost"):
        remove_files([tmp_path / "page.png"], tmp_path, Remover(model), output_options=WHITE)


class Darkness(torch.nn.Module):
    """What the Identity of `write_model` is, as a trained network: logits of its input."""

    def __init__(self, error: float = 0):
        super().__init__()
        self.error = error

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [images.clamp(1e-7, 1 - 1e-7).logit() + self.error]


def test_parity_of_a_tiled_network_is_measured(model, tiny, ingested):
    agreement = parity.check(Darkness(), model, ingested, tiny.export)
    assert agreement["max_difference"] < 1e-5
    assert agreement["cases"] == tiny.export.images + 1 + 3


def test_disparity_of_a_tiled_network_is_found(model, tiny, ingested):
    with pytest.raises(ExportError, match=r"export\.tolerance"):
        parity.check(Darkness(error=0.5), model, ingested, tiny.export)


@pytest.fixture(scope="module")
def served(model, tmp_path_factory) -> Path:
    """The ink model as the MLflow model that a run keeps, in a folder."""
    package, folder = Path(clearbg.__file__).parent, tmp_path_factory.mktemp("served") / "model"
    images = mlflow.types.Schema([mlflow.types.ColSpec("binary", "image")])
    mlflow.pyfunc.save_model(
        folder,
        python_model=str(package / "export/pyfunc.py"),
        artifacts={"onnx": str(model)},
        code_paths=[str(package)],
        pip_requirements=["pillow"],
        signature=mlflow.models.ModelSignature(images, images),
    )
    return folder


def test_mlflow_model_returns_ink(served):
    frame = pd.DataFrame({"image": [encode_image(written_page())]})
    (png,) = mlflow.pyfunc.load_model(str(served)).predict(frame)["image"]
    cutout = np.array(Image.open(io.BytesIO(png)))
    assert not cutout[..., :3].any()
    assert np.array_equal(cutout[..., 3], 255 - written_page()[..., 0])
