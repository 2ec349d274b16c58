"""Retrainings that are killed, each at another moment, and those that come after them.

Git and its remote are real; DVC, the gate and the registry are replaced by a few files.
"""

import contextlib
import errno
import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clearbg.errors import CommandError
from clearbg.promotion.promote import Verdict
from clearbg.retraining import git
from clearbg.retraining import retrain as retraining
from clearbg.system import process

HALF_A_FILE = ".abcdefghijklmnopqrst-_.tmp"  # as DVC names what it has begun
IMAGES = ["1.png", "2.png", "3.png", "4.png"]


@pytest.fixture
def team(tmp_path, monkeypatch) -> Path:
    """A checkout with code, settings, tracked data that are not here yet, and a remote."""
    folder = tmp_path / "checkout"
    written = {"params.yaml": "1\n", "recipes/demo.yaml": "1\n", "src/code.py": "1\n"}
    written |= {"own.dvc": "outs:\n- path: own\n", ".gitignore": "own\n.clearbg\n*.jpg\ndone\n"}
    for name, text in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "t")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "t@t")
    monkeypatch.chdir(folder)
    for command in ("init -q", "add -A", "commit -qm start"):
        subprocess.run(["git", *command.split()], check=True)
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "origin.git"], check=True)
    process.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    monkeypatch.setattr(retraining.recipes, "live", lambda: "demo")
    monkeypatch.setattr(retraining.config, "load", lambda: None)
    return folder


def dies(what: str, moment: str) -> None:
    if what == moment:
        os.kill(os.getpid(), signal.SIGKILL)


def note(line: str) -> None:
    with open("done", "a") as file:
        file.write(line + "\n")


def dvc(what: str, *arguments: str, moment: str, **_) -> str:
    """A remote named storage, one stage, and data that arrive image by image."""
    if what == "pull" and arguments == ("own.dvc",):
        Path("own").mkdir(exist_ok=True)
        assert set(os.listdir("own")) <= set(IMAGES)  # what DVC does not know it does not remove
        for number, name in enumerate(IMAGES):
            Path("own", name).write_text(name)
            if number == 1:
                Path("own", HALF_A_FILE).touch()
                dies("half of the data", moment)
                Path("own", HALF_A_FILE).unlink()
    if what == "repro" and not Path("dvc.lock").exists():
        note(f"trained on {len(os.listdir('own'))}")
        Path("reports").mkdir(exist_ok=True)
        Path("dvc.lock").write_text(str(sorted(os.listdir("own"))))
    dies(f"dvc {what}", moment)
    return "storage" if what == "config" else ""


def judge(*_, moment: str):
    champion = Path(".clearbg/champion").exists()
    verdict = Verdict(not champion, "judged", None if champion else Path("reports/promotion.md"))
    if verdict.report:
        verdict.report.write_text("better\n")
        verdict.report.with_suffix(".jpg").write_text("an image")
    dies("judge", moment)
    return type("Challenge", (), {"verdict": verdict})


def promote(challenge, moment: str):
    note("promoted")
    Path(".clearbg/champion").touch()
    dies("promote", moment)
    return challenge.verdict


def retrain(moment: str) -> None:
    def run(*command: str, real=process.run, **options):
        done = real(*command, **options)
        dies(" ".join(command[:2]), moment)
        return done

    process.run = run
    for function in (dvc, judge, promote):
        setattr(retraining, function.__name__, functools.partial(function, moment=moment))
    retraining.retrain()


def status_of(moment: str = "") -> int | None:
    """The exit status of a retraining in a process of its own."""
    child = multiprocessing.get_context("fork").Process(target=retrain, args=(moment,))
    child.start()
    child.join(300)
    return child.exitcode


@pytest.mark.parametrize(
    "moment",
    [
        "half of the data", "dvc pull", "dvc repro", "judge", "dvc push", "git write-tree",
        "git commit-tree", "git update-ref", "git push", "promote",
    ],
)  # fmt: skip
def test_retraining_killed_at_any_moment_is_completed_by_the_next(team, moment):
    assert status_of(moment) == -signal.SIGKILL
    assert status_of() == 0
    assert status_of() == 0
    assert Path("done").read_text() == "trained on 4\npromoted\n"
    (branch,) = process.git("ls-remote", "--heads", "origin").split()[1::2]
    held = process.git("ls-tree", "-r", "--name-only", branch).split()
    assert {"dvc.lock", "reports/promotion.md", "reports/promotion.jpg", "own.dvc"} <= set(held)
    assert process.git("branch", "--list", "retrain/*") == branch.removeprefix("refs/heads/")
    assert not Path(".clearbg/retrain/bringing").exists()


DVC = """
import sys, time
from pathlib import Path
if "repro" in sys.argv and not Path("dvc.lock").exists():
    with open("done", "a") as file:
        file.write("training\\n")
    while not Path(".clearbg/enough").exists():
        time.sleep(0.01)
    Path("reports").mkdir()
    Path("dvc.lock").touch()
"""


def wait_for(path: Path) -> None:
    for _ in range(3000):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} did not appear")


def test_dvc_that_outlives_its_killed_retraining_is_not_joined_by_a_second(team, monkeypatch):
    Path(".clearbg").mkdir()
    Path(".clearbg/dvc.py").write_text(DVC)
    monkeypatch.setattr(process, "DVC", (sys.executable, ".clearbg/dvc.py", "dvc"))
    for function in (judge, promote):
        replaced = functools.partial(function, moment="")
        monkeypatch.setattr(retraining, function.__name__, replaced)
    first = multiprocessing.get_context("fork").Process(target=retraining.retrain)
    first.start()
    wait_for(Path("done"))
    first.kill()
    first.join()
    with pytest.raises(CommandError, match="the DVC of one that was killed: wait until it has"):
        retraining.retrain()
    Path(".clearbg/enough").touch()
    wait_for(Path("dvc.lock"))
    for _ in range(3000):  # DVC is about to end
        with contextlib.suppress(CommandError):
            retraining.retrain()
            break
        time.sleep(0.1)
    assert Path("done").read_text() == "training\npromoted\n"


def test_locks_that_killed_programs_left_are_not_in_the_way(team):
    assert status_of("git commit-tree") == -signal.SIGKILL
    Path(".git/index.lock").touch()
    Path(".dvc/tmp").mkdir(parents=True)
    Path(".dvc/tmp/rwlock").write_text('{"write": {"mod')
    commit = git.commit("retrain/demo", "x", ["params.yaml", *retraining.RESULTS])
    process.git("update-ref", "-d", f"refs/heads/{commit.branch}")
    lock = Path(f".git/refs/heads/{commit.branch}.lock")
    lock.parent.mkdir(exist_ok=True)  # git removes a folder that has no branch left
    lock.touch()
    assert git.commit("retrain/demo", "x", ["params.yaml", *retraining.RESULTS]).new
    assert not lock.exists()
    assert status_of() == 0
    assert Path("done").read_text() == "trained on 4\npromoted\n"
    assert not Path(".dvc/tmp/rwlock").exists()


def test_results_of_another_checkout_are_taken_over_beside_a_lock(team):
    assert status_of() == 0
    for name in ("dvc.lock", "reports/promotion.md"):
        Path(name).unlink()
    Path(".git/index.lock").touch()
    assert git.adopt("retrain/demo-", ["src"], ["params.yaml"], retraining.RESULTS)
    assert Path("dvc.lock").exists() and Path("reports/promotion.md").exists()


def test_results_that_were_taken_over_by_half_are_taken_over_again(team, monkeypatch):
    assert status_of() == 0
    process.git("clean", "-qfd", "dvc.lock", "reports")
    real = git.git

    def dying(*command, **variables):
        done = real(*command, **variables)
        if command[0] == "restore":
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(git, "git", dying)
    with pytest.raises(KeyboardInterrupt):
        git.adopt("retrain/demo-", ["src"], ["params.yaml"], retraining.RESULTS)
    assert Path("reports/promotion.md").exists() and not Path("dvc.lock").exists()
    monkeypatch.setattr(git, "git", real)
    assert git.adopt("retrain/demo-", ["src"], ["params.yaml"], retraining.RESULTS)
    assert Path("dvc.lock").exists()


def test_disk_without_locks_is_named(team, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refused)
    with pytest.raises(CommandError, match=r"retrain/lock cannot be locked \(No locks"):
        retraining.retrain()
