"""The sweep of docs/experiments.md tries settings as experiments of DVC, and can be stopped."""

import json
import shutil

import optuna
import pytest
import yaml
from support.project import ROOT, Project
from test_docs import python_of

TRAIN = """
import json, math, os, yaml
os.makedirs("reports/train", exist_ok=True)
params = yaml.safe_load(open("params.yaml"))
figure = 1 - abs(math.log10(params["train"]["lr"]) + 2) / 10 - params["transform"]["color"]
json.dump({"max_f": figure}, open("reports/train/metrics.json", "w"))
"""
"""In place of a training: best at a learning rate of 0.01."""

STAGE = {
    "cmd": "python train.py",
    "params": ["train.lr", "transform.color"],
    "outs": [{"reports/train/metrics.json": {"cache": False}}],
}


@pytest.mark.slow
def test_sweep_names_its_best_trial_and_goes_on_after_the_last(tmp_path):
    (script,) = python_of(ROOT / "docs/experiments.md")
    files = {
        "sweep.py": script, "train.py": TRAIN, ".gitignore": "/.clearbg/",
        "params.yaml": yaml.safe_dump({"train": {"lr": 0.1}, "transform": {"color": 0.0}}),
        "dvc.yaml": yaml.safe_dump({"stages": {"train": STAGE}}),
        "reports/train/metrics.json": json.dumps({"max_f": 0.0}),
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copytree(ROOT / ".dvc", tmp_path / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    project = Project.at(tmp_path)
    for command in ("git init -q", "git add -A",
                    "git -c user.name=t -c user.email=t@t commit -qm start"):  # fmt: skip
        project.run(*command.split())

    project.run("python", "sweep.py", "2")
    told = project.run("python", "sweep.py", "1").stdout.splitlines()[-1]
    study = optuna.load_study(study_name="sweep", storage=f"sqlite:///{tmp_path}/.clearbg/sweep.db")
    values = [trial.value for trial in study.trials]
    best = max(range(3), key=values.__getitem__)
    assert told.startswith(f"sweep-{best}: {values[best]}, ")

    project.dvc("exp", "apply", f"sweep-{best}")
    applied = json.loads((tmp_path / "reports/train/metrics.json").read_text())
    assert applied["max_f"] == values[best]
    rate = yaml.safe_load((tmp_path / "params.yaml").read_text())["train"]["lr"]
    assert rate == pytest.approx(study.best_params["lr"], rel=0.01)
