"""Transparent images: own ones over backgrounds, and pairs with and without background."""

import re
from pathlib import Path

from clearbg import config
from clearbg.data.pairs import CutoutPair, FilePair, safe_id, short_hash
from clearbg.data.sources.archives import display_name, folders, open_archive
from clearbg.data.sources.folders import images_by, named_folder, relative_stem
from clearbg.errors import DataError, ImageError
from clearbg.images import find_images, finding, read_image


def composites(data: config.CutoutsData) -> list[CutoutPair]:
    """Each transparent image over one background, which its id and the seed choose."""
    folders = [named_folder(data.path, data.images, "data.images")]
    found = images_by(folders[0])
    backgrounds: list[Path | None] = [None]
    if data.backgrounds is not None:
        folders.append(named_folder(data.path, data.backgrounds, "data.backgrounds"))
        by_name = images_by(folders[1])
        backgrounds = [path for name in sorted(by_name) for path in by_name[name]]
    finding.say_left_out(*folders)
    result = []
    for stem in sorted(found):
        for path in found[stem]:
            name = safe_id(stem if len(found[stem]) < 2 else f"{stem}{path.suffix}")
            chosen = int(short_hash(f"{data.seed}:{name}"), 16) % len(backgrounds)
            result.append(CutoutPair(name, path, backgrounds[chosen], data.seed))
    return result


def kaggle_pairs(data: config.KagglePairsData, downloads: Path) -> list[FilePair]:
    """Two folders: images, and the same with a transparent background.

    Paired by name, or by the number in it where no names agree. The alpha is the second
    image's transparency; a pair without it is quarantined ("no-alpha").
    """
    root = open_archive(data.archive, data.sha256, downloads)
    with_background, without = _two_folders(root, data)
    images, truths = images_by(with_background), images_by(without)
    if not {*images} & {*truths}:
        images, truths = images_by(with_background, _number), images_by(without, _number)
    result = []
    for name in sorted({*images, *truths}):
        for image in images.get(name, [None]):
            truth = truths.get(name, [None])[0]
            id = safe_id(relative_stem(image, with_background) if image else f"without-{name}")
            result.append(FilePair(id, image, truth, transparency=True))
    return result


def _two_folders(root: Path, data: config.KagglePairsData) -> tuple[Path, Path]:
    there = {
        folder.relative_to(root).as_posix(): folder
        for folder in folders(root)
        if any(path.parent == folder for path in find_images(folder))
    }
    names = (data.images, data.cutouts)
    if names == (None, None):
        clear = {name: _is_cutout(folder) for name, folder in there.items()}
        if sorted(clear.values()) == [False, True]:
            return tuple(there[name] for name in sorted(there, key=clear.__getitem__))
        problem = "the folders with and without background cannot be told apart"
    else:
        chosen = [[f for n, f in there.items() if name and f"/{n}".endswith(f"/{name}")]
                  for name in names]  # fmt: skip
        if all(len(found) == 1 for found in chosen):
            return chosen[0][0], chosen[1][0]
        problem = f"there is no one folder of images {names[0]} and one {names[1]}"
    raise DataError(
        f"{display_name(data.archive)}: {problem}; folders with images: "
        f"{', '.join(there) or 'none'}; write two of them into data.images (with background) and "
        "data.cutouts (without)."
    )


def _is_cutout(folder: Path) -> bool:
    """Whether the folder's first readable image is transparent somewhere."""
    for path in find_images(folder):
        try:
            return read_image(path).alpha is not None
        except ImageError:
            continue
    return False


def _number(path: Path, folder: Path) -> str:
    digits = re.findall(r"\d+", path.stem)
    return str(int(digits[-1])) if digits else relative_stem(path, folder)
