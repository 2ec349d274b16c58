"""An evaluation that MLflow has missed is recorded by the export. No store is opened."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from clearbg.evaluation import robustness
from clearbg.tracking import stage_logs
from clearbg.tracking.runs import Run

SETTINGS = SimpleNamespace(data=SimpleNamespace(source="synthetic", path="own"))


class Told(Run):
    """A run that notes what it is told, with figures that it has before."""

    def __init__(self, **figures: float):
        super().__init__()
        self.calls: list[tuple] = []
        self.figures = figures

    def metrics(self, values, step=0):
        self.calls.append(("metrics", *values.items()))

    def has(self, values):
        return values.items() <= self.figures.items()

    def model(self, onnx):
        self.calls.append(("model",))

    def dataset(self, manifest, split, name, source):
        self.calls.append(("dataset", split))

    def show_scores(self, first=()):
        self.calls.append(("show_scores", *first))


def export(run: Run, weights: str = "a") -> None:
    contract = SimpleNamespace(weights_sha256=weights)
    stage_logs.log_export(run, Path("m.onnx"), Path("parity.json"), {"int8": 9}, contract, SETTINGS)


@pytest.fixture
def evaluated() -> Path:
    """The folder of an evaluation of the weights "a"."""
    folder = stage_logs.EVALUATION
    folder.mkdir(parents=True)
    figures = {"max_f": 0.9, "mae": 0.1, "weights": "a", "beats_baselines": True}
    figures["interval"] = {"max_f": {"low": 0.8, "high": 0.95}}
    (folder / "metrics.json").write_text(json.dumps(figures))
    (folder / "headline.json").write_text('{"max_f": 0.9, "mae": 0.1}')
    robustness.empty().to_csv(folder / "robustness.csv", index=False)
    return folder


def test_figures_that_a_run_lacks_are_logged_before_its_scores_are_shown(evaluated):
    run = Told()
    export(run)
    assert run.calls == [
        ("metrics", ("export/int8_ms", 9)),
        ("model",),
        ("dataset", "test"),
        ("metrics", ("test/max_f_low", 0.8), ("test/max_f_high", 0.95)),
        ("metrics", ("test/max_f", 0.9), ("test/mae", 0.1)),
        ("show_scores", "test/max_f", "test/mae"),
        ("show_scores",),
    ]


def test_older_figures_of_the_same_weights_are_renewed(evaluated):
    run = Told(**{"test/max_f": 0.7, "test/mae": 0.1})
    export(run)
    assert ("dataset", "test") in run.calls


@pytest.mark.parametrize("case", ["recorded", "other weights", "no evaluation", "no store"])
def test_otherwise_only_the_export_is_logged(evaluated, case):
    run = Told(**({"test/max_f": 0.9, "test/mae": 0.1} if case == "recorded" else {}))
    if case == "no evaluation":
        (evaluated / "headline.json").unlink()
    if case == "no store":
        run.has = lambda values: None
    export(run, "b" if case == "other weights" else "a")
    assert [name for name, *_ in run.calls] == ["metrics", "model", "show_scores"]


def test_a_loss_that_one_metric_lacks_hides_no_other(evaluated):
    columns = [f"{name}{end}" for name in ("max_f", "mae") for end in robustness.ENDS]
    row = dict.fromkeys(columns, 0.1) | {"max_f_loss": None, "mae_loss": 0.25}
    table = pd.DataFrame([{"variation": "original"}, {"variation": "dimmed", **row}])
    table.assign(weights="a").to_csv(evaluated / "robustness.csv", index=False)
    run = Told()
    export(run)
    assert ("metrics", ("robustness/dimmed/mae_loss", 0.25)) in run.calls
