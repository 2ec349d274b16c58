"""Resize the training and validation splits to the working size; mirror the training split."""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from clearbg import config
from clearbg.data import manifest
from clearbg.images import resize, write_image, write_mask
from clearbg.images.tiling import extend, starts
from clearbg.system.files import file_sha256
from clearbg.system.progress import on_all_cores

MIRRORED = "-mirrored"


def augment(source: Path, settings: config.Augment, folder: Path) -> pd.DataFrame:
    """Fill `folder` with images and masks of the working size and their manifest; return it.

    With `fit: stretch` height and width both become `settings.size`, as the networks were
    published. With `fit: tile` images keep their own size and are cut into `tiles`, stored
    without loss; ids end in the tile's row and column, "-r02-c03". Ids of mirrored copies end in
    "-mirrored". Groups, perceptual hashes and soft fractions stay those of the whole image, whose
    file's SHA-256 stands in the column `ingested_sha256`.
    The test split is left out: it is evaluated at the images' own size.

    Raises:
        DataError: an ingested image cannot be read any more.
    """
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    frame = manifest.read(source)
    frame = frame[frame.split.isin(["train", "validation"])]
    pieces = functools.partial(_write_pieces, source=source, settings=settings, folder=folder)
    copies = on_all_cores(pieces, frame.to_dict("records"), "augment")
    return manifest.write([row for rows in copies for row in rows], folder / "manifest.csv")


def tiles(height: int, width: int, side: int, overlap: int) -> Iterator[tuple[int, int, int, int]]:
    """Row, column, top and left of the square tiles that cover an image.

    Neighbors share `overlap` pixels; the last row and column end with the image, which is at
    least `side` high and wide, and may share more.
    """
    tops, lefts = (starts(n, side, overlap) for n in (height, width))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            yield row, column, top, left


def _write_pieces(row: dict, source: Path, settings: config.Augment, folder: Path) -> list[dict]:
    suffix = {"stretch": ".jpg", "tile": ".png"}[settings.fit]
    rows = []
    for place, rgb, alpha in _pieces(*manifest.read_pair(source, row), settings):
        name = row["id"] + place
        rows.append(_write(row, name, rgb, alpha, folder, suffix))
        if settings.mirror and row["split"] == "train":
            mirrored = rgb[:, ::-1], alpha[:, ::-1]
            rows.append(_write(row, name + MIRRORED, *mirrored, folder, suffix))
    return rows


def _pieces(
    rgb: np.ndarray, alpha: np.ndarray, settings: config.Augment
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The parts of one image: the end of the id, the image `(h,w,3)` and its alpha `(h,w)`."""
    side = settings.size
    if settings.fit == "stretch":
        size = (side, side)
        yield "", *(resize(pixels, size, settings.kernel) for pixels in (rgb, alpha))
        return
    rgb, alpha = (extend(pixels, side, side) for pixels in (rgb, alpha))
    for row, column, top, left in tiles(*alpha.shape, side, settings.overlap):
        part = np.s_[top : top + side, left : left + side]
        yield f"-r{row:02d}-c{column:02d}", rgb[part], alpha[part]


def _write(
    row: dict, name: str, rgb: np.ndarray, alpha: np.ndarray, folder: Path, suffix: str
) -> dict:
    image, mask = Path("images", f"{name}{suffix}"), Path("masks", f"{name}.png")
    # A JPEG of this quality without chroma subsampling loses less than the sensor's noise.
    write_image(folder / image, rgb, quality=95)
    write_mask(folder / mask, alpha)
    return {
        **row,
        "id": name,
        "image": image.as_posix(),
        "mask": mask.as_posix(),
        "width": alpha.shape[1],
        "height": alpha.shape[0],
        "coverage": float(alpha.mean() / 255),
        "sha256": file_sha256(folder / image),
        "ingested_sha256": row["sha256"],
    }
