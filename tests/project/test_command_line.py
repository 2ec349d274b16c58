"""What the command line answers before any command does its work."""

import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

import clearbg
from clearbg.cli.app import OTHER_WORDS, app


def test_version_is_that_of_the_package():
    assert CliRunner().invoke(app, ["--version"]).output == f"clearbg {clearbg.__version__}\n"


@pytest.mark.parametrize("words", [["-h"], ["remove", "-h"]])
def test_short_option_shows_the_help(words):
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0
    assert "Usage:" in shown.output


def test_command_that_is_nearly_right_is_named():
    answer = CliRunner().invoke(app, ["trian"])
    assert answer.exit_code == 2
    assert "Did you mean 'train'" in answer.output


@pytest.mark.parametrize("word", ["rm", "predict", "segment", "i"])
def test_word_of_another_tool_names_the_command(word):
    answer = CliRunner().invoke(app, [word, "photo.jpg"])
    assert answer.exit_code == 2
    assert "Did you mean 'remove'?" in answer.output


def test_words_of_other_tools_are_no_commands_and_lead_to_one():
    names = set(typer.main.get_command(app).commands)
    assert set(OTHER_WORDS) <= names
    assert not names & {word for words in OTHER_WORDS.values() for word in words.split()}


def test_help_of_remove_fits_one_screen():
    lines = CliRunner().invoke(app, ["remove", "-h"], env={"COLUMNS": "80"}).output.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 80
    assert [line for line in lines if line and line[0] != " "][1:] == [
        "Arguments:", "Options:", "Result:", "Run:",
        "Ray (several machines):", "Video:",
    ]  # fmt: skip
    text = " ".join(" ".join(lines).split())
    assert "png|webp|tiff|jpeg" in text and "[default: 95 for JPEG, lossless WebP]" in text


@pytest.mark.parametrize("words", [["a"], ["--inverted"], ["--model", "clearbg-lite"]])
def test_evaluate_wants_both_folders_or_no_words_at_all(words):
    answer = CliRunner().invoke(app, ["evaluate", *words])
    assert answer.exit_code == 1 and "name both" in answer.output


@pytest.mark.parametrize(
    "command",
    [
        "train",
        "evaluate",
        "export",
        "promote",
        "retrain",
        "stale",
        "ui",
        "use",
        "fetch",
        "estimate",
        "lr-find",
    ],
)
def test_command_of_a_project_says_outside_of_one_how_to_make_one(command, tmp_path):
    answer = CliRunner().invoke(app, [command])
    assert answer.exit_code == 1
    assert "make one with `clearbg init DIR`" in answer.output


@pytest.mark.parametrize("status", [0, 3])
def test_stage_is_run_by_dvc_and_ends_with_its_status(status, tmp_path, monkeypatch):
    calls = []

    def run(command, **options):
        calls.append((command, options["cwd"]))
        assert options["env"]["PATH"].startswith(os.path.dirname(sys.executable))
        return subprocess.CompletedProcess(command, status)

    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").touch()
    (tmp_path / "recipes").mkdir()
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    monkeypatch.setattr(subprocess, "run", run)
    assert CliRunner().invoke(app, ["train"]).exit_code == status
    assert calls == [([sys.executable, "-m", "dvc", "repro", "train"], tmp_path)]


def test_command_whose_packages_are_missing_is_a_sentence(tmp_path):
    program = (
        "import sys; sys.modules['pandas'] = None; from clearbg.cli.app import app;"
        "app(['score', sys.argv[1], sys.argv[1]])"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("clearbg: pandas is not installed")
    assert "pip install '.[train]'" in done.stderr
