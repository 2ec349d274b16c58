"""`clearbg use`: recipes are copied, listed, and never cost anybody an edit."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project with two real recipes, committed, the first one live."""
    from support.project import ROOT

    (tmp_path / "recipes").mkdir()
    for name in ("demo", "own"):
        text = (ROOT / f"recipes/{name}.yaml").read_text()
        (tmp_path / f"recipes/{name}.yaml").write_text(text)
    (tmp_path / "params.yaml").write_text((tmp_path / "recipes/demo.yaml").read_text())
    for command in (
        "git init -q",
        "git add -A",
        "git -c user.name=t -c user.email=t@t commit -qm start",
    ):
        subprocess.run(command.split(), check=True)
    return tmp_path


def clearbg(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "clearbg", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def live() -> str:
    return Path("params.yaml").read_text()


def test_use_lists_recipes_and_marks_the_live_one(folder):
    lines = clearbg("use").stdout.splitlines()
    assert lines[0].startswith("* demo ") and "generated images" in lines[0]
    assert lines[1].startswith("  own ")


def test_use_switches_to_a_recipe(folder):
    assert clearbg("use", "own").returncode == 0
    assert live() == (folder / "recipes/own.yaml").read_text()


def test_use_prints_the_quick_and_the_thorough_command_of_own_images(folder):
    lines = clearbg("use", "own").stdout.splitlines()
    assert [line.split(maxsplit=1)[0] for line in lines[1:]] == ["quick", "thorough"]
    assert lines[1].endswith("dvc repro") and "dvc exp run -S train.steps=" in lines[2]
    assert "run `dvc repro`" in clearbg("use", "demo").stdout


def test_use_refuses_to_overwrite_edits(folder):
    Path("params.yaml").write_text(live().replace("epochs: ", "epochs: 1"))
    done = clearbg("use", "own")
    assert done.returncode == 1 and "not committed" in done.stderr
    assert "epochs: 1" in live()


def test_use_overwrites_edits_when_told(folder):
    Path("params.yaml").write_text(live().replace("epochs: ", "epochs: 1"))
    assert clearbg("use", "own", "--force").returncode == 0
    assert live() == (folder / "recipes/own.yaml").read_text()


def test_use_overwrites_what_is_committed(folder):
    Path("params.yaml").write_text(live().replace("epochs: ", "epochs: 1"))
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "edit"], check=True
    )
    assert clearbg("use", "own").returncode == 0


def test_unknown_recipe_names_the_known_ones(folder):
    done = clearbg("use", "dmo")
    assert done.returncode == 1 and "demo, own" in done.stderr


def test_recipe_that_is_not_valid_is_not_used(folder):
    path = folder / "recipes/own.yaml"
    path.write_text(path.read_text().replace("batch_size", "batchsize"))
    done = clearbg("use", "own")
    assert done.returncode == 1 and "train.batchsize" in done.stderr
    assert live() == (folder / "recipes/demo.yaml").read_text()


def test_outside_a_project_it_says_so(tmp_path):
    done = clearbg("use")
    assert done.returncode == 1 and "`clearbg init DIR`" in done.stderr


def test_without_a_command_it_shows_help():
    assert "remove" in clearbg("--help").stdout
