"""Trainings in two processes: the numbers of one with the doubled batch, and one common end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from support.ports import free_port
from support.project import ROOT, TINY, demo
from support.training import fit, write_augmented

from clearbg import config
from clearbg.config import recipes
from clearbg.training import checkpoints

pytestmark = pytest.mark.slow
PROGRAM = ROOT / "tests/support/two_processes.py"
SMALL = {"threads": 1, "precision": "32-true", "cache": "off", "workers": 0, "epochs": 2,
         "batch_size": 4, "checkpoint_seconds": 60, "accelerator": "cpu"}  # fmt: skip


def supervised(norm: str = "group", **train) -> dict:
    raw = demo(**TINY)
    raw["model"] |= {"norm": norm}
    raw["train"] |= SMALL | train
    return raw


def recipe(name: str, model: dict, train: dict) -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        raw = yaml.safe_load(recipes.render(name, demo=True))
    raw["augment"] |= {"size": 32}
    raw["transform"] |= {"crop": 32}
    raw["model"] |= {"norm": "group"} | model
    raw["train"] |= SMALL | train
    return raw


KILLED = {"killed": supervised(epochs=8, checkpoint_seconds=0)}
CASES = KILLED | {
    "supervised": supervised(),
    "synced": supervised("batch", sync_batch_norm=True),
    "apart": supervised("batch"),
    "adversarial": recipe(
        "gan", {"widths": [4, 8]}, {"discriminator_widths": [4, 8], "discriminator_depths": [1, 1]}
    ),
    "teacher": recipe("dis", {"teacher_epochs": 1}, {"epochs": 1}),
    "auto": supervised(epochs=1, batch_size="auto"),
    "stopped": supervised(epochs=10_000, checkpoint_seconds=0),
}


class Told(NamedTuple):
    folder: Path
    killed: tuple[int, str]
    """Status and what stood on stderr when the second process was killed."""
    stopped: tuple[int, str]
    """The same when it alone got a SIGTERM, after all other trainings."""
    out: str


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Told:
    """Two runs in two processes; of five validation images one process has three."""
    folder = tmp_path_factory.mktemp("two")
    write_augmented(folder / "augmented", validation=5)
    (folder / "killed.held").touch()
    killed = ended(folder, KILLED, signal.SIGKILL)
    (folder / "killed.held").unlink()
    assert not (folder / "killed.json").exists()
    stopped = ended(folder, CASES, signal.SIGTERM)
    return Told(folder, killed[:2], stopped[:2], stopped[2])


def ended(folder: Path, cases: dict, number: signal.Signals) -> tuple[int, str, str]:
    """Train the cases in two processes; the second gets a signal in the last one's first steps."""
    (folder / "cases.json").write_text(json.dumps({n: halved(raw) for n, raw in cases.items()}))
    process = subprocess.Popen(
        [sys.executable, PROGRAM, folder / "augmented", folder / "cases.json"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "GOMP_SPINCOUNT": "0"},
        stdout=-1, stderr=-1, text=True,
    )  # fmt: skip
    while not (folder / list(cases)[-1] / "state.pt").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    found = subprocess.run(["ps", "--ppid", str(process.pid), "-o", "pid="], capture_output=True)
    os.kill(int(found.stdout.split()[-1]), number)
    out, err = process.communicate(timeout=300)
    return process.returncode, err, out


def test_torchrun_on_two_machines_trains_as_one_process_does(tmp_path, tiny_networks):
    """Each of two torchruns stands for a machine that has one device."""
    data = write_augmented(tmp_path / "augmented", validation=5)
    machine = {"nodes": 2, "devices": 1, "batch_size": 2}
    raw = supervised()
    cases = {"run": raw | {"train": raw["train"] | machine}}
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    place = f"127.0.0.1:{free_port()}"
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1",
        "--rdzv-backend", "c10d", "--rdzv-endpoint", place, PROGRAM, data, tmp_path / "cases.json",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "GOMP_SPINCOUNT": "0"}
    machines = [subprocess.Popen(command, env=environment, stderr=-1, text=True) for _ in range(2)]
    for process in machines:
        _, err = process.communicate(timeout=400)
        assert process.returncode == 0, err
    one = fit(data, checkpoints.Checkpoint(tmp_path / "one"), config.parse(raw))[1].history
    two = json.loads((tmp_path / "run.json").read_text())
    for row, expected in zip(two, one, strict=True):
        assert row == pytest.approx(expected, abs=1e-5)


def halved(raw: dict) -> dict:
    """The same training in two processes."""
    batch = raw["train"]["batch_size"]
    parts = {"devices": 2, "batch_size": batch if batch == "auto" else batch // 2}
    return raw | {"train": raw["train"] | parts}


def curve(told: Told, name: str) -> list[dict]:
    return json.loads((told.folder / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["supervised", "synced", "adversarial", "teacher", "killed"])
def test_two_processes_learn_as_one_with_the_doubled_batch(two, tmp_path, tiny_networks, name):
    if name == "teacher":  # the first process alone has trained it, with its own batches
        shutil.copytree(two.folder / "teacher/teacher", tmp_path / "teacher/teacher")
    checkpoint, settings = checkpoints.Checkpoint(tmp_path / name), config.parse(CASES[name])
    one = fit(two.folder / "augmented", checkpoint, settings)[1].history
    for row, expected in zip(curve(two, name), one, strict=True):
        assert row == pytest.approx(expected, abs=1e-5)


def test_sync_batch_norm_changes_what_is_learned(two):
    apart, synced = (curve(two, name)[0]["train/loss"] for name in ("apart", "synced"))
    assert abs(apart - synced) > 1e-4


def test_batch_size_auto_is_one_number_for_all_processes(two):
    assert (two.folder / "auto/batch_size.txt").read_text() == "6\n"  # of 12 images
    assert len(curve(two, "auto")) == 1


def test_first_process_alone_writes(two):
    assert sorted(path.name for path in two.folder.glob("supervised.*")) == [
        "supervised.json", "supervised.told0"
    ]  # fmt: skip
    assert two.out == ""


def test_killed_process_ends_all_in_one_sentence(two):
    status, err = two.killed
    assert status == 128 + signal.SIGKILL
    assert "process 2 of 2 was ended by SIGKILL, and the others with it: run it again" in err
    assert "Traceback" not in err and "another of" not in err


def test_signal_to_one_process_stops_all_with_their_state_saved(two):
    status, err = two.stopped
    assert status == 128 + signal.SIGTERM
    assert "train: stopped by SIGTERM, its state is saved: run it again to go on." in err
    assert "Traceback" not in err and "was ended by" not in err
