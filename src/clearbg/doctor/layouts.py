"""Finds the pairs of image and mask in folders of any usual layout.

The layout is recognized from the names of folders (`images` and `masks`, `im` and `gt`, `X-Image`
and `X-Mask`, `train` and `train_masks`), from the names of files (`a.jpg` and `a_mask.png`), from a
table, or from transparency. The split is recognized from a word in the path: DIS-TR, val, test, ...
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from clearbg import config
from clearbg.data import manifest
from clearbg.data.pairs import FilePair, Pair, safe_id, short_hash
from clearbg.data.sources import by_stem, cutouts, documents, people, table
from clearbg.data.sources.folders import MASK_FILE, relative_stem
from clearbg.errors import DataError, ImageError
from clearbg.images import find_images, finding, read_image
from clearbg.system.names import composed

IMAGES = "images?|imgs?|ims?|pictures?|photos?|originals?|inputs?|jpegimages"
MASKS = "masks?|gts?|annotations?|labels?|alphas?|mattes?|truths?|segmentationclass"
ROLE = re.compile(rf"(?P<rest>.*?)[-_ ]?(?:(?P<image>{IMAGES})|(?P<mask>{MASKS}))", re.I)
SPLIT_WORDS = {
    "train": "train", "training": "train", "tr": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "vd": "validation",
    "test": "test", "testing": "test", "te": "test",
}  # fmt: skip
CONTEST_TRUTH = re.compile(r"_estgt$", re.IGNORECASE)  # only DIBCO's archives have such names
SAMPLED = 5  # images of a folder that are read to learn whether it holds cutouts
CUTOUTS = "transparent cutouts"
KNOWN = (
    "images/ with masks/, img/ or im/ with gt/, X-Image/ with X-Mask/, train/ with train_masks/, "
    "a.jpg beside a_mask.png, a CSV file, transparent cutouts, or two folders given one after "
    "the other, images first"
)


@dataclass
class DataSet:
    """The pairs under one or more paths.

    Attributes:
        pairs: images with their masks.
        layouts: descriptions of the layouts, in the order in which they were found.
        unpaired: images that belong to no layout.
        left_out: reason -> files and folders that are not looked at.
    """

    pairs: list[Pair] = field(default_factory=list)
    layouts: list[str] = field(default_factory=list)
    unpaired: list[Path] = field(default_factory=list)
    left_out: finding.LeftOut = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether there are images but no layout."""
        return bool(self.unpaired) and not self.pairs

    def add(self, layout: str, pairs: Sequence[Pair]) -> None:
        self.layouts += [layout] if layout not in self.layouts else []
        self.pairs.extend(pairs)


def find(paths: Sequence[Path]) -> DataSet:
    """The pairs under one or more paths; ids are unique.

    Two folders without a layout of their own are images and masks. Otherwise each of several
    paths is a split. It is named after the word for a split in its path, or after its folder.

    Raises:
        DataError: a path does not exist, or holds no pairs in any known layout.
    """
    each = [_data_set(path) for path in paths]
    left_out: finding.LeftOut = {}
    for path in paths:
        for reason, several in finding.survey(path)[1].items() if path.is_dir() else ():
            left_out.setdefault(reason, []).extend(several)
    if len(paths) == 2 and each[0].is_plain and (each[1].is_plain or each[1].layouts == [CUTOUTS]):
        both = DataSet()
        both.add("a folder of images and one of masks", by_stem(*paths))
        each = [both]
    whole = DataSet()
    for path, data_set in zip(paths, each):
        if not data_set.pairs:
            raise DataError(f"{path} holds no pairs of image and mask: known are {KNOWN}.")
        if len(each) > 1:
            name = safe_id(path.resolve().name)
            data_set.pairs = [
                replace(pair, id=f"{name}-{pair.id}", split=split_of(path) or pair.split or name)
                for pair in data_set.pairs
            ]
        whole.pairs += data_set.pairs
        whole.layouts += [layout for layout in data_set.layouts if layout not in whole.layouts]
        whole.unpaired += data_set.unpaired
    return replace(whole, pairs=_unique(whole.pairs), left_out=left_out)


def split_of(path: Path) -> str:
    """The split that a word in a path names, searched from the path's end; empty when none does."""
    for part in reversed(path.parts):
        for word in re.split(r"[^a-z]+", part.lower()):
            if word in SPLIT_WORDS:
                return SPLIT_WORDS[word]
    return ""


def _data_set(path: Path) -> DataSet:
    data_set = DataSet()
    if path.is_file():
        if path.suffix.lower() not in (".csv", ".tsv"):
            raise DataError(f"{path} is neither a folder nor a CSV file: extract an archive first.")
        data_set.add("a table", table.pairs(path))
    elif not path.is_dir():
        raise DataError(f"{path} does not exist: give a folder of images and masks.")
    elif {"phash", "status"} <= _header(path / "manifest.csv"):
        data_set.add("an ingested folder", _of_manifest(path))
    elif users := _users_table(path):
        data_set.add("EasyPortrait", _easyportrait(path, users))
    elif any(CONTEST_TRUTH.search(file.stem) for file in find_images(path)):
        data = config.DibcoData.model_construct(archives=[str(path)], sha256=None)
        data_set.add("a contest's pages", documents.dibco(data, path))
    else:
        _walk(path, path, data_set)
        if data_set.layouts == [CUTOUTS] and data_set.unpaired:
            data_set = _with_and_without(path) or data_set
    return data_set


def _walk(folder: Path, root: Path, data_set: DataSet) -> None:
    """Add the pairs under `folder` to `data_set`."""
    children = [p for p in sorted(folder.iterdir()) if p.is_dir() and not p.name.startswith(".")]
    here = folder.resolve()
    children = [
        child
        for child in children
        if not here.is_relative_to(child.resolve()) and _holds_images(child)
    ]
    for images, masks in _partners(children):
        # The part of the path that images and masks share keeps ids of different places apart.
        place = images.relative_to(root).parent / ROLE.sub(r"\g<rest>", images.name)
        prefix = "".join(f"{part}-" for part in dict.fromkeys(place.parts))
        pairs = by_stem(images, masks, prefix=safe_id(prefix) if prefix else "")
        data_set.add(f"{images.name}/ with {masks.name}/", [_with_split(p, root) for p in pairs])
        children = [child for child in children if child not in (images, masks)]
    own = [path for path in find_images(folder) if path.parent == folder]
    images, masks = _by_role(own)
    if {*images} & {*masks}:
        pairs = [_with_split(pair, root) for pair in _side_by_side(own, root)]
        data_set.add("images beside their masks", pairs)
    elif _are_cutouts(own):
        pairs = [FilePair(safe_id(relative_stem(p, root)), p, p, transparency=True) for p in own]
        data_set.add(CUTOUTS, [_with_split(pair, root) for pair in pairs])
    else:
        data_set.unpaired += own
    for child in children:
        _walk(child, root, data_set)


def _holds_images(folder: Path) -> bool:
    return folder.name not in finding.SYSTEM_FOLDERS and bool(_images_or_none(folder))


def _images_or_none(folder: Path) -> list[Path]:
    try:
        return find_images(folder)
    except ImageError:  # it may not be read, which `left_out` says
        return []


def _partners(folders: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Folders beside each other that hold the images and the masks of one set."""
    named = {composed(folder.name).lower(): folder for folder in folders}
    roles = {folder: ROLE.fullmatch(composed(folder.name)) for folder in folders}
    result = []
    for folder, role in roles.items():
        if not (role and role["mask"]):
            continue
        rest = role["rest"].lower()
        twins = [f for f, r in roles.items() if r and r["image"] and r["rest"].lower() == rest]
        twins += [named[rest]] if rest in named else []
        if twins:
            result.append((twins[0], folder))
    return result


def _by_role(files: Sequence[Path]) -> tuple[dict[str, Path], dict[str, Path]]:
    """Images and masks of one folder, by the stem that an image shares with its mask."""
    stems = {path: composed(path.stem) for path in files}
    masks = {MASK_FILE.sub("", s): p for p, s in stems.items() if MASK_FILE.search(s)}
    return {s: p for p, s in stems.items() if not MASK_FILE.search(s)}, masks


def _side_by_side(files: Sequence[Path], root: Path) -> list[FilePair]:
    images, masks = _by_role(files)
    place = files[0].parent.relative_to(root)
    return [
        FilePair(safe_id((place / stem).as_posix()), images.get(stem), masks.get(stem))
        for stem in sorted({*masks, *images})
    ]


def _are_cutouts(files: Sequence[Path]) -> bool:
    """Whether any of the first readable images is transparent somewhere."""
    read = 0
    for path in files:
        try:
            if read_image(path).alpha is not None:
                return True
        except ImageError:
            continue
        read += 1
        if read == SAMPLED:
            break
    return False


def _with_split(pair: FilePair, root: Path) -> FilePair:
    return replace(pair, split=split_of((pair.image or pair.mask).relative_to(root).parent))


def _of_manifest(folder: Path) -> list[FilePair]:
    frame = manifest.read(folder)
    good = frame[frame.status == "ok"]
    return [
        FilePair(row.id, folder / row.image, folder / row.mask, row.split, row.group)
        for row in good.itertuples()
    ]


def _header(table: Path) -> set[str]:
    """The names of a table's columns; empty when the file does not exist."""
    if not table.is_file():
        return set()
    with table.open(encoding="utf-8-sig", errors="replace") as file:
        return {*re.split(r"[,;\t]", file.readline().strip())}


def _users_table(path: Path) -> set[str]:
    """The columns of EasyPortrait's meta file; empty when there is no such file."""
    headers = (_header(file) for file in sorted(path.rglob("meta*.[ct]sv")))
    return next((header for header in headers if "user_id" in header), set())


def _easyportrait(path: Path, columns: set[str]) -> list[Pair]:
    version = next((v for v, name in people.NAME_COLUMN.items() if name in columns), 2)
    data = config.EasyPortraitData.model_construct(
        archives=[str(path)], sha256=None, version=version
    )
    return people.easyportrait(data, path)


def _with_and_without(path: Path) -> DataSet | None:
    """Pairs of two folders that hold the same images with and without background, else None."""
    data = config.KagglePairsData.model_construct(
        archive=str(path), sha256=None, images=None, cutouts=None
    )
    try:
        pairs = cutouts.kaggle_pairs(data, path)
    except DataError:
        return None
    if not any(pair.image and pair.mask for pair in pairs):
        return None
    data_set = DataSet()
    data_set.add("images with and without their background", pairs)
    return data_set


def _unique(pairs: list[Pair]) -> list[Pair]:
    """Add a hash of its place to the id of every pair whose id is taken."""
    seen: set[str] = set()
    result = []
    for pair in pairs:
        if pair.id in seen:
            pair = replace(pair, id=f"{pair.id}-{short_hash(str(pair))}")
        seen.add(pair.id)
        result.append(pair)
    return result
