"""Writes a fixed copy of a data set, and a log of every change."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from shutil import copyfile

import numpy as np
import pandas as pd

from clearbg.data.checks import examine
from clearbg.data.pairs import safe_id
from clearbg.doctor.checkup import Checked
from clearbg.errors import DataError
from clearbg.images import read_mask, write_image, write_mask
from clearbg.system.files import replacing_folder
from clearbg.system.names import printable
from clearbg.system.progress import on_all_cores

LOG = "changes.csv"
LEFT_OUT = ("duplicate", "duplicate-across-splits", "near-duplicate-across-splits")
UNDECIDED = ("exif-unclear", "mask-color")  # a fix would hide what a person should look at
CHANGES = {
    "exif-disagreement": "image and mask written upright, the mask turned as the image is",
    "exif-orientation": "turned upright",
    "16-bit": "written in 8 bits",
    "cmyk": "written in sRGB",
    "lab": "written in sRGB",
    "animated": "first frame written alone",
    "bad-profile": "color profile dropped",
    "bad-exif": "EXIF data dropped",
    "mask-0/1": "1 written as 255",
    "mask-rgb": "written as gray",
    "mask-palette": "written as gray",
    "mask-transparency": "transparency written as gray",
    "mask-index": "the classes that are subject written as 255",
    "mask-jpeg": "written as PNG, nearly black or white pixels made black or white",
    "inverted": "inverted",
}


def fix(rows: Sequence[Checked], folder: Path) -> pd.DataFrame:
    """Write a fixed copy of every usable pair to `folder`, and the log to `changes.csv` there.

    The copy has a folder for each split, with `images/` and `masks/`, or with `cutouts/`. A file
    that needs no change is copied byte for byte, and so is a pair that only a person can decide
    about. Broken pairs are left out. Where two splits hold the same image, the copy in the less
    protected one is left out (test is protected most, then validation, then train).

    Returns:
        The log: a row for each change, with the columns id, split, file, kind, change.
    """
    names = _names(rows)
    with replacing_folder(folder) as target:
        jobs = [(row, target / row.pair.split, names[row.pair.id]) for row in rows]
        log = [
            {"id": row.pair.id, "split": row.pair.split, "kind": kind, "change": printable(change),
             "file": printable(str(row.file_with(kind) or ""))}
            for row, changes in zip(rows, on_all_cores(_fix_pair, jobs, "fix"))
            for kind, change in changes
        ]  # fmt: skip
        frame = pd.DataFrame(log, columns=["id", "split", "file", "kind", "change"])
        frame.to_csv(target / LOG, index=False)
    return frame


def check_folder(folder: Path, read: Sequence[Path]) -> None:
    """Raise DataError when `folder` has content, or lies inside a folder that is read."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise DataError(f"{folder} exists already: give --fix a new folder.")
    for path in read:
        if path.is_dir() and folder.resolve().is_relative_to(path.resolve()):
            raise DataError(
                f"{folder} lies inside {path}, which is read: give --fix another folder."
            )


def _names(rows: Sequence[Checked]) -> dict[str, str]:
    """Map each id to a file name: the image's own name if unique in its split, else the id."""
    own = {row.pair.id: safe_id(row.file.stem) if row.file else row.pair.id for row in rows}
    places = Counter((row.pair.split, own[row.pair.id]) for row in rows)
    return {
        row.pair.id: name if places[row.pair.split, name] == 1 else row.pair.id
        for row in rows
        for name in [own[row.pair.id]]
    }


def _fix_pair(job: tuple[Checked, Path, str]) -> list[tuple[str, str]]:
    """Write one pair under a folder and a name, or leave it out; return (kind, change) rows."""
    return _reasons_to_leave_out(job[0]) or _copy_undecided(*job) or _write_fixed(*job)


def _reasons_to_leave_out(row: Checked) -> list[tuple[str, str]]:
    reasons = [f for f in row.findings if f.kind in LEFT_OUT or not row.is_usable]
    return [(finding.kind, f"left out: {finding.detail}") for finding in reasons]


def _copy_undecided(row: Checked, folder: Path, name: str) -> list[tuple[str, str]]:
    """Copy a pair that only a person can decide about; return no rows for any other pair."""
    doubts = [finding for finding in row.findings if finding.kind in UNDECIDED]
    if doubts:
        for part, file in (("images", row.pair.image), ("masks", row.pair.mask)):
            _copy(file, folder / part / (name + file.suffix.lower()))
    return [(doubt.kind, "copied without a change, for a person to decide") for doubt in doubts]


def _write_fixed(row: Checked, folder: Path, name: str) -> list[tuple[str, str]]:
    pair = row.pair
    examination = examine.examine(pair)
    changes = [(kind, CHANGES[kind]) for kind in row.kinds if kind in CHANGES]
    alpha = 255 - examination.alpha if row.invert else examination.alpha
    decoded = examination.image
    is_unchanged = not {*decoded.notes} & {*examine.NOTED}
    is_cutout = pair.image == pair.mask
    if is_cutout and row.invert:
        is_unchanged = False
    image = folder / ("cutouts" if is_cutout else "images") / f"{name}.png"
    if is_unchanged:
        image = image.with_name(name + pair.image.suffix.lower())
        _copy(pair.image, image)
    else:
        metadata = {"icc_profile": decoded.icc_profile, "dpi": decoded.dpi, "exif": decoded.exif}
        write_image(image, decoded.rgb, alpha if is_cutout else decoded.alpha, **metadata)
    if not is_cutout:
        mask = folder / "masks" / f"{name}.png"
        is_fixed = any(f.of == "mask" and f.kind in CHANGES for f in row.findings)
        if not is_fixed and _has_alpha(pair.mask, alpha):
            _copy(pair.mask, mask)
        else:
            write_mask(mask, alpha)
            if not is_fixed:
                changes.append(("mask", "written as a gray PNG of 8 bits"))
    if image.stem != pair.image.stem:
        changes.append(("name", f"renamed to {image.name}"))
    return changes


def _has_alpha(mask: Path, alpha: np.ndarray) -> bool:
    """Whether the mask's file is a gray PNG with exactly this alpha."""
    if mask.suffix.lower() != ".png":
        return False
    values, notes = read_mask(mask)
    return not notes and np.array_equal(values, alpha)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    copyfile(source, target)
