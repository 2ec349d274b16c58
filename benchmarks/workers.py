"""How many images a second do the loading processes bring, from files and from memory?

    python benchmarks/workers.py [IMAGES WORKERS]     by default 2000 2

Images of 320×320, JPEG with PNG masks as the augment stage writes them, changed at random as in
the recipe clearbg-lite and hardly at all (crop, flip), in batches of 56. Prints the seconds that
holding them in memory takes at first, then images a second: read from files, from memory, and
with the changes left to the device (which would then make them). The workers' start is not counted.
"""

import hashlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import yaml

from clearbg import config, synthetic
from clearbg.data import manifest
from clearbg.data.batches import Drawn
from clearbg.data.dataset import Pairs, loader
from clearbg.data.device_transforms import DeviceTransform
from clearbg.images import resize, write_image, write_mask

ROOT = Path(__file__).parent.parent
SIDE, BATCH, SCENES = 320, 56, 40
LITTLE = {"crop": 288, "flip": 0.5, "color": 0.0}
MUCH = {
    "crop": SIDE, "crop_area": [0.55, 1.0], "aspect": 0.18, "rotate": 10.0, "rotate_chance": 0.5,
    "flip": 0.5, "color": 0.0, "brightness": [0.7, 1.3], "contrast": [0.55, 1.4],
    "saturation": [0.3, 1.5], "grayscale": 0.07, "dark": 0.12, "channel_shift": 0.05,
    "blur": 0.15, "noise": 0.2,
}  # fmt: skip


def main() -> None:
    count, workers = (int(text) for text in sys.argv[1:] or (2000, 2))
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        os.environ["DVC_ROOT"] = place
        folder = Path(place) / "augmented"
        write(folder, count)
        started = time.perf_counter()
        Pairs(folder, "train", settings(LITTLE), "on")
        print(f"holding them in memory: {time.perf_counter() - started:.1f} s at first")
        for name, changes in (("crop and flip", LITTLE), ("clearbg-lite's changes", MUCH)):
            chosen = settings(changes)
            files, held = (Pairs(folder, "train", chosen, mode) for mode in ("off", "on"))
            ways = {
                "from files": files,
                "from memory": held,
                "from memory, changed on the device": Drawn(held, DeviceTransform(chosen)),
                "held and changed on the device": Drawn(held, DeviceTransform(chosen), reads=False),
            }
            for way, pairs in ways.items():
                print(f"{name:22} {way:34} {speed(pairs, workers):7.0f} images/s")


def settings(changes: dict) -> config.Settings:
    raw = yaml.safe_load((ROOT / "recipes/demo.yaml").read_text())
    raw["augment"].update(size=SIDE)
    raw["transform"].update(changes)
    return config.parse(raw)


def speed(pairs: Pairs | Drawn, workers: int) -> float:
    """Images a second of an epoch whose workers are warm."""
    order = np.random.default_rng(1).permutation(len(pairs))
    places = [
        [(0, int(index)) for index in order[first : first + BATCH]]
        for first in range(0, len(order), BATCH)
    ]
    asked = places[: 2 * workers]
    batches = loader(pairs, asked, workers)
    for _ in batches:
        pass
    asked[:] = places
    started = time.perf_counter()
    for _ in batches:
        pass
    return len(order) / (time.perf_counter() - started)


def write(folder: Path, count: int) -> None:
    """An augmented folder of a few scenes, each many times."""
    rows = []
    for index in range(count):
        name, scene = f"{index:05d}", f"{index % SCENES:05d}"
        image, mask = folder / f"images/{name}.jpg", folder / f"masks/{name}.png"
        if index < SCENES:
            rgb, alpha = (resize(part, (SIDE, SIDE)) for part in synthetic.generate(1, index))
            write_image(image, rgb, quality=95)
            write_mask(mask, alpha)
        else:
            shutil.copyfile(folder / f"images/{scene}.jpg", image)
            shutil.copyfile(folder / f"masks/{scene}.png", mask)
        text = dict.fromkeys((k for k, kind in manifest.COLUMNS.items() if kind is str), "")
        rows.append(
            text
            | {"id": name, "split": "train", "status": "ok", "coverage": 0.2, "soft_fraction": 0.1}
            | {"image": f"images/{name}.jpg", "mask": f"masks/{name}.png"}
            | {"width": SIDE, "height": SIDE}
            | {"sha256": hashlib.sha256(image.read_bytes()).hexdigest()}
        )
    manifest.write(rows, folder / "manifest.csv")


if __name__ == "__main__":
    main()
