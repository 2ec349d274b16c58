"""Bring the training and validation splits to the working size; mirror the training split."""

import hashlib
import os
from pathlib import Path

import joblib
import pandas as pd

from clearbg import config, images
from clearbg.data import manifest
from clearbg.progress import progress

MIRRORED = "-mirrored"


def augment(source: Path, settings: config.Augment, folder: Path) -> pd.DataFrame:
    """Fill `folder` with resized pictures, masks and a manifest of its own; return it.

    Height and width both become `settings.size`, as the networks were published; ids of
    mirrored copies end in "-mirrored". The test split stays behind: it is evaluated at the
    pictures' own size.

    Raises:
        DataError: a picture that was ingested cannot be read any more.
    """
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    frame = manifest.read(source)
    frame = frame[frame.split.isin(["train", "validation"])]
    workers = joblib.Parallel(n_jobs=os.cpu_count(), return_as="generator", batch_size=8)
    jobs = (
        joblib.delayed(_resize_pair)(row, source, settings, folder)
        for row in frame.to_dict("records")
    )
    copies = progress(workers(jobs), what="augment", unit="pictures", total=len(frame))
    return manifest.write([row for rows in copies for row in rows], folder / "manifest.csv")


def _resize_pair(row: dict, source: Path, settings: config.Augment, folder: Path) -> list[dict]:
    size = (settings.size, settings.size)
    rgb, alpha = manifest.read_pair(source, row)
    rgb = images.resize(rgb, size, settings.kernel)
    alpha = images.resize(alpha, size, settings.kernel)
    rows = [_write(row, row["id"], rgb, alpha, folder)]
    if settings.mirror and row["split"] == "train":
        rows.append(_write(row, row["id"] + MIRRORED, rgb[:, ::-1], alpha[:, ::-1], folder))
    return rows


def _write(row: dict, name: str, rgb, alpha, folder: Path) -> dict:
    image, mask = Path("images", f"{name}.jpg"), Path("masks", f"{name}.png")
    # At this quality and without chroma subsampling the loss is below the sensor's noise.
    images.write_picture(folder / image, rgb, quality=95)
    images.write_mask(folder / mask, alpha)
    return {
        **row,
        "id": name,
        "image": image.as_posix(),
        "mask": mask.as_posix(),
        "width": alpha.shape[1],
        "height": alpha.shape[0],
        "coverage": float(alpha.mean() / 255),
        "sha256": hashlib.sha256((folder / image).read_bytes()).hexdigest(),
    }
