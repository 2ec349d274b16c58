"""A signal at any moment of a training: a sentence, and nothing that is done is done again."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.project import ROOT, TINY, demo
from support.training import write_augmented

pytestmark = pytest.mark.slow
MOMENTS = [
    ("SIGTERM", "estimate.report"),
    ("SIGHUP", "loop.validate"),
    ("SIGTERM", "outputs.write_samples"),
    ("SIGHUP", "outputs.write_model"),
    ("SIGTERM", "stage_logs.log_training"),
    ("SIGTERM", "checkpoints.Checkpoint.remove"),
    None,
]


def test_signal_at_any_moment_ends_in_a_sentence_and_no_step_is_made_twice(tmp_path):
    folder = project(tmp_path)
    *stopped, late, undisturbed = trainings(folder, MOMENTS)
    for (name, moment), row in zip(MOMENTS, stopped):
        assert row["status"] in (128 + 15, 128 + 1), (moment, row["told"])
        assert f"stopped by {name}, its state is saved: run it again to go on." in row["told"]
    # One whole training, and one that nobody disturbed.
    assert sum(row["steps"] for row in (*stopped, late)) == undisturbed["steps"] == 6
    for row in (late, undisturbed):
        assert row["status"] == 0 and "train: wrote models/, reports/train/ in" in row["told"]
    assert late["weights"] == undisturbed["weights"]
    assert not list(folder.glob(".clearbg/checkpoints/*"))
    assert json.loads((folder / "reports/train/metrics.json").read_text())["steps"] == 6


def project(folder: Path) -> Path:
    """A folder in which the stage train runs: two epochs of three steps, saved when asked."""
    raw = demo(**TINY)
    own = {"samples_every": 1, "checkpoint_seconds": 600, "accelerator": "cpu", "workers": 0}
    raw["train"] |= own
    for name in ("pipelines", "recipes"):
        (folder / name).mkdir()
    shutil.copy(ROOT / "pipelines/train.py", folder / "pipelines")
    for name in ("params.yaml", "recipes/demo.yaml"):
        (folder / name).write_text(yaml.safe_dump(raw))
    write_augmented(folder / "data/augmented")
    return folder


def trainings(folder: Path, moments: list) -> list[dict]:
    """What each training of `tests/support/signalled.py` told."""
    program = [sys.executable, ROOT / "tests/support/signalled.py", folder, json.dumps(moments)]
    search = os.pathsep.join(str(ROOT / name) for name in ("src", "tests"))
    done = subprocess.run(
        program, env=os.environ | {"PYTHONPATH": search}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
