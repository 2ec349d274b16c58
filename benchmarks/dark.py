"""What does rembg's division by an image's own largest value change on dark images?

    python benchmarks/dark.py [--exports exports] [--images 48] [--rembg PYTHON]

Generated images at their own size, darkened to a share of their brightness, go through the
exported model by `clearbg.inference.predict`, and through the file that `export.rembg` wrote for
u2net_custom in the real program (`rembg p -om`), in this one run. Prints the MAE of both against
the true masks, of all images and of those without a subject alone, and the mean difference
between the two. At full brightness the division changes nothing: what differs there are the
resampling kernels and rembg's rounding.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import removal_material as material

from clearbg import Remover, synthetic
from clearbg.images import read_mask, write_image
from clearbg.inference.predict import predict

BRIGHTNESS = (1.0, 0.5, 0.4, 0.3, 0.2, 0.1)
LIGHT = 255  # the largest value of every image before it is darkened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exports", type=Path, default=material.ROOT / "exports")
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--rembg", help="a Python that has rembg[cpu,cli]")
    options = parser.parse_args()
    python = material.rembg_python(options.rembg)
    remover = Remover(options.exports / "model.onnx")
    pairs = [synthetic.generate(material.TEST, index) for index in range(options.images)]
    truths = [truth / 255 for _, truth in pairs]
    empty = [index for index, truth in enumerate(truths) if not truth.any()]
    print(f"{len(pairs)} images, {len(empty)} of them without a subject")
    print("brightness   MAE: ours   by rembg   no subject: ours   by rembg   between the two")
    for share in BRIGHTNESS:
        images = [darkened(rgb, share) for rgb, _ in pairs]
        ours = predict(images, remover.network, remover.contract)
        theirs = by_rembg(python, options.exports / "rembg/u2net_custom.onnx", images)
        figures = [apart(found, truths) for found in (ours, theirs)]
        figures += [apart(*([side[i] for i in empty] for side in (found, truths)))
                    for found in (ours, theirs)]  # fmt: skip
        told = [f"{figure:{width}.4f}" for figure, width in zip(figures, (12, 10, 18, 10))]
        print(f"{share:10.0%} {' '.join(told)} {apart(ours, theirs):17.4f}", flush=True)


def darkened(rgb: np.ndarray, share: float) -> np.ndarray:
    bright = rgb * (LIGHT / rgb.max())
    return np.rint(bright * share).astype(np.uint8)


def by_rembg(python: Path, model: Path, images: list[np.ndarray]) -> list[np.ndarray]:
    """rembg's masks in [0, 1]."""
    with tempfile.TemporaryDirectory() as folder:
        for index, rgb in enumerate(images):
            write_image(Path(folder, "in", f"{index}.png"), rgb)
        extras = json.dumps({"model_path": str(model.resolve())})
        command = [python, "-c", "from rembg.cli import main; main()", "p", "-om"]
        done = subprocess.run(
            [*command, "-m", "u2net_custom", "-x", extras, f"{folder}/in", f"{folder}/out"],
            env=os.environ | {"REMBG_HOME": str(model.resolve().parent)},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"rembg failed:\n{done.stderr[-2000:]}")
        masks = [Path(folder, "out", f"{index}.png") for index in range(len(images))]
        return [read_mask(mask)[0] / 255 for mask in masks]


def apart(first: list[np.ndarray], second: list[np.ndarray]) -> float:
    """Mean absolute difference, an image as much as another."""
    return float(np.mean([np.abs(one - other).mean() for one, other in zip(first, second)]))


if __name__ == "__main__":
    main()
