"""Finds everything that is wrong with folders of images and masks, and writes a fixed copy.

`layouts` finds the pairs, `checkup` examines each pair and the set as a whole, `findings` says what
each kind of finding means, `report` and `page` show it to a person, `fixing` writes the copy.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clearbg.data.pairs import FilePair
from clearbg.doctor import checkup, fixing, layouts, report
from clearbg.doctor.page import PAGE, write_page
from clearbg.system.overwriting import refuse_to_lose


def diagnose(
    paths: Sequence[Path],
    *,
    as_json: bool,
    page: Path,
    fix: Path | None,
    overwrite: bool = False,
    void: str = "",
) -> tuple[int, str]:
    """Examine the pairs under `paths`.

    Args:
        as_json: return JSON in place of a table.
        page: the HTML file to write, with the images to look at.
        fix: a new folder for a fixed copy; None: no copy is written.
        void: what pixels of no class in masks with class numbers are, see `FilePair`.
        overwrite: write the page also over a file that is no such page.

    Returns:
        The exit status of `clearbg doctor`, and the text that it prints.

    Raises:
        DataError: there are no pairs, the folder `fix` cannot be used, or a file would be lost.
    """
    if fix is not None:
        fixing.check_folder(fix, paths)
    data_set = layouts.find(paths)
    data_set.pairs = [
        replace(pair, void=void) if isinstance(pair, FilePair) else pair for pair in data_set.pairs
    ]
    files = [getattr(pair, of, None) for pair in data_set.pairs for of in ("image", "mask")]
    refuse_to_lose(page, PAGE, [*paths, *files, *data_set.unpaired], overwrite)
    rows = checkup.check(data_set.pairs)
    arguments = " ".join(shlex.quote(str(path)) for path in paths)
    name = " and ".join(path.resolve().name for path in paths)
    write_page(page, data_set, rows, name, f"clearbg doctor {arguments} --fix fixed")
    text = report.table(data_set, rows) + f"\npage      {page}"
    document = report.document(data_set, rows) | {"page": str(page)}
    if fix is not None:
        log = fixing.fix(rows, fix)
        left = log[log.change.str.startswith("left out")].id.nunique()
        text += f"\nfixed     {fix}: {len(rows) - left} pairs, {left} left out, {len(log)} changes"
        text += f" in {fix / fixing.LOG}"
        document["fixed"] = {"folder": str(fix), "pairs": len(rows) - left, "changes": len(log)}
    text = json.dumps(document, indent=2, ensure_ascii=False) if as_json else text
    return report.status(rows), text
