"""Photographs of people: EasyPortrait, and the set of 5,000 photographs."""

from pathlib import Path

from clearbg import config
from clearbg.data.pairs import FilePair, Pair, UnusablePair, safe_id
from clearbg.data.sources.archives import (
    display_name,
    folder_with,
    folders,
    open_archive,
    open_archives,
    open_inner_archive,
)
from clearbg.data.sources.folders import by_stem
from clearbg.data.sources.rows import rows
from clearbg.errors import DataError
from clearbg.images import find_images
from clearbg.system.names import composed

SPLITS = {"train": "train", "val": "validation", "test": "test"}
NAME_COLUMN = {1: "attachment_id", 2: "image_name"}


def photographs(data: config.PeopleData, downloads: Path) -> list[FilePair]:
    """`people_segmentation/{images,masks}`; its own split is not used.

    The lists in `segmentation/*.txt` put near-duplicates into both parts of the split; the
    groups that ingest makes do not.
    """
    root = open_archive(data.archive, data.sha256, downloads)
    layout = "people_segmentation/{images,masks,segmentation}"
    root = folder_with(root, ("images", "masks"), display_name(data.archive), layout)
    return by_stem(root / "images", root / "masks")


def easyportrait(data: config.EasyPortraitData, downloads: Path) -> list[Pair]:
    """EasyPortrait: photographs, index PNGs of 9 classes, and who is on which.

    Published as images.zip and annotations.zip with `train/ val/ test/` each, and meta.zip
    (version 1: inside annotations.zip; one archive of all at Kaggle). Every class but
    background is the person. A group is a `user_id`.

    Source: Kvanchiani et al., EasyPortrait, arXiv 2304.13509; github.com/hukenovs/easyportrait.
    """
    roots = open_archives(data.archives, data.sha256, downloads)
    users = _users(data, roots, downloads)
    found: list[Pair] = []
    for name, split in SPLITS.items():
        files = [
            path
            for root in roots
            for folder in folders(root)
            if folder.name == name
            for path in find_images(folder)
        ]
        masks, images = (
            {composed(p.stem): p for p in files if (p.suffix.lower() == ".png") is is_mask}
            for is_mask in (True, False)
        )
        for what, there in (("photographs (jpg)", images), ("annotations (png)", masks)):
            if not there:
                raise DataError(
                    f"{', '.join(map(display_name, data.archives))}: there are no {what} in a "
                    f"folder {name}; EasyPortrait is images.zip and annotations.zip, each with "
                    "train/, val/ and test/: list both in data.archives."
                )
        for stem in sorted({*images, *masks}):
            found.append(_portrait(stem, images.get(stem), masks.get(stem), split, users))
    return found


def _portrait(
    stem: str, image: Path | None, mask: Path | None, split: str, users: dict[str, str]
) -> Pair:
    if stem not in users:
        message = f"{image or mask} is not in EasyPortrait's meta file, so its user is unknown."
        return UnusablePair(safe_id(stem), message, "no-user", split)
    return FilePair(
        safe_id(stem), image, mask, split, group=f"user-{users[stem]}", index_foreground=True
    )


def _users(data: config.EasyPortraitData, roots: list[Path], downloads: Path) -> dict[str, str]:
    """Name of an image -> its user_id."""
    place = ", ".join(map(display_name, data.archives))
    file = _meta_file(roots) or next(
        (
            file
            for root in roots
            for archive in _named(root, "meta*.zip")
            if (file := _meta_file([open_inner_archive(archive, downloads)]))
        ),
        None,
    )
    if file is None:
        raise DataError(
            f"{place}: there is no meta.csv or meta.zip, which says who is on which image; "
            "add EasyPortrait's meta.zip to data.archives."
        )
    name = NAME_COLUMN[data.version]
    listed = list(
        rows(file, (name, "user_id"), f"EasyPortrait version {data.version} (data.version)")
    )
    return {composed(row[name]).removesuffix(".jpg"): row["user_id"] for _, row in listed}


def _meta_file(roots: list[Path]) -> Path | None:
    return next((file for root in roots for file in _named(root, "meta*.[ct]sv")), None)


def _named(root: Path, pattern: str) -> list[Path]:
    return [path for folder in folders(root) for path in sorted(folder.glob(pattern))]
