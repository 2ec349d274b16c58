"""`make retrain` from new images to a moved champion, and its parts."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import mlflow_servers
from support.images import disc
from support.project import TINY, Project, demo

from clearbg.drift.comparison import TooFewError
from clearbg.errors import CommandError
from clearbg.images import write_image, write_mask
from clearbg.promotion.promote import Verdict
from clearbg.retraining import git
from clearbg.retraining import retrain as retraining
from clearbg.system import process

IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "t"), ("EMAIL", "t@t"))
}
OWN = {
    "source": "folder", "path": "own", "images": "images", "masks": "masks", "kind": None,
    "count": None, "validation": 0.2, "test": 0.3,
}  # fmt: skip
LEAN = {
    **TINY,
    "data": OWN,
    "augment": {"size": 64},
    "transform": {"crop": 64},
    "model": {"name": "stacked_unet", "blocks": 1, "gray": "luma", "mean": [0.5], "std": [0.5]},
    "train": {**TINY["train"], "epochs": 1},
    "export": {**TINY["export"], "hugging_face": False},
    "promote": {"min_score": 0.0, "min_images": 2},
}  # fmt: skip


def draw(project: Project, numbers: range) -> None:
    for number in numbers:
        rgb, alpha = disc(number, (48, 64))
        write_image(project.folder / f"own/images/{number:03d}.png", rgb)
        write_mask(project.folder / f"own/masks/{number:03d}.png", alpha)


@pytest.fixture
def team(project, tmp_path) -> Project:
    """A project with 20 tracked images, a git remote and a DVC remote."""
    project.write_params(demo(**LEAN))
    draw(project, range(20))
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "origin.git"], check=True)
    project.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    project.dvc("remote", "add", "-q", "-d", "storage", str(tmp_path / "storage"))
    project.dvc("add", "-q", "own")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "own images", **IDENTITY)
    project.run("git", "push", "-q", "origin", "HEAD:refs/heads/main")
    return project


@pytest.mark.slow
def test_new_images_become_a_branch_a_text_and_a_champion_and_nothing_twice(team, tmp_path):
    from mlflow import MlflowClient

    with mlflow_servers.local(tmp_path) as address:

        def retrain(project: Project) -> tuple[str, int, list[str]]:
            """What `make retrain` printed, the champion, the branches that it pushed."""
            variables = {"MLFLOW_TRACKING_URI": address, "READY": "", **IDENTITY}
            out = project.run("make", "retrain", **variables).stdout
            champion = MlflowClient(address).get_model_version_by_alias("clearbg", "champion")
            heads = project.run("git", "ls-remote", "--heads", "origin", "retrain/*").stdout
            return out, int(champion.version), heads.split()[1::2]

        out, champion, branches = retrain(team)
        assert "\ntrain: wrote" in out and "retrain: the new model is champion" in out
        assert champion == 1 and len(branches) == 1
        assert branches[0].startswith("refs/heads/retrain/edited-")
        branch = branches[0].removeprefix("refs/heads/")
        assert team.run("git", "branch", "--show-current").stdout.strip() != branch
        text = (team.folder / ".clearbg/retrain/pull_request.md").read_text()
        assert "promote the challenger" in text and "| max_f" in text
        assert "(reports/promotion.jpg)" in text
        held = team.run("git", "ls-tree", "-r", "--name-only", branch).stdout.split()
        assert {"dvc.lock", "reports/promotion.md", "reports/promotion.jpg"} <= set(held)
        assert "reports/evaluate/sheet.jpg" not in held  # DVC's, as models/ and data/ are

        out, champion, again = retrain(team)
        assert "\ntrain: wrote" not in out
        assert "retrain: the champion stays; no branch" in out
        assert (champion, again) == (1, branches)

        # Nor in another checkout, as every scheduled run has one: it takes over what was pushed.
        clone = Project.at(tmp_path / "clone")
        origin = str(tmp_path / "origin.git")
        team.run("git", "clone", "-q", "-b", "main", origin, str(clone.folder))
        out, champion, again = retrain(clone)
        assert "another checkout has trained this" in out and ": wrote data" not in out
        assert (champion, again) == (1, branches)
        for name in ("own/images/000.png", "models/weights.safetensors", "exports/model.onnx"):
            assert (clone.folder / name).read_bytes() == (team.folder / name).read_bytes()

        draw(team, range(20, 40))
        out, champion, branches = retrain(team)
        assert "\ningest: wrote" in out and "\ntrain: wrote" in out
        manifest = (team.folder / "data/ingested/manifest.csv").read_text()
        assert manifest.count("\n") == 41
        assert champion == (2 if "the new model is champion" in out else 1) and len(branches) == 2
        stored = json.loads(team.dvc("data", "status", "--json", "--not-in-remote").stdout)
        assert not stored.get("not_in_remote")


@pytest.fixture
def history(tmp_path, monkeypatch) -> Path:
    """A repository with one commit that holds params.yaml, recipes/ and src/code.py."""
    folder = tmp_path / "a repository"
    for name in ("params.yaml", "recipes/demo.yaml", "src/code.py", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("1\n")
    (folder / ".gitignore").write_text("*.jpg\n")
    monkeypatch.chdir(folder)
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    for command in ("git init -q", "git add -A", "git commit -qm start"):
        subprocess.run(command.split(), check=True)
    return folder


def test_results_are_committed_beside_the_checkout(history):
    (history / "params.yaml").write_text("2\n")
    (history / "sheet.jpg").write_text("ignored")
    (history / "notes.txt").write_text("in the middle of something\n")
    subprocess.run(["git", "add", "notes.txt"], check=True)
    before = process.git("status", "--porcelain"), process.git("rev-parse", "HEAD")
    commit = git.commit("retrain/demo", "Retrain", ["params.yaml"], ["sheet.jpg"])
    assert (process.git("status", "--porcelain"), process.git("rev-parse", "HEAD")) == before
    changed = process.git("diff", "--name-only", "HEAD", commit.branch).split()
    assert changed == ["params.yaml", "sheet.jpg"] and commit.new
    assert commit.branch.startswith("retrain/demo-")
    assert git.commit("retrain/demo", "Again", ["params.yaml"], ["sheet.jpg"]) == commit


def test_nothing_new_is_no_commit(history):
    assert not git.commit("retrain/demo", "Retrain", ["params.yaml"]).new
    assert "retrain" not in process.git("branch", "--list")


@pytest.fixture
def origin(history, tmp_path) -> Path:
    """The repository has a remote, to which another checkout has pushed its results."""
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "origin.git"], check=True)
    process.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    for name, text in (("params.yaml", "2\n"), ("dvc.lock", "a lock\n")):
        (history / name).write_text(text)
    assert git.push(git.commit("retrain/demo", "x", ["params.yaml", "dvc.lock"]).branch)
    for command in ("checkout -q params.yaml", "clean -qf"):
        process.git(*command.split())
    return history


def adopted() -> bool:
    return git.adopt("retrain/demo-", ["src"], ["params.yaml"], ["dvc.lock", "reports"])


def test_results_of_another_checkout_are_taken_over_for_the_same_inputs(origin):
    assert not adopted() and not (origin / "dvc.lock").exists()  # other settings
    (origin / "params.yaml").write_text("2\n")
    assert adopted() and (origin / "dvc.lock").read_text() == "a lock\n"
    (origin / "dvc.lock").write_text("mine\n")
    assert not adopted() and (origin / "dvc.lock").read_text() == "mine\n"


def test_results_of_other_code_are_not_taken_over(origin):
    (origin / "src/code.py").write_text("2\n")
    process.git("commit", "-qam", "other code")
    (origin / "params.yaml").write_text("2\n")
    assert not adopted()


def test_code_that_no_commit_has_is_refused(history):
    git.refuse_edits("src")
    (history / "notes.txt").write_text("2\n")
    git.refuse_edits("src")
    (history / "src/code.py").write_text("2\n")
    (history / "src/more.py").write_text("2\n")
    with pytest.raises(
        CommandError, match=r"changes \(src/code\.py, src/more\.py\): .* stash them"
    ):
        git.refuse_edits("src")


def test_branch_without_a_remote_stays_here(history):
    (history / "params.yaml").write_text("2\n")
    assert not git.push(git.commit("retrain/demo", "x", ["params.yaml"]).branch)


def test_program_that_fails_or_is_missing_is_told_in_a_sentence(history):
    with pytest.raises(
        CommandError, match=r"`git switch -q` failed with status 128: fatal: .*no-such"
    ):
        process.git("switch", "-q", "no-such-branch")
    with pytest.raises(CommandError, match=r"^no-such-program is not installed"):
        process.run("no-such-program")


def test_data_in_the_folder_is_left_alone_and_missing_data_is_brought(history, monkeypatch):
    for name in ("here", "away"):
        (history / f"{name}.dvc").write_text(f"outs:\n- path: {name}\n")
    (history / "imported.dvc").write_text("deps:\n- path: s3://x\nouts:\n- path: imported\n")
    (history / "here").mkdir()
    called = []
    monkeypatch.setattr(retraining, "dvc", lambda *command, **_: called.append(command))
    retraining._bring("storage")
    assert sorted(called) == [("pull", "away.dvc"), ("update", "imported.dvc")]


@pytest.mark.parametrize("moved, wanted", [(("width",), True), ((), False), (None, False)])
def test_only_drift_of_what_was_brought_asks_for_training(history, monkeypatch, moved, wanted):
    called = []
    monkeypatch.setattr(retraining, "dvc", lambda *command, **_: called.append(command) or "")

    def judge(recent, reference):
        called.append(recent)
        if moved is None:
            raise TooFewError("too few.")
        comparison = SimpleNamespace(drifted=moved)
        return SimpleNamespace(
            comparison=comparison, sources=None, table=str, status=3 if moved else 0
        )

    monkeypatch.setattr(retraining.drift, "judge", judge)
    monkeypatch.setattr(retraining, "write_page", lambda *_: None)
    assert retraining.drifted("s3://bucket/removal.jsonl") is wanted
    assert called[1][:3] == ("get-url", "--force", "s3://bucket/removal.jsonl")
    assert str(called[2]) == called[1][-1]


@pytest.mark.slow
def test_retraining_for_drift_trains_nothing_where_there_is_none(project):
    project.params(**TINY | {"data": {"count": 75}})
    project.stage("ingest")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "tiny", **IDENTITY)
    recent = "data/ingested/images"
    done = project.run("make", "retrain", READY="", RECENT=recent, **IDENTITY)
    assert "No drift" in done.stdout and "nothing is trained" in done.stdout
    assert not (project.folder / "models").exists()


def test_pull_request_shows_images_of_its_own_commit(history, monkeypatch):
    (history / "reports").mkdir()
    told = "## Verdict: promote the challenger\n\n![Images](promotion.jpg)\n"
    (history / "reports/promotion.md").write_text(told)
    verdict = Verdict(True, "better", Path("reports/promotion.md"))
    monkeypatch.setattr(retraining, "dvc", lambda what, *_, **__: "| max_f | 0.9 |\n" * 9000)
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://hub")
    monkeypatch.setenv("GITHUB_REPOSITORY", "team/clearbg")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(history / "summary.md"))
    commit = git.Commit("retrain/demo-1", "abc", new=True)
    text = retraining._write_body("A title", commit, verdict).read_text()
    assert "(https://hub/team/clearbg/blob/abc/reports/promotion.jpg?raw=true)" in text
    assert "git switch retrain/demo-1 && dvc pull" in text
    assert len(text) < 65_536 and text.endswith("The rest is in reports/ on the branch.\n")
    assert (history / "summary.md").read_text() == text


def test_pull_request_needs_a_dvc_remote(history, monkeypatch):
    monkeypatch.setattr(retraining.github, "require_gh", lambda: None)
    monkeypatch.setattr(retraining.recipes, "live", lambda: "demo")
    monkeypatch.setattr(retraining.config, "load", lambda: None)
    monkeypatch.setattr(retraining, "dvc", lambda *_, **__: "")
    with pytest.raises(CommandError, match="dvc remote add"):
        retraining.retrain(open_pull_request=True)


@pytest.mark.parametrize("content", ["", "outs:", "outs: [{md5: x}]", "[]", "[" * 99, "outs: [x]"])
def test_dvc_file_that_is_none_is_named(tmp_path, content):
    (tmp_path / "own.dvc").write_text(content)
    with pytest.raises(CommandError, match=r"^own\.dvc .*restore it with `git restore`"):
        retraining._tracked("own.dvc")


def test_tracked_data_of_any_name_are_found(tmp_path):
    process.run("git", "init", "-q")
    (tmp_path / "größe 'x'.dvc").write_text("outs:\n- path: größe\n")
    [path] = retraining._tracked_data()
    assert retraining._tracked(path) == (False, ["größe"])


def test_reason_of_dvc_is_told_and_not_its_closing_words(tmp_path):
    script = "print('ERROR: no remote')\nprint('')\nprint('Having any troubles? Hit us up')"
    said = f"import sys; sys.stdout = sys.stderr\n{script}\nsys.exit(1)"
    with pytest.raises(CommandError, match="status 1: ERROR: no remote; fix that"):
        process.run("python3", "-c", said)
