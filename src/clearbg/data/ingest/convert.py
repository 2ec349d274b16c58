"""Read and check one pair, and write it in the format of `data/ingested/`."""

import shutil
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from PIL import Image

from clearbg import config
from clearbg.data import manifest
from clearbg.data.checks.examine import Examination, broken, examine
from clearbg.data.ingest.cache import Cache
from clearbg.data.pairs import Pair
from clearbg.images import write_image, write_mask
from clearbg.system.files import file_sha256
from clearbg.system.names import printable

FRESH, DETAIL = "fresh", "detail"  # of a row, beside the manifest's columns


def ingest_pair(pair: Pair, data: config.Data, folder: Path, cache: Cache) -> dict[str, Any]:
    """Write a pair's image and mask under `folder`; return its row.

    For a pair that cannot be used no file is written; its row has the status "quarantined", a
    reason and a sentence (`detail`). `fresh` is false if the pair came from `cache`.
    """
    row = dict.fromkeys(manifest.COLUMNS, "") | {
        "id": pair.id,
        "group": printable(pair.group or pair.id),
        "split": pair.split,
        "source": data.source,
        "license": data.license,
        "width": None,
        "height": None,
        "coverage": None,
        "soft_fraction": None,
        DETAIL: "",
        FRESH: False,
    }
    key = cache.key(pair, data.max_pixels)
    known = cache.find(key, folder) if key else None
    if known is not None:
        if not (folder / known["image"]).exists():
            shutil.copyfile(pair.image, folder / known["image"])
        return row | known
    examination = examine(pair, data.max_pixels)
    row |= {FRESH: True, "findings": " ".join(sorted(examination.kinds))}
    if fault := broken(examination):
        bad = {
            "split": "",
            "status": "quarantined",
            "reason": fault.kind,
            DETAIL: printable(fault.detail),
        }
        return row | bad
    facts = {"findings": row["findings"], **_write(pair.id, examination, folder)}
    if key:
        # A copy of the pair's own image can be made again.
        files = ["mask"] if _is_plain(examination) else ["mask", "image"]
        cache.store(key, facts, folder, [facts[file] for file in files])
    return row | facts


def _write(name: str, examination: Examination, folder: Path) -> dict[str, Any]:
    decoded, alpha, original = examination.image, examination.alpha, examination.original
    rgb = decoded.srgb()
    if _is_plain(examination):
        image = Path("images", name + original.suffix.lower())
        shutil.copyfile(original, folder / image)
    else:
        # Generated images are written as photographs are; everything else keeps its pixels.
        image = Path("images", name + (".png" if original else ".jpg"))
        write_image(folder / image, rgb, quality=95)
    mask = Path("masks", name + ".png")
    write_mask(folder / mask, alpha)
    return {
        "image": image.as_posix(),
        "mask": mask.as_posix(),
        "width": decoded.width,
        "height": decoded.height,
        "coverage": float(alpha.mean() / 255),
        "soft_fraction": float(np.mean((alpha > 0) & (alpha < 255))),
        "sha256": file_sha256(folder / image),
        "mask_sha256": file_sha256(folder / mask),
        "phash": str(imagehash.phash(Image.fromarray(rgb))),
        "status": "ok",
    }


def _is_plain(examination: Examination) -> bool:
    """The image's file is upright sRGB in a common format: it can stay as it is."""
    image = examination.image
    if examination.original is None or image.format not in ("JPEG", "PNG"):
        return False
    return not image.notes and image.alpha is None and image.icc_profile is None
