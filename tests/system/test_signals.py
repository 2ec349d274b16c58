"""A signal ends work between two steps: what is done is saved, one sentence says so."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clearbg.errors import Stopped
from clearbg.system import signals
from clearbg.tracking import runs

WORK = """
import sys, time
from pathlib import Path
from clearbg.system import signals
from clearbg.system.stage import stage

with stage("train", "models/"), signals.noted():
    for step in range(600):
        print(step, flush=True)
        while sys.argv[1] == "hang":
            if signals.stop_requested():
                print("asked to end", flush=True)
                time.sleep(600)
        time.sleep(0.1)
        signals.stop_if_requested(lambda: Path("saved").write_text(str(step)))
"""


def started(kind: str = "", **options) -> subprocess.Popen:
    script = Path("pipelines/train.py")
    script.parent.mkdir()
    script.write_text(WORK)
    process = subprocess.Popen(
        [sys.executable, script, kind], stdout=-1, stderr=-1, text=True, **options
    )  # fmt: skip
    assert process.stdout.readline() == "0\n"
    return process


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_signal_saves_says_so_and_ends_with_its_status(name):
    process = started()
    number = getattr(signal, name)
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 128 + number
    assert Path("saved").read_text() == ["0", *out.split()][-1]
    assert err == f"train: stopped by {name}, its state is saved: run it again to go on.\n"


def test_second_signal_ends_work_that_hangs():
    process = started("hang")
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "asked to end\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGTERM
    assert not Path("saved").exists()


def test_signal_that_was_ignored_stays_ignored():
    process = started(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    assert [process.stdout.readline() for _ in range(3)] == ["1\n", "2\n", "3\n"]
    process.send_signal(signal.SIGTERM)
    assert "SIGTERM" in process.communicate(timeout=300)[1]


def test_signal_is_not_lost_and_handlers_are_as_before_afterwards():
    before = [signal.getsignal(number) for number in signals.STOPPING]
    with pytest.raises(Stopped), signals.noted():
        assert [signal.getsignal(number) for number in signals.STOPPING] != before
        os.kill(os.getpid(), signal.SIGHUP)
        assert signals.stop_requested() == signal.SIGHUP
    assert [signal.getsignal(number) for number in signals.STOPPING] == before
    assert signals.stop_requested() is None


def test_loading_process_that_dies_of_the_signal_is_no_defect():
    died = RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated.")
    with pytest.raises(Stopped), signals.noted():
        os.kill(os.getpid(), signal.SIGTERM)
        raise died
    with pytest.raises(RuntimeError), signals.noted():
        raise died


def test_stopped_training_is_a_killed_run(tmp_path, monkeypatch):
    ended = []
    monkeypatch.setattr(runs, "_open", lambda *_: (runs.Run(), True))
    monkeypatch.setattr(runs.Run, "_end", lambda _, status: ended.append(status))
    with pytest.raises(Stopped), runs.train_run("f", {}, name="n"):
        raise Stopped(signal.SIGTERM)
    assert ended == ["KILLED"]
