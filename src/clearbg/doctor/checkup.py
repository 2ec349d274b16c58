"""Examines pairs alone and against each other, and computes statistics of the set."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from PIL import Image

from clearbg.data.checks import mask_values
from clearbg.data.checks.examine import Finding, examine, polarity, set_is_inverted, set_is_uniform
from clearbg.data.manifest import NEAR_BITS, SPLITS
from clearbg.data.pairs import FilePair, Pair
from clearbg.doctor.findings import KINDS, severity
from clearbg.system.files import file_sha256
from clearbg.system.progress import on_all_cores


@dataclass(frozen=True)
class Checked:
    """One pair after the check.

    Attributes:
        pair: the pair that was examined.
        findings: what was found, in the order of `findings.KINDS`.
        invert: whether the mask marks the background in place of the subject.
        size: height and width of the image, pixels; None when the pair is broken.
        coverage: mean alpha in [0, 1]; None when the pair is broken.
        soft_fraction: share of pixels that are neither 0 nor 255, in [0, 1]; None when broken.
        sha256: hash of the image's file.
        mask_sha256: hash of the alpha's values.
        phash: perceptual hash of the image, 64 bits.
        polarity: "upright", "inverted" or "unclear": what the mask alone looks like.
        classes: class number of an index mask -> share of its pixels; None for other masks.
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
    polarity: str = "unclear"
    classes: dict[int, float] | None = None

    @property
    def file(self) -> Path | None:
        """The image's file, or the mask's where there is no image."""
        return getattr(self.pair, "image", None) or getattr(self.pair, "mask", None)

    def file_with(self, kind: str) -> Path | None:
        """The file in which a kind was found."""
        of_mask = any(f.kind == kind and f.of == "mask" for f in self.findings)
        return getattr(self.pair, "mask", None) if of_mask else self.file

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(finding.kind for finding in self.findings))

    @property
    def is_usable(self) -> bool:
        return all(severity(kind) != "broken" for kind in self.kinds)

    def status(self) -> int:
        """0: nothing, or suspicions only; 1: all of it can be fixed; 2: the pair is broken."""
        severities = {severity(kind) for kind in self.kinds}
        return 2 if "broken" in severities else int("fixable" in severities)


def check(pairs: Sequence[Pair]) -> list[Checked]:
    """Examine every pair on all cores, then compare the pairs; the order stays as given."""
    done = on_all_cores(_check, pairs, "doctor")
    done = _with_duplicates(_with_uniform_masks(_with_polarity(done)))
    return [_sorted(checked) for checked in done]


def _check(pair: Pair) -> Checked:
    examination = examine(pair)
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
        polarity=polarity(alpha)[0],
        classes=mask_values.classes(pair.mask) if is_index else None,
    )


def _with_polarity(rows: list[Checked]) -> list[Checked]:
    """In a split where most masks look inverted, mark every mask that does not look upright."""
    splits = {row.pair.split for row in rows}
    inverted = {
        split
        for split in splits
        if set_is_inverted(r.kinds for r in rows if r.is_usable and r.pair.split == split)
    }
    return [
        _mark_inverted(row)
        if row.pair.split in inverted and row.is_usable and row.polarity != "upright"
        else row
        for row in rows
    ]


def _with_uniform_masks(rows: list[Checked]) -> list[Checked]:
    """Where all masks are empty, or all full, every usable pair is broken."""
    uniform = set_is_uniform(row.kinds for row in rows if row.is_usable)
    if uniform is None:
        return rows
    return [
        replace(
            row,
            findings=tuple(
                replace(f, kind=f"all-{uniform}") if f.kind == uniform else f for f in row.findings
            ),
        )
        for row in rows
    ]


def _mark_inverted(row: Checked) -> Checked:
    swapped = {"maybe-inverted": "inverted", "empty": "full", "full": "empty"}
    findings = [replace(f, kind=swapped.get(f.kind, f.kind)) for f in row.findings]
    if "inverted" not in {f.kind for f in findings}:
        detail = f"{row.file}: most masks of its set are inverted, and this one looks no different."
        findings.append(Finding("inverted", detail, "mask"))
    return replace(row, findings=tuple(findings), invert=True, coverage=1 - row.coverage)


def _with_duplicates(rows: list[Checked]) -> list[Checked]:
    """Add a finding to every image that (nearly) equals an earlier or more protected one."""
    rank = {split: n for n, split in enumerate(("test", "validation", "train"))}
    usable = [n for n, row in enumerate(rows) if row.is_usable]
    order = sorted(usable, key=lambda n: (rank.get(rows[n].pair.split, len(rank)), n))
    hashes = np.array([rows[n].phash for n in order], dtype=np.uint64)
    result = list(rows)
    for place, n in enumerate(order):
        near = np.flatnonzero(np.bitwise_count(hashes[:place] ^ hashes[place]) <= NEAR_BITS)
        finding = _duplicate(rows[n], [rows[order[other]] for other in near])
        if finding:
            result[n] = replace(rows[n], findings=(*rows[n].findings, finding))
    return result


def _duplicate(row: Checked, twins: list[Checked]) -> Finding | None:
    """The most serious finding about an image and others that are nearly the same."""
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


def _sorted(row: Checked) -> Checked:
    order = list(KINDS)
    place = {kind: n for n, kind in enumerate(order)}
    findings = sorted(row.findings, key=lambda f: place.get(f.kind, -1))
    return replace(row, findings=tuple(findings))


def statistics(rows: Sequence[Checked]) -> dict[str, Any]:
    """Statistics of the usable pairs: number in each split, sizes, coverage, mask classes."""
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
