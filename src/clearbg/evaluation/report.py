"""The evaluation page: one HTML file that needs nothing beside itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from clearbg.evaluation import robustness
from clearbg.evaluation.thresholds import Threshold
from clearbg.images import contact_sheet
from clearbg.metrics.baselines import NAMES, Comparison
from clearbg.metrics.names import LOWER_IS_BETTER, PROTOCOLS, heading, label
from clearbg.metrics.slices import BOUNDS, slices
from clearbg.system.files import write_text
from clearbg.templates import render

FILE = "report.html"
COSTS = "<!-- `clearbg benchmark -o` puts speed and size here -->"
KINDS = {"worst": "Worst", "middle": "In the middle", "best": "Best"}
BINS = 20
WORTH_A_COLOR = 0.02
"""A loss by a variation of the images that is surely above it is colored."""


@dataclass(frozen=True)
class Case:
    """One image for a person to look at.

    Attributes:
        scores: metric -> value, shown beside the image.
        image: uint8 `(H,W,3)`, some 400 pixels at most: it goes into the page as it is.
        truth: uint8 `(H,W)`.
        alpha: uint8 `(H,W)`, the prediction.
    """

    id: str
    kind: Literal["worst", "middle", "best"]
    scores: Mapping[str, float]
    image: np.ndarray
    truth: np.ndarray
    alpha: np.ndarray


def write_evaluation_page(
    path: Path | str,
    *,
    title: str,
    headlines: Sequence[str],
    metrics: Mapping[str, Mapping[str, float]],
    intervals: Mapping[str, Mapping[str, float]],
    weakness: str,
    leaks: str,
    compared: Comparison,
    curves: Mapping[str, Mapping[str, np.ndarray]],
    calibration: pd.DataFrame,
    thresholds: Sequence[Threshold],
    per_image: pd.DataFrame,
    cases: Sequence[Case],
    varied: pd.DataFrame,
    settings: Mapping[str, Any],
) -> None:
    """Write the page. The same arguments give the same bytes.

    Args:
        headlines: the metrics to show first; the images are ordered by the first of them.
        metrics: protocol -> metric -> average over images; the first protocol leads.
        intervals: metric -> "low" and "high" of the 95 % interval of the leading average.
        weakness: a sentence about the slice of images that is worst, or empty.
        leaks: what is known of images that the model has seen; `per_image` has their kind
            (exact, near) in its column `leak`.
        compared: the model and masks that have not looked at the image.
        curves: protocol -> "threshold", "precision", "recall", "f", ascending, in [0, 1].
        calibration: the bins of alpha, see `calibration.Calibration`.
        thresholds: of hard masks, the model's own first.
        per_image: a row an image: what it is like (see `clearbg.metrics.image_facts`), empty, mae
            and other scores.
        cases: in the order to show.
        varied: what `robustness.measure` gives, or no rows: then the page has no such section.
        settings: name -> value, shown as text.

    Raises:
        ClearBGError: the file cannot be written.
    """
    lead = next(iter(metrics))
    page = render(
        Path(__file__).with_name("report.html.jinja"),
        {
            "name": label,
            "heading": heading,
            "jpeg": contact_sheet.data_uri,
        },
        title=title,
        costs=COSTS,
        lead=lead,
        headlines=headlines,
        protocols=PROTOCOLS,
        metrics=metrics,
        intervals=intervals,
        weakness=weakness,
        rows=dict.fromkeys(name for table in metrics.values() for name in table),
        leaks=leaks,
        compared=compared,
        masks=NAMES,
        leaked=_leaked(per_image),
        plots=_plots(curves, calibration),
        thresholds=thresholds,
        histograms=[
            _histogram(per_image[name], name)
            for name in dict.fromkeys([headlines[0], "mae"])
            if name in per_image
        ],
        slices=_slices(per_image, [*headlines, "mean_alpha"]),
        count=len(per_image),
        groups={
            heading: [(case, _views(case)) for case in cases if case.kind == kind]
            for kind, heading in KINDS.items()
        },
        varied=_varied(varied),
        worth=WORTH_A_COLOR,
        added=contact_sheet.ADDED,
        missed=contact_sheet.MISSED,
        settings=settings,
    )
    write_text(path, page)


def _leaked(per_image: pd.DataFrame) -> dict[str, list[str]]:
    """Kind -> ids in alphabetical order."""
    marked = per_image[per_image["leak"] != ""].sort_values("id")
    return {kind: list(part["id"]) for kind, part in marked.groupby("leak")}


def _plots(
    curves: Mapping[str, Mapping[str, np.ndarray]], calibration: pd.DataFrame
) -> list[dict[str, Any]]:
    return [
        _plot(curves, "recall", "precision", "Precision and recall"),
        _plot(curves, "threshold", "f", "F over the threshold"),
        _calibration(calibration),
    ]


def _plot(curves: Mapping[str, Mapping[str, np.ndarray]], x: str, y: str, title: str) -> dict:
    lines = {protocol: _line(curve[x], curve[y], curve["f"]) for protocol, curve in curves.items()}
    return {"title": title, "x": x, "y": "Fβ" if y == "f" else y, "lines": lines}


def _line(x: np.ndarray, y: np.ndarray, f: np.ndarray) -> dict[str, str]:
    """SVG points in the unit square, and the one where F is highest; empty without values."""
    known = np.isfinite(x + y + f)
    points = [f"{a:.4f},{b:.4f}" for a, b in zip(x[known], y[known])]
    return {"points": " ".join(points), "best": points[np.argmax(f[known])] if points else ""}


def _calibration(bins: pd.DataFrame) -> dict[str, Any]:
    points = " ".join(f"{a:.4f},{t:.4f}" for a, t in zip(bins["alpha"], bins["truth"]))
    lines = {"this model": points, "alpha is right": "0,0 1,1"}
    return {
        "title": "Calibration",
        "x": "alpha",
        "y": "true alpha",
        "lines": {name: {"points": line, "best": ""} for name, line in lines.items()},
    }


def _histogram(values: pd.Series, name: str) -> dict[str, Any]:
    """Bars in the unit square; the axes end at round numbers that no value exceeds."""
    values = values.dropna()
    top: float = 1
    if name in LOWER_IS_BETTER or values.max() > 1:
        rounds = (k * 10.0**e for e in range(-4, 9) for k in (1, 2, 5))
        top = next(value for value in rounds if value >= max(values.max(), 0.05))
    counts, edges = np.histogram(values, BINS, (0, top))
    most = max(5, -(-int(counts.max()) // 5) * 5)  # five intervals of whole images
    bars = [
        {
            "x": k / BINS,
            "width": 1 / BINS,
            "height": count / most,
            "text": f"{edges[k]:g} to {edges[k + 1]:g}: {count}",
        }
        for k, count in enumerate(counts)
        if count
    ]
    return {"name": name, "bars": bars, "x_top": top, "y_top": most, "mean": values.mean()}


def _slices(
    per_image: pd.DataFrame, names: Sequence[str]
) -> list[tuple[str, int, dict[str, float]]]:
    """(name, number of images, metric -> average) for each slice that has images.

    A slice of all images with a subject is none, unless it is by the subject's size.
    """
    empty = per_image["empty"].to_numpy(bool)
    parts = {
        name: rows
        for name, rows in slices(per_image).items()
        if rows.any() and (name in BOUNDS["coverage"] or (~rows & ~empty).any())
    }
    columns = [name for name in names if name in per_image]
    return [
        (name, int(rows.sum()), per_image.loc[rows, columns].mean().to_dict())
        for name, rows in {**parts, "no subject": empty}.items()
    ]


def _varied(table: pd.DataFrame) -> list[tuple[str, dict[str, dict[str, float]]]]:
    """(variation in words, metric -> its figure, or loss, low and high) for each row."""
    return [
        (
            robustness.title(row["variation"]),
            {
                metric: {"figure": row[metric]}
                if row["variation"] == robustness.ORIGINAL
                else {end: row[f"{metric}_{end}"] for end in ("loss", "loss_low", "loss_high")}
                for metric in robustness.metrics_of(table)
            },
        )
        for row in table.to_dict("records")
    ]


def _views(case: Case) -> dict[str, np.ndarray]:
    return {
        "input": case.image,
        "truth": case.truth,
        "prediction": case.alpha,
        "cutout": contact_sheet.on_checkerboard(case.image, case.alpha),
        "errors": contact_sheet.error_map(case.image, case.truth, case.alpha),
    }
