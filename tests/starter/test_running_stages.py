"""python pipelines STAGE: which package runs, and what a wrong name is told."""

import shutil
import subprocess
import sys

import pytest
from support.project import ROOT

SHOWING = """
import subprocess, sys
import clearbg
print(clearbg.__file__, sys.argv[1:], flush=True)
subprocess.run([sys.executable, "-c", "import clearbg; print(clearbg.__file__)"], check=True)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pipelines").mkdir()
    shutil.copy(ROOT / "pipelines/__main__.py", tmp_path / "pipelines")
    (tmp_path / "pipelines/show.py").write_text(SHOWING)
    return tmp_path


def run(folder, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "pipelines", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_clone_runs_the_package_beside_it_in_all_processes(folder):
    package = folder / "src/clearbg/__init__.py"
    shutil.copytree(
        ROOT / "src/clearbg", package.parent, ignore=shutil.ignore_patterns("pretrained", "__py*")
    )
    done = run(folder, "show", "--from", "a b")
    assert done.stdout.splitlines() == [f"{package} ['--from', 'a b']", str(package)], done.stderr


def test_project_without_a_package_runs_the_installed_one(folder):
    assert str(ROOT / "src") in run(folder, "show").stdout


@pytest.mark.parametrize("words", [[], ["shwo"]])
def test_wrong_stage_names_the_right_ones(folder, words):
    done = run(folder, *words)
    assert done.returncode == 1 and done.stderr == "pipelines: name what to run: show.\n"
