"""Read every pair once, set bad ones aside with a reason, write the good ones as one format."""

import hashlib
import os
import shutil
from pathlib import Path

import imagehash
import joblib
import numpy as np
import pandas as pd
from PIL import Image

from clearbg import config, images, sheets
from clearbg.atomic import replacing_file
from clearbg.data import manifest
from clearbg.data.sources import Pair
from clearbg.errors import DataError, PictureError
from clearbg.progress import progress


def ingest(pairs: list[Pair], data: config.Data, folder: Path, quarantine: Path) -> pd.DataFrame:
    """Fill `folder` with `images/`, `masks/` and `manifest.csv`; return the manifest.

    What is set aside is listed in the file `quarantine`, also when it is too much.

    Pictures that are upright sRGB already are copied byte for byte; others are written as
    PNG. Masks are 8-bit grey PNG, alpha 0..255.

    Raises:
        DataError: more bad pictures than `data.max_quarantined` allows, or none left for a
            split.
    """
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    workers = joblib.Parallel(n_jobs=os.cpu_count(), return_as="generator", batch_size=8)
    jobs = (joblib.delayed(_ingest_pair)(pair, data, folder) for pair in pairs)
    rows = list(progress(workers(jobs), what="ingest", unit="pictures", total=len(pairs)))
    good = [row for row in rows if row["status"] == "ok"]
    _write_quarantine(rows, quarantine)
    _refuse_bad_data(rows, data, quarantine)
    manifest.group_near_duplicates(good)
    shares = (getattr(data, name, 0.0) for name in ("validation", "test"))
    manifest.assign_splits(good, data.seed, *shares)
    for split in manifest.SPLITS:
        if not any(row["split"] == split for row in good):
            raise DataError(
                f"{data.path}: {len(good)} good pictures leave none for the {split} split; "
                "add pictures or change data.validation and data.test."
            )
    for row in rows:
        del row["detail"]
    return manifest.write(rows, folder / "manifest.csv")


def write_contact_sheet(frame: pd.DataFrame, folder: Path, path: Path) -> None:
    """Up to 50 pictures beside their alpha, evenly from the whole set."""
    good = frame[frame.status == "ok"]
    chosen = good.iloc[np.unique(np.linspace(0, len(good) - 1, 50).round().astype(int))]
    rows = [manifest.read_pair(folder, row) for _, row in chosen.iterrows()]
    captions = [f"{row.id} ({row.split})" for row in chosen.itertuples()]
    sheets.sheet(rows, path, titles=["picture", "alpha"], captions=captions, per_line=5)


def summary(frame: pd.DataFrame) -> dict:
    """Counts and averages of a manifest, as DVC metrics."""
    good, bad = frame[frame.status == "ok"], frame[frame.status != "ok"]
    return {
        "pictures": {split: int((good.split == split).sum()) for split in manifest.SPLITS},
        "quarantined": {"total": len(bad), **bad.reason.value_counts().sort_index().to_dict()},
        "near_duplicate_groups": int((good.groupby("group").size() > 1).sum()),
        "empty": int((good.coverage == 0).sum()),
        "coverage": round(float(good.coverage.mean()), 4),
        "soft_fraction": round(float(good.soft_fraction.mean()), 4),
    }


def _ingest_pair(pair: Pair, data: config.Data, folder: Path) -> dict:
    row = dict.fromkeys(manifest.COLUMNS, "")
    row |= {"id": pair.id, "group": pair.group or pair.id, "split": pair.split}
    row |= {"source": data.source, "licence": data.licence, "width": None, "height": None}
    row |= {"coverage": None, "soft_fraction": None}
    try:
        picture, alpha, original = pair.read(data.max_pixels)
    except PictureError as error:
        return {**row, "split": "", "status": "quarantined", "reason": error.reason,
                "detail": str(error)}  # fmt: skip
    rgb = picture.srgb()
    plain = not picture.notes and picture.alpha is None and picture.icc_profile is None
    if original is not None and plain and picture.format in ("JPEG", "PNG"):
        image = Path("images", pair.id + original.suffix.lower())
        shutil.copyfile(original, folder / image)
    else:
        # Generated pictures are written as photographs are; everything else keeps its pixels.
        image = Path("images", pair.id + (".png" if original else ".jpg"))
        images.write_picture(folder / image, rgb, quality=95)
    mask = Path("masks", pair.id + ".png")
    images.write_mask(folder / mask, alpha)
    return {
        **row,
        "image": image.as_posix(),
        "mask": mask.as_posix(),
        "width": picture.width,
        "height": picture.height,
        "coverage": float(alpha.mean() / 255),
        "soft_fraction": float(np.mean((alpha > 0) & (alpha < 255))),
        "sha256": hashlib.sha256((folder / image).read_bytes()).hexdigest(),
        "phash": str(imagehash.phash(Image.fromarray(rgb))),
        "status": "ok",
        "detail": "",
    }


def _write_quarantine(rows: list[dict], path: Path) -> None:
    bad = [row for row in rows if row["status"] != "ok"]
    frame = pd.DataFrame(bad, columns=["id", "reason", "detail"]).sort_values("id")
    with replacing_file(path) as aside:
        frame.to_csv(aside, index=False)


def _refuse_bad_data(rows: list[dict], data: config.Data, quarantine: Path) -> None:
    bad = [row for row in rows if row["status"] != "ok"]
    if len(bad) == len(rows):
        raise DataError(f"{data.path}: not one usable pair; the first: {bad[0]['detail']}")
    if len(bad) > data.max_quarantined * len(rows):
        raise DataError(
            f"{data.path}: {len(bad)} of {len(rows)} pictures are unusable, more than "
            f"data.max_quarantined = {data.max_quarantined:g} allows; they are listed in "
            f"{quarantine}: mend them or raise the setting."
        )
