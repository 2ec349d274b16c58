"""The git commands of a retraining: it commits on its own branch and leaves the checkout alone."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clearbg.errors import CommandError
from clearbg.system.process import git, run
from clearbg.system.project import root


@dataclass(frozen=True)
class Commit:
    """A branch, its newest commit, and whether it holds anything that HEAD does not."""

    branch: str
    sha: str
    new: bool


def refuse_edits(*paths: str) -> None:
    """Check that the files under `paths` are as in the last commit.

    Raises:
        CommandError: a file was changed or added, or this is no repository with a commit.
    """
    git("rev-parse", "--verify", "HEAD")
    edits = git("-c", "core.quotePath=false", "status", "--porcelain", "--", *paths).splitlines()
    if edits:
        names = ", ".join(line.split(maxsplit=1)[1] for line in edits[:3])
        more = " and others" if len(edits) > 3 else ""
        raise CommandError(
            f"nobody could reproduce a model from uncommitted changes ({names}{more}): commit or "
            "stash them, then run again."
        )


def commit(prefix: str, message: str, files: Sequence[str], forced: Sequence[str] = ()) -> Commit:
    """Commit files on top of HEAD, on a branch named after `prefix` and the hash of the content.

    The checkout, its index and its branch stay as they are. Committing the same content again
    gives the same branch and commit. `forced` are files to commit although .gitignore names them.
    """
    with _index() as index:
        git("add", "--all", "--", *files, **index)
        if forced:
            git("add", "--force", "--", *forced, **index)
        tree = git("write-tree", **index)
    branch = f"{prefix}-{tree[:10]}"
    if tree == git("rev-parse", "HEAD^{tree}"):
        return Commit(branch, git("rev-parse", "HEAD"), new=False)
    name = f"refs/heads/{branch}"
    # Only a killed retraining leaves it: the branch is named after its content.
    (root() / git("rev-parse", "--git-path", f"{name}.lock")).unlink(missing_ok=True)
    for known in (name, f"refs/remotes/origin/{branch}"):
        if sha := git("rev-parse", "--verify", "--quiet", known, accepted=(0, 1)):
            break
    else:
        sha = git("commit-tree", tree, "-p", "HEAD", "-m", message)
    git("update-ref", name, sha)
    return Commit(branch, sha, new=True)


def adopt(prefix: str, same: Sequence[str], files: Sequence[str], results: Sequence[str]) -> bool:
    """Restore the results that another checkout made from the same inputs and pushed.

    Args:
        prefix: of the names of origin's branches to search, the newest first.
        same: paths that must be the same in HEAD and on the branch.
        files: files that must be the same in the checkout and on the branch.
        results: files to restore from the branch; none is if the first has changes here.

    Returns:
        Whether such a branch was found.
    """
    if "origin" not in git("remote").split() or git("status", "--porcelain", "--", results[0]):
        return False
    place = f"refs/remotes/origin/{prefix}"
    git("fetch", "--quiet", "--prune", "origin", f"+refs/heads/{prefix}*:{place}*")
    newest = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname)", f"{place}*")
    for sha in newest.split():
        if _agree(sha, "HEAD", same) and _agree(sha, "", files):
            listed = git("ls-tree", "-z", "--name-only", sha, "--", *results).split("\0")
            held = sorted(filter(None, listed), key=results.index)
            with _index() as index:
                for name in reversed(held):  # the first goes last: who is killed starts over
                    git("restore", f"--source={sha}", "--worktree", "--", name, **index)
            return True
    return False


@contextlib.contextmanager
def _index() -> Iterator[dict[str, str]]:
    """The variables of an index that holds HEAD, and that no killed git has left locked."""
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        git("read-tree", "HEAD", **index)
        yield index


def _agree(sha: str, other: str, paths: Sequence[str]) -> bool:
    """Whether `paths` are the same in commit `sha` and commit `other` ("": the checkout)."""
    commits = [sha, other] if other else [sha]
    return run("git", "diff", "--quiet", *commits, "--", *paths, accepted=(0, 1)).returncode == 0


def push(branch: str) -> bool:
    """Push the branch to origin unless it is there; False: there is no remote of this name."""
    if "origin" not in git("remote").split():
        return False
    if not git("ls-remote", "--heads", "origin", f"refs/heads/{branch}"):
        git("push", "--quiet", "origin", f"refs/heads/{branch}:refs/heads/{branch}")
    return True
