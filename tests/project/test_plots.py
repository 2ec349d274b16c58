"""`dvc plots show` and `diff` draw their curves without network, those of two commits together."""

import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from support.project import ROOT, Project

CHROMIUM = shutil.which("chromium")

COLORS = """charts => charts.map(chart => {
  const { data } = chart.getContext("2d").getImageData(0, 0, chart.width, chart.height);
  const found = new Set();
  for (let k = 0; k < data.length; k += 4) if (data[k + 3]) found.add(data.slice(k, k + 3).join());
  return [...found].map(color => color.split(",").map(Number));
})"""
"""The colors of each chart's pixels."""


def commit(project: Project, lr: float) -> None:
    """A commit with the curves of a training and an evaluation."""
    epochs = pd.DataFrame({"epoch": [1, 2, 3]})
    for name in ("train/loss", "validation/loss"):
        epochs[name] = lr / epochs.epoch
    for name in ("dice", "iou", "pixel_accuracy"):
        epochs[f"validation/{name}"] = 1 - lr / epochs.epoch
    curve = pd.DataFrame({"threshold": [0.0, 0.5, 1.0], "recall": [1, 1 - lr, 0]})
    curve["precision"] = curve["f"] = [lr, 1 - lr, 1]
    bins = pd.DataFrame({"alpha": [0, 0.5, 1], "truth": [0, 0.5 - lr, 1], "share": 1 / 3})
    tables = {"train/history": epochs, "evaluate/curves": curve, "evaluate/calibration": bins}
    for name, table in tables.items():
        path = project.folder / f"reports/{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False)
    project.run("git", "add", "-A")
    project.run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", str(lr))


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    folder = tmp_path_factory.mktemp("plots")
    for name in ("dvc.yaml", "params.yaml", ".dvc/config", ".dvc/.gitignore", "pipelines/plots.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    found = Project.at(folder)
    found.stage("plots", PYTHONPATH=str(ROOT / "src"))
    commit(found, 0.4)
    commit(found, 0.2)
    return found


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_two_commits_curves_lie_over_each_other_without_network(project):
    sync_api = pytest.importorskip("playwright.sync_api")
    out = project.dvc("plots", "diff", "HEAD~1", "HEAD").stdout
    path = Path(out.split("file://")[1].strip())
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page, asked, failed = browser.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: failed.append(error))
        page.goto(path.as_uri())
        page.wait_for_selector(".vega-embed canvas.marks")
        drawn = page.locator("canvas.marks").evaluate_all(COLORS)
        page.locator("summary").first.click()
        assert page.inner_text(".vega-actions >> nth=0").split("\n") == [
            "Save as SVG",
            "Save as PNG",
        ]
        assert failed == [] and asked == [path.as_uri()]
        browser.close()
    assert len(drawn) == 5
    earlier, later = (0x94, 0x5D, 0xD6), (0x13, 0xAD, 0xC7)
    assert all({earlier, later} <= set(map(tuple, colors)) for colors in drawn)
