"""Read every pair once, quarantine bad ones with a reason, write the good ones in one format."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from clearbg import config
from clearbg.data import manifest
from clearbg.data.checks.examine import set_is_inverted, set_is_uniform
from clearbg.data.ingest import convert
from clearbg.data.ingest.cache import Cache
from clearbg.data.pairs import Pair
from clearbg.errors import DataError
from clearbg.images import contact_sheet
from clearbg.system.files import replacing_file
from clearbg.system.progress import on_all_cores


def ingest(
    pairs: list[Pair], data: config.Data, folder: Path, quarantine: Path, cache: Cache
) -> pd.DataFrame:
    """Fill `folder` with `images/`, `masks/` and `manifest.csv`; return the manifest.

    Images that are upright sRGB already are copied byte for byte; others are written as
    PNG. Masks are 8-bit gray PNG, alpha 0..255.

    Args:
        quarantine: a CSV file that lists the bad pairs, also when they are too many.
        cache: gives the pairs that an earlier run has read.

    Raises:
        DataError: there are more bad pairs than `data.max_quarantined` allows, a split has no
            image, or most masks are black where the subject is, or all are empty or full.
    """
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    ingest_pair = functools.partial(convert.ingest_pair, data=data, folder=folder, cache=cache)
    rows = on_all_cores(ingest_pair, pairs, "ingest")
    manifest.group_near_duplicates(_good(rows))
    for row in manifest.quarantine_copies_of_test(_good(rows)):
        for file in ("image", "mask"):
            (folder / row.pop(file)).unlink()
            row[file] = ""
    _write_quarantine(rows, quarantine)
    _refuse_bad_data(rows, data, quarantine)
    shares = {name: getattr(data, name, 0.0) for name in ("validation", "test")}
    manifest.assign_splits(_good(rows), data.seed, **shares)
    known = sum(not row[convert.FRESH] for row in rows)
    if known:
        print(f"ingest: {known:,} of {len(rows):,} images are from the cache of an earlier run")
    columns = [{name: row[name] for name in manifest.COLUMNS} for row in rows]
    return manifest.write(columns, folder / "manifest.csv")


def write_contact_sheet(frame: pd.DataFrame, folder: Path, path: Path) -> None:
    """Up to 50 images beside their alpha, evenly from the whole set."""
    good = frame[frame.status == "ok"]
    chosen = good.iloc[np.unique(np.linspace(0, len(good) - 1, 50).round().astype(int))]
    rows = [manifest.read_pair(folder, row) for _, row in chosen.iterrows()]
    captions = [f"{row.id} ({row.split})" for row in chosen.itertuples()]
    contact_sheet.sheet(rows, path, titles=["image", "alpha"], captions=captions, per_line=5)


def summary(frame: pd.DataFrame) -> dict:
    """Counts and averages of a manifest, as DVC metrics."""
    good, bad = frame[frame.status == "ok"], frame[frame.status != "ok"]
    return {
        "images": {split: int((good.split == split).sum()) for split in manifest.SPLITS},
        "quarantined": {"total": len(bad), **bad.reason.value_counts().sort_index().to_dict()},
        "findings": good.findings.str.split().explode().value_counts().sort_index().to_dict(),
        "near_duplicate_groups": int((good.groupby("group").size() > 1).sum()),
        "empty": int((good.coverage == 0).sum()),
        "coverage": round(float(good.coverage.mean()), 4),
        "soft_fraction": round(float(good.soft_fraction.mean()), 4),
    }


def _good(rows: list[dict]) -> list[dict]:
    return [row for row in rows if row["status"] == "ok"]


def _write_quarantine(rows: list[dict], path: Path) -> None:
    bad = [row for row in rows if row["status"] != "ok"]
    frame = pd.DataFrame(bad, columns=["id", "reason", "detail"]).sort_values("id")
    with replacing_file(path) as aside:
        frame.to_csv(aside, index=False)


def _refuse_bad_data(rows: list[dict], data: config.Data, quarantine: Path) -> None:
    bad = [row for row in rows if row["status"] != "ok" and row["reason"] != manifest.COPY_OF_TEST]
    if len(bad) == len(rows):
        raise DataError(f"{data.path}: not one usable pair; the first: {bad[0]['detail']}")
    if len(bad) > data.max_quarantined * len(rows):
        raise DataError(
            f"{data.path}: {len(bad)} of {len(rows)} images are unusable, more than "
            f"data.max_quarantined = {data.max_quarantined:g} allows; they are listed in "
            f"{quarantine}: fix them or raise the setting."
        )
    uniform = set_is_uniform(row["findings"].split() for row in _good(rows))
    if uniform:
        where = {"empty": "black everywhere: no subject", "full": "white everywhere: no background"}
        raise DataError(
            f"{data.path}: all masks are {where[uniform]} to learn; look at one of them in "
            f"`clearbg doctor {data.path}`, and export them again."
        )
    if set_is_inverted(row["findings"].split() for row in _good(rows)):
        raise DataError(
            f"{data.path}: most masks are white along the frame and darker in the middle, as if "
            f"they marked the background; `clearbg doctor {data.path}` shows them, and its --fix "
            "FOLDER writes them the other way round."
        )
