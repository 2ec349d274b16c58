"""`clearbg init`: a new project is whole, under git, and watches the installed package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.project import ROOT
from typer.testing import CliRunner

from clearbg import starter
from clearbg.cli.app import app
from clearbg.system import code

STAGES = ("ingest", "augment", "train", "evaluate", "export")


@pytest.fixture(autouse=True)
def git_knows(monkeypatch, tmp_path):
    """git takes a name and an address from the environment alone."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")


def init(*words: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["init", *words])
    assert done.exit_code == status, done.output
    assert all(len(line) <= 80 for line in done.output.splitlines())
    return done.output


def git(*words: str) -> str:
    command = ["git", "-C", "new", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_new_project_is_whole_and_committed():
    told = init("new")
    assert "own/images" in told
    assert told.rstrip().endswith("the figures, which are there once dvc repro has ended")
    names = {path.name for path in Path("new").iterdir()}
    assert names == {".dvc", ".dvcignore", ".git", ".gitignore", "dvc.yaml", "own", "params.yaml",
                     "pipelines", "recipes"}  # fmt: skip
    assert Path("new/params.yaml").read_text() == (ROOT / "recipes/own.yaml").read_text()
    assert sorted(path.name for path in Path("new/own").iterdir()) == ["images", "masks"]
    assert git("status", "--porcelain") == "" and git("log", "--oneline").count("\n") == 1
    assert all(Path(f"new/pipelines/{stage}.py").is_file() for stage in STAGES)


def test_recipe_and_its_demo_can_be_chosen():
    assert "clearbg fetch" in init("new", "--recipe", "portrait")
    assert Path("new/params.yaml").read_text() == (ROOT / "recipes/portrait.yaml").read_text()
    assert "its demo" in init("other", "--recipe", "portrait", "--demo")
    assert "source: synthetic" in Path("other/params.yaml").read_text()


def test_every_path_that_dvc_watches_is_in_the_project_or_made_by_a_stage():
    init("new", "--demo")
    stages = yaml.safe_load(Path("new/dvc.yaml").read_text())["stages"]
    made = {out if isinstance(out, str) else next(iter(out))
            for stage in stages.values() for out in stage["outs"]}  # fmt: skip
    watched = {dep for stage in stages.values() for dep in stage.get("deps", ())}
    missing = {dep for dep in watched - {"${data.path}"} if not Path("new", dep).exists()}
    assert {dep for dep in missing if not {dep, Path(dep).parent.as_posix()} & made} == set()
    assert {f".clearbg/code/{stage}" for stage in STAGES} <= watched


def test_files_that_pip_has_compiled_in_an_installed_package_are_left_out(monkeypatch, tmp_path):
    shipped = tmp_path / "shipped"
    for folder in ("pipelines", "recipes"):
        shutil.copytree(ROOT / folder, shipped / folder)
    shutil.copy(ROOT / "dvc.yaml", shipped)
    (shipped / "pipelines/__pycache__").mkdir(exist_ok=True)
    (shipped / "pipelines/__pycache__/train.cpython-311.pyc").write_bytes(b"\xa7\r\r\n")
    monkeypatch.setattr(starter, "SHIPPED", shipped)
    init("new")
    assert "pipelines/train.py" in git("ls-files") and not list(Path("new").rglob("__pycache__"))


def test_without_a_name_for_git_it_is_not_committed_and_says_so(monkeypatch):
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    assert "Nothing is committed" in init("new")
    assert "new file:   dvc.yaml" in git("status")


def test_folder_with_files_is_refused_and_stays_as_it_is():
    Path("new").mkdir()
    Path("new/notes.txt").touch()
    assert "new is not empty" in init("new", status=1)
    assert [path.name for path in Path("new").iterdir()] == ["notes.txt"]


def test_repository_and_environment_may_be_there_before():
    subprocess.run(["git", "init", "--quiet"], check=True)
    Path(".venv").mkdir()
    init(".")
    assert Path("params.yaml").is_file()


@pytest.mark.parametrize(
    "words, says",
    [(["--recipe", "dmo"], "there is no recipe 'dmo'"), (["--demo=1"], "does not take a value")],
)
def test_wrong_words_make_nothing(words, says):
    done = CliRunner().invoke(app, ["init", "new", *words])
    assert done.exit_code and says in done.output
    assert not Path("new").exists()


@pytest.mark.slow
def test_digest_of_a_stage_changes_with_the_code_and_weights_that_decide_it(tmp_path):
    init("new")
    package = shutil.copytree(code.PACKAGE, tmp_path / "site/clearbg")

    def digests() -> dict[str, str]:
        command = [sys.executable, "-m", "clearbg.system.code", code.DIGESTS]
        environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
        subprocess.run(command, cwd="new", env=environment, check=True)
        return {path.name: path.read_text() for path in Path("new", code.DIGESTS).iterdir()}

    before = digests()

    def edit(name: str) -> set[str]:
        with (package / name).open("a") as file:
            file.write("\n")
        after = digests()
        changed = {stage for stage in STAGES if after[stage] != before[stage]}
        before.update(after)
        return changed

    assert edit("cli/remove.py") == set()
    assert edit("data/transforms.py") == {"train"}
    assert edit("evaluation/report.html.jinja") == {"evaluate"}
    assert edit("pretrained/clearbg-lite/weights.safetensors") == {"train"}
