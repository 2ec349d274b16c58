"""Where a model comes from is told from its content, wherever the file lies."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support import contenders
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.errors import ModelError
from clearbg.lineage import lineage
from clearbg.promotion.promotion_log import PROMOTE, PromotionLog
from clearbg.system import dvc_lock
from clearbg.system.files import file_sha256
from clearbg.tracking import runs
from clearbg.tracking.registry import CHAMPION, ONNX, Registry, open_registry
from clearbg.tracking.runs import WEIGHTS

pytestmark = pytest.mark.slow  # the first store of MLflow takes seconds

EXPORT = Path("exports/model.onnx")


def git(*arguments):
    who = ["-c", "user.name=t", "-c", "user.email=t@t"]
    done = subprocess.run(["git", *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(subject, params=None):
    """Commit a dvc.lock of the exports as they are, as DVC would write it; the commit."""
    figures = Path("reports/evaluate/metrics.json")
    figures.parent.mkdir(parents=True, exist_ok=True)
    figures.write_text(json.dumps({"mae": 0.1, "of": subject}) + "\n")
    md5, files = dvc_lock.listing(Path("exports"))
    listed = Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text(json.dumps([{"relpath": name, "md5": one} for name, one in files.items()]))
    lock = {
        "schema": "2.0",
        "stages": {
            "train": {
                "params": {"params.yaml": {"train": params or {"lr": 0.01}, "data.source": "own"}},
                "outs": [{"path": "models", "md5": "1" * 32 + ".dir"}],
            },
            "evaluate": {"outs": [{"path": str(figures), "md5": dvc_lock.file_md5(figures)}]},
            "export": {"outs": [{"path": "exports", "md5": md5}]},
        },
    }
    Path("dvc.lock").write_text(yaml.safe_dump(lock))
    git("add", "dvc.lock", str(figures))
    git("commit", "-qm", subject)
    return git("rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path):
    """A project under git with an export that no commit names."""
    git("init", "-q")
    contenders.project(tmp_path)
    contenders.export(tmp_path)
    return tmp_path


def test_commit_that_names_the_file_is_found_wherever_the_file_lies(project, tmp_path):
    first = commit("one")
    elsewhere = shutil.copy(EXPORT, tmp_path / "downloaded")
    found = lineage(str(elsewhere))
    assert [one["commit"] for one in found.commits] == [first, "this folder"]
    assert found.commits[0]["subject"] == "one"
    assert found.commits[0]["outputs"] == ["export: exports/model.onnx"]


def test_settings_and_figures_are_those_of_its_own_commit(project, tmp_path):
    first = commit("one", {"lr": 0.5})
    copy = shutil.copy(EXPORT, tmp_path / "old.onnx")
    contenders.export(project, 4.0)
    commit("two", {"lr": 0.25})
    found = lineage(str(copy))
    assert [one["commit"] for one in found.commits] == [first]
    assert found.params == {"train.lr": 0.5, "data.source": "own"}
    assert found.metrics["reports/evaluate/metrics.json"]["of"] == "one"
    assert set(found.stages) == {"train", "evaluate", "export"}


def test_file_on_another_branch_is_found(project, tmp_path):
    commit("one")
    git("switch", "-qc", "retrain/demo")
    contenders.export(project, 4.0)
    other = commit("two")
    copy = shutil.copy(EXPORT, tmp_path / "new.onnx")
    git("switch", "-q", "-")
    assert lineage(str(copy)).commits[0]["commit"] == other


def test_export_is_found_though_the_cache_has_gone(project):
    commit("one")
    shutil.rmtree(".dvc")
    assert lineage("exports").commits[0]["subject"] == "one"


def test_what_could_not_be_looked_into_is_said(project, tmp_path):
    commit("one")
    shutil.rmtree(".dvc")
    copy = shutil.copy(EXPORT, tmp_path / "copy.onnx")
    (missing, *_) = lineage(str(copy)).missing
    assert "No dvc.lock, here or in a commit, names this file" in missing
    assert "2 folders that they name could not be searched" in missing


def test_other_file_of_the_same_weights_is_found_by_them(project):
    """A file that was made by hand, while the weights still lie in models/."""
    Path("models").mkdir()
    Path("models/weights.safetensors").write_bytes(b"the weights")
    weights = Path("models/weights.safetensors")
    lock = {"stages": {"train": {"outs": [{"path": str(weights),
            "md5": dvc_lock.file_md5(weights)}]}}}  # fmt: skip
    Path("dvc.lock").write_text(yaml.safe_dump(lock))
    brightness_model(Path("by-hand.onnx"), weights_sha256=file_sha256(weights))
    (found,) = lineage("by-hand.onnx").commits
    assert (found["commit"], found["holds"]) == ("this folder", "its weights")


def test_licenses_come_from_the_file_itself(project):
    found = lineage(str(EXPORT)).contract
    assert found["trained_on"][0]["license"] == "CC0-1.0"
    assert found["open_to_commercial_use"] is True


def test_file_without_a_contract_says_so(project, tmp_path):
    (tmp_path / "strange.onnx").write_bytes(b"no model")
    found = lineage("strange.onnx")
    assert found.contract == {}
    assert "strange.onnx has no contract" in found.missing[0]


def test_nothing_known_is_told_and_not_made_up(tmp_path):
    brightness_model(Path("model.onnx"))
    found = lineage("model.onnx")
    assert not (found.commits or found.runs or found.versions or found.promotions)
    told = " ".join(found.missing)
    for word in ("no history", "No dvc.lock", "no MLflow store"):
        assert word in told
    assert not (tmp_path / "mlflow.db").exists()


def test_name_of_nothing_is_refused(project):
    with pytest.raises(ModelError, match="nobody is neither a file nor a version of clearbg"):
        lineage("clearbg@nobody")


# With a registry ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A project with a run, a version of its model, and its promotion."""
    folder = tmp_path_factory.mktemp("a project")
    with contenders.exporting(folder) as model:
        with runs.train_run("first", {"train.lr": 0.5}, "a run") as run:
            run.weights("a" * 64)
            run.metrics({"best/mae": 0.25})
            source = run.model(model)
        registry = open_registry()
        version = registry.add(source, run.id, {ONNX: file_sha256(model), WEIGHTS: "a" * 64})
        evidence = {"metric": "mae"}
        log = PromotionLog(registry)
        log.switch(PROMOTE, version, log.state(), None, "It is good.", evidence)
    return folder


@pytest.fixture
def store(filled, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(filled))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(filled.parent))
    return filled


@pytest.mark.parametrize(
    "name", ["1", "champion", "clearbg@champion", "models:/clearbg@champion", "models:/clearbg/1"]
)
def test_version_is_known_by_all_its_names(store, name):
    found = lineage(name)
    assert found.file["sha256"] == file_sha256(store / EXPORT)
    assert (found.versions[0]["number"], found.versions[0]["aliases"]) == (1, [CHAMPION])


def test_promotion_says_who_when_and_why(store, monkeypatch):
    (promotion,) = lineage(str(store / EXPORT)).promotions
    assert promotion["why"] == "It is good."
    assert promotion["evidence"] == {"metric": "mae"}
    assert promotion["by"] and promotion["time"].endswith("+00:00")


def test_run_is_found_by_the_weights(store, tmp_path):
    brightness_model(tmp_path / "int8.onnx", weights_sha256="a" * 64)
    found = lineage(str(tmp_path / "int8.onnx"))
    assert found.runs[0]["params"] == {"train.lr": "0.5"}
    assert found.runs[0]["metrics"] == {"best/mae": 0.25}
    assert found.versions[0]["same"] == "weights"


def test_version_whose_file_has_gone_still_has_its_tags(store, monkeypatch):
    def gone(self, version):
        raise ModelError("it has gone.")

    monkeypatch.setattr(Registry, "file", gone)
    found = lineage("1")
    assert "The file of clearbg version 1 could not be fetched: it has gone." in found.missing
    assert found.versions[0]["tags"][WEIGHTS] == "a" * 64
    assert found.runs and found.promotions


def test_server_that_does_not_answer_costs_only_what_it_knows(project, monkeypatch):
    commit("one")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    found = lineage(str(EXPORT))
    assert found.commits
    assert "refused" in found.missing[-1]


def test_command_prints_for_people_and_for_programs(store):
    text = CliRunner().invoke(app, ["lineage", "champion"])
    assert text.exit_code == 0, text.output
    for words in ("clearbg version 1 (champion)", "CC0-1.0", "It is good.", "not found"):
        assert words in text.output
    found = json.loads(CliRunner().invoke(app, ["lineage", "champion", "--json"]).output)
    assert found["promotions"][0]["action"] == "promote"


def test_command_refuses_in_one_sentence(tmp_path):
    done = CliRunner().invoke(app, ["lineage", "nothing"])
    assert done.exit_code == 1
    assert done.output.startswith("clearbg: nothing is neither a file nor a version")


@pytest.mark.slow
def test_stage_that_came_from_the_run_cache_is_found(project):
    """Two real runs of a DVC stage, and the first one's result brought back."""
    models = {}
    for name, gain in (("a", 8.0), ("b", 4.0)):
        models[name] = contenders.export(project, gain).rename(f"{name}.onnx")
    Path("dvc.yaml").write_text(
        "stages:\n  export:\n    cmd: mkdir -p exports && cp $(cat which).onnx exports/model.onnx\n"
        "    deps: [which]\n    outs: [exports]\n"
    )
    dvc = [sys.executable, "-m", "dvc"]
    shutil.rmtree("exports")
    subprocess.run([*dvc, "init", "-q"], check=True)
    subjects = []
    for name in ("a", "b"):
        Path("which").write_text(name)
        subprocess.run([*dvc, "repro", "-q"], check=True)
        git("add", "dvc.lock", "dvc.yaml", "which")
        git("commit", "-qm", name)
        subjects.append(name)
    Path("which").write_text("a")
    models["a"].unlink()  # so that nothing but the run cache can bring it back
    subprocess.run([*dvc, "repro", "-q"], check=True)
    found = lineage(str(EXPORT))
    assert [one["subject"] for one in found.commits] == ["a", ""]
    assert found.commits[1]["commit"] == "this folder"
