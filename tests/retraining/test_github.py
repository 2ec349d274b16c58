"""GitHub's program gh, as far as a stand-in answers; the alarm of a stale champion."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import Result
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.errors import CommandError
from clearbg.retraining import github, staleness


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A `gh` on the PATH that answers from a table and notes what it was asked."""

    def make(**answers: str) -> Path:
        noted, folder = tmp_path / "asked.txt", tmp_path / "bin"
        folder.mkdir()
        cases = "".join(f"'{k.replace('_', ' ')}') echo '{v}' ;;\n" for k, v in answers.items())
        script = f'#!/bin/sh\necho "$*" >> "{noted}"\ncase "$1 $2" in\n{cases}esac\n'
        (folder / "gh").write_text(script)
        (folder / "gh").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return noted

    return make


def test_pull_request_is_opened_once_and_then_gets_the_new_text(hub, tmp_path):
    asked = hub(pr_list="", pr_create="https://hub/pull/1")
    assert github.open_pull_request("retrain/x", "A title", Path("body.md")) == "https://hub/pull/1"
    assert "pr create --head retrain/x --title A title --body-file body.md" in asked.read_text()


def test_open_pull_request_gets_the_new_text(hub):
    asked = hub(pr_list="https://hub/pull/1")
    assert github.open_pull_request("retrain/x", "A title", Path("body.md")) == "https://hub/pull/1"
    assert "pr edit https://hub/pull/1 --body-file body.md" in asked.read_text()
    assert "pr create" not in asked.read_text()


@pytest.mark.parametrize("found, asked_for", [("", "issue create"), ("https://hub/issues/1", "")])
def test_stale_champion_opens_one_issue(hub, found, asked_for):
    asked = hub(issue_list=found, issue_create="https://hub/issues/1")
    assert github.open_issue("The champion is stale", "text") == "https://hub/issues/1"
    assert ("issue create" in asked.read_text()) == bool(asked_for)


def test_missing_gh_is_told_before_the_work(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="gh auth login"):
        github.require_gh()


@pytest.fixture
def stale(monkeypatch, tmp_path):
    """`clearbg stale` in a project whose champion is so many days old."""

    def run(days: float | None, *words: str) -> Result:
        made = SimpleNamespace(created=(time.time() - (days or 0) * 86400) * 1000)
        found = SimpleNamespace(aliased=lambda alias: None if days is None else made)
        monkeypatch.setattr(staleness, "find_registry", lambda: found)
        (tmp_path / "recipes").mkdir()
        (tmp_path / "params.yaml").touch()
        monkeypatch.chdir(tmp_path)
        return CliRunner().invoke(app, ["stale", *words])

    return run


@pytest.mark.parametrize(
    "days, status, said",
    [(44.0, 0, "44 days old; 45 days"), (46.0, 3, "46 days old; 45"), (None, 3, "is no champion")],
)
def test_old_or_missing_champion_is_stale(stale, days, status, said):
    answer = stale(days)
    assert answer.exit_code == status and said in answer.output


def test_stale_champion_is_told_by_an_issue(stale, hub):
    asked = hub(issue_list="", issue_create="https://hub/issues/1")
    answer = stale(46.0, "--open")
    assert answer.exit_code == 0 and "https://hub/issues/1" in answer.output
    assert "issue create --title The champion is stale --body" in asked.read_text()


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "x", "1e999"])
def test_age_that_is_no_number_of_days_is_refused(stale, text):
    assert stale(1.0, "--days", text).exit_code == 2
