"""Two folders -> pairs, by name."""

from collections.abc import Callable
from pathlib import Path

from clearbg import images
from clearbg.data.sources.pair import FilePair, safe_id
from clearbg.errors import DataError


def relative_stem(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def by_stem(
    image_folder: Path,
    mask_folder: Path,
    split: str = "",
    prefix: str | None = None,
    mask_key: Callable[[Path, Path], str] = relative_stem,
) -> list[FilePair]:
    """Pair files of two folders, sub-folders included, by relative path without suffix.

    Args:
        prefix: of the ids; by default the split's name and a hyphen.
        mask_key: (path, folder) -> the relative path, without suffix, of a mask's picture.

    Raises:
        DataError: a folder is missing or holds no picture.
    """
    if prefix is None:
        prefix = f"{split}-" if split else ""
    pictures, masks = pictures_by(image_folder), pictures_by(mask_folder, mask_key)
    result = []
    for stem in sorted({*pictures, *masks}):
        # Two pictures of one name (a.jpg, a.png) share a mask; each is an item of its own.
        for image in pictures.get(stem, [None]):
            name = stem if len(pictures.get(stem, [])) < 2 else f"{stem}{image.suffix}"
            result.append(
                FilePair(prefix + safe_id(name), image, masks.get(stem, [None])[0], split)
            )
    return result


def pictures_by(
    folder: Path, key: Callable[[Path, Path], str] = relative_stem
) -> dict[str, list[Path]]:
    """The pictures under `folder`, under `key(path, folder)`.

    Raises:
        DataError: it is missing or holds no picture.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: check data.path and what it should hold.")
    found: dict[str, list[Path]] = {}
    for path in images.find_pictures(folder):
        found.setdefault(key(path, folder), []).append(path)
    if not found:
        raise DataError(
            f"{folder} holds no pictures: put them there ({', '.join(images.SUFFIXES)})."
        )
    return found
