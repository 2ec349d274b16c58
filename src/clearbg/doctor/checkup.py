"""Pairs -> what is wrong with each and with the set, and what the set is like."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from PIL import Image

from clearbg.data.checks import mask_values
from clearbg.data.checks.examine import Finding, examine, leaning, set_is_inverted
from clearbg.data.manifest import NEAR_BITS, SPLITS
from clearbg.data.pairs import FilePair, Pair
from clearbg.data.workers import on_all_cores
from clearbg.doctor import findings as kinds
from clearbg.images import MAX_PIXELS
from clearbg.system.files import file_sha256


@dataclass(frozen=True)
class Checked:
    """One pair after the check.

    Attributes:
        findings: in the order of `kinds.KINDS`.
        invert: whether the mask marks the ground in place of the subject.
        size: height and width of the image; None when it cannot be read.
        coverage: mean alpha; None as size. soft_fraction: share of pixels neither 0 nor 255.
        sha256: of the image's file; mask_sha256: of the alpha's values; phash: 64 bits.
        classes: share of pixels of each class number, of an index mask.
    """

    pair: Pair
    findings: tuple[Finding, ...]
    invert: bool = False
    size: tuple[int, int] | None = None
    coverage: float | None = None
    soft_fraction: float | None = None
    sha256: str = ""
    mask_sha256: str = ""
    phash: int = 0
    leaning: str = "unclear"
    classes: dict[int, float] | None = None

    @property
    def file(self) -> Path | None:
        """The file that a person would open first."""
        return getattr(self.pair, "image", None) or getattr(self.pair, "mask", None)

    def file_with(self, kind: str) -> Path | None:
        """The file that a kind found here speaks of."""
        of_mask = any(f.kind == kind and f.of == "mask" for f in self.findings)
        return getattr(self.pair, "mask", None) if of_mask else self.file

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(finding.kind for finding in self.findings))

    @property
    def is_usable(self) -> bool:
        return all(kinds.severity(kind) != "broken" for kind in self.kinds)

    def worst(self) -> int:
        """0: nothing or only suspicions; 1: fixable; 2: broken."""
        found = {kinds.severity(kind) for kind in self.kinds}
        return 2 if "broken" in found else int("fixable" in found)


def check(pairs: Sequence[Pair], max_pixels: int = MAX_PIXELS) -> list[Checked]:
    """Examine every pair, then compare them; in the order given. Uses all cores."""
    done = on_all_cores(functools.partial(_check, max_pixels=max_pixels), pairs, "doctor")
    return [_in_order(checked) for checked in _with_copies(_with_polarity(done))]


def _check(pair: Pair, max_pixels: int) -> Checked:
    examination = examine(pair, max_pixels)
    checked = Checked(pair, examination.findings)
    if not checked.is_usable:
        return checked
    image, alpha = examination.image, examination.alpha
    is_index = isinstance(pair, FilePair) and (
        pair.index_foreground or "mask-index" in checked.kinds
    )
    return replace(
        checked,
        size=alpha.shape,
        coverage=float(alpha.mean() / 255),
        soft_fraction=float(np.mean((alpha > 0) & (alpha < 255))),
        sha256=file_sha256(examination.original),
        mask_sha256=hashlib.sha256(alpha.tobytes()).hexdigest(),
        phash=int(str(imagehash.phash(Image.fromarray(image.srgb()))), 16),
        leaning=leaning(alpha)[0],
        classes=mask_values.classes(pair.mask) if is_index else None,
    )


def _with_polarity(rows: list[Checked]) -> list[Checked]:
    """Judge each split: where most masks look inverted, those that do not look upright are."""
    splits = {row.pair.split for row in rows}
    inverted = {
        split
        for split in splits
        if set_is_inverted(r.kinds for r in rows if r.is_usable and r.pair.split == split)
    }
    return [
        _inverted(row)
        if row.pair.split in inverted and row.is_usable and row.leaning != "upright"
        else row
        for row in rows
    ]


def _inverted(row: Checked) -> Checked:
    swapped = {"maybe-inverted": "inverted", "empty": "full", "full": "empty"}
    findings = [replace(f, kind=swapped.get(f.kind, f.kind)) for f in row.findings]
    if "inverted" not in {f.kind for f in findings}:
        detail = f"{row.file}: most masks of its set are inverted, and this one looks no different."
        findings.append(Finding("inverted", detail, "mask"))
    return replace(row, findings=tuple(findings), invert=True, coverage=1 - row.coverage)


def _with_copies(rows: list[Checked]) -> list[Checked]:
    """Report every image that an earlier or more protected one equals, or nearly equals."""
    rank = {split: n for n, split in enumerate(("test", "validation", "train"))}
    usable = [n for n, row in enumerate(rows) if row.is_usable]
    order = sorted(usable, key=lambda n: (rank.get(rows[n].pair.split, len(rank)), n))
    hashes = np.array([rows[n].phash for n in order], dtype=np.uint64)
    result = list(rows)
    for place, n in enumerate(order):
        near = np.flatnonzero(np.bitwise_count(hashes[:place] ^ hashes[place]) <= NEAR_BITS)
        finding = _copy(rows[n], [rows[order[other]] for other in near])
        if finding:
            result[n] = replace(rows[n], findings=(*rows[n].findings, finding))
    return result


def _copy(row: Checked, twins: list[Checked]) -> Finding | None:
    """The worst that can be said of an image and those that are nearly the same."""
    exact = [twin for twin in twins if twin.sha256 == row.sha256]
    for near, several in (("", exact), ("near-", twins)):
        across = [twin for twin in several if twin.pair.split != row.pair.split]
        if across:
            detail = f"{row.file} ({row.pair.split}) and {across[0].file} ({across[0].pair.split})"
            return Finding(f"{near}duplicate-across-splits", f"{detail} {_alike(near)}.")
        if several:
            other = "" if several[0].mask_sha256 == row.mask_sha256 else ", with different masks"
            detail = f"{row.file} and {several[0].file} {_alike(near)}{other}."
            return Finding(f"{near}duplicate", detail)
    return None


def _alike(near: str) -> str:
    return "look nearly the same" if near else "are the same file"


def _in_order(row: Checked) -> Checked:
    order = list(kinds.KINDS)
    place = {kind: n for n, kind in enumerate(order)}
    found = sorted(row.findings, key=lambda f: place.get(f.kind, -1))
    return replace(row, findings=tuple(found))


def statistics(rows: Sequence[Checked]) -> dict[str, Any]:
    """What the usable pairs are like: numbers a split, sizes, coverage, classes."""
    usable = [row for row in rows if row.is_usable]
    known = [s for s in SPLITS if any(row.pair.split == s for row in rows)]
    names = [*known, *sorted({row.pair.split for row in rows} - {*known})]
    splits = {name or "all": sum(r.pair.split == name for r in usable) for name in names}
    facts: dict[str, Any] = {"pairs": len(rows), "usable": len(usable), "splits": splits}
    if not usable:
        return facts
    coverage = np.array([row.coverage for row in usable])
    facts |= {
        "height": _spread(row.size[0] for row in usable),
        "width": _spread(row.size[1] for row in usable),
        "coverage": _spread(coverage) | {"mean": _rounded(coverage.mean())},
        "coverage_histogram": np.histogram(coverage, 10, (0, 1))[0].tolist(),
        "soft_fraction": _spread(row.soft_fraction for row in usable),
    }
    classes: dict[int, list[float]] = {}
    for row in usable:
        for number, share in (row.classes or {}).items():
            classes.setdefault(number, []).append(share)
    if classes:
        facts["classes"] = {
            str(number): {"masks": len(classes[number]), "share": _rounded(np.mean(shares))}
            for number, shares in sorted(classes.items())
        }
    return facts


def _spread(values) -> dict[str, float | int]:
    values = np.array(list(values))
    which = {"min": np.min, "median": np.median, "max": np.max}
    return {name: _rounded(of(values)) for name, of in which.items()}


def _rounded(value: float) -> float | int:
    return int(value) if float(value).is_integer() else round(float(value), 4)
