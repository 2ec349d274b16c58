"""A corrected copy of what was found, and a log of every change."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from shutil import copyfile

import numpy as np
import pandas as pd

from clearbg.data.checks import examine
from clearbg.data.pairs import safe_id
from clearbg.data.workers import on_all_cores
from clearbg.doctor.checkup import Checked
from clearbg.errors import DataError
from clearbg.images import MAX_PIXELS, read_mask, write_image, write_mask
from clearbg.system.files import replacing_folder

LOG = "changes.csv"
LEFT_OUT = ("duplicate", "duplicate-across-splits", "near-duplicate-across-splits")
UNDECIDED = ("exif-unclear", "mask-color")  # fixing would hide what a person should look at
CHANGES = {
    "exif-disagreement": "both written upright, the mask turned as the image is",
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
    "mask-index": "every class but 0 written as 255",
    "mask-jpeg": "written as PNG, what was nearly black or white made so",
    "inverted": "inverted",
}


def fix(rows: Sequence[Checked], folder: Path) -> pd.DataFrame:
    """Write every usable pair to `folder`, corrected; return the log, also `changes.csv` there.

    The copy is laid out as `images/` and `masks/`, or `cutouts/`, in a folder for each split.
    Files that need no change are copied byte for byte, and so are pairs that only a person can
    decide about. What is broken is left out, and of images that are there twice the less
    protected one (test, validation, train).
    """
    names = _names(rows)
    with replacing_folder(folder) as aside:
        jobs = [(row, aside / row.pair.split, names[row.pair.id]) for row in rows]
        log = [
            {"id": row.pair.id, "split": row.pair.split, "file": str(row.file_with(kind) or ""),
             "kind": kind, "change": change}
            for row, changes in zip(rows, on_all_cores(_fixed, jobs, "fix"))
            for kind, change in changes
        ]  # fmt: skip
        frame = pd.DataFrame(log, columns=["id", "split", "file", "kind", "change"])
        frame.to_csv(aside / LOG, index=False)
    return frame


def refuse(folder: Path, read: Sequence[Path]) -> None:
    """Raise DataError when `folder` holds something already or lies in what is read."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise DataError(f"{folder} exists already: give --fix a folder that does not.")
    for path in read:
        if path.is_dir() and folder.resolve().is_relative_to(path.resolve()):
            raise DataError(f"{folder} lies in {path}, which is read: give --fix another folder.")


def _names(rows: Sequence[Checked]) -> dict[str, str]:
    """Id -> name of the files: the image's own where it is alone in its split, else the id."""
    own = {row.pair.id: safe_id(row.file.stem) if row.file else row.pair.id for row in rows}
    places = Counter((row.pair.split, own[row.pair.id]) for row in rows)
    return {
        row.pair.id: name if places[row.pair.split, name] == 1 else row.pair.id
        for row in rows
        for name in [own[row.pair.id]]
    }


def _fixed(job: tuple[Checked, Path, str]) -> list[tuple[str, str]]:
    """Write one pair under a folder and a name, or leave it out; (kind, change) of each change."""
    return _left_out(job[0]) or _undecided(*job) or _written(*job)


def _left_out(row: Checked) -> list[tuple[str, str]]:
    reasons = [f for f in row.findings if f.kind in LEFT_OUT or not row.is_usable]
    return [(finding.kind, f"left out: {finding.detail}") for finding in reasons]


def _undecided(row: Checked, folder: Path, name: str) -> list[tuple[str, str]]:
    """Copy a pair that only a person can decide about; (kind, change), empty of any other."""
    doubts = [finding for finding in row.findings if finding.kind in UNDECIDED]
    if doubts:
        for part, file in (("images", row.pair.image), ("masks", row.pair.mask)):
            _copy(file, folder / part / (name + file.suffix.lower()))
    return [(doubt.kind, "left as it is, for a person to decide") for doubt in doubts]


def _written(row: Checked, folder: Path, name: str) -> list[tuple[str, str]]:
    pair = row.pair
    found = examine.examine(pair, MAX_PIXELS)
    changes = [(kind, CHANGES[kind]) for kind in row.kinds if kind in CHANGES]
    alpha = 255 - found.alpha if row.invert else found.alpha
    decoded = found.image
    as_it_is = not {*decoded.notes} & {*examine.NOTED}
    is_cutout = pair.image == pair.mask
    if is_cutout and row.invert:
        as_it_is = False
    image = folder / ("cutouts" if is_cutout else "images") / f"{name}.png"
    if as_it_is:
        image = image.with_name(name + pair.image.suffix.lower())
        _copy(pair.image, image)
    else:
        kept = {"icc_profile": decoded.icc_profile, "dpi": decoded.dpi, "exif": decoded.exif}
        write_image(image, decoded.rgb, alpha if is_cutout else decoded.alpha, **kept)
    if not is_cutout:
        mask = folder / "masks" / f"{name}.png"
        is_fixed = any(f.of == "mask" and f.kind in CHANGES for f in row.findings)
        if not is_fixed and _holds(pair.mask, alpha):
            _copy(pair.mask, mask)
        else:
            write_mask(mask, alpha)
            if not is_fixed:
                changes.append(("mask", "written as a gray PNG of 8 bits"))
    if image.stem != pair.image.stem:
        changes.append(("name", f"called {image.name}"))
    return changes


def _holds(mask: Path, alpha: np.ndarray) -> bool:
    """Whether the mask's file is a PNG of this alpha, as it is."""
    if mask.suffix.lower() != ".png":
        return False
    values, notes = read_mask(mask)
    return not notes and np.array_equal(values, alpha)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    copyfile(source, target)
