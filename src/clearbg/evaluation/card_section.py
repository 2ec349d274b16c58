"""What the model's card says of the test split, once an evaluation has been there."""

from pathlib import Path
from typing import Any

from clearbg.data import leaks
from clearbg.errors import DataError
from clearbg.metrics.names import heading
from clearbg.system.parsing import facts_of

REMEDY = "write it again with `dvc repro -f evaluate`"


def section(path: Path, weights_sha256: str) -> str:
    """The figures in the evaluate stage's metrics.json that have an interval, as Markdown.

    Empty where no file is, or where it tells of other weights.

    Raises:
        DataError: the file holds no such figures.
    """
    if not path.is_file():
        return ""
    facts = facts_of(path, REMEDY)
    if facts.get("weights") != weights_sha256:
        return ""
    try:
        return _section(facts)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DataError(
            f"{path} lacks a figure, an end of an interval, or its leaks: {REMEDY}."
        ) from None


def _section(facts: dict[str, Any]) -> str:
    rows = [
        f"| {heading(name)} | {facts[name]:.4f} | {one['low']:.4f} to {one['high']:.4f} |"
        for name, one in facts["interval"].items()
    ]
    if not rows:
        return ""
    seen = sum(facts["leaks"][kind] for kind in leaks.KINDS)
    told = f" The model has seen {seen} of them, or near-duplicates, in its training."
    flattered = told if seen else ""
    if not facts["leaks"]["complete"]:
        flattered += f" {leaks.UNLISTED}"
    return "\n".join(
        [
            "\n## Test\n",
            "On the test images, which chose nothing, at their own size; the 95 % interval is of a",
            f"bootstrap over groups of images that are alike.{flattered}\n",
            "| | model | 95 % |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )
