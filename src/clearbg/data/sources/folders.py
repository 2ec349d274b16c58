"""Pairs from two folders, by file name."""

import re
from collections.abc import Callable
from pathlib import Path

from clearbg.data.pairs import FilePair, safe_id
from clearbg.errors import DataError
from clearbg.images import SUFFIXES, find_images
from clearbg.system.names import Disk, composed

MASK_FILE = re.compile(r"[-_. ](?:mask|gt|matte|alpha|label|seg)$", re.IGNORECASE)
"""How a mask's name may go on after its image's."""


def relative_stem(path: Path, folder: Path) -> str:
    """The path in a folder without suffix, in NFC: macOS writes the same name in NFD."""
    stem = path.relative_to(folder).with_suffix("").as_posix()
    return composed(stem)


def named_folder(path: str, name: str, key: str) -> Path:
    """A folder that params.yaml names.

    Args:
        path: data.path.
        name: of the folder in it.
        key: that names it.

    Raises:
        DataError: it is missing.
    """
    folder = Disk().meant(Path(path, name))
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: check data.path and {key} in params.yaml.")
    return folder


def by_stem(
    image_folder: Path, mask_folder: Path, split: str = "", prefix: str | None = None
) -> list[FilePair]:
    """Pair files of two folders, sub-folders included, by relative path without suffix.

    The mask of `a.jpg` is `a.png`, or `a_mask.png` where there is no `a.png` (see `MASK_FILE`).

    Args:
        prefix: of the ids; by default the split's name and a hyphen.

    Raises:
        DataError: a folder is missing or holds no image.
    """
    if prefix is None:
        prefix = f"{split}-" if split else ""
    images, masks = images_by(image_folder), images_by(mask_folder)
    for stem in sorted(masks.keys() - images.keys()):
        of_image = MASK_FILE.sub("", stem)
        if of_image in images and of_image not in masks:
            masks[of_image] = masks.pop(stem)
    result = []
    for stem in sorted({*images, *masks}):
        # Two images of one name (a.jpg, a.png) share a mask; each is an item of its own.
        for image in images.get(stem, [None]):
            name = stem if len(images.get(stem, [])) < 2 else f"{stem}{image.suffix}"
            result.append(
                FilePair(prefix + safe_id(name), image, masks.get(stem, [None])[0], split)
            )
    return result


def images_by(
    folder: Path, key: Callable[[Path, Path], str] = relative_stem
) -> dict[str, list[Path]]:
    """The images in `folder` and its sub-folders, grouped by `key(path, folder)`.

    Raises:
        DataError: it is missing or holds no image.
    """
    folder = Disk().meant(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: check its path.")
    found: dict[str, list[Path]] = {}
    for path in find_images(folder):
        found.setdefault(key(path, folder), []).append(path)
    if not found:
        raise DataError(f"{folder} holds no images: put them there ({', '.join(SUFFIXES)}).")
    return found
