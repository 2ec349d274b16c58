"""The five stages as people run them: through real DVC, without it, killed, and starved."""

import json
import re
import shutil
import sqlite3
import time
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import yaml
from PIL import Image
from safetensors.numpy import load_file
from support.project import EVERY_EXPORT, STAGES, TINY, Project, demo

from clearbg.system.files import file_sha256

pytestmark = pytest.mark.slow
EACH = """
import runpy, sys
scripts, sys.argv[1:] = sys.argv[1:], []
for sys.argv[0] in scripts:
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        print(end.code, file=sys.stderr)
"""


@pytest.fixture
def ready(finished, tmp_path) -> Project:
    return finished.copy(tmp_path / "a copy")


def one_sentence(done, *words: str) -> None:
    lines = [line for line in done.stderr.splitlines() if line and "%|" not in line]
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert all(word in lines[-1] for word in words), lines


def sentences(project: Project, stages) -> list[str]:
    """With what each of these stages ends, run in one process for the sake of time."""
    done = project.run("python", "-c", EACH, *(f"pipelines/{stage}.py" for stage in stages))
    assert "Traceback" not in done.stderr, done.stderr
    found = [line for line in done.stderr.splitlines() if line.startswith(tuple(STAGES))]
    assert [line.split(":")[0] for line in found] == list(stages), done.stderr
    return found


def test_repro_makes_a_remover_then_does_nothing_and_again_elsewhere_the_same(ready, tmp_path):
    project = ready
    again = project.dvc("repro")
    assert "up to date" in again.stdout and "wrote" not in again.stdout
    assert "up to date" in project.dvc("status").stdout

    project.run("clearbg", "remove", "data/ingested/images", "-o", "cut")
    with Image.open(next((project.folder / "cut").iterdir())) as image:
        assert image.mode == "RGBA"

    assert "evaluate" in project.dvc("metrics", "show").stdout
    assert "file://" in project.dvc("plots", "show").stdout
    history = pd.read_csv(project.folder / "reports/train/history.csv")
    assert list(history.epoch) == [1, 2]

    # A second place, another absolute path, without DVC: the same bytes.
    other = Project(_made(tmp_path / "other"))
    for stage in STAGES:
        other.stage(stage)
    assert tree(other.folder) == tree(project.folder)

    # What evaluation or export asks for does not train again.
    raw = demo(**EVERY_EXPORT)
    raw["evaluate"]["cases"] = 1
    project.write_params(raw)
    changed = project.dvc("repro").stdout
    assert set(re.findall(r"^(\w+): wrote", changed, re.MULTILINE)) == {"evaluate", "export"}
    assert "evaluate.cases" in project.dvc("params", "diff").stdout

    # An experiment, then two queued ones, in temporary copies but in one MLflow store.
    project.run("git", "add", "-A")
    project.run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "run")
    project.dvc("exp", "run", "--name", "slow", "-S", "train.lr=0.003", "train")
    project.dvc("exp", "run", "--queue", "-S", "train.lr=0.004", "train")
    project.dvc("queue", "start")
    for _ in range(240):
        if "Success" in (status := project.dvc("queue", "status").stdout) or "Failed" in status:
            break
        time.sleep(1)
    assert "Success" in status, project.dvc("queue", "logs", status.split()[5], status=None).stdout
    shown = project.dvc("exp", "show", "--csv").stdout
    assert "0.003" in shown and "0.004" in shown
    assert "0.003" in project.dvc("exp", "diff", "HEAD", "slow").stdout
    project.dvc("exp", "branch", "slow", "better-lr")
    project.dvc("exp", "remove", "slow")
    assert "slow" not in project.dvc("exp", "show", "--csv").stdout
    with sqlite3.connect(project.folder / "mlflow.db") as store:
        rates = store.execute("select value from params where key = 'train.lr'").fetchall()
    assert {"0.01", "0.003", "0.004"} <= {rate for (rate,) in rates}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): file_sha256(path)
        for part in ("data", "models", "exports", "reports")
        for path in sorted((folder / part).rglob("*"))
        if path.is_file()
    }


def test_killed_training_goes_on_in_its_run_to_the_same_weights_and_past_other_settings(ready):
    project, models = ready, ready.folder / "models"
    whole = load_file(models / "weights.safetensors")
    sheets = {p.name: file_sha256(p) for p in project.folder.glob("reports/train/samples/*")}
    (project.folder / "mlflow.db").unlink()
    shutil.rmtree(models)

    checkpoints = project.folder / ".clearbg/checkpoints"
    killed_training(project, 6)
    assert len(saved(checkpoints)) == 1 and not models.exists()

    # The checkpoint of other settings is not picked up.
    project.params(**{**TINY, "train": {**TINY["train"], "lr": 0.02}})
    project.stage("train")
    other = load_file(models / "weights.safetensors")
    assert any((other[name] != value).any() for name, value in whole.items())
    assert len(saved(checkpoints)) == 1  # the killed one's, still waiting

    project.params(**TINY)
    project.stage("train")
    resumed = load_file(models / "weights.safetensors")
    assert all((resumed[name] == value).all() for name, value in whole.items())
    found = project.folder.glob("reports/train/samples/*")
    assert sheets and {p.name: file_sha256(p) for p in found} == sheets
    assert not saved(checkpoints)
    with sqlite3.connect(project.folder / "mlflow.db") as store:
        runs = store.execute("select status from runs").fetchall()
        steps = store.execute("select step from metrics where key = 'train/loss'").fetchall()
    assert runs == [("FINISHED",)] * 2
    assert sorted(step for (step,) in steps) == [1, 1, 2, 2]


def saved(checkpoints: Path) -> list[Path]:
    return list(checkpoints.rglob("state.pt"))


HELD = """
import runpy, sys, time
from clearbg.training import checkpoints
save, left = checkpoints.Checkpoint.save, int(sys.argv.pop())
def held(self, method, progress, wait=True):
    global left
    left -= 1
    save(self, method, progress, wait or not left)
    if not left:
        print("held", flush=True)
        time.sleep(600)
checkpoints.Checkpoint.save = held
runpy.run_path("pipelines/train.py", run_name="__main__")
"""


def killed_training(project: Project, count: int) -> None:
    """A training that is killed after so many of its checkpoints."""
    process = project.start("python", "-c", HELD, str(count))
    while (line := process.stdout.readline()) != "held\n":
        assert line, process.stderr.read()
    process.kill()
    process.communicate()


EXPORT = """
import runpy, shutil
from clearbg.export import onnx
onnx.export = lambda network, contract, path, opset: shutil.copy("model.onnx", path)
runpy.run_path("pipelines/export.py", run_name="__main__")
"""
"""The stage with an ONNX file that is there: it is of equal weights, and takes long to make."""


def test_unreachable_tracking_server_loses_no_work(ready):
    project = ready
    shutil.move(project.folder / "exports/model.onnx", project.folder)
    (project.folder / "mlflow.db").unlink()
    for name in ("models", "exports"):
        shutil.rmtree(project.folder / name)
    for program in (["pipelines/train.py"], ["pipelines/evaluate.py"], ["-c", EXPORT]):
        done = project.run("python", *program, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
        assert done.stderr.count("warning: MLflow at http://127.0.0.1:9") == 1
    assert (project.folder / "exports/model.onnx").is_file()
    assert not (project.folder / "mlflow.db").exists()

    project.stage("evaluate")  # the store is back: the whole training is recorded from files
    with sqlite3.connect(project.folder / "mlflow.db") as store:
        keys = {key for (key,) in store.execute("select distinct key from metrics")}
    assert {"train/loss", "validation/max_f", "test/max_f"} <= keys


def test_stage_without_its_input_says_what_to_run(project):
    for sentence in sentences(project, ("augment", "train", "evaluate", "export")):
        assert "dvc repro" in sentence


def test_folder_that_cannot_be_written_is_a_sentence(project):
    (project.folder / "data").write_text("a file where a folder should be")
    one_sentence(project.stage("ingest", status=1), "data/ingested", "could not be written")


def test_typo_in_the_settings_stops_every_stage(project):
    raw = demo(**TINY)
    raw["train"]["lrr"] = 1
    project.write_params(raw)
    for sentence in sentences(project, STAGES):
        assert "train.lrr" in sentence and "did you mean train.lr" in sentence


def test_repro_outside_git_is_one_sentence(project):
    shutil.rmtree(project.folder / ".git")
    done = project.dvc("repro", status=None)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "git" in done.stderr


def test_folder_source_runs_through_and_notices_new_images(project, pairs_folder):
    own = pairs_folder(12)
    shutil.move(own, project.folder / "own")
    raw = demo(**TINY)
    raw["data"] = yaml.safe_load((project.folder / "recipes/own.yaml").read_text())["data"]
    raw["data"] |= {"validation": 0.2, "test": 0.2}
    project.write_params(raw)
    project.dvc("repro", "ingest")
    manifest = pd.read_csv(project.folder / "data/ingested/manifest.csv")
    assert len(manifest) == 12
    for part, suffix in (("images", "jpg"), ("masks", "png")):
        shutil.copy(project.folder / f"own/{part}/p00.{suffix}",
                    project.folder / f"own/{part}/new.{suffix}")  # fmt: skip
    done = project.dvc("repro", "ingest")
    assert len(pd.read_csv(project.folder / "data/ingested/manifest.csv")) == 13
    assert "12 of 13 images are from the cache" in done.stdout


def test_two_processes_train_one_model_in_one_run(ready):
    (ready.folder / "mlflow.db").unlink()
    ready.params(**{**TINY, "train": {**TINY["train"], "devices": 2}})
    alone = load_file(ready.folder / "models/weights.safetensors")
    ready.stage("train")
    together = load_file(ready.folder / "models/weights.safetensors")
    assert any((together[name] != value).any() for name, value in alone.items())
    with sqlite3.connect(ready.folder / "mlflow.db") as store:
        assert store.execute("select status from runs").fetchall() == [("FINISHED",)]


def test_metrics_file_holds_both_protocols_and_intervals(finished):
    metrics = json.loads((finished.folder / "reports/evaluate/metrics.json").read_text())
    assert {"max_f", "mae", "s_measure", "dice"} <= set(metrics)
    assert {"max_f", "mae"} <= set(metrics["min_max"])
    for name, ends in metrics["interval"].items():
        assert ends["low"] <= metrics[name] <= ends["high"]


def test_dvc_and_mlflow_show_five_figures_and_keep_the_rest_in_files(finished):
    folder = finished.folder
    shown = json.loads(finished.dvc("metrics", "show", "--json").stdout)
    (figures,) = [file["data"] for file in shown[""]["data"].values()]
    assert list(shown[""]["data"]) == ["reports/evaluate/headline.json"] and len(figures) == 5
    (rest,) = json.loads(
        finished.dvc("metrics", "show", "--json", "reports/evaluate/metrics.json").stdout
    )[""]["data"].values()
    assert figures.items() <= rest["data"].items() and "interval" in rest["data"]
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    (run,) = client.search_runs(["1"])
    tested = {k.split("/")[1] for k in run.data.metrics if k.startswith("test/")}
    assert figures.keys() <= tested and len(tested) <= 7  # and the ends of an interval
    kept = {file.path for file in client.list_artifacts(run.info.run_id, "reports/evaluate")}
    assert "reports/evaluate/metrics.json" in kept


def test_masks_that_look_at_no_image_stand_in_every_stages_files(finished):
    folder = finished.folder
    trained, tested, exported = (
        json.loads((folder / f"reports/{name}.json").read_text())
        for name in ("train/metrics", "evaluate/metrics", "export/parity")
    )
    for name in ("mean_mask", "all_subject", "no_subject"):
        assert set(trained[name]) == set(tested[name]) == {"max_f", "mae"}
        assert exported["validation"][name] == trained[name]["max_f"]
    assert exported["validation"]["beats_baselines"] == trained["beats_baselines"]
    card = (folder / "exports/card.md").read_text()
    assert "| model | mean mask |" in card and ("Warning" in card) != trained["beats_baselines"]
    assert "## Test\n" in card
    assert (folder / "exports/mean_mask.png").is_file()
    page = (folder / "reports/evaluate/report.html").read_text()
    assert "<th>mean mask</th>" in page and ("Warning:" in page) != tested["beats_baselines"]
    run = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db").search_runs(["1"])[0].data
    for split, found in (("validation", trained), ("test", tested)):
        told = str(found["beats_baselines"]).lower()
        assert run.tags[f"clearbg.beats_baselines.{split}"] == told
    assert not any("mask" in name for name in run.metrics)
    assert "mask" not in (folder / "reports/train/history.csv").read_text()
