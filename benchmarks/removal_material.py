"""What `remove.py` and `dark.py` measure with: images, one network in three files, and rembg.

All of it is made once, in a folder, and found there by the next run.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import safetensors.torch
from PIL import Image

from clearbg import models, synthetic
from clearbg.contract import Contract, read_contract
from clearbg.export import onnx, quantize, rembg
from clearbg.export.gate import Verdict
from clearbg.images import resize, write_mask
from clearbg.inference.predict import prepare

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".clearbg/benchmarks/remove"
REMBG = ROOT / ".pytest_cache/d/rembg"  # where the tests have it too
OPSET, SIDE = 20, 320
DECIDED = 3.0  # times the demo's logits: see `model`
CALIBRATION, TEST = 78, 79  # seeds of generated images


def model(folder: Path = FOLDER) -> dict[str, Path]:
    """U²-Net-lite at 320²: "fp32", "int8", and "rembg", for its session u2net_custom.

    With the demo's weights. Their four epochs leave a fifth of an image between empty and
    opaque, which networks that were trained to their end do not: three times the logits make it
    a twentieth, and the error a little smaller.
    """
    learned = read_contract(ROOT / "models")
    folder = folder / learned.weights_sha256[:12]
    files = {
        "fp32": folder / "model.onnx",
        "int8": folder / "model-int8.onnx",
        "rembg": folder / "u2net_custom.onnx",
    }
    if all(path.is_file() for path in files.values()):
        return files
    folder.mkdir(parents=True, exist_ok=True)
    contract = Contract(
        model=learned.model, settings=learned.settings, height=SIDE, width=SIDE, fit="stretch",
        overlap=0, kernel="bilinear", color_order="RGB", mean=learned.mean, std=learned.std,
        threshold=0.5, output="cutout", headline="mae", weights_sha256="0" * 64, data_digest="",
        data_license="CC0-1.0",
    )  # fmt: skip
    network = models.build(contract.model, **contract.settings)
    network.load_state_dict(safetensors.torch.load_file(ROOT / "models/weights.safetensors"))
    for parameter in network.outconv.parameters():
        parameter.data *= DECIDED
    onnx.export(network.eval(), contract, files["fp32"], OPSET)
    inputs = [prepare(synthetic.generate(CALIBRATION, index)[0], contract) for index in range(16)]
    quantize.write(files["fp32"], files["int8"], inputs, 0.0, lambda _: Verdict({}, None))
    rembg.write(files["fp32"], files["rembg"], contract, "u2net_custom")
    return files


def images(
    count: int, size: tuple[int, int], folder: Path = FOLDER, grain: float = 6
) -> tuple[Path, Path]:
    """A folder of JPEG files of `size`, height and width, and one of their true alpha as PNG.

    Generated images, enlarged, with a grain that makes their files as large as photographs':
    about 3 bits a pixel as JPEG, 13 as PNG. All are exposed alike, so that rembg's division by
    the largest value changes little; `dark.py` measures what it does elsewhere.
    """
    name = f"{count} of {size[1]}x{size[0]}"
    found = folder / name / "images", folder / name / "truth"
    for index in range(count):
        image, mask = found[0] / f"{index:04d}.jpg", found[1] / f"{index:04d}.png"
        if image.is_file() and mask.is_file():
            continue
        rgb, truth = synthetic.generate(TEST, index)
        rgb = np.rint(rgb * (255 / rgb.max())).astype(np.uint8)
        enlarged = Image.fromarray(rgb).resize(size[::-1], Image.Resampling.BICUBIC)
        write_mask(mask, resize(truth, size))
        image.parent.mkdir(parents=True, exist_ok=True)
        grained = Image.fromarray(_grained(np.array(enlarged), index, grain))
        grained.save(image, quality=95)  # with halved colors, as cameras do
    return found


def _grained(rgb: np.ndarray, seed: int, grain: float) -> np.ndarray:
    """With a camera's noise, in place, by strips: the image may be very large."""
    rng = np.random.default_rng(seed)
    for top in range(0, len(rgb), 500):
        part = rgb[top : top + 500]
        noise = grain * rng.standard_normal(part.shape, np.float32)
        part[:] = np.rint(part + noise).clip(0, 255)
    return rgb


def rembg_python(named: str | None) -> Path:
    """A Python that has rembg with its command line; installed when none is named.

    Raises:
        SystemExit: it cannot be installed here.
    """
    if named:
        return Path(named)
    python = REMBG / "bin/python"
    known = [python, "-c", "import click, rembg"]
    if python.is_file() and not subprocess.run(known, capture_output=True).returncode:
        return python
    print("installing rembg ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", REMBG], check=True)
    command = [python, "-m", "pip", "install", "-q", "rembg[cpu,cli]"]
    if subprocess.run(command).returncode:
        raise SystemExit("rembg cannot be installed here: name a Python with it by --rembg.")
    return python
