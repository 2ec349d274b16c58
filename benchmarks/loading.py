"""How long does one training pair take to load and augment on one core?

A 400×300 JPEG with its PNG mask becomes a pair of 288×288: brought to 320×320, cropped,
flipped, normalized. Three ways, in one run: as training does it here, from the 320×320 files
that the augment stage wrote once; with this project's code but the reduction done each time;
and in the scikit-image way of the published U²-Net training (64-bit floats, each time).
Prints milliseconds, and how many times longer than the first the others take.

    python benchmarks/loading.py
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import skimage.io
import skimage.transform
import torch
import yaml
from torchvision import tv_tensors

from clearbg import config, synthetic
from clearbg.data.transforms import Normalize, training_transform
from clearbg.images import read_image, read_mask, resize, write_image, write_mask

ROOT = Path(__file__).parent.parent
IMAGES, ROUNDS = 20, 5


def main() -> None:
    torch.set_num_threads(1)
    raw = yaml.safe_load((ROOT / "recipes/demo.yaml").read_text())
    raw["augment"].update(size=320)
    raw["transform"].update(crop=288, flip=0.5, color=0.0)
    settings = config.parse(raw)
    transform = training_transform(settings.transform, 320)
    normalize = Normalize(settings.model.mean, settings.model.std)

    def ours(file: Path, mask: Path) -> tuple[torch.Tensor, torch.Tensor]:
        rgb, alpha = read_image(file).rgb, read_mask(mask)[0]
        if rgb.shape[:2] != (320, 320):
            rgb, alpha = resize(rgb, (320, 320)), resize(alpha, (320, 320))
        pair = (
            tv_tensors.Image(torch.from_numpy(rgb).permute(2, 0, 1)),
            tv_tensors.Mask(torch.from_numpy(alpha).unsqueeze(0)),
        )
        image, truth = transform(*pair)
        return normalize(image), truth / 255

    def published(image: Path, mask: Path) -> tuple[torch.Tensor, torch.Tensor]:
        rgb, alpha = skimage.io.imread(image), skimage.io.imread(mask)
        rgb = skimage.transform.resize(rgb, (320, 320), mode="constant")
        alpha = skimage.transform.resize(
            alpha, (320, 320), mode="constant", order=0, preserve_range=True
        )
        top, left = np.random.randint(0, 32, 2)
        rgb, alpha = (
            rgb[top : top + 288, left : left + 288],
            alpha[top : top + 288, left : left + 288],
        )
        if np.random.rand() < 0.5:
            rgb, alpha = rgb[:, ::-1], alpha[:, ::-1]
        rgb = (rgb / rgb.max() - np.array(settings.model.mean)) / np.array(settings.model.std)
        return (
            torch.from_numpy(rgb.transpose(2, 0, 1).astype(np.float32)),
            torch.from_numpy((alpha / 255)[None].astype(np.float32)),
        )

    with tempfile.TemporaryDirectory() as folder:
        original = list(write_images(Path(folder) / "original", (300, 400)))
        stored = list(write_images(Path(folder) / "stored", (320, 320)))
        ways = {
            "ours, from stored files": (ours, stored),
            "ours, reducing each time": (ours, original),
            "published": (published, original),
        }
        times = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, (load, files) in ways.items():
                started = time.perf_counter()
                for image, mask in files:
                    load(image, mask)
                times[name].append(1000 * (time.perf_counter() - started) / len(files))
    first = statistics.median(times["ours, from stored files"])
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:26} {middle:6.2f} ms a pair   ratio {middle / first:5.1f}")


def write_images(folder: Path, size: tuple[int, int]):
    for index in range(IMAGES):
        rgb, alpha = synthetic.generate(1, index)
        image, mask = folder / f"{index}.jpg", folder / f"{index}.png"
        write_image(image, resize(rgb, size), quality=95)
        write_mask(mask, resize(alpha, size))
        yield image, mask


if __name__ == "__main__":
    main()
