"""Photographs of cars: Carvana."""

import re
from pathlib import Path

from clearbg import config
from clearbg.data.pairs import FilePair, Pair, UnusablePair, safe_id
from clearbg.data.sources.archives import display_name, folders, open_archives, open_inner_archive
from clearbg.errors import DataError
from clearbg.images import find_images
from clearbg.system.names import composed

VIEW = re.compile(r"(?P<car>.+)_\d{2}")  # the sixteen sides of a car are numbered
MASK = "_mask"
WANTED = ("train.zip", "train_masks.zip")
# Without masks, or the same photographs once more in a higher resolution.
OTHERS = ("test", "test_hq", "train_hq")


def carvana(data: config.CarvanaData, downloads: Path) -> list[Pair]:
    """`train/<car>_<side>.jpg` and `train_masks/<car>_<side>_mask.gif`, or all in one folder.

    Kaggle's download holds train.zip and train_masks.zip inside an archive. A group is a car.

    Source: kaggle.com/c/carvana-image-masking-challenge.
    """
    images, masks = {}, {}
    for path in _files(open_archives(data.archives, data.sha256, downloads), downloads):
        stem = composed(path.stem)
        (masks if stem.endswith(MASK) else images)[stem.removesuffix(MASK)] = path
    for what, there in (("photographs (.jpg)", images), ("masks (_mask.gif)", masks)):
        if not there:
            raise DataError(
                f"{', '.join(map(display_name, data.archives))}: there are no {what}; Carvana is "
                "train/<car>_01.jpg and train_masks/<car>_01_mask.gif: list both archives in "
                "data.archives."
            )
    return [_side(stem, images.get(stem), masks.get(stem)) for stem in sorted({*images, *masks})]


def _side(stem: str, image: Path | None, mask: Path | None) -> Pair:
    view = VIEW.fullmatch(stem)
    if view is None:
        message = f"{image or mask} does not name its car as Carvana does (<car>_01.jpg)."
        return UnusablePair(safe_id(stem), message, "no-car")
    return FilePair(safe_id(stem), image, mask, group=f"car-{view['car']}")


def _files(roots: list[Path], downloads: Path) -> list[Path]:
    inside = [
        open_inner_archive(folder / name, downloads)
        for root in roots
        for folder in folders(root)
        for name in WANTED
        if (folder / name).is_file()
    ]
    return [
        path
        for root in [*roots, *inside]
        for path in find_images(root)
        if not {*path.relative_to(root).parts[:-1]} & {*OTHERS, "__MACOSX"}
    ]
