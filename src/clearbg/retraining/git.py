"""Git as a retraining needs it: a commit on a branch of its own, beside the checkout."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from clearbg.errors import CommandError
from clearbg.system.process import git, run


@dataclass(frozen=True)
class Commit:
    """A branch, its newest commit, and whether it holds anything that HEAD does not."""

    branch: str
    sha: str
    new: bool


def refuse_edits(*paths: str) -> None:
    """Refuse files under `paths` that no commit has.

    Raises:
        CommandError: there are such files, or this is no repository with a commit.
    """
    git("rev-parse", "--verify", "HEAD")
    edits = git("status", "--porcelain", "--", *paths).splitlines()
    if edits:
        names = ", ".join(line.split(maxsplit=1)[1] for line in edits[:3])
        more = " and others" if len(edits) > 3 else ""
        raise CommandError(
            f"not as in the last commit: {names}{more}; nobody could make the model again: commit "
            "or stash them, then run again."
        )


def commit(prefix: str, message: str, files: Sequence[str], forced: Sequence[str] = ()) -> Commit:
    """Commit files upon HEAD on a branch that is named `prefix` and the content's own hash.

    The checkout, its index and its branch stay as they are. The same content twice is one
    branch and one commit. `forced` are files that .gitignore names.
    """
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        git("read-tree", "HEAD", **index)
        git("add", "--all", "--", *files, **index)
        if forced:
            git("add", "--force", "--", *forced, **index)
        tree = git("write-tree", **index)
    branch = f"{prefix}-{tree[:10]}"
    if tree == git("rev-parse", "HEAD^{tree}"):
        return Commit(branch, git("rev-parse", "HEAD"), new=False)
    name = f"refs/heads/{branch}"
    for known in (name, f"refs/remotes/origin/{branch}"):
        if sha := git("rev-parse", "--verify", "--quiet", known, accepted=(0, 1)):
            break
    else:
        sha = git("commit-tree", tree, "-p", "HEAD", "-m", message)
    git("update-ref", name, sha)
    return Commit(branch, sha, new=True)


def adopt(prefix: str, same: Sequence[str], files: Sequence[str], results: Sequence[str]) -> bool:
    """Take over what another checkout made of the same inputs and pushed on a branch.

    Args:
        prefix: of the branches on origin that are looked through, the newest first.
        same: paths that HEAD and the branch must agree on.
        files: files whose present content must be the branch's.
        results: files that are taken over; if the first has changes here, nothing is.

    Returns:
        Whether there was such a branch.
    """
    if "origin" not in git("remote").split() or git("status", "--porcelain", "--", results[0]):
        return False
    place = f"refs/remotes/origin/{prefix}"
    git("fetch", "--quiet", "--prune", "origin", f"+refs/heads/{prefix}*:{place}*")
    newest = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname)", f"{place}*")
    for sha in newest.split():
        if _agree(sha, "HEAD", same) and _agree(sha, "", files):
            held = git("ls-tree", "--name-only", sha, "--", *results).splitlines()
            git("restore", f"--source={sha}", "--worktree", "--", *held)
            return True
    return False


def _agree(sha: str, other: str, paths: Sequence[str]) -> bool:
    """Whether two commits, or with "" a commit and the checkout, have the same at `paths`."""
    commits = [sha, other] if other else [sha]
    return run("git", "diff", "--quiet", *commits, "--", *paths, accepted=(0, 1)).returncode == 0


def push(branch: str) -> bool:
    """Push the branch to origin; False where there is no such remote."""
    if "origin" not in git("remote").split():
        return False
    if not git("ls-remote", "--heads", "origin", f"refs/heads/{branch}"):
        git("push", "--quiet", "origin", f"refs/heads/{branch}:refs/heads/{branch}")
    return True
