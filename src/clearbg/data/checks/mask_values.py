"""What a mask's values mean: alpha, class numbers, colors, or black and white after JPEG."""

from pathlib import Path

import numpy as np

from clearbg.images import MAX_PIXELS, read_image, read_mask
from clearbg.images.decoding import decoded

MAX_CLASSES = 40  # more different values than this are no class numbers
NEAR = 32  # gray values this near to black or white may come from JPEG's ringing
FULL = 240  # a mask that marks its subject reaches at least this
RINGING = 4  # as many gray values near black and white as between, at least
MOST_BETWEEN = 0.005  # share of pixels between, when no file name or head says JPEG

NOTED = {
    "0/1": ("mask-0/1", "its values are 0 and 1"),
    "rgb": ("mask-rgb", "it is stored in color, with three equal channels"),
    "palette": ("mask-palette", "its gray values stand in a palette"),
    "alpha channel": ("mask-transparency", "its alpha is its transparency, not its colors"),
}


def interpret(
    path: Path, values: np.ndarray, notes: tuple[str, ...]
) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """The alpha that a mask file's values stand for, and (kind, description) of each oddity.

    Args:
        values: uint8 `(H,W)` as `images.read_mask` reads them.
        notes: as `images.read_mask` gives them.

    Returns:
        alpha, uint8 `(H,W)`: class numbers and colors made 0 and 255, ringing removed.
    """
    if "index" in notes:
        return values, []  # the source says what its masks are
    counts = np.bincount(values.ravel(), minlength=256)
    if "alpha channel" not in notes:
        if "color" in notes:
            return _of_colors(path, values, notes, counts)
        if counts[0] and not counts[MAX_CLASSES + 1 :].any() and counts[1:].any():
            classes = ", ".join(map(str, np.flatnonzero(counts[1:]) + 1))
            return _foreground(values > 0), [
                ("mask-index", f"it holds class numbers ({_short(classes)}); all but 0 are subject")
            ]
    found = [NOTED[note] for note in NOTED if note in notes]
    if "palette" in notes:
        found = [oddity for oddity in found if oddity[0] != "mask-rgb"]  # any palette has colors
    top = int(np.flatnonzero(counts)[-1])
    if 0 < top < FULL:
        lowest = int(np.flatnonzero(counts)[0])
        found.append(("mask-range", f"its values reach from {lowest} to {top}, not to 255"))
    ringing = _is_ringing(counts, is_jpeg := _is_jpeg(path))
    if ringing or is_jpeg:
        what = "was compressed as JPEG" if is_jpeg else "carries the traces of JPEG"
        blur = int(values.size - counts[0] - counts[255])
        found.append(("mask-jpeg", f"it {what}: {blur} pixels are neither black nor white"))
    return _without_ringing(values) if ringing else values, found


def truth(path: Path) -> np.ndarray:
    """The alpha of a mask file, uint8 `(H,W)`, as ingest would store it.

    Raises:
        ImageError: it cannot be read.
    """
    return interpret(path, *read_mask(path))[0]


def _of_colors(
    path: Path, values: np.ndarray, notes: tuple[str, ...], counts: np.ndarray
) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """The same for a mask with unequal channels; with few colors, black is the background."""
    number = np.count_nonzero(counts)
    if number <= MAX_CLASSES:
        if "palette" in notes:
            subject = read_mask(path, index_foreground=True)[0] > 0
        else:
            subject = read_image(path).rgb.any(axis=2)
        if not subject.all():
            background = "the palette's first" if "palette" in notes else "black"
            detail = f"its {number} colors stand for classes; all but {background} are subject"
            return _foreground(subject), [("mask-index", detail)]
    return values, [("mask-color", "its colors are no gray values; their brightness is taken")]


def _is_ringing(counts: np.ndarray, is_jpeg: bool) -> bool:
    """Whether nearly all values that are neither black nor white are close to either."""
    near = counts[1:NEAR].sum() + counts[256 - NEAR : 255].sum()
    between = counts[NEAR : 256 - NEAR].sum()
    few = is_jpeg or between <= MOST_BETWEEN * counts.sum() < near
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
    with decoded(path, MAX_PIXELS, None) as (image, _, _):
        if image.mode not in ("P", "L", "1"):
            return None
        counts = np.bincount(np.asarray(image).ravel())
    return {int(number): float(counts[number] / counts.sum()) for number in counts.nonzero()[0]}
