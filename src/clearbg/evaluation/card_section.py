"""What the model's card says of the test split, once an evaluation has been there."""

from pathlib import Path
from typing import Any

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
    ends: dict[str, Any] = facts.get("interval", {})
    if facts.get("weights") != weights_sha256 or not ends:
        return ""
    rows = [
        f"| {heading(name)} | {facts[name]:.4f} | {one['low']:.4f} to {one['high']:.4f} |"
        for name, one in ends.items()
        if name in facts
    ]
    seen = sum(facts.get("leaks", {}).values())
    flattered = f" The model has seen {seen} of them, or near-duplicates, in its training."
    return "\n".join(
        [
            "\n## Test\n",
            "On the test images, which chose nothing, at their own size; the 95 % interval is of a",
            f"bootstrap over groups of images that are alike.{flattered if seen else ''}\n",
            "| | model | 95 % |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )
