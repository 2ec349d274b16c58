"""Data set layouts -> pairs of picture and mask."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearbg import config, images
from clearbg.data import synthetic
from clearbg.data.archive import extract
from clearbg.data.fetch import fetch
from clearbg.errors import DataError, PictureError

NO_PICTURES = "no pictures"


@dataclass(frozen=True)
class FilePair:
    """A picture and its mask as files; either is None when it has no partner."""

    id: str
    image: Path | None
    mask: Path | None
    split: str = ""

    def read(self, max_pixels: int) -> tuple[images.Picture, np.ndarray, Path]:
        """The picture, its alpha uint8 `(H,W)`, and the picture's file.

        Raises:
            PictureError: either cannot be read, or they do not belong together.
        """
        if self.mask is None:
            raise PictureError(f"{self.image} has no mask of the same name.", "no-mask")
        if self.image is None:
            raise PictureError(f"{self.mask} has no picture of the same name.", "no-picture")
        picture = images.read_picture(self.image, max_pixels=max_pixels)
        alpha, _ = images.read_mask(self.mask, max_pixels=max_pixels)
        if alpha.shape != picture.rgb.shape[:2]:
            raise PictureError(
                f"{self.image} is {picture.width}×{picture.height} pixels and its mask "
                f"{alpha.shape[1]}×{alpha.shape[0]}.",
                "size-mismatch",
            )
        return picture, alpha, self.image


@dataclass(frozen=True)
class GeneratedPair:
    """A picture that does not exist until it is read."""

    id: str
    seed: int
    index: int
    split: str = ""

    def read(self, max_pixels: int) -> tuple[images.Picture, np.ndarray, None]:
        """The generated picture and its alpha uint8 `(H,W)`."""
        rgb, alpha = synthetic.generate(self.seed, self.index)
        if alpha.size > max_pixels:
            raise PictureError(f"{self.id} has more than {max_pixels} pixels.", "too-large")
        return images.Picture(rgb=rgb), alpha, None


Pair = FilePair | GeneratedPair


def pairs(data: config.Data, downloads: Path) -> list[Pair]:
    """All pairs that the settings' source offers, partners or not, ordered by id.

    Raises:
        DataError: a folder or archive is missing, or holds no pictures.
    """
    match data:
        case config.SyntheticData():
            return [
                GeneratedPair(f"generated-{index:05d}", data.seed, index)
                for index in range(data.count)
            ]
        case config.FolderData():
            root = Path(data.path)
            return by_stem(root / data.images, root / data.masks)
        case config.DutsData():
            train = _duts_archive(data.train_archive, data.train_sha256, "DUTS-TR", downloads)
            test = _duts_archive(data.test_archive, data.test_sha256, "DUTS-TE", downloads)
            return [
                *by_stem(train / "DUTS-TR-Image", train / "DUTS-TR-Mask"),
                *by_stem(test / "DUTS-TE-Image", test / "DUTS-TE-Mask", split="test"),
            ]
    raise DataError(f"data.source {data.source!r} has no reader.")


def by_stem(image_folder: Path, mask_folder: Path, split: str = "") -> list[FilePair]:
    """Pair files of two folders, sub-folders included, by relative path without suffix.

    Raises:
        DataError: a folder is missing or holds no picture.
    """
    sides = []
    for folder in (image_folder, mask_folder):
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder: check data.path and what it should hold.")
        found: dict[str, list[Path]] = {}
        for path in images.find_pictures(folder):
            found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
        if not found:
            raise DataError(
                f"{folder} holds no pictures: put them there ({', '.join(images.SUFFIXES)})."
            )
        sides.append(found)
    pictures, masks = sides
    result = []
    for stem in sorted({*pictures, *masks}):
        # Two pictures of one name (a.jpg, a.png) share a mask; each is an item of its own.
        for image in pictures.get(stem, [None]):
            name = stem if len(pictures.get(stem, [])) < 2 else f"{stem}{image.suffix}"
            prefix = f"{split}-" if split else ""
            result.append(FilePair(prefix + _safe(name), image, masks.get(stem, [None])[0], split))
    return result


def _duts_archive(source: str, sha256: str | None, name: str, downloads: Path) -> Path:
    archive = fetch(source, downloads, sha256=sha256)
    folder = extract(archive, downloads / name)
    # The archives hold one folder of their own name; a repacked one may not.
    inside = folder / name if (folder / name).is_dir() else folder
    for part in (f"{name}-Image", f"{name}-Mask"):
        if not (inside / part).is_dir():
            raise DataError(f"{archive} holds no folder {part}: it is not {name}.zip of DUTS.")
    return inside


def _safe(name: str) -> str:
    """An id that is a file name everywhere; what had to change is told apart by a hash."""
    safe = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip(".")[:100]
    if safe == name:
        return name
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
