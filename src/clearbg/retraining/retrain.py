"""One retraining, whole: data, training, judgment, record, and the champion last.

The order is what makes a crash harmless. Data is pushed before the commit that names it, the
commit before the pull request that shows it, and only then the champion's alias moves: what it
points to can always be made again. Every step is done once and found done by the next run.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clearbg import config
from clearbg.config import recipes
from clearbg.drift import verdict as drift
from clearbg.drift.comparison import TooFewError
from clearbg.drift.page import write_page
from clearbg.errors import CommandError
from clearbg.promotion.promote import Candidate, Verdict, judge, promote
from clearbg.retraining import git, github
from clearbg.system import process, project
from clearbg.system.files import write_text
from clearbg.system.parsing import ParseError, parse_json, parse_yaml, read_text
from clearbg.system.process import dvc

CODE = ("src", "pipelines", "recipes", "dvc.yaml", "requirements.txt")
"""What decides a result and is not committed here: it must be in the last commit."""

SETTINGS, RESULTS = "params.yaml", ("dvc.lock", "reports")
JUDGED = ("ingest", "train", "evaluate", "export")
"""Stages whose outputs the gate reads."""

HALF = re.compile(r"\.[\w-]{22}\.tmp")  # names of the files that DVC had begun when it was killed
LONGEST = 60_000  # characters; GitHub takes 65,536


@dataclass(frozen=True)
class Retraining:
    """What became of a retraining.

    Attributes:
        verdict: of the promotion.
        branch: holds the results; "" when there are none but what a branch holds already.
        address: of the pull request; "" when none was asked for.
        body: file with the pull request's text.
    """

    verdict: Verdict
    branch: str
    address: str
    body: Path


def retrain(
    recipe: str | None = None, open_pull_request: bool = False, recent: str | None = None
) -> Retraining | None:
    """Bring new data, train what depends on it, judge, push, and move the champion.

    Args:
        recipe: is made the live params.yaml first; None: the live one stays.
        open_pull_request: with `gh`, on GitHub.
        recent: train only if these images have drifted, see `drifted`.

    Returns:
        what came of it; None: no drift was found, and nothing was trained.

    Raises:
        CommandError: git, DVC or gh refused, code differs from the last commit, or another
            retraining is at work.
        SettingsError: there is no such recipe, or it would overwrite edits.
    """
    with _alone():
        if recent and not drifted(recent):
            return None
        return _retrain(recipe, open_pull_request)


def _retrain(recipe: str | None, open_pull_request: bool) -> Retraining:
    git.refuse_edits(*CODE)
    if open_pull_request:
        github.require_gh()
    if recipe and recipe != recipes.live():
        recipes.use(recipe)
    name, settings = recipes.live(), config.load()
    remote = dvc("config", "core.remote").strip()
    if open_pull_request and not remote:
        raise CommandError(
            "--open: there is no DVC remote, so nobody could fetch the data of the branch: name "
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
    challenge = judge(Candidate(), settings)
    verdict = challenge.verdict
    _say(verdict.sentence)
    if remote:
        _say("pushing data and runs")
        dvc("push", "--run-cache", "--quiet", shown=True)
    commit, pushed = None, False
    # The results of a model that lost are committed too, so that nobody trains it once more.
    if verdict.report and (verdict.promoted or not known):
        sheet = str(verdict.report.with_suffix(".jpg"))
        files = [SETTINGS, *RESULTS, *_tracked_data()]
        commit = git.commit(f"retrain/{name}", f"Retrain {name}", files, [sheet])
        pushed = commit.new and git.push(commit.branch)
    title = f"Retrain {name}: {'a better model' if verdict.promoted else 'the champion stays'}"
    body = _write_body(title, commit, verdict)
    address = ""
    if open_pull_request and verdict.promoted and pushed:
        address = github.open_pull_request(commit.branch, title, body)
        if os.getenv("GITHUB_ACTIONS"):
            github.start_tests(commit.branch)
    if verdict.report:
        verdict = promote(challenge)
        _say(verdict.sentence)
    return Retraining(verdict, commit.branch if commit else "", address, body)


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
    try:
        verdict = drift.judge(Path(recent), Candidate.data)
    except TooFewError as error:
        _say(str(error))
        return False
    write_page(Path("reports/drift.html"), verdict.comparison, verdict.sources)
    print(verdict.table())
    return verdict.status == drift.DRIFT


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep a second retraining out, also while a DVC lives on that a killed one has started.

    DVC inherits the lock. Where there are no such locks (Windows), its own must do.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    path = project.state() / "retrain" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                "another retraining is at work here, or the DVC of one that was killed: wait until "
                "it has ended, then run again; what it has done is not done twice."
            ) from error
        except OSError as error:
            raise CommandError(
                f"{path} cannot be locked ({error.strerror}): put the project on a disk that "
                "supports locks, then run again."
            ) from error
        yield


def _bring(remote: str) -> None:
    """Newer states of imported data, and data that this folder has not got yet.

    What lies in the folder already is left alone: images that were added or removed there
    are the new data. Only what a killed run had begun to bring is brought again.
    """
    _remove_half_a_lock()
    begun = project.state() / "retrain" / "bringing"
    cut_short = begun.read_text(encoding="utf-8") if begun.exists() else ""
    for path in sorted(_tracked_data(), key=lambda path: path != cut_short):
        if not (project.root() / path).exists():  # git still lists what was deleted
            continue
        imported, outs = _tracked(path)
        if imported:
            _say(f"asking the source of {path} for news")
            dvc("update", path, shown=True)
            continue
        places = [(project.root() / path).parent / out for out in outs]
        if path == cut_short or (remote and not all(place.exists() for place in places)):
            _say(f"bringing {path.removesuffix('.dvc')}")
            write_text(begun, path)
            for file in (file for place in places for file in place.rglob(".*.tmp")):
                if HALF.fullmatch(file.name):
                    file.unlink()
            dvc("pull", path, shown=True)
            begun.unlink()


def _remove_half_a_lock() -> None:
    """Remove DVC's list of locks where a killed DVC wrote half of it: no other DVC would run."""
    locks = project.root() / ".dvc/tmp/rwlock"
    try:
        parse_json(read_text(locks))
    except ParseError:
        locks.unlink(missing_ok=True)
    except OSError:  # there is none
        return


def _tracked(path: str) -> tuple[bool, list[str]]:
    """Whether the data of a .dvc file are imported, and the paths beside it of what it tracks.

    Raises:
        CommandError: it is no .dvc file.
    """
    try:
        facts = parse_yaml(read_text(project.root() / path))
        outs = [out["path"] for out in facts["outs"]]
        if not all(isinstance(out, str) and out for out in outs):
            raise ParseError("has an output without a path")
        return "deps" in facts, outs
    except ParseError as error:
        reason = str(error)
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except (KeyError, TypeError):
        reason = "names no data that it tracks"
    raise CommandError(
        f"{path} {reason}: restore it with `git restore`, or delete it and run `dvc add` again."
    )


def _tracked_data() -> list[str]:
    """The .dvc files of the project."""
    found = process.git(
        "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.dvc"
    )
    return [path for path in found.split("\0") if path]


def _reproduce(remote: str) -> None:
    """Run what changed; with a remote, take what others ran and bring what the gate reads."""
    if not remote:
        _say("no DVC remote is set (`dvc remote add -d`): nothing is pulled or pushed")
    dvc("repro", *(("--pull", "--allow-missing") if remote else ()), shown=True)
    if remote:
        dvc("pull", "--quiet", *JUDGED, shown=True)


def _write_body(title: str, commit: git.Commit | None, verdict: Verdict) -> Path:
    """The pull request's text: the promotion's report, and figures and settings against HEAD."""
    parts = [f"# {title}"]
    if verdict.report:
        told = (project.root() / verdict.report).read_text(encoding="utf-8").strip()
        sheet = verdict.report.with_suffix(".jpg")
        address = _address(commit, sheet) if commit else str(sheet)
        parts.append(told.replace(f"({sheet.name})", f"({address})"))
    else:
        parts.append("The exported model is the champion already.")
    if commit:
        parts.append(
            f"Data, models and reports of this commit come with `git switch {commit.branch} && "
            "dvc pull`."
        )
    for heading, what in (("Figures", "metrics"), ("Settings", "params")) if verdict.report else ():
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
