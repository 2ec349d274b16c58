"""GitHub, through its own program `gh`: pull requests, issues, workflows."""

import shutil
from pathlib import Path

from clearbg.errors import CommandError
from clearbg.system.process import run


def require_gh() -> None:
    """Refuse to go on without `gh`.

    Raises:
        CommandError: it is not installed.
    """
    if shutil.which("gh") is None:
        raise CommandError(
            "gh, GitHub's program, is not installed: install it and run `gh auth login`, or leave "
            "out the option that asks for it."
        )


def open_pull_request(branch: str, title: str, body: Path) -> str:
    """The address of the branch's pull request; one that is open gets the new text."""
    found = _gh(
        "pr", "list", "--head", branch, "--state", "open", "--json", "url", "--jq", ".[].url"
    )
    if found:
        _gh("pr", "edit", found.split()[0], "--body-file", str(body))
        return found.split()[0]
    return _gh("pr", "create", "--head", branch, "--title", title, "--body-file", str(body))


def start_tests(branch: str) -> None:
    """Start test.yml on a branch: what a workflow's own token pushes starts none by itself."""
    _gh("workflow", "run", "test.yml", "--ref", branch)


def open_issue(title: str, body: str) -> str:
    """The address of the open issue with this title, which is made where there is none."""
    wanted = f'.[] | select(.title == "{title}") | .url'
    search = ("--state", "open", "--search", f"{title} in:title", "--json", "title,url")
    found = _gh("issue", "list", *search, "--jq", wanted)
    return found.split()[0] if found else _gh("issue", "create", "--title", title, "--body", body)


def _gh(*arguments: str) -> str:
    return run("gh", *arguments).stdout.strip()
