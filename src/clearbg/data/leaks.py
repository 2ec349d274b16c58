"""Leaks: images of the test split that a model has seen during its training."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
from PIL import Image

from clearbg.data import manifest
from clearbg.errors import DataError, ModelError
from clearbg.images import read_image
from clearbg.licenses import Origin
from clearbg.system.files import file_sha256, replacing_file, write_text

FILE = "training_images.csv"
PACKED = "training_images.csv.gz"  # the same list; the models of the package have it so
COLUMNS = ["sha256", "phash"]
KINDS = ("exact", "near")
NAMED = 3  # images named in a refusal
UNLISTED = "The list of this model's training images is not complete: more may be duplicates."
BLOCK = 128  # test images compared with all training images at a time


@dataclass(frozen=True)
class Seen:
    """Images that a model was trained or validated on.

    Attributes:
        images: a row for each image, with the columns sha256 (of the ingested file) and phash
            (its perceptual hash: 64 bits, hexadecimal).
        complete: False if the list may lack images, as for weights from elsewhere.
    """

    images: pd.DataFrame
    complete: bool


@dataclass(frozen=True)
class Marks:
    """Which of some images a model has seen.

    Attributes:
        kinds: a word for each image: "exact" if the model has seen a file of equal content,
            "near" if it has seen a near-duplicate, "" if it has seen neither.
        complete: see `Seen`.
    """

    kinds: tuple[str, ...]
    complete: bool

    def counts(self) -> dict[str, int]:
        """How many images are "exact", and how many are "near"."""
        return {kind: self.kinds.count(kind) for kind in KINDS}

    def sentence(self) -> str:
        """The result in words."""
        found, count = self.counts(), len(self.kinds)
        if count == 1:
            return self._of_one()
        if total := sum(found.values()):
            text = (
                f"The model was trained on duplicates of {total} of these {count} images: "
                f"{found['exact']} exact, {found['near']} near."
            )
        else:
            text = f"None of these {count} images is known to duplicate a training image."
        if not self.complete:
            text += f" {UNLISTED}"
        return text

    def _of_one(self) -> str:
        if kind := self.kinds[0]:
            what = {"exact": "an exact", "near": "a near"}[kind]
            return f"The model was trained on {what} duplicate of this image."
        text = "This image is not known to duplicate a training image."
        if not self.complete:
            text += (
                " The list of this model's training images is not complete: it may still be one."
            )
        return text


def unlisted() -> Seen:
    """The list for a model that comes without one: it is empty, and not complete."""
    return Seen(pd.DataFrame(columns=COLUMNS, dtype=str), complete=False)


def training_images(folder: Path) -> pd.DataFrame:
    """The list of the ingested images that an augmented folder was made from; see `Seen`.

    Raises:
        DataError: the folder's manifest is missing, or lacks a column.
    """
    frame = manifest.read(folder)
    if "ingested_sha256" not in frame:
        raise DataError(
            f"{folder}/manifest.csv has no column ingested_sha256: delete {folder} and run "
            "`dvc repro`."
        )
    return merged(frame[["ingested_sha256", "phash"]].set_axis(COLUMNS, axis=1))


def merged(*lists: pd.DataFrame) -> pd.DataFrame:
    """Join lists of images: one list, sorted, with each image once."""
    joined = pd.concat([part[COLUMNS].astype(str) for part in lists])
    return joined.drop_duplicates().sort_values(COLUMNS, ignore_index=True)


def write(images: pd.DataFrame, folder: Path, packed: bool = False) -> str:
    """Write the list of a model into its folder.

    Args:
        packed: whether the file is compressed with gzip.

    Returns:
        The SHA-256 of the list's text, which stands in model.json.
    """
    text = images.to_csv(index=False, lineterminator="\n")
    if packed:
        with replacing_file(folder / PACKED) as aside:
            aside.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        write_text(folder / FILE, text)
    return hashlib.sha256(text.encode()).hexdigest()


def listed(folder: Path) -> bool:
    """Whether a list of the images that the model has seen lies in its folder."""
    return any((folder / name).is_file() for name in (FILE, PACKED))


def of_model(folder: Path, sha256: str, origins: Sequence[Origin]) -> Seen:
    """The images that the model of a folder has seen.

    Args:
        sha256: of the list, as the model's contract names it; "": the model has no list.
        origins: where the training images come from, as the contract says.

    Raises:
        ModelError: the list is missing, or is not the one that the contract names.
    """
    if not sha256:
        return unlisted()
    path = folder / FILE
    if not listed(folder):
        raise ModelError(
            f"{path} does not exist, but model.json names it: take both from the same training."
        )
    content = _content(folder)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(
            f"{path} is not the list that model.json describes: take both from the same training."
        )
    try:
        images = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
        valid = images["phash"].str.fullmatch("[0-9a-f]{16}").all() and "sha256" in images
    except (ValueError, KeyError):
        valid = False
    if not valid:
        raise ModelError(f"{path} is no list of images and their hashes: train the model again.")
    return Seen(images, complete=all(origin.images is not None for origin in origins))


def _content(folder: Path) -> bytes:
    """The text of the list, packed or not; it is empty if a packed list is damaged."""
    if (folder / FILE).is_file():
        return (folder / FILE).read_bytes()
    try:
        return gzip.decompress((folder / PACKED).read_bytes())
    except (OSError, EOFError, zlib.error):
        return b""


def hashes(paths: Iterable[Path]) -> pd.DataFrame:
    """SHA-256 and perceptual hash of image files, computed as ingest does; columns as in `Seen`.

    Raises:
        ImageError: a file cannot be read.
    """
    rows = []
    for path in paths:
        upright = Image.fromarray(read_image(path).srgb())
        rows.append((file_sha256(path), str(imagehash.phash(upright))))
    return pd.DataFrame(rows, columns=COLUMNS)


def mark(images: pd.DataFrame, seen: Seen) -> Marks:
    """Look for each image among those that a model has seen.

    Two images are near-duplicates if their perceptual hashes differ in at most
    `manifest.NEAR_BITS` of 64 bits.

    Args:
        images: a row for each image, with the columns sha256 and phash.
    """
    known = _bits(pd.unique(seen.images["phash"]))
    asked = _bits(images["phash"])
    near = np.zeros(len(asked), bool)
    for first in range(0, len(asked) if len(known) else 0, BLOCK):
        differing = np.bitwise_count(asked[first : first + BLOCK, None] ^ known)
        near[first : first + BLOCK] = differing.min(axis=1) <= manifest.NEAR_BITS
    exact = images["sha256"].isin(seen.images["sha256"]).to_numpy()
    return Marks(tuple(np.select([exact, near], KINDS, "").tolist()), seen.complete)


def refuse_too_many(names: Iterable[str], marks: Marks, allowed: float) -> None:
    """Refuse to evaluate a model on too many of its own training images.

    Args:
        names: of the images, in the order of `marks`.
        allowed: the largest share of marked images, in [0, 1].

    Raises:
        DataError: the share of marked images is above `allowed`; the sentence names some of them.
    """
    leaked = [name for name, kind in zip(names, marks.kinds, strict=True) if kind]
    if len(leaked) <= allowed * len(marks.kinds):
        return
    shown = ", ".join(leaked[:NAMED])
    others = f" and {len(leaked) - NAMED} more" if len(leaked) > NAMED else ""
    raise DataError(
        f"the model was trained on duplicates of {len(leaked)} of {len(marks.kinds)} test "
        f"images ({shown}{others}), more than evaluate.max_leaked = {allowed:g} allows: take "
        "them out of the data, start from other weights, or raise the setting."
    )


def _bits(hashes: Iterable[str]) -> np.ndarray:
    """Perceptual hashes as numbers, uint64, from their hexadecimal digits."""
    return np.array([int(value, 16) for value in hashes], dtype=np.uint64)
