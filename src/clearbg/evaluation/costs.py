"""What exported models are worth and what they cost: a section of the evaluation's report.

No stage writes it: seconds differ from run to run, and the outputs of stages do not.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from clearbg.errors import DataError
from clearbg.evaluation import report
from clearbg.evaluation.benchmark import Cost
from clearbg.evaluation.compare_models import Images
from clearbg.evaluation.one_metric import score_by
from clearbg.inference.sessions import open_model
from clearbg.metrics import bootstrap
from clearbg.metrics.names import heading, label
from clearbg.system.files import write_text
from clearbg.system.overwriting import Kind
from clearbg.system.parsing import facts_of
from clearbg.templates import render

TITLE = "Quality and cost of exported models"
GENERATOR = '<meta name="generator" content="clearbg benchmark">'
PAGE = Kind("a page of `clearbg benchmark`", re.compile(GENERATOR.encode()))
REMEDY = "write it again with `dvc repro -f evaluate`"


@dataclass(frozen=True)
class Quality:
    """A model's figure over images, with the ends of its 95 % interval.

    The figure is NaN where no image has a value; the ends are infinite with fewer than two groups.
    """

    value: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def headline_of(file: Path) -> str:
    """The metric that chose the model's weights, or the mean error of alpha."""
    headline = open_model(file).contract.headline
    return "mae" if headline == "loss" else headline


def precision(file: Path) -> str:
    """What the numbers of an ONNX file are: int8, fp16 or fp32."""
    graph = onnx.load(file, load_external_data=False).graph
    if any(node.op_type in {"DequantizeLinear", "ConvInteger"} for node in graph.node):
        return "int8"
    kinds = {tensor.data_type for tensor in graph.initializer}
    return "fp16" if onnx.TensorProto.FLOAT16 in kinds else "fp32"


def quality(file: Path, images: Images, metric: str) -> Quality:
    """Score an exported model on every image, at the image's own size.

    Args:
        metric: one of `one_metric.METRICS`.

    Raises:
        DataError: an image cannot be read.
        ModelError: the model cannot be used.
    """
    model = open_model(file)
    pairs, count = map(images.read, range(len(images.ids))), len(images.ids)
    scored = score_by(metric, model.network, model.contract, pairs, count, file.name, facts=False)
    return Quality(*bootstrap.estimate(scored.values, bootstrap.draw(images.groups)))


def report_of(folder: Path, files: Sequence[Path]) -> str:
    """The report that the evaluate stage wrote, if it is of the weights of one of the models.

    Args:
        folder: of the stage's reports.

    Returns:
        The page; empty where there is none, or only of other weights.

    Raises:
        DataError: the evaluation is damaged, or was written by an earlier version.
    """
    path, metrics = folder / report.FILE, folder / "metrics.json"
    if not (path.is_file() and metrics.is_file()):
        return ""
    weights = facts_of(metrics, REMEDY).get("weights")
    if weights not in {open_model(file).contract.weights_sha256 for file in files}:
        return ""
    try:
        page = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}): {REMEDY}.") from None
    if report.COSTS not in page:
        raise DataError(f"{path} has no place for speed and size: {REMEDY}.")
    return page


def write_page(
    path: Path,
    costs: Sequence[Cost],
    found: Sequence[Quality],
    metric: str,
    count: int,
    evaluated: str = "",
) -> None:
    """Write the page.

    Args:
        costs, found: of the same models, in the same order.
        metric: that `found` gives.
        count: images that it was measured on.
        evaluated: see `report_of`; all of it is in the page too.

    Raises:
        ClearBGError: the file cannot be written.
    """
    rows = [(cost, one, precision(cost.file)) for cost, one in zip(costs, found, strict=True)]
    measures = {
        "seconds an image, once warm": [cost.whole / 1000 for cost in costs],
        "seconds to the first image": [cost.cold for cost in costs],
        "megabytes of the file": [cost.size / 1e6 for cost in costs],
    }
    if all(cost.memory for cost in costs):
        measures["megabytes of memory at most"] = [(cost.memory or 0) / 1e6 for cost in costs]
    page = render(
        Path(__file__).with_name("costs.html.jinja"),
        {"heading": heading, "name": label},
        alone=not evaluated,
        generator=GENERATOR,
        title=TITLE,
        rows=rows,
        metric=metric,
        count=count,
        plots=[_plot(title, x, found) for title, x in measures.items()],
    )
    if evaluated:
        named = evaluated.replace("<title>", f"{GENERATOR}\n<title>", 1)
        page = named.replace(report.COSTS, page)
    write_text(path, page)


def _plot(title: str, x: Sequence[float], found: Sequence[Quality]) -> dict:
    """Points in the unit square, each with its number and, if it has one, its interval."""
    left, wide = _axis(0, max(x))
    ends = [end for one in found for end in vars(one).values() if math.isfinite(end)]
    bottom, high = _axis(min(ends, default=0), max(ends, default=1))
    points = [
        {
            "number": number,
            "x": (at - left) / wide,
            "sure": one.sure,
            **{end: (value - bottom) / high for end, value in vars(one).items()},
        }
        for number, (at, one) in enumerate(zip(x, found, strict=True), 1)
        if math.isfinite(one.value)
    ]
    ticks = [(left + wide * k / 5, bottom + high * k / 5) for k in range(6)]
    return {"title": title, "points": points, "ticks": ticks}


def _axis(low: float, high: float) -> tuple[float, float]:
    """A round number below `low`, and the length of five round steps from there beyond `high`."""
    for step in (k * 10.0**e for e in range(-3, 12) for k in (1, 2, 5)):
        start = step * math.floor(low / step)
        if start + 5 * step >= high:
            return start, 5 * step
    raise ValueError(f"{high} is beyond every axis")
