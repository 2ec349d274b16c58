"""The checks of one pair, which ingest and the doctor share.

A kind of finding is "broken" (the pair cannot be used; ingest quarantines it, with the kind as
the reason), "fixable" (ingest corrects it) or "suspicious" (ingest uses the pair and counts the
finding; a person should look).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from clearbg.data.checks import mask_values, orientations
from clearbg.data.pairs import FilePair, GeneratedPair, Pair
from clearbg.errors import ImageError
from clearbg.images import DecodedImage, read_orientation

Severity = Literal["broken", "fixable", "suspicious"]

KINDS: dict[str, Severity] = {
    "no-mask": "broken",
    "no-image": "broken",
    "missing": "broken",
    "empty-file": "broken",
    "not-an-image": "broken",
    "truncated": "broken",
    "unreadable": "broken",
    "unsupported": "broken",
    "too-large": "broken",
    "no-alpha": "broken",
    "size-mismatch": "broken",
    "mask-void": "broken",
    "mask-trimap": "broken",
    "mask-unclear": "broken",
    "exif-disagreement": "broken",
    "exif-orientation": "fixable",
    "16-bit": "fixable",
    "cmyk": "fixable",
    "lab": "fixable",
    "animated": "fixable",
    "bad-profile": "fixable",
    "bad-exif": "fixable",
    "mask-0/1": "fixable",
    "mask-rgb": "fixable",
    "mask-palette": "fixable",
    "mask-transparency": "fixable",
    "mask-index": "fixable",
    "mask-jpeg": "fixable",
    "mask-color": "suspicious",
    "mask-range": "suspicious",
    "exif-unclear": "suspicious",
    "maybe-inverted": "suspicious",
    "empty": "suspicious",
    "full": "suspicious",
    "tiny": "suspicious",
    "odd-aspect": "suspicious",
    "transparent-image": "suspicious",
}
"""What `examine` may find; a source's own reasons ("no-user", ...) are broken as well."""

NOTED = {
    "exif-orientation": ("exif-orientation", "its EXIF data ask to turn it"),
    "16-bit": ("16-bit", "it has 16 bits a channel"),
    "16-bit-as-8": ("16-bit", "it has 16 bits a channel"),
    "float": ("16-bit", "its values are floating-point numbers"),
    "cmyk": ("cmyk", "its colors are CMYK"),
    "lab": ("lab", "its colors are Lab"),
    "first-frame": ("animated", "it has several frames, of which the first is taken"),
    "bad-icc": ("bad-profile", "its color profile cannot be used"),
    "bad-exif": ("bad-exif", "its EXIF data are damaged"),
}
"""Notes of `clearbg.images` on either file -> what they are called here."""

MIN_SIDE = 48  # pixels; less than this shows next to nothing
MAX_ASPECT = 4  # longer side by shorter
FRAME = 0.02  # width of the frame along the edge, share of the shorter side
MOSTLY = 0.75  # mean alpha along the frame that makes a subject improbable
LEAN = 0.05  # by which the frame's alpha must differ from the middle's to be evidence
MAJORITY = 0.6  # share of masks, neither empty nor full, that must look inverted in such a set
ENOUGH = 3  # of them, before a set is judged


@dataclass(frozen=True)
class Finding:
    """One thing found; `detail` is a sentence that names the file, `of` says which it is."""

    kind: str
    detail: str
    of: Literal["image", "mask"] = "image"

    @property
    def severity(self) -> Severity:
        return KINDS.get(self.kind, "broken")


@dataclass(frozen=True, eq=False)
class Examination:
    """A pair after all corrections, and the findings.

    Attributes:
        image: upright; None when a file of the pair is missing or cannot be read.
        alpha: uint8 `(H,W)`, every correction applied; None as `image`. After
            "size-mismatch" its size is not the image's.
        original: the image's file; None when it is generated.
    """

    image: DecodedImage | None
    alpha: np.ndarray | None
    original: Path | None
    findings: tuple[Finding, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds found, each once."""
        return tuple(dict.fromkeys(finding.kind for finding in self.findings))


def examine(pair: Pair, max_pixels: int | None = None) -> Examination:
    """Read a pair and list what is wrong with it; a bad file is a finding, not an error.

    The alpha of a generated pair is right by construction, so it is not checked.
    """
    try:
        if isinstance(pair, FilePair):
            return _files(pair, max_pixels)
        image, alpha, original = pair.read(max_pixels)
    except ImageError as error:
        blamed = "mask" if str(error).startswith(str(getattr(pair, "mask", None))) else "image"
        return Examination(None, None, None, (Finding(error.reason, str(error), blamed),))
    found = () if isinstance(pair, GeneratedPair) else _pixels(pair.id, pair.id, image, alpha)
    return Examination(image, alpha, original, tuple(found))


def broken(examination: Examination) -> Finding | None:
    """The first finding that makes the pair unusable; None if it can be used."""
    return next((f for f in examination.findings if f.severity == "broken"), None)


def polarity(alpha: np.ndarray) -> tuple[Literal["inverted", "upright", "unclear"], str]:
    """Whether a mask, uint8 `(H,W)`, seems to mark the background; and the evidence.

    A subject is usually in the middle of the image and not all along its edge. A mask that is
    empty, full, or the same at the edge and in the middle is "unclear".
    """
    height, width = alpha.shape
    band = max(1, round(FRAME * min(height, width)))
    total = alpha.sum(dtype=np.int64)
    inner = alpha[band:-band, band:-band]
    ring = max(1, alpha.size - inner.size)
    frame = float((total - inner.sum(dtype=np.int64)) / ring / 255)
    center = alpha[height // 4 : height - height // 4, width // 4 : width - width // 4]
    middle = float(center.mean() / 255)
    words = f"mean alpha {frame:.2f} along the frame, {middle:.2f} in the middle"
    if frame >= MOSTLY and frame - middle >= LEAN:
        return "inverted", words
    clear = frame <= 1 - MOSTLY and middle - frame >= LEAN
    return ("upright" if clear else "unclear"), words


def set_is_inverted(kinds: Iterable[Collection[str]]) -> bool:
    """Whether most masks of a set mark the background, by the kinds found in each usable pair."""
    told = [found for found in kinds if not {"empty", "full"} & {*found}]
    suspects = sum("maybe-inverted" in found for found in told)
    return suspects >= ENOUGH and suspects >= MAJORITY * len(told)


def examine_mask(
    pair: FilePair, max_pixels: int | None = None
) -> tuple[np.ndarray, tuple[str, ...], list[Finding]]:
    """The alpha of a pair's mask, uint8 `(H,W)`, not yet inverted; notes; what was found in it.

    Raises:
        ImageError: the mask is missing or cannot be read.
    """
    alpha, notes = pair.read_mask(max_pixels)
    found = _noted(pair.mask, "mask", notes)
    if not pair.transparency:
        alpha, oddities = mask_values.interpret(pair.mask, alpha, notes, pair.void)
        found += [Finding(kind, f"{pair.mask}: {what}.", "mask") for kind, what in oddities]
    return alpha, notes, found


def set_is_uniform(kinds: Iterable[Collection[str]]) -> Literal["empty", "full"] | None:
    """What all masks of a set are, by the kinds found in each usable pair; None: not all alike."""
    several = [*kinds]
    words: tuple[Literal["empty", "full"], ...] = ("empty", "full")
    return next((w for w in words if several and all(w in found for found in several)), None)


def _files(pair: FilePair, max_pixels: int | None) -> Examination:
    image = pair.read_decoded(max_pixels)
    alpha, notes, of_mask = examine_mask(pair, max_pixels)
    found = _noted(pair.image, "image", image.notes) + of_mask
    if "exif-orientation" in image.notes or "exif-orientation" in notes:
        alpha, doubt = _orientation(pair, image, alpha, notes)
        if doubt:
            found = [finding for finding in found if finding.kind != "exif-orientation"] + doubt
    alpha = 255 - alpha if pair.invert else alpha
    try:
        pair.refuse_sizes(image.rgb.shape[:2], alpha)
    except ImageError as error:
        found.append(Finding(error.reason, str(error)))
        return Examination(image, alpha, pair.image, tuple(found))
    if image.alpha is not None and pair.image != pair.mask:
        detail = f"{pair.image}: the image is transparent in places; its colors are used there."
        found.append(Finding("transparent-image", detail))
    found += _pixels(pair.image, pair.mask, image, alpha)
    return Examination(image, alpha, pair.image, tuple(found))


def _noted(path: Path, of: Literal["image", "mask"], notes: Collection[str]) -> list[Finding]:
    return [
        Finding(kind, f"{path}: {words}.", of)
        for note, (kind, words) in NOTED.items()
        if note in notes
    ]


def _orientation(
    pair: FilePair, image: DecodedImage, alpha: np.ndarray, notes: Collection[str]
) -> tuple[np.ndarray, list[Finding]]:
    of_image, of_mask = (
        read_orientation(path) if "exif-orientation" in words else 1
        for path, words in ((pair.image, image.notes), (pair.mask, notes))
    )
    if of_image == of_mask:
        return alpha, []
    alpha, verdict, words = orientations.reconcile(image.rgb, alpha, of_image, of_mask)
    if verdict not in ("turned", "unclear"):
        return alpha, []
    kind = "exif-disagreement" if verdict == "turned" else "exif-unclear"
    detail = (
        f"{pair.mask}: EXIF orientation {of_mask}, but {of_image} in the image, "
        f"and {words}; export both again, upright."
    )
    return alpha, [Finding(kind, detail, "mask")]


def _pixels(
    name: Path | str, mask: Path | str, image: DecodedImage, alpha: np.ndarray
) -> list[Finding]:
    """The findings from the image's size and the mask's coverage."""
    found = []
    shorter, longer = sorted((image.height, image.width))
    size = f"{image.width}×{image.height} pixels"
    if shorter < MIN_SIDE:
        found.append(Finding("tiny", f"{name} has only {size}."))
    if longer > MAX_ASPECT * shorter:
        found.append(
            Finding("odd-aspect", f"{name} is {longer / shorter:.1f} times as long ({size}).")
        )
    return found + of_coverage(mask, alpha)


def of_coverage(mask: Path | str, alpha: np.ndarray) -> list[Finding]:
    """The findings from where alpha, uint8 `(H,W)`, is: empty, full or perhaps inverted."""
    if not alpha.any():
        return [Finding("empty", f"{mask} is black everywhere: no subject.", "mask")]
    if alpha.min() == 255:
        return [Finding("full", f"{mask} is white everywhere: no background.", "mask")]
    word, evidence = polarity(alpha)
    if word != "inverted":
        return []
    return [Finding("maybe-inverted", f"{mask} may be inverted: {evidence}.", "mask")]
