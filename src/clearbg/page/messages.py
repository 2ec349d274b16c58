"""Results and errors as people read them. All that came from outside is escaped."""

import html
from collections.abc import Sequence

from clearbg.page.jobs import CutOut, Row

NONE, COLOR, IMAGE, BLURRED = "Transparent", "Color", "Image", "Blurred"
"""What may lie behind a subject."""
HINT = "<span class='facts'>Drag the line in the result to compare.</span>"


def facts(made: CutOut) -> str:
    told = [
        f"{made.width} × {made.height} pixels",
        f"{made.seconds:.2f} s",
        f"subject {made.coverage:.0%}",
        made.model,
        *made.notes,
    ]
    return f"<span class='facts'>{html.escape(' · '.join(told))}</span>"


def sorry(sentence: str) -> str:
    return f"<div class='sorry' role='alert'>{html.escape(sentence)}</div>"


def table(rows: Sequence[Row], seconds: float) -> str:
    """A row for each image, and a line for all."""
    made = sum(row.result is not None for row in rows)
    summary = f"{made} of {len(rows)} images in {seconds:.1f} s"
    body = "".join(map(_row, rows))
    return (
        f"<p class='facts'>{summary}</p><table><thead><tr><th>Image</th>"
        f"<th>Result</th><th>Seconds</th></tr></thead><tbody>{body}</tbody></table>"
    )


def _row(row: Row) -> str:
    name = html.escape(row.image)
    if row.result is None:
        reason = html.escape(row.reason or "")
        return f"<tr><td>{name}</td><td class='failed' colspan='2'>{reason}</td></tr>"
    size = f"{row.width} × {row.height}"
    result = f"{html.escape(row.result)}<br><span class='facts'>{size}</span>"
    return f"<tr><td>{name}</td><td>{result}</td><td>{row.seconds:.2f}</td></tr>"
