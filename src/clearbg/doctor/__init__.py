"""Folders of images and masks -> everything that is wrong with them, and a fixed copy.

layouts finds the pairs, checkup examines them and the set as a whole, kinds says what each
finding means, report and page tell a person, fixing writes the copy.
"""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from clearbg.doctor import checkup, fixing, layouts, report
from clearbg.doctor.page import write_page


def diagnose(
    paths: Sequence[Path], *, as_json: bool, page: Path, fix: Path | None
) -> tuple[int, str]:
    """Examine what lies under `paths`; the exit status, and the text for a person or program.

    Args:
        page: the contact sheet to write, HTML.
        fix: the folder for a corrected copy; None: none is written.

    Raises:
        DataError: there are no pairs, or `fix` cannot be used.
    """
    if fix is not None:
        fixing.refuse(fix, paths)
    found = layouts.find(paths)
    rows = checkup.check(found.pairs)
    words = " ".join(shlex.quote(str(path)) for path in paths)
    write_page(page, found, rows, f"clearbg doctor {words} --fix fixed")
    text = report.table(found, rows) + f"\npictures  {page}"
    document = report.document(found, rows) | {"page": str(page)}
    if fix is not None:
        log = fixing.fix(rows, fix)
        left = log[log.change.str.startswith("left out")].id.nunique()
        text += f"\nfixed     {fix}: {len(rows) - left} pairs, {left} left out, {len(log)} changes"
        text += f" in {fix / fixing.LOG}"
        document["fixed"] = {"folder": str(fix), "pairs": len(rows) - left, "changes": len(log)}
    text = json.dumps(document, indent=2, ensure_ascii=False) if as_json else text
    return report.status(rows), text
