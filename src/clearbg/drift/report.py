"""The comparison in words: a table for a person, a document for a program."""

import dataclasses
import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearbg.drift.comparison import Comparison, Feature

WIDTH = 80  # columns of the terminal
NAMES = {
    "width": ("width", "pixels", 0),
    "height": ("height", "pixels", 0),
    "brightness": ("brightness", "mean luma", 2),
    "contrast": ("contrast", "spread of the luma", 2),
    "saturation": ("saturation", "mean", 2),
    "sharpness": ("sharpness", "spread of edges", 3),
    "coverage": ("coverage", "mean alpha", 2),
    "empty": ("empty", "share of images", 2),
    "soft_fraction": ("soft edges", "share half-way", 2),
}
"""For each feature: its name in the report, its unit, and the digits to show."""
WORDS = {"drift": "drift", "slight": "slight", "same": "–"}


@dataclass(frozen=True)
class Sources:
    """The two sides, as the user named them.

    Attributes:
        unreadable: recent images or lines that could not be read.
    """

    recent: str
    training: str
    model: str | None
    unreadable: int


def counts(comparison: Comparison) -> tuple[int, int]:
    """The number of recent and of training images; every image has a width."""
    width = next(feature for feature in comparison.features if feature.name == "width")
    return len(width.recent), len(width.training)


def heading(comparison: Comparison, sources: Sources) -> str:
    """The heading: how many images are compared."""
    recent, training = counts(comparison)
    return (
        f"{recent} recent images ({sources.recent}) against {training} training images "
        f"({sources.training})"
    )


def conclusion(comparison: Comparison) -> str:
    """One sentence, with the next action where there is one."""
    names = [NAMES[feature.name][0] for feature in comparison.drifted]
    if not names:
        return "No drift: the recent images look like the training images."
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    verb = "is" if len(names) == 1 else "are"
    return (
        f"Drift: {listed} {verb} no longer as in the training images. Add recent images "
        "with masks to the training data and run `dvc repro`."
    )


def notes(comparison: Comparison, sources: Sources) -> list[str]:
    """Sentences about what the figures leave out."""
    told = []
    if sources.unreadable:
        told.append(f"{sources.unreadable} of the recent images or lines could not be read.")
    reasons: dict[str, list[str]] = {}
    for name, reason in comparison.left_out.items():
        reasons.setdefault(reason, []).append(NAMES[name][0])
    return told + [f"Left out: {', '.join(names)}: {why}." for why, names in reasons.items()]


def explanation(comparison: Comparison) -> str:
    """How to read the figures."""
    limits = comparison.limits
    return (
        "Each value is the median, with the range of the middle 80 % of the images in brackets. "
        "Moved: the mean distance between recent and training values, in standard deviations of "
        "the training images. p: the chance of such a difference without drift, corrected for "
        f"the number of features. Drift: moved is at least {limits.effect_size:g} and p at most "
        f"{limits.significance:g}; slight: p is, and moved is smaller."
    )


def center(name: str, values: np.ndarray) -> str:
    """The median; for a feature of 0 and 1 the mean."""
    middle = values.mean() if name == "empty" else np.median(values)
    return f"{middle:.{NAMES[name][2]}f}"


def spread(name: str, values: np.ndarray) -> str:
    """The median and the range of the middle 80 % of the values, as text."""
    if name == "empty":
        return center(name, values)
    low, high = np.quantile(values, (0.1, 0.9))
    digits = NAMES[name][2]
    return f"{center(name, values)} ({low:.{digits}f}–{high:.{digits}f})"


def chance(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def table(comparison: Comparison, sources: Sources) -> str:
    """The report for a terminal of `WIDTH` columns."""
    rows = [("", "training", "recent", "moved", "p", "")]
    rows += [
        (
            NAMES[feature.name][0],
            spread(feature.name, feature.training),
            spread(feature.name, feature.recent),
            f"{feature.moved:.2f}",
            chance(feature.p),
            WORDS[feature.verdict],
        )
        for feature in comparison.features
    ]
    widths = [max(len(row[n]) for row in rows) for n in range(6)]
    aligned = "<<<>><"
    lines = [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, aligned, widths))
        for row in rows
    ]
    paragraphs = [conclusion(comparison), *notes(comparison, sources)]
    return "\n".join(
        [
            *_wrapped(f"{heading(comparison, sources)}."),
            "",
            *(line.rstrip() for line in lines),
            "",
            *_wrapped(explanation(comparison)),
            *(line for text in paragraphs for line in ["", *_wrapped(text)]),
        ]
    )


def document(comparison: Comparison, sources: Sources, status: int) -> dict[str, Any]:
    """Everything, for `clearbg drift --json`."""
    recent, training = counts(comparison)
    limits = comparison.limits
    return {
        "status": status,
        "drift": [feature.name for feature in comparison.drifted],
        "conclusion": conclusion(comparison),
        "recent": {
            "source": sources.recent,
            "images": recent,
            "unreadable": sources.unreadable,
        },
        "training": {"source": sources.training, "images": training},
        "model": sources.model,
        "limits": dataclasses.asdict(limits),
        "features": {feature.name: _facts(feature) for feature in comparison.features},
        "left_out": dict(comparison.left_out),
    }


def _facts(feature: Feature) -> dict[str, Any]:
    return {
        "verdict": feature.verdict,
        "moved": round(feature.moved, 4),
        "p": float(f"{feature.p:.4g}"),
        "training": _quantiles(feature.training),
        "recent": _quantiles(feature.recent),
    }


def _quantiles(values: np.ndarray) -> dict[str, float | int]:
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    facts = {"mean": values.mean(), "p10": low, "median": middle, "p90": high}
    rounded = {name: round(float(value), 4) for name, value in facts.items()}
    return {"images": len(values), **rounded}


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
