"""What `clearbg doctor` reports: an exit status, a table for a person, JSON for a program."""

from collections.abc import Sequence
from typing import Any

from clearbg.doctor import findings
from clearbg.doctor.checkup import Checked, statistics
from clearbg.doctor.layouts import DataSet

MEANING = {
    "broken": "cannot be used; ingest puts it into quarantine",
    "fixable": "usable once fixed",
    "suspicious": "usable; a person should look at it",
}
BARS = " ▁▂▃▄▅▆▇█"
LISTED = 5  # unpaired images, and classes, that the table names


def status(rows: Sequence[Checked]) -> int:
    """0: nothing, or suspicions only; 1: everything can be fixed; 2: something is broken."""
    return max((row.status() for row in rows), default=0)


def by_kind(rows: Sequence[Checked]) -> dict[str, list[Checked]]:
    """Map each kind to the pairs in which it was found; the most serious kinds come first."""
    groups: dict[str, list[Checked]] = {}
    for row in rows:
        for kind in row.kinds:
            groups.setdefault(kind, []).append(row)
    order = list(findings.KINDS)
    place = {kind: n for n, kind in enumerate(order)}
    return {
        kind: groups[kind]
        for severity in findings.SEVERITIES
        for kind in sorted(groups, key=lambda k: place.get(k, -1))
        if findings.severity(kind) == severity
    }


def document(data_set: DataSet, rows: Sequence[Checked]) -> dict[str, Any]:
    """All that `--json` prints."""
    return {
        "status": status(rows),
        "layouts": data_set.layouts,
        "kinds": {
            kind: {
                "severity": findings.severity(kind),
                "pairs": len(several),
                "advice": findings.advice(kind),
            }
            for kind, several in by_kind(rows).items()
        },
        "findings": [
            {
                "id": row.pair.id,
                "split": row.pair.split,
                "image": _text(getattr(row.pair, "image", None)),
                "mask": _text(getattr(row.pair, "mask", None)),
                "kind": finding.kind,
                "severity": findings.severity(finding.kind),
                "detail": finding.detail,
            }
            for row in rows
            for finding in row.findings
        ],
        "statistics": statistics(rows),
        "unpaired": [str(path) for path in data_set.unpaired],
        "left_out": {
            reason: [str(path) for path in paths] for reason, paths in data_set.left_out.items()
        },
    }


def table(data_set: DataSet, rows: Sequence[Checked]) -> str:
    """Each kind with its number of pairs, an example and advice; below them statistics."""
    facts = statistics(rows)
    lines = [f"{heading(data_set, facts)}.", ""]
    groups = by_kind(rows)
    cells = [
        (
            kind,
            f"{len(several)}",
            _text(several[0].file_with(kind)) or several[0].pair.id,
            findings.advice(kind),
        )
        for kind, several in groups.items()
    ]
    widths = [max((len(row[n]) for row in cells), default=0) for n in range(3)]
    for severity in findings.SEVERITIES:
        chosen = [row for row in cells if findings.severity(row[0]) == severity]
        if chosen:
            lines.append(f"{severity} ({MEANING[severity]})")
        lines += [
            f"  {kind:{widths[0]}}  {number:>{widths[1]}}  {example:{widths[2]}}  {advice}"
            for kind, number, example, advice in chosen
        ]
    if not cells:
        lines.append("nothing found")
    return "\n".join([*lines, "", *_facts(facts), *_unpaired(data_set), *_left_out(data_set)])


def heading(data_set: DataSet, facts: dict[str, Any]) -> str:
    splits = {name: number for name, number in facts["splits"].items() if name != "all"}
    parts = f" ({', '.join(f'{number} {name}' for name, number in splits.items())})"
    return (
        f"{facts['pairs']} pairs, {facts['usable']} usable{parts if splits else ''}: "
        f"{', '.join(data_set.layouts)}"
    )


def _facts(facts: dict[str, Any]) -> list[str]:
    if not facts["usable"]:
        return []
    cover, soft, histogram = facts["coverage"], facts["soft_fraction"], facts["coverage_histogram"]
    most = max(histogram)
    bars = "".join(BARS[-(-8 * count // most)] for count in histogram)
    lines = [
        f"size      {_range(facts['width'])} wide, {_range(facts['height'])} high",
        f"coverage  {_range(cover)}, mean {cover['mean']:g}, 0 |{bars}| 1",
        f"soft      {_range(soft)} of the pixels are partly transparent",
    ]
    if "classes" in facts:
        several = [
            f"{number} in {_masks(each['masks'])} ({100 * each['share']:.0f} % of the pixels)"
            for number, each in facts["classes"].items()
        ]
        lines.append(f"classes   {_shortened(several)}")
    return lines


def _unpaired(data_set: DataSet) -> list[str]:
    if not data_set.unpaired:
        return []
    names = _shortened([str(path) for path in data_set.unpaired])
    return [f"unpaired  {len(data_set.unpaired)} images belong to no pair of folders: {names}"]


def _left_out(data_set: DataSet) -> list[str]:
    return [
        f"left out  {reason} ({len(paths)}): {_shortened([str(path) for path in paths])}"
        for reason, paths in data_set.left_out.items()
    ]


def _masks(number: int) -> str:
    return f"{number} mask{'s' if number > 1 else ''}"


def _range(spread: dict[str, float]) -> str:
    return f"{spread['min']:g} to {spread['max']:g} (median {spread['median']:g})"


def _shortened(names: list[str]) -> str:
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")


def _text(path) -> str | None:
    return None if path is None else str(path)
