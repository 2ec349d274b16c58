"""What `train.py` measures with: settings, image files, a training's pace, and the CPU's sides."""

import os
import tempfile
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from clearbg import config, losses, models
from clearbg.data import manifest
from clearbg.data.dataset import Pairs
from clearbg.images import write_image, write_mask
from clearbg.training.checkpoints import Checkpoint
from clearbg.training.launch import launch
from clearbg.training.loop import Training

ROOT = Path(__file__).parent.parent
SIDE, BATCH, PAIRS = 288, 12, 108


def recipe(name: str, train: dict | None = None, **sections: dict) -> config.Settings:
    """A recipe with changes of its sections."""
    whole = config.load(ROOT / f"recipes/{name}.yaml")
    raw = {field.name: getattr(whole, field.name).given() for field in fields(whole)}
    for section, keys in {**sections, "train": train or {}}.items():
        raw[section] |= keys
    return config.parse(raw)


def write_pairs(folder: Path, count: int, size: int) -> None:
    """An augmented folder of photograph-like images: noise that was blurred, and a disc."""
    rng, rows = np.random.default_rng(0), []
    y, x = np.mgrid[:size, :size]
    for index in range(count):
        small = rng.integers(0, 256, (size // 16, size // 16, 3), dtype=np.uint8)
        rgb = np.kron(small, np.ones((16, 16, 1), np.uint8))
        rgb = (rgb + rng.normal(0, 6, rgb.shape)).clip(0, 255).astype(np.uint8)
        alpha = np.hypot(y - rng.integers(size), x - rng.integers(size)) < size / 4
        write_image(folder / f"images/{index}.jpg", rgb)
        write_mask(folder / f"masks/{index}.png", np.uint8(255) * alpha)
        split = "validation" if index % 50 == 0 else "train"
        rows.append({**dict.fromkeys(manifest.COLUMNS, ""), "id": str(index), "split": split,
                     "image": f"images/{index}.jpg", "mask": f"masks/{index}.png",
                     "width": size, "height": size, "status": "ok"})  # fmt: skip
    manifest.write(rows, folder / "manifest.csv")


def paces(settings: config.Settings, data: Path) -> list[dict[str, float]]:
    """What each epoch of a training told of its speed."""
    found: list[dict[str, float]] = []
    os.chdir(data)
    train = Pairs(data, "train", settings, settings.train.cache)
    validation = Pairs(data, "validation", settings)
    with tempfile.TemporaryDirectory() as folder:
        training = Training(
            launch(settings.train), settings, train, validation, Checkpoint(Path(folder)),
            lambda _, progress: found.append(dict(progress.pace)),
        )  # fmt: skip
        training.run()
    return found


def textbook_on_cpu(data: Path) -> float:
    """Images a second of fp32, contiguous, one loading process, scikit-image."""
    import skimage.io
    import skimage.transform
    from torch.utils.data import DataLoader, Dataset

    class Images(Dataset):
        def __len__(self) -> int:
            return PAIRS

        def __getitem__(self, index: int):
            image = skimage.io.imread(data / f"images/{index}.jpg")
            mask = skimage.io.imread(data / f"masks/{index}.png")
            image = skimage.transform.resize(image, (320, 320), mode="constant")
            mask = skimage.transform.resize(
                mask, (320, 320), mode="constant", order=0, preserve_range=True
            )
            top, left = np.random.randint(0, 32, 2)
            image = image[top : top + SIDE, left : left + SIDE]
            mask = mask[top : top + SIDE, left : left + SIDE] / 255
            image = (image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
            return (
                torch.tensor(image.transpose(2, 0, 1), dtype=torch.float32),
                torch.tensor(mask[None], dtype=torch.float32),
            )

    network = models.build("u2netp").train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    start, seen = 0.0, 0
    for step, (images, alpha) in enumerate(
        DataLoader(Images(), BATCH, shuffle=True, num_workers=1)
    ):
        loss = losses.summed_bce(network(images), alpha)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        if step == 0:
            start = time.monotonic()
        else:
            seen += len(images)
        if step == 4:
            break
    return seen / (time.monotonic() - start)


def ours_on_cpu(data: Path) -> dict[str, float]:
    settings = recipe(
        "clearbg-lite",
        {"accelerator": "cpu", "batch_size": BATCH, "sizes": None, "minutes": None, "steps": None,
         "epochs": 2, "workers": 1, "compile": "off", "threads": os.cpu_count() or 1,
         "init_from": None, "augment_on": "cpu", "cache": "off", "determinism": "exact"},
        transform={"crop": SIDE}, augment={"size": 320},
    )  # fmt: skip
    return paces(settings, data)[-1]
