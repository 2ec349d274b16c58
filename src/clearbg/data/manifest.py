"""The manifest: a table with a row for each image of a data set.

A row says what the image is, which split it belongs to, and why it was quarantined if it was.
"""

import contextlib
import hashlib
import math
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clearbg.errors import DataError, ImageError
from clearbg.images import read_image, read_mask
from clearbg.system import project
from clearbg.system.files import replacing_file
from clearbg.system.parsing import shown

COLUMNS = {
    "id": str,
    "split": str,  # train, validation or test; empty when quarantined
    "group": str,  # images that must stay in one split: subject, car, near-duplicates
    "image": str,  # paths relative to the manifest's folder
    "mask": str,
    "width": int,
    "height": int,
    "coverage": float,  # mean alpha
    "soft_fraction": float,  # share of pixels that are neither background nor foreground
    "sha256": str,  # of the ingested image file
    "mask_sha256": str,  # of the ingested mask file
    "phash": str,  # 64-bit perceptual hash
    "source": str,
    "license": str,
    "status": str,  # ok or quarantined
    "reason": str,
    "findings": str,  # what the checks saw and fixed, or left: kinds, spaces between
}
SPLITS = ("train", "validation", "test")
COPY_OF_TEST = "copy-of-test"  # the reason of an image that is quarantined for no fault of its own
NEAR_BITS = 4  # perceptual hashes that differ in at most this many of 64 bits: near-duplicates


def write(rows: list[dict[str, Any]], path: Path) -> pd.DataFrame:
    """Write rows as CSV, ordered by id, and return them as a table.

    Args:
        rows: dictionaries with the keys of `COLUMNS`, and perhaps more.
    """
    frame = pd.DataFrame(rows).sort_values("id", ignore_index=True)
    frame = frame[[*COLUMNS, *(name for name in frame if name not in COLUMNS)]]
    with replacing_file(path) as aside:
        frame.to_csv(aside, index=False, float_format="%.6f")
    return frame


def read(folder: Path) -> pd.DataFrame:
    """The manifest of an ingested or augmented folder.

    Raises:
        DataError: there is no manifest, it lacks a column, or a value is not one that ingest
            writes.
    """
    path = folder / "manifest.csv"
    try:
        kinds = {**COLUMNS, "width": "Int64", "height": "Int64"}
        with warnings.catch_warnings():
            # pandas warns of a row with too many cells, and takes its first ones for its name.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                dtype=kinds,
                index_col=False,
                keep_default_na=False,  # an image may be called NA, null or None
                na_values={name: [""] for name, kind in COLUMNS.items() if kind is not str},
            )
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: {project.to_run('dvc repro')}.") from None
    except (
        OSError,
        ValueError,
        OverflowError,
        TypeError,
        Warning,
    ) as error:  # pandas' own are ValueErrors
        reason = (str(error).splitlines() or ["empty"])[0][:100]
        raise DataError(
            f"{path} is no manifest ({reason}): delete {folder} and run `dvc repro`."
        ) from error
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise DataError(f"{path} has no column {missing[0]}: delete {folder} and run `dvc repro`.")
    text = [name for name, kind in COLUMNS.items() if kind is str]
    frame[text] = frame[text].fillna("")
    if wrong := _wrong(frame):
        raise DataError(f"{path}: {wrong}: delete {folder} and run `dvc repro`.")
    return frame


def _wrong(frame: pd.DataFrame) -> str | None:
    """Name the first value that ingest would not have written; None: there is no such value.

    Only the rows that stages use are looked at closely.
    """
    good = frame[frame.status == "ok"]
    checks = {
        "status": frame.status.isin(["ok", "quarantined"]),
        "split": frame.split.isin(["", *SPLITS]),
        "id": (frame.id != "") & ~good.id.duplicated().reindex(frame.index, fill_value=False),
        "image": ~good.image.map(_leaves),
        "mask": ~good["mask"].map(_leaves),
        "width": ~(good.width < 1).fillna(False).astype(bool),
        "height": ~(good.height < 1).fillna(False).astype(bool),
        "coverage": good.coverage.isna() | good.coverage.between(0, 1),
        "soft_fraction": good.soft_fraction.isna() | good.soft_fraction.between(0, 1),
        "phash": good.phash.str.fullmatch("([0-9a-f]{16})?"),
    }
    for name, right in checks.items():
        bad = right.index[~right.astype(bool)]
        if len(bad):
            return f"{name} = {shown(str(frame.loc[bad[0], name]))} in row {int(bad[0]) + 2}"
    return None


def _leaves(path: str) -> bool:
    """Whether a path leads out of the manifest's folder."""
    return Path(path).is_absolute() or ".." in Path(path).parts or "\0" in path


def read_pair(folder: Path, row: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Read the image of a row, uint8 `(H,W,3)` in sRGB, and its alpha, uint8 `(H,W)`.

    Args:
        folder: of the manifest.

    Raises:
        DataError: one of the two files cannot be read any more.
    """
    with _readable():
        rgb = read_image(folder / row["image"]).srgb()
    return rgb, read_alpha(folder, row)


def read_alpha(folder: Path, row: Mapping[str, Any]) -> np.ndarray:
    """Read only the alpha of a row, uint8 `(H,W)`; see `read_pair`."""
    with _readable():
        return read_mask(folder / row["mask"])[0]


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except ImageError as error:
        raise DataError(f"{error} Run `dvc checkout` or `dvc repro -f ingest`.") from error


def read_pairs(folder: Path, frame: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read image and alpha of each row, one row after the other; see `read_pair`."""
    return (read_pair(folder, row) for _, row in frame.iterrows())


def digest(frame: pd.DataFrame) -> str:
    """The SHA-256 of a data set's content: equal data sets have equal digests.

    Quarantined rows do not count.
    """
    good = frame[frame.status == "ok"].sort_values("id")
    lines = good[["id", "split", "sha256", "mask_sha256"]].to_csv(index=False)
    return hashlib.sha256(lines.encode()).hexdigest()


def group_near_duplicates(rows: list[dict[str, Any]]) -> None:
    """Put rows into one group if their perceptual hashes differ in at most `NEAR_BITS` bits.

    The rows are changed in place. A joint group takes the name of that of its groups which sorts
    first, and `own_group` keeps the name that the row's group had before.
    """
    hashes = np.array([int(row["phash"], 16) for row in rows], dtype=np.uint64)
    leader = {row["group"]: row["group"] for row in rows}

    def find(group: str) -> str:
        while leader[group] != group:
            group = leader[group]
        return group

    for i in range(len(rows)):
        near = np.flatnonzero(np.bitwise_count(hashes[i + 1 :] ^ hashes[i]) <= NEAR_BITS)
        for j in near + i + 1:
            first, second = sorted((find(rows[i]["group"]), find(rows[j]["group"])))
            leader[second] = first
    for row in rows:
        row |= {"own_group": row["group"], "group": find(row["group"])}


def quarantine_copies_of_test(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Quarantine near-duplicates of an official test image that have no official split.

    The rows are changed in place.

    Returns:
        The rows that were changed.
    """
    tested = {row["group"]: row["id"] for row in rows if row["split"] == "test"}
    copies = [row for row in rows if not row["split"] and row["group"] in tested]
    for row in copies:
        detail = f"it nearly equals the official test image {tested[row['group']]}."
        row |= {"status": "quarantined", "reason": COPY_OF_TEST, "detail": detail}
    return copies


def assign_splits(rows: list[dict[str, Any]], seed: int, validation: float, test: float) -> None:
    """Choose the split of each row for which the source has none; a group is never divided.

    The rows are changed in place. Each name in `own_group` gives, hashed with the seed, a number
    in [0, 1), and this number decides the split. Groups that near-duplicates have joined take the
    most protected of their splits: test before validation, and validation before train. Images
    that are added later therefore move no others, and no test image is ever trained on.

    Args:
        validation, test: the shares of the groups that these splits get, in [0, 1].

    Raises:
        DataError: a split stays empty. If it were filled in another way, test images would move
            into training as soon as images are added.
    """
    open_rows = [row for row in rows if not row["split"]]
    lots: dict[str, float] = {}
    for row in open_rows:
        word = hashlib.sha256(f"{seed}:{row['own_group']}".encode()).digest()[:8]
        lot = int.from_bytes(word, "big") / 2**64
        lots[row["group"]] = min(lot, lots.get(row["group"], 1.0))
    for row in open_rows:
        row["split"] = _split_of(lots[row["group"]], validation, test)
    for split in SPLITS:
        if not any(row["split"] == split for row in rows):
            raise DataError(_empty(split, sorted(lots.values()), test))


def _split_of(lot: float, validation: float, test: float) -> str:
    if lot < test:
        return "test"
    return "validation" if lot < test + validation else "train"


def _empty(split: str, lots: list[float], test: float) -> str:
    """What to tell a person about a split without an image.

    Args:
        lots: the numbers of the groups, see `assign_splits`, sorted.
    """
    if not lots:
        return f"The source's own splits leave no good image for {split}: fix or add some."
    what = f"The {len(lots)} groups of images that are to be split leave none for {split}"
    free = [lot for lot in lots if lot >= test] if split == "validation" else lots
    if split == "train" or not free:
        return f"{what}: add images, or lower data.validation and data.test."
    share = free[0] - (test if split == "validation" else 0)
    enough = math.floor(100 * share + 1) / 100
    return f"{what}: add images, or raise data.{split} to {enough:.2f}, which gives it one."
