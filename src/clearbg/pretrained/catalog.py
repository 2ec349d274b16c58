"""The models that are at hand, and what to know before one is chosen."""

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from clearbg import pretrained
from clearbg.inference.sessions import open_model
from clearbg.metrics.names import label
from clearbg.pretrained.choice import Choice, task, terms

ROUNDS = 5
LONG = 1000.0  # milliseconds after which no further round is measured
TITLES = ("model", "task", "MB", "ms", "figure (95 % interval)", "terms")


@dataclass(frozen=True)
class Entry:
    """One model.

    Attributes:
        megabytes: of its ONNX file.
        milliseconds: of the network alone, for an input of its own size, on this machine.
        figures: the stored figure that its weights were chosen by; empty where none is stored.
    """

    name: str
    task: str
    megabytes: float
    milliseconds: float
    figures: str
    terms: str


def entry(choice: Choice) -> Entry:
    """Open a model and look at it, which takes about a second.

    Raises:
        ModelError: it cannot be used.
    """
    opened = open_model(choice.file)
    contract = opened.contract
    shape = (1, contract.channels, contract.height, contract.width)
    batch = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    times = []
    for _ in range(1 + ROUNDS):
        started = time.perf_counter()
        opened.network(batch)
        times.append(1000 * (time.perf_counter() - started))
        if sum(times) > LONG:
            break
    return Entry(
        name=choice.name,
        task=task(contract),
        megabytes=choice.file.stat().st_size / 1e6,
        milliseconds=statistics.median(times[1:] or times),
        figures=figures(choice, contract.headline),
        terms=terms(contract),
    )


def table(entries: Iterable[Entry]) -> str:
    """Lines for a terminal, a column a fact."""
    rows = [TITLES] + [
        (
            one.name,
            one.task,
            f"{one.megabytes:.1f}",
            f"{one.milliseconds:.0f}",
            one.figures or "–",
            one.terms,
        )
        for one in entries
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TITLES))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        text.rjust(width) if title in ("MB", "ms") else text.ljust(width)
        for title, text, width in zip(TITLES, row, widths, strict=True)
    ]
    return "  ".join(cells).rstrip()


def figures(choice: Choice, headline: str) -> str:
    """Of a shipped model: "max Fβ 0.93 (0.92 to 0.94)", on images that it has not seen."""
    name = choice.file.parent.name
    if choice.file.parent.parent != pretrained.FOLDER:
        return ""
    facts = pretrained.made(name)
    held_out = facts.get("development")
    found = held_out["figures"] if held_out else facts["figures"].get(choice.file.name, {})
    if headline not in found:
        return ""
    value, low, high = found[headline]
    return f"{label(headline)} {value:.3f} ({low:.3f} to {high:.3f})"
