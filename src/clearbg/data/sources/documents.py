"""Pages with their ink: the document binarization contests (DIBCO and H-DIBCO)."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from clearbg import config
from clearbg.data.pairs import FilePair, Pair, UnusablePair, safe_id
from clearbg.data.sources.archives import display_name, open_archives
from clearbg.errors import DataError
from clearbg.images import find_images
from clearbg.system.names import composed

YEAR = re.compile(r"20(?:09|1\d)|(?<=dibco)(?:09|1\d)(?!\d)", re.IGNORECASE)
TRUTH_FILE = re.compile(r"_(?:est)?gt$", re.IGNORECASE)
TRUTH_FOLDER = re.compile(r"(?:^|[-_ ])gt(?:images)?(?:[-_ ]|$)", re.IGNORECASE)
PAGE_FOLDER = re.compile(r"im(?:g|ages?)|original|dataset|test", re.IGNORECASE)
SKELETON = re.compile(r"_skelgt$", re.IGNORECASE)  # for the contests' pseudo-recall alone
LAYOUT = "img/ and gt/, or as a contest's archives (H01.bmp with H01_estGT.tiff or GT/H01.tiff)"


@dataclass(frozen=True)
class _Scan:
    """A file by where it lies: contest, then folders; `page` is its name without `_GT`."""

    place: tuple[str, ...]
    page: str
    file: Path


def dibco(data: config.DibcoData, downloads: Path) -> list[Pair]:
    """Pages and their truth, black ink on white, from any of the contests' layouts.

    A truth is named `<page>_gt`, `_GT` or `_estGT`, or lies in a folder named gt; `_skelGT`
    is not used. A page's truth is the one of its name that lies nearest, the year in an
    archive's address or a folder's name counting as a folder around everything.

    Source: the contests' pages at vc.ee.duth.gr, 2009 to 2019.
    """
    roots = open_archives(data.archives, data.sha256, downloads)
    pages, truths = [], []
    for source, root in zip(data.archives, roots, strict=True):
        for path in find_images(root):
            inside = path.relative_to(root)
            if SKELETON.search(path.stem) or "__MACOSX" in inside.parts:
                continue
            scan = _scan(display_name(source), inside, path)
            is_truth = TRUTH_FILE.search(path.stem) or _in_truth_folder(scan.place)
            (truths if is_truth else pages).append(scan)
    for what, there in (("pages", pages), ("truths", truths)):
        if not there:
            raise DataError(
                f"{', '.join(map(display_name, data.archives))}: there are no {what}; "
                f"give folders laid out as {LAYOUT}."
            )
    names = Counter((scan.place[0], scan.page) for scan in pages)
    lonely = {truth.file: truth for truth in truths}
    found: list[Pair] = []
    for page in pages:
        alone = names[page.place[0], page.page] == 1
        id = safe_id(f"{page.place[0]}-{page.page}" if alone else _long(page, page.page))
        nearest = _nearest(page, truths)
        found.append(_pair(id, page.file, nearest))
        for file in nearest:
            lonely.pop(file, None)
    for truth in lonely.values():
        id = safe_id(f"truth-{_long(truth, truth.file.name)}")
        found.append(FilePair(id, None, truth.file, invert=True))
    return found


def _scan(source: str, inside: Path, path: Path) -> _Scan:
    name = Path(source).stem
    years = YEAR.findall(f"{source if '://' in source else name}/{inside.parent}")
    contest = f"20{years[-1][-2:]}" if years else name
    return _Scan(
        (contest, name, *inside.parent.parts), TRUTH_FILE.sub("", composed(path.stem)), path
    )


def _in_truth_folder(place: tuple[str, ...]) -> bool:
    """Whether the innermost folder that says what it holds says truth."""
    for name in reversed(place[1:]):
        if TRUTH_FOLDER.search(name):
            return True
        if PAGE_FOLDER.search(name):
            return False
    return False


def _pair(id: str, page: Path, truths: list[Path]) -> Pair:
    if len(truths) > 1:
        message = (
            f"{page} has two truths, {truths[0]} and {truths[1]}: put each contest into a folder "
            "of its own, named by its year."
        )
        return UnusablePair(id, message, "two-truths")
    return FilePair(id, page, truths[0] if truths else None, invert=True)


def _nearest(page: _Scan, truths: list[_Scan]) -> list[Path]:
    """The truths of the page's name that share most folders with it; none of another year."""
    near: dict[int, list[Path]] = {}
    for truth in truths:
        contests = {page.place[0], truth.place[0]}
        if truth.page == page.page and (len(contests) == 1 or not all(map(str.isdigit, contests))):
            near.setdefault(_shared(page.place, truth.place), []).append(truth.file)
    return near[max(near)] if near else []


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many folders, from the outermost, two places have in common."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _long(scan: _Scan, name: str) -> str:
    return "/".join((*scan.place, name))
