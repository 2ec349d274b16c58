"""What a mask's values mean: alpha, class numbers, colors, or black and white after JPEG.

Where two meanings are possible nothing is guessed: the mask gets a finding that asks.
"""

from pathlib import Path

import cv2
import numpy as np

from clearbg.images import read_image
from clearbg.images.decoding import decoded, upright
from clearbg.images.exif import orientation_of
from clearbg.images.labels import MAX_CLASSES, fill_areas

NEAR = 32  # gray values this near to black or white may come from JPEG's ringing
FULL = 240  # a mask that marks its subject reaches at least this
RINGING = 4  # as many gray values near black and white as between, at least
MOST_BETWEEN = 0.005  # share of pixels between, when no file name or head says JPEG
MANY = 8  # different gray values near black and white that ringing leaves in a PNG, at least
FLAT = 8  # JPEG may change black and white areas by less than this
EVEN = 4  # an area's neighboring pixels differ by this much at most after JPEG
LEAST_FLAT = 0.12  # share of a JPEG's gray pixels that areas of gray make up, at least
LEVELS = 20  # gray levels that JPEG makes of few classes
TRIMAP_GRAY = range(100, 156)  # gray values that stand for "unknown" between 0 and 255
VOID = 255  # the number of pixels that belong to no class, in most sets with class numbers
WAY = "copy the set with `clearbg doctor SET --fix FOLDER --void background` (or subject)"
VOID_COLOR = (224, 224, 192)  # of PASCAL VOC's color table

NOTED = {
    "0/1": ("mask-0/1", "its values are 0 and 1"),
    "rgb": ("mask-rgb", "it is stored in color, with three equal channels"),
    "palette": ("mask-palette", "its gray values are stored in a palette"),
    "alpha channel": ("mask-transparency", "its alpha is its transparency, not its colors"),
}

Oddity = tuple[str, str]  # kind, description


def interpret(
    path: Path, values: np.ndarray, notes: tuple[str, ...], void: str = ""
) -> tuple[np.ndarray, list[Oddity]]:
    """The alpha that a mask file's values stand for, and (kind, description) of each oddity.

    Args:
        values: uint8 `(H,W)` as `images.read_mask` reads them.
        notes: as `images.read_mask` gives them.
        void: see `FilePair`.

    Returns:
        alpha, uint8 `(H,W)`: class numbers and colors made 0 and 255, ringing removed.
    """
    if "index" in notes:
        return values, []  # the source says what its masks are
    counts = np.bincount(values.ravel(), minlength=256)
    is_jpeg = _is_jpeg(path)
    if "alpha channel" not in notes:
        if "color" in notes:
            return _of_colors(path, values, notes, counts, void)
        numbers = _of_numbers(values, counts, is_jpeg, void)
        if numbers is not None:
            return numbers
    found = [NOTED[note] for note in NOTED if note in notes]
    if "palette" in notes:
        found = [oddity for oddity in found if oddity[0] != "mask-rgb"]  # any palette has colors
    top = int(np.flatnonzero(counts)[-1])
    if 0 < top < FULL:
        lowest = int(np.flatnonzero(counts)[0])
        found.append(("mask-range", f"its values reach from {lowest} to {top}, not to 255"))
    ringing = _is_ringing(counts, is_jpeg)
    if ringing or is_jpeg:
        what = "was compressed as JPEG" if is_jpeg else "carries the traces of JPEG"
        blur = int(values.size - counts[0] - counts[255])
        found.append(("mask-jpeg", f"it {what}: {blur} pixels are neither black nor white"))
    return _without_ringing(values) if ringing else values, found


def _of_numbers(
    values: np.ndarray, counts: np.ndarray, is_jpeg: bool, void: str
) -> tuple[np.ndarray, list[Oddity]] | None:
    """The same for gray values that are class numbers or a trimap; None for gray levels."""
    gray_levels = np.flatnonzero(counts)
    between = gray_levels[(gray_levels > 0) & (gray_levels < VOID)]
    if not len(between):
        return None
    only_small = not counts[MAX_CLASSES + 1 :].any()
    if is_jpeg:
        flat = _flat_levels(values, counts)
        if flat is not None:
            return values, [_doubt(flat, has_way=False)]
    elif fill_areas(values, between):
        if VOID in gray_levels and counts[0] and void and _doubt(gray_levels)[0] == "mask-void":
            subject = _with_void(values > 0, values == VOID, void)
            return _foreground(subject), [_classes(gray_levels, void)]
        if VOID in gray_levels or not (counts[0] or gray_levels[-1] > MAX_CLASSES):
            return values, [_doubt(gray_levels, bool(counts[0]))]
        if counts[0] and (only_small or gray_levels[-1] < FULL):
            return _foreground(values > 0), [_classes(gray_levels)]
    if counts[0] and only_small:
        return _foreground(values > 0), [_classes(gray_levels)]
    return None


def _flat_levels(values: np.ndarray, counts: np.ndarray) -> np.ndarray | None:
    """Black, white and the gray levels that fill areas of a JPEG; None if it has no such areas."""
    inner = slice(FLAT, 256 - FLAT)
    between = counts[inner].sum()
    if not between or not counts[MAX_CLASSES + 1 :].any():
        return None
    kernel = np.ones((3, 3), np.uint8)
    flat = cv2.dilate(values, kernel) - cv2.erode(values, kernel) <= EVEN
    filled = np.bincount(values[flat], minlength=256)[inner]
    common = np.sort(filled)[::-1]
    if filled.sum() < LEAST_FLAT * between or common[:LEVELS].sum() < 0.8 * filled.sum():
        return None  # edges, or a soft ramp
    often = np.flatnonzero(filled >= 0.1 * common[0]) + FLAT
    ends = [gray_level for gray_level in (0, VOID) if counts[gray_level]]
    return np.union1d(often, ends)


def _doubt(gray_levels: np.ndarray, has_way: bool = True) -> Oddity:
    """The question that a mask's numbers raise.

    Args:
        has_way: whether the mask can be used once somebody says what its pixels of no class are.
    """
    words = _short(", ".join(map(str, gray_levels)))
    inner = [gray_level for gray_level in gray_levels if FLAT <= gray_level < 256 - FLAT]
    if [*gray_levels] == [1, 2, 3]:
        return "mask-trimap", "it is a trimap (1 subject, 2 background, 3 unknown)"
    if gray_levels[0] < FLAT and inner and all(gray_level in TRIMAP_GRAY for gray_level in inner):
        return "mask-trimap", f"it is a trimap, in which {inner[0]} means unknown ({words})"
    if VOID in gray_levels and has_way:
        return "mask-void", f"it holds class numbers and the label 255 of no class ({words}); {WAY}"
    return "mask-unclear", f"its numbers do not tell which of them is the background ({words})"


def _with_void(subject: np.ndarray, is_void: np.ndarray, void: str) -> np.ndarray:
    """The subject, bool `(H,W)`, after somebody has said what the pixels of no class are."""
    return subject | is_void if void == "subject" else subject & ~is_void


def _classes(gray_levels: np.ndarray, void: str = "") -> Oddity:
    void = f", and 255 is {void}" if void else ""
    numbers = _short(", ".join(str(gray_level) for gray_level in gray_levels if gray_level))
    return "mask-index", f"it holds class numbers ({numbers}); all but 0 are subject{void}"


def _of_colors(
    path: Path, values: np.ndarray, notes: tuple[str, ...], counts: np.ndarray, void: str
) -> tuple[np.ndarray, list[Oddity]]:
    """The same for a mask with unequal channels; with few colors, black is the background."""
    number = np.count_nonzero(counts)
    if number <= MAX_CLASSES:
        rgb = read_image(path).rgb
        subject = rgb.any(axis=2)
        background = "black"
        is_void = (rgb == VOID_COLOR).all(axis=2)
        if "palette" in notes:
            numbers = _palette_numbers(path)
            gray_levels = np.unique(numbers)
            if not subject.all() and numbers[~subject].any():
                pass  # a program has sorted the palette: its first color is not the background
            elif gray_levels[0]:
                return values, [_doubt(gray_levels, has_way=False)]
            else:
                subject, background = numbers > 0, "the palette's first"
                is_void |= (numbers == VOID) & (len(gray_levels) > 2)
        if is_void.any():
            if not void:
                return values, [("mask-void", f"a color marks pixels of no class; {WAY}")]
            subject = _with_void(subject, is_void, void)
        if not subject.all():
            detail = f"its {number} colors stand for classes; all but {background} are subject"
            return _foreground(subject), [("mask-index", detail)]
    return values, [("mask-color", "its colors are not gray; their brightness is used")]


def _palette_numbers(path: Path) -> np.ndarray:
    with decoded(path, None, None) as (image, _, _):
        return upright(np.asarray(image), orientation_of(image))


def _is_ringing(counts: np.ndarray, is_jpeg: bool) -> bool:
    """Whether nearly all values that are neither black nor white are close to either."""
    dark, light = counts[1:NEAR], counts[256 - NEAR : 255]
    near = dark.sum() + light.sum()
    between = counts[NEAR : 256 - NEAR].sum()
    many = np.count_nonzero(dark) + np.count_nonzero(light) >= MANY and dark.any() and light.any()
    few = is_jpeg or (many and between <= MOST_BETWEEN * counts.sum() < near)
    return bool(near and few and near >= RINGING * between and counts[128:].any())


def _without_ringing(values: np.ndarray) -> np.ndarray:
    """The mask with nearly black and nearly white made black and white; soft edges stay."""
    return np.where(values < NEAR, 0, np.where(values >= 256 - NEAR, 255, values)).astype(np.uint8)


def _is_jpeg(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(3) == b"\xff\xd8\xff"


def _foreground(subject: np.ndarray) -> np.ndarray:
    return np.uint8(255) * subject


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:21] + "..."


def classes(path: Path) -> dict[int, float] | None:
    """Class number -> share of pixels, of an index mask; None when its classes are colors."""
    with decoded(path, None, None) as (image, _, _):
        if image.mode not in ("P", "L", "1"):
            return None
        counts = np.bincount(np.asarray(image).ravel())
    return {int(number): float(counts[number] / counts.sum()) for number in counts.nonzero()[0]}
