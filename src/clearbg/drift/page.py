"""The page of a comparison: one HTML file that needs no other file."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from clearbg.drift import report
from clearbg.drift.comparison import Comparison, Feature
from clearbg.drift.report import Sources
from clearbg.system.files import write_text
from clearbg.system.overwriting import Kind
from clearbg.templates import render

PAGE = Kind("a page of `clearbg drift`", re.compile(b'content="clearbg drift"'))
BINS = 24
TAILS = (0.005, 0.995)  # quantiles; values outside go into the first and the last bar


def write_page(path: Path, comparison: Comparison, sources: Sources) -> None:
    """Write the page. The same arguments give the same bytes.

    Raises:
        ClearBGError: the file cannot be written.
    """
    page = render(
        Path(__file__).with_name("page.html.jinja"),
        {"chance": report.chance},
        heading=report.heading(comparison, sources),
        conclusion=report.conclusion(comparison),
        drifted=bool(comparison.drifted),
        notes=report.notes(comparison, sources),
        explanation=report.explanation(comparison),
        model=sources.model,
        features=[_drawn(feature) for feature in comparison.features],
    )
    write_text(path, page)


def _drawn(feature: Feature) -> dict[str, Any]:
    """The texts of a feature, and its two histograms in the unit square."""
    name = feature.name
    title, unit, digits = report.NAMES[name]
    sides = {"training": feature.training, "recent": feature.recent}
    if name == "empty":
        edges, ticks = np.array([-0.5, 0.5, 1.5]), [(0.25, "a subject"), (0.75, "empty")]
    else:
        edges = _edges(np.concatenate([*sides.values()]))
        ticks = [
            (place, f"{edges[0] + place * (edges[-1] - edges[0]):.{digits}f}")
            for place in (0, 0.5, 1)
        ]
    shares = {
        side: np.histogram(values.clip(edges[0], edges[-1]), edges)[0] / len(values)
        for side, values in sides.items()
    }
    top = max(map(np.max, shares.values()))
    return {
        "title": title,
        "unit": unit,
        "verdict": feature.verdict,
        "moved": feature.moved,
        "p": feature.p,
        "spread": {side: report.spread(name, values) for side, values in sides.items()},
        "bars": _bars(shares["training"] / top),
        "steps": _steps(shares["recent"] / top),
        "ticks": ticks,
    }


def _edges(values: np.ndarray) -> np.ndarray:
    low, high = np.quantile(values, TAILS)
    if low == high:  # all but a few are alike: one bar in the middle
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def _bars(heights: np.ndarray) -> list[tuple[str, str, str]]:
    """Left, width and height of each bar that is not empty."""
    width = 1 / len(heights)
    return [
        (f"{n * width:.4f}", f"{width:.4f}", f"{height:.4f}")
        for n, height in enumerate(heights)
        if height
    ]


def _steps(heights: np.ndarray) -> str:
    """A line along the tops of the bars, as SVG points."""
    width = 1 / len(heights)
    points = [(n + side, height) for n, height in enumerate(heights) for side in (0, 1)]
    points = [(0, 0), *points, (len(heights), 0)]
    return " ".join(f"{x * width:.4f},{y:.4f}" for x, y in points)
