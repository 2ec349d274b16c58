"""One retraining, whole: data, training, judgment, record, and the champion last.

The order is what makes a crash harmless. Data is pushed before the commit that names it, the
commit before the pull request that shows it, and only then the champion's alias moves: what it
points to can always be made again. Every step is done once and found done by the next run.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from clearbg import config
from clearbg.config import recipes
from clearbg.errors import CommandError
from clearbg.retraining import git, github
from clearbg.system import process, project
from clearbg.system.files import write_text
from clearbg.system.process import dvc

CODE = ("src", "pipelines", "recipes", "dvc.yaml", "requirements.txt")
"""What decides a result and is not committed here: it must be in the last commit."""

SETTINGS, RESULTS = "params.yaml", ("dvc.lock", "reports")
JUDGED = ("ingest", "train", "evaluate", "export")
"""Stages whose outputs the gate reads."""

GATE = "pipelines/promote.py"
PROMOTED, KEPT = 0, 3
"""Exit statuses of the gate."""

DRIFTED, ALIKE, TOO_FEW = 3, 0, 4
"""Exit statuses of `clearbg drift`."""

VERDICT, IMAGES = Path("reports/promotion.md"), Path("reports/promotion.jpg")
"""What the gate writes."""

LONGEST = 60_000  # characters; GitHub takes 65,536


@dataclass(frozen=True)
class Outcome:
    """What became of a retraining.

    Attributes:
        promoted: the new model is the champion.
        branch: holds the results; "" when there are none but what a branch holds already.
        address: of the pull request; "" when none was asked for.
        body: file with the pull request's text.
    """

    promoted: bool
    branch: str
    address: str
    body: Path


def retrain(recipe: str | None = None, open_pull_request: bool = False) -> Outcome:
    """Bring new data in, train what depends on it, judge, push, and move the champion.

    Args:
        recipe: is made the live params.yaml first; None: the live one stays.
        open_pull_request: with `gh`, on GitHub.

    Raises:
        CommandError: git, DVC or gh refused, or code differs from the last commit.
        SettingsError: there is no such recipe, or it would overwrite edits.
    """
    git.refuse_edits(*CODE)
    if open_pull_request:
        github.must_be_here()
    if recipe and recipe != recipes.live():
        recipes.use(recipe)
    name = recipes.live()
    config.load()
    remote = dvc("config", "core.remote").strip()
    if open_pull_request and not remote:
        raise CommandError(
            "--open: there is no DVC remote, so that nobody could get what the branch names: name "
            "one with `dvc remote add -d NAME ADDRESS`, or leave out --open."
        )
    _bring(remote)
    # DVC's run cache does not bring stages whose figures are in git to another checkout.
    known = bool(remote) and git.adopt(
        f"retrain/{name}-", CODE, [SETTINGS, *_tracked_data()], RESULTS
    )
    if known:
        _say("another checkout has trained this already; taking over what it pushed")
    _reproduce(remote)
    before = _written()
    better = _gate("--dry-run") == PROMOTED
    judged = _written() != before
    if remote:
        _say("pushing data and runs")
        dvc("push", "--run-cache", "--quiet", shown=True)
    commit, pushed = None, False
    if better or (judged and not known):  # what lost is kept too, lest it is trained once more
        files = [SETTINGS, *RESULTS, *_tracked_data()]
        commit = git.commit(f"retrain/{name}", f"Retrain {name}", files, [str(IMAGES)])
        pushed = commit.new and git.push(commit.branch)
    title = f"Retrain {name}: {'a better model' if better else 'the champion stays'}"
    body = _write_body(title, commit, judged)
    address = ""
    if open_pull_request and better and pushed:
        address = github.open_pull_request(commit.branch, title, body)
        if os.getenv("GITHUB_ACTIONS"):
            github.start_tests(commit.branch)
    # A challenger that lost is registered too, as a challenger.
    promoted = judged and _gate() == PROMOTED
    return Outcome(promoted, commit.branch if commit else "", address, body)


def drifted(recent: str) -> bool:
    """Whether recent images, or a removal log, no longer look like those of the training.

    Args:
        recent: as `clearbg drift` takes it, or an address that `dvc get-url` knows.

    Raises:
        CommandError: they cannot be brought or compared.
    """
    if dvc("config", "core.remote").strip():
        dvc("pull", "--quiet", "--allow-missing", "ingest", shown=True)
    if "://" in recent:
        here = project.state() / "recent" / recent.rstrip("/").rpartition("/")[2]
        here.parent.mkdir(parents=True, exist_ok=True)
        dvc("get-url", "--force", recent, str(here))
        recent = str(here)
    command = (sys.executable, "-m", "clearbg", "drift", recent)
    status = process.run(*command, shown=True, accepted=(DRIFTED, ALIKE, TOO_FEW)).returncode
    return status == DRIFTED


def _bring(remote: str) -> None:
    """Newer states of imported data, and data that this folder has not got yet.

    What lies in the folder already is left alone: images that were added or removed there
    are the new data.
    """
    for path in _tracked_data():
        tracked = yaml.safe_load((project.root() / path).read_text(encoding="utf-8"))
        if "deps" in tracked:
            _say(f"asking the source of {path} for news")
            dvc("update", path, shown=True)
        elif remote and any(
            not (project.root() / path).parent.joinpath(out["path"]).exists()
            for out in tracked["outs"]
        ):
            _say(f"bringing {path.removesuffix('.dvc')}")
            dvc("pull", path, shown=True)


def _tracked_data() -> list[str]:
    """The .dvc files of the project."""
    found = process.git("ls-files", "--cached", "--others", "--exclude-standard", "--", "*.dvc")
    return found.splitlines()


def _reproduce(remote: str) -> None:
    """Run what changed; with a remote, take what others ran and bring what the gate reads."""
    if not remote:
        _say("no DVC remote is set (`dvc remote add -d`): nothing is pulled or pushed")
    dvc("repro", *(("--pull", "--allow-missing") if remote else ()), shown=True)
    if remote:
        dvc("pull", "--quiet", *JUDGED, shown=True)


def _gate(*arguments: str) -> int:
    """Judge the new model against the champion; with --dry-run no alias moves."""
    command = (sys.executable, GATE, *arguments)
    return process.run(*command, shown=True, accepted=(PROMOTED, KEPT)).returncode


def _written() -> int:
    """When the gate wrote its verdict; it writes none where the export is the champion."""
    path = project.root() / VERDICT
    return path.stat().st_mtime_ns if path.exists() else 0


def _write_body(title: str, commit: git.Commit | None, judged: bool) -> Path:
    """The pull request's text: verdict with images, figures and settings against HEAD.

    Args:
        judged: there is a verdict; without one there is nothing else to tell either.
    """
    parts = [f"# {title}"]
    if judged:
        verdict = (project.root() / VERDICT).read_text(encoding="utf-8").strip()
        shown = _address(commit, IMAGES) if commit else str(IMAGES)
        parts.append(verdict.replace(f"({IMAGES.name})", f"({shown})"))
    else:
        parts.append("The exported model is the champion already.")
    if commit:
        parts.append(
            f"Data, models and reports of this commit come with `git switch {commit.branch} && "
            "dvc pull`."
        )
    for heading, what in (("Figures", "metrics"), ("Settings", "params")) if judged else ():
        changes = dvc(what, "diff", "--md").strip()
        parts.append(
            f"<details><summary>{heading} against the last commit</summary>\n\n"
            f"{changes or 'No change.'}\n\n</details>"
        )
    text = "\n\n".join(parts)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST].rpartition(chr(10))[0]}\n\nThe rest is in reports/ on the branch."
    path = project.state() / "retrain" / "pull_request.md"
    write_text(path, text + "\n")
    if summary := os.getenv("GITHUB_STEP_SUMMARY"):
        with open(summary, "a", encoding="utf-8") as page:
            page.write(text + "\n")
    return path


def _address(commit: git.Commit, path: Path) -> str:
    """Where GitHub shows a committed file; outside its workflows the path alone."""
    server, name = os.getenv("GITHUB_SERVER_URL"), os.getenv("GITHUB_REPOSITORY")
    return f"{server}/{name}/blob/{commit.sha}/{path}?raw=true" if server and name else str(path)


def _say(text: str) -> None:
    print(f"retrain: {text}")
