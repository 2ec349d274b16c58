"""`clearbg benchmark`: what removal costs, model by model."""

import json
import re
from pathlib import Path

import pytest
from support.images import disc
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg import pretrained
from clearbg.cli.app import app
from clearbg.evaluation import benchmark as speed
from clearbg.evaluation import costs, report
from clearbg.evaluation.benchmark import Cost
from clearbg.evaluation.costs import Quality
from clearbg.images import write_image, write_mask


def benchmark(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["benchmark", *arguments])
    assert done.exit_code == status, f"{done.output}{done.exception!r}"
    return done.stdout if status == 0 else done.stderr


def cost(model: str, whole: float = 250, **more) -> Cost:
    given = {"device": "cpu", "size": 4_600_000, "cold": 0.5, "network": 12.34, "memory": None}
    return Cost(model, Path(model), whole=whole, **{**given, **more})


@pytest.fixture
def asked(monkeypatch) -> list:
    """What the command asks to be measured; nothing is."""
    found = []

    def measure(models, device, count):
        found.append((list(map(str, models)), device, count))
        return [cost(str(model), device=device) for model in models]

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
    assert lines[1].split() == ["a.onnx", "cpu", "4.6", "0.50", "12.3", "250.0", "–"]


def test_without_exports_the_models_of_the_package_are_measured(asked):
    benchmark()
    assert asked[0][0][:2] == ["clearbg-lite", "clearbg-lite-fp16"]


def test_page_sets_each_models_quality_against_its_costs(monkeypatch):
    monkeypatch.setattr(costs, "precision", lambda file: "int8" if "<" in file.name else "fp32")
    models = [cost("a.onnx", 800, memory=2e8), cost("<b>.onnx", 350, memory=1e8)]
    found = [Quality(0.91, 0.9, 0.92), Quality(0.905, 0.89, 0.915)]
    pages = []
    for _ in range(2):
        costs.write_page(Path("costs.html"), models, found, "max_f", 129)
        pages.append(Path("costs.html").read_text())
    page = pages[0]
    assert pages[1] == page
    assert "&lt;b&gt;.onnx" in page and "<b>.onnx" not in page
    assert "0.9000 to 0.9200" in page and "max Fβ ↑ on 129 images" in page
    assert page.count("<svg") == 4 and page.count('class="ends"') == 8
    # 800 and 350 of 1000 milliseconds, 0.91 and 0.905 between 0.89 and 0.94.
    assert "M0.8000 0.4000h0" in page and "M0.3500 0.3000h0" in page


def test_unknown_memory_and_quality_are_no_points():
    found = [Quality(float("nan"), float("nan"), float("nan"))]
    model = pretrained.folder("clearbg-lite") / pretrained.INT8
    costs.write_page(Path("costs.html"), [cost(str(model))], found, "mae", 1)
    page = Path("costs.html").read_text()
    assert page.count("<svg") == 3 and 'class="point"' not in page and "–" in page
    assert "<td>int8</td>" in page and "on 1 image," in page
    assert costs.precision(model.with_name(pretrained.FP16)) == "fp16"


def test_figures_of_too_few_groups_have_no_interval_and_unknown_ones_no_point(monkeypatch):
    inf, nan = float("inf"), float("nan")
    models = [cost("a.onnx"), cost("b.onnx"), cost("c.onnx")]
    found = [Quality(0.91, 0.9, 0.92), Quality(0.905, -inf, inf), Quality(nan, -inf, inf)]
    monkeypatch.setattr(costs, "precision", lambda file: "fp32")
    costs.write_page(Path("costs.html"), models, found, "max_f", 1)
    page = Path("costs.html").read_text()
    assert page.count('class="point"') == 2 * 3 and page.count('class="ends"') == 3
    assert "<td>0.9050</td><td>–</td>" in page and "<td>–</td><td>–</td>" in page
    assert "inf" not in page.split("</style>")[1] and "M1.0000 0.2000h0" in page


def test_a_page_has_the_name_of_a_page_before_anything_is_measured(asked):
    for name in ("page.txt", "page", "costs.md"):
        assert f"-o {name}: the page is HTML" in benchmark("a.onnx", "-o", name, status=1)
    assert "ingest" in benchmark("a.onnx", "-o", "page.HTM", status=1)
    assert asked == []


def test_page_of_costs_takes_the_place_of_nothing_else(asked, tmp_path):
    model = str(brightness_model(tmp_path / "m.onnx", height=32, width=32))
    assert "add `-o report.html`" in benchmark(model, "--on", "a", "b", status=1)
    assert "ingest" in benchmark(model, "-o", "costs.html", status=1)
    write_image(tmp_path / "photos/p.png", disc(0)[0])
    write_mask(tmp_path / "truth/p.png", disc(0)[1])
    Path("costs.html").write_text("mine")
    on = ("--on", "photos", "truth")
    assert "would be lost" in benchmark(model, "-o", "costs.html", *on, status=1)
    assert asked == [] and Path("costs.html").read_text() == "mine"


@pytest.fixture
def evaluated(ingested, tmp_path) -> str:
    """A model whose evaluation is in the project, which is the current folder."""
    (tmp_path / "data").mkdir()
    ingested.rename(tmp_path / "data/ingested")
    folder = tmp_path / "reports/evaluate"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"weights": "0" * 64}))
    page = f"<title>Recipe</title><p>all figures</p>{report.COSTS}<h2>Images</h2>"
    (folder / report.FILE).write_text(page)
    return str(brightness_model(tmp_path / "m.onnx", height=32, width=32))


def test_report_of_the_evaluation_comes_with_speed_and_size(asked, evaluated):
    assert f"{report.FILE}, with speed and size" in benchmark(evaluated, "-o", "all.html")
    page = Path("all.html").read_text()
    order = ["<title>Recipe", "all figures", "<h2>Speed and size", "m.onnx", "<svg", "<h2>Images"]
    assert [page.index(part) for part in order] == sorted(page.index(part) for part in order)
    assert page.count("<title>") == 1 and report.COSTS not in page
    assert "with speed and size" in benchmark(evaluated, "-o", "all.html")  # over its own page
    told = benchmark(evaluated, "-o", f"reports/evaluate/{report.FILE}", status=1)
    assert "is an input and would be lost" in told


def test_evaluation_of_other_weights_is_not_in_the_page(asked, evaluated):
    Path("reports/evaluate/metrics.json").write_text(json.dumps({"weights": "1" * 64}))
    assert "no evaluation of these models" in benchmark(evaluated, "-o", "all.html")
    page = Path("all.html").read_text()
    assert "all figures" not in page and costs.TITLE in page


@pytest.mark.parametrize(
    ("page", "sentence"), [(b"<title>", "no place for speed and size"), (b"\xff", "cannot be read")]
)
def test_damaged_report_is_a_sentence_before_anything_is_measured(page, sentence, asked, evaluated):
    Path("reports/evaluate", report.FILE).write_bytes(page)
    told = benchmark(evaluated, "-o", "all.html", status=1)
    assert sentence in told and "dvc repro -f evaluate" in told and asked == []


@pytest.mark.slow
def test_every_model_has_its_figures(tmp_path):
    small, large = (
        str(brightness_model(tmp_path / f"{side}.onnx", height=side, width=side))
        for side in (256, 1024)
    )
    lines = benchmark(small, large, "-n", "1").splitlines()
    figures = {row.split()[0]: [float(n) for n in row.split()[2:]] for row in lines[1:]}
    for size, cold, network, whole, memory in figures.values():
        assert size < 1 and cold > 0 and 0 <= network < whole and 50 < memory < 2000
    assert figures[small][2] < figures[large][2]  # the network alone, of a sixteenth the pixels
    for index in range(3):
        rgb, alpha = disc(index)
        write_image(tmp_path / f"photos/p{index}.png", rgb)
        write_mask(tmp_path / f"truth/p{index}.png", alpha)
    on = ("--on", str(tmp_path / "photos"), str(tmp_path / "truth"))
    assert "wrote costs.html" in benchmark(small, large, "-n", "1", *on, "-o", "costs.html")
    page = Path("costs.html").read_text()
    assert "on 3 images" in page and page.count("fp32") == 2 and page.count('class="point"') == 8
    assert "does not exist" in benchmark("nowhere.onnx", "-n", "1", status=1)
    assert re.search("onnxruntime-gpu", benchmark(small, "-n", "1", "--device", "cuda", status=1))
