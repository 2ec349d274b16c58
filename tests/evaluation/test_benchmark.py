"""`clearbg benchmark`: what removal costs, model by model."""

import re

import pytest
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.evaluation import benchmark as speed
from clearbg.evaluation.benchmark import Cost


def benchmark(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["benchmark", *arguments])
    assert done.exit_code == status, f"{done.output}{done.exception!r}"
    return done.stdout if status == 0 else done.stderr


@pytest.fixture
def asked(monkeypatch) -> list:
    """What the command asks to be measured; nothing is."""
    found = []

    def measure(models, device, count):
        found.append((list(map(str, models)), device, count))
        return [Cost(str(model), device, 0.5, 12.34, 250, None) for model in models]

    monkeypatch.setattr(speed, "measure", measure)
    return found


def test_every_exported_model_is_measured_unless_some_are_named(asked, tmp_path):
    (tmp_path / "exports/rembg").mkdir(parents=True)
    for name in ("model.onnx", "model-int8.onnx", "card.md", "rembg/u2net_custom.onnx"):
        (tmp_path / "exports" / name).touch()
    benchmark()
    benchmark("a.onnx", "b.onnx", "--images", "2", "--device", "openvino")
    assert asked == [
        (["exports/model-int8.onnx", "exports/model.onnx"], "cpu", 5),
        (["a.onnx", "b.onnx"], "openvino", 2),
    ]


def test_columns_stand_under_their_titles(asked):
    lines = benchmark("a.onnx", "a/longer/name.onnx").splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["a.onnx", "cpu", "0.50", "12.3", "250.0", "–"]


def test_without_exports_the_models_of_the_package_are_measured(asked):
    benchmark()
    assert asked[0][0][:2] == ["clearbg-lite", "clearbg-lite-fp16"]


@pytest.mark.slow
def test_every_model_has_its_figures(tmp_path):
    small, large = (
        str(brightness_model(tmp_path / f"{side}.onnx", height=side, width=side))
        for side in (256, 1024)
    )
    lines = benchmark(small, large, "-n", "1").splitlines()
    figures = {row.split()[0]: [float(n) for n in row.split()[2:]] for row in lines[1:]}
    for load, network, whole, memory in figures.values():
        assert load >= 0 and 0 <= network < whole and 50 < memory < 2000
    assert figures[small][1] < figures[large][1]  # the network alone, of a sixteenth the pixels
    assert "does not exist" in benchmark("nowhere.onnx", "-n", "1", status=1)
    assert re.search("onnxruntime-gpu", benchmark(small, "-n", "1", "--device", "cuda", status=1))
