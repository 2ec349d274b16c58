"""The files for rembg: by its own arithmetic, and (slow) in the real program."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from support.images import disc
from support.models import brightness_model

from clearbg.errors import ExportError
from clearbg.export import rembg
from clearbg.images import write_image
from clearbg.inference.predict import predict
from clearbg.removal.remover import Remover

SESSIONS = ["u2net_custom", "dis_custom"]
every_session = pytest.mark.parametrize("session", SESSIONS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """model.onnx, whose alpha is brightness, and the two files made of it."""
    folder = tmp_path_factory.mktemp("exports")
    source = brightness_model(folder / "model.onnx", mean=(-0.05,) * 3, std=(1.1,) * 3)
    contract = Remover(source).contract
    for session in SESSIONS:
        rembg.write(source, folder / f"rembg/{session}.onnx", contract, session)
    return folder


def by_rembg(folder: Path, session: str, rgb: np.ndarray) -> np.ndarray:
    """What rembg 2.0 does around a session, in its words: alpha uint8 (H, W)."""
    side, mean, std = rembg.SESSIONS[session]
    image = Image.fromarray(rgb)
    values = np.array(image.resize((side, side), Image.Resampling.LANCZOS))
    values = (values / max(np.max(values), 1e-6) - mean) / std
    inner = onnxruntime.InferenceSession(folder / f"rembg/{session}.onnx")
    name = inner.get_inputs()[0].name
    batch = values.transpose(2, 0, 1)[None].astype(np.float32)
    pred = inner.run(None, {name: batch})[0][:, 0, :, :]
    with np.errstate(invalid="ignore"):
        pred = (pred - pred.min()) / (pred.max() - pred.min())
        mask = Image.fromarray((np.squeeze(pred) * 255).astype("uint8"), mode="L")
    return np.asarray(mask.resize(image.size, Image.Resampling.LANCZOS))


def white_disc() -> np.ndarray:
    alpha = disc(1, (120, 90))[1]
    return np.repeat(alpha[..., None], 3, axis=2)


def gray(value: int) -> np.ndarray:
    return np.full((90, 120, 3), value, np.uint8)


@every_session
def test_rembg_finds_what_the_remover_finds(folder, session):
    remover = Remover(folder / "model.onnx")
    (alpha,) = predict([white_disc()], remover.network, remover.contract)
    found = by_rembg(folder, session, white_disc())
    assert np.abs(found - 255 * alpha).mean() < 2


def with_speck(rgb: np.ndarray) -> np.ndarray:
    """One white pixel: rembg divides by the largest value, and a dark image would be bright."""
    rgb = rgb.copy()
    rgb[40, 50] = 255
    return rgb


@every_session
def test_empty_image_stays_empty(folder, session):
    """A dark background with a speck too small to matter at the model's size."""
    assert by_rembg(folder, session, with_speck(gray(30))).max() == 0


@every_session
def test_half_transparent_subject_is_not_stretched(folder, session):
    """Brightness 180 is alpha (180 / 255 + 0.05) / 1.1 = 0.69, of 255: 175."""
    rgb = gray(26)
    rgb[:, 60:] = 180
    rgb[:6] = 255  # so that rembg's division changes nothing
    found = by_rembg(folder, session, rgb)
    assert np.median(found[20:-10, 80:110]) == pytest.approx(175, abs=2)


@every_session
def test_subject_that_fills_the_image_stays(folder, session):
    """White is alpha 1.05 / 1.1, of 255: 243; a pixel at either end goes to 0 and to 255."""
    found = by_rembg(folder, session, gray(255))
    assert np.mean(np.abs(found.astype(int) - 243) <= 1) > 0.99


@pytest.mark.parametrize(("order", "gray_level"), [("L", 0.587 * 105 + 150), ("darker", 150)])
def test_gray_model_gets_its_gray(tmp_path, order, gray_level):
    source = brightness_model(tmp_path / "model.onnx", mean=(0.0,), std=(1.0,), color_order=order)
    contract = Remover(source).contract
    rembg.write(source, tmp_path / "rembg/u2net_custom.onnx", contract, "u2net_custom")
    rgb = gray(150)
    rgb[..., 1] = 255  # green weighs 0.587
    found = by_rembg(tmp_path, "u2net_custom", rgb)
    assert np.median(found) == pytest.approx(gray_level, abs=1)


def test_equal_models_give_equal_bytes_and_the_contract_travels_along(folder, tmp_path):
    source = folder / "model.onnx"
    contract = Remover(source).contract
    rembg.write(source, tmp_path / "again.onnx", contract, "u2net_custom")
    content = (tmp_path / "again.onnx").read_bytes()
    assert content == (folder / "rembg/u2net_custom.onnx").read_bytes()
    assert b'"weights_sha256"' in content


def test_model_of_tiles_is_refused(tmp_path):
    source = brightness_model(tmp_path / "model.onnx", fit="tile", overlap=8)
    with pytest.raises(ExportError, match=r"set export\.rembg to \[\]"):
        rembg.write(source, tmp_path / "r.onnx", Remover(source).contract, "u2net_custom")


PROGRAM = """
import sys
from pathlib import Path
from PIL import Image
from rembg import new_session, remove
folder = Path(sys.argv[1])
for name in sys.argv[2].split():
    session = new_session(name, model_path=str(folder / f"rembg/{name}.onnx"))
    for path in map(Path, sys.argv[3:]):
        remove(Image.open(path), session=session).save(path.with_suffix(f".{name}.png"))
"""


@pytest.fixture(scope="session")
def rembg_python(pytestconfig) -> str:
    """A Python that has rembg; its pins are not ours, so it lives in an environment of its own."""
    if "REMBG_PYTHON" in os.environ:
        return os.environ["REMBG_PYTHON"]
    home = pytestconfig.cache.mkdir("rembg")
    python = home / "bin/python"
    if not list(home.glob("lib/*/site-packages/rembg")):
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        command = [python, "-m", "pip", "install", "-q", "--no-compile", "rembg[cpu]"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip("rembg cannot be installed here; name a Python with it in REMBG_PYTHON")
    return str(python)


@pytest.mark.slow
def test_real_rembg_runs_the_files_unchanged(folder, rembg_python, tmp_path):
    """Numba does not compile the alpha matting, which is not asked for: that takes a minute."""
    images = {"disc": white_disc(), "empty": with_speck(gray(30)), "full": gray(255)}
    for name, rgb in images.items():
        write_image(tmp_path / f"{name}.png", rgb)
    done = subprocess.run(
        [rembg_python, "-c", PROGRAM, folder, " ".join(SESSIONS)]
        + [tmp_path / f"{name}.png" for name in images],
        env={**os.environ, "REMBG_HOME": str(folder), "PYTHONPATH": "", "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for (name, rgb), session in itertools.product(images.items(), SESSIONS):
        alpha = np.asarray(Image.open(tmp_path / f"{name}.{session}.png").getchannel("A"))
        assert np.array_equal(alpha, by_rembg(folder, session, rgb)), (name, session)
