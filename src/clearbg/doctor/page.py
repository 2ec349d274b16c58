"""The page of images to look at: one HTML file that needs no other file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearbg.data.checks.examine import examine
from clearbg.data.pairs import FilePair
from clearbg.doctor import findings, report
from clearbg.doctor.checkup import Checked, statistics
from clearbg.doctor.layouts import DataSet
from clearbg.errors import ImageError
from clearbg.images import DecodedImage, contact_sheet, read_image
from clearbg.system.files import write_text
from clearbg.system.overwriting import Kind
from clearbg.system.progress import on_all_cores
from clearbg.templates import render

SHOWN = 8  # pairs of each kind
SIDE = 320  # pixels of a thumbnail's longer side
PAGE = Kind("a page of `clearbg doctor`", re.compile(b'content="clearbg doctor"'))
TINT = 0.55  # opacity of the color that marks the subject


@dataclass(frozen=True)
class Case:
    """A pair on the page.

    Attributes:
        row: the checked pair.
        details: the messages of one kind of finding.
        views: name of a thumbnail -> uint8 `(H,W,3)`.
    """

    row: Checked
    details: list[str]
    views: dict[str, np.ndarray]


def write_page(
    path: Path, data_set: DataSet, rows: Sequence[Checked], name: str, command: str
) -> None:
    """Write the page.

    Args:
        name: of the data, for the title.
        command: the command that writes a fixed copy, which the page shows.

    Raises:
        ClearBGError: the file cannot be written.
    """
    groups = report.by_kind(rows)
    shown = {row.pair.id: row for several in groups.values() for row in several[:SHOWN]}
    views = dict(zip(shown, on_all_cores(_views, [*shown.values()], "page")))
    cases = {
        kind: [_case(row, kind, views[row.pair.id]) for row in several[:SHOWN]]
        for kind, several in groups.items()
    }
    facts = statistics(rows)
    page = render(
        Path(__file__).with_name("page.html.jinja"),
        {
            "jpeg": contact_sheet.data_uri,
            "severity": findings.severity,
            "advice": findings.advice,
        },
        title=f"Images to look at in {name}",
        heading=report.heading(data_set, facts),
        severities={
            severity: [kind for kind in groups if findings.severity(kind) == severity]
            for severity in findings.SEVERITIES
        },
        meaning=report.MEANING,
        groups=groups,
        cases=cases,
        facts=facts,
        unpaired=data_set.unpaired,
        left_out=data_set.left_out,
        command=command if report.status(rows) else "",
    )
    write_text(path, page)


def _case(row: Checked, kind: str, views: dict[str, np.ndarray]) -> Case:
    details = [finding.detail for finding in row.findings if finding.kind == kind]
    return Case(row, details, views)


def _views(row: Checked) -> dict[str, np.ndarray]:
    """Thumbnails of the files that can be read, and the image with its subject marked in color."""
    pair = row.pair
    if not isinstance(pair, FilePair):
        return {}
    is_cutout = pair.image == pair.mask
    examination = examine(pair)
    image = examination.image
    views = {"image": _read(pair.image) if image is None else _shown(image)}
    if not is_cutout:
        views["mask"] = _read(pair.mask)
    if image is not None and examination.alpha.shape == image.rgb.shape[:2]:
        both = (image.srgb(), examination.alpha)
        rgb, alpha = (contact_sheet.smaller(view, SIDE) for view in both)
        cover = TINT * alpha[..., None] / 255
        views["subject"] = np.uint8(cover * contact_sheet.ADDED + (1 - cover) * rgb)
    return {name: view for name, view in views.items() if view is not None}


def _read(path: Path | None) -> np.ndarray | None:
    """A file as any viewer shows it; None when it cannot be read."""
    if path is None:
        return None
    try:
        return _shown(read_image(path))
    except ImageError:
        return None


def _shown(image: DecodedImage) -> np.ndarray:
    rgb = contact_sheet.smaller(image.srgb(), SIDE)
    if image.alpha is None:
        return rgb
    return contact_sheet.on_checkerboard(rgb, contact_sheet.smaller(image.alpha, SIDE))
