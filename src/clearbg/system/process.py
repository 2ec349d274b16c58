"""Calls of other programs (git, dvc, gh). A failure becomes one sentence."""

import os
import subprocess
import sys
from collections.abc import Sequence

from clearbg.errors import CommandError
from clearbg.system.project import root

DVC = (sys.executable, "-m", "dvc")
CLOSING = ("Having any troubles?", "hint:")  # what programs say after the reason


def run(
    *command: str, shown: bool = False, accepted: Sequence[int] = (0,), **variables: str
) -> subprocess.CompletedProcess:
    """Run a program in the project's folder, with further environment variables.

    Its output is returned as text; with `shown` it goes to this process's own output instead. DVC
    inherits the files that are inheritable: a lock, which it then holds after a kill of this
    process.

    Raises:
        CommandError: the program is missing, or its exit status is not `accepted`.
    """
    name = command[2] if command[: len(DVC)] == DVC else command[0]
    spoken = " ".join((name, *command[len(DVC) if name == "dvc" else 1 :][:2]))
    pipe = None if shown else subprocess.PIPE
    sys.stdout.flush()
    try:
        done = subprocess.run(
            command, cwd=root(), env={**os.environ, **variables}, stdout=pipe, stderr=pipe,
            text=True, encoding="utf-8", errors="replace", close_fds=name != "dvc",
        )  # fmt: skip
    except FileNotFoundError as error:
        raise CommandError(f"{name} is not installed: install it, then run again.") from error
    if done.returncode not in accepted:
        said = [line for line in (done.stderr or "").splitlines() if line.strip()]
        told = [line for line in said if not line.startswith(CLOSING)]
        said = [line for line in told if line.startswith(("ERROR", "error", "fatal"))] or told
        reason = f": {said[-1].strip()[:300]}" if said else ", see above"
        raise CommandError(
            f"`{spoken}` failed with status {done.returncode}{reason}; fix that, then run again: "
            "what is done stays done."
        )
    return done


def dvc(*arguments: str, shown: bool = False, accepted: Sequence[int] = (0,)) -> str:
    """Run DVC and return what it printed; empty if that was shown."""
    done = run(*DVC, *arguments, shown=shown, accepted=accepted, PATH=stage_path())
    return done.stdout or ""


def stage_path() -> str:
    """The PATH of DVC: stages say `python` and get the one that runs this, whichever is first."""
    return os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", "")))


def git(*arguments: str, accepted: Sequence[int] = (0,), **variables: str) -> str:
    """Run git and return what it printed, without white space at the ends.

    Git only reads what it is asked to read: it takes no lock to refresh the index on the way.
    """
    variables = {"GIT_OPTIONAL_LOCKS": "0", **variables}
    return run("git", *arguments, accepted=accepted, **variables).stdout.strip()
