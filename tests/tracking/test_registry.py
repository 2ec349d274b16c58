"""What comes out of the model registry is whole, or one sentence says what is wrong."""

import os
import resource
import shutil
import time
from pathlib import Path

import pytest
from support import contenders

from clearbg import Remover
from clearbg.data import leaks
from clearbg.errors import ClearBGError, RegistryError
from clearbg.system.files import file_sha256
from clearbg.tracking import runs
from clearbg.tracking.registry import CHAMPION, ONNX, Registry, fetch, find_registry

pytestmark = pytest.mark.slow  # the first store of MLflow takes seconds


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A project with one registered version, champion of its SQLite store."""
    return contenders.registered(tmp_path_factory.mktemp("a project"), champion=1)


@pytest.fixture
def store(filled, tmp_path, monkeypatch):
    """The store above, to be changed at will; its artifacts are shared."""
    shutil.copy(filled / "mlflow.db", tmp_path / "mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return filled


def versions_file() -> Path:
    return next(Path(".clearbg/registry").glob("*/model.onnx"))


def test_fetched_file_is_the_registered_one(store):
    path = fetch()
    assert file_sha256(path) == file_sha256(store / "exports/model.onnx")
    assert Remover(path).contract.model == "u2netp"


def test_list_of_training_images_comes_along(store):
    beside = fetch().with_name(leaks.FILE)
    assert beside.read_bytes() == (store / "exports" / leaks.FILE).read_bytes()


def test_without_a_store_nothing_is_fetched_and_none_is_made(tmp_path):
    assert fetch() is None
    assert not (tmp_path / "mlflow.db").exists()


def test_without_the_alias_nothing_is_fetched(store):
    assert fetch("previous") is None


def test_without_the_model_nothing_is_fetched(store, monkeypatch):
    monkeypatch.setenv("CLEARBG_REGISTERED_MODEL", "another")
    assert fetch() is None


def test_fetched_once_needs_no_artifacts(store, monkeypatch):
    fetch()
    monkeypatch.setattr(Registry, "download", None)
    assert fetch().is_file()


def test_damaged_copy_is_fetched_again(store):
    fetch()
    versions_file().write_bytes(b"half")
    assert file_sha256(fetch()) == file_sha256(store / "exports/model.onnx")


def test_file_that_was_exchanged_in_the_registry_is_refused(store):
    registry = find_registry()
    first = registry.aliased(CHAMPION)
    other = registry.add(first.source, first.run_id, {ONNX: "0" * 64})
    registry.point(CHAMPION, other.number)
    with pytest.raises(RegistryError, match=r"clearbg version 2 is missing, or its SHA-256"):
        fetch()
    assert not list(Path(".clearbg/registry").glob("*/model.onnx"))


def test_version_that_nobody_tagged_is_refused(store):
    registry = find_registry()
    first = registry.aliased(CHAMPION)
    registry.point(CHAMPION, registry.add(first.source, first.run_id, {}).number)
    with pytest.raises(RegistryError, match=r"has no SHA-256 in its tag clearbg\.onnx"):
        fetch()


def test_deleted_version_is_no_version(store):
    registry = find_registry()
    registry._client.delete_model_version("clearbg", "1")
    assert registry.version(1) is None
    assert fetch() is None


def test_server_that_does_not_answer_is_one_sentence_at_once(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(RegistryError, match="refused") as error:
        fetch()
    assert time.monotonic() - start < 60  # MLflow would try for minutes
    assert "secret" not in str(error.value) and "\n" not in str(error.value)


def test_damaged_database_is_one_sentence(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 100)
    with pytest.raises(RegistryError, match="not a database"):
        fetch()


def test_full_disk_leaves_no_half_file(store):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(ClearBGError, match=r"too large|space"):
            fetch()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(Path(".clearbg/registry").glob("*/model.onnx"))
    assert fetch().is_file()


def test_model_is_logged_anew_when_its_list_was_missing(store, tmp_path):
    lonely = Path(shutil.copy(store / "exports/model.onnx", tmp_path / "model.onnx"))
    with runs.train_run("second", {}, "demo") as run:
        first = run.model(lonely)
        shutil.copy(store / "exports" / leaks.FILE, tmp_path)
        second = run.model(lonely)
        assert second not in (None, first)
        assert run.model(lonely) == second
    assert os.path.exists(lonely)


@pytest.mark.parametrize("tag", ["../../outside", "/tmp/outside", "A" * 64, "0" * 63])
def test_tag_that_is_no_hash_makes_no_folder(store, tmp_path, tag):
    registry = find_registry()
    first = registry.aliased(CHAMPION)
    registry.point(CHAMPION, registry.add(first.source, first.run_id, {ONNX: tag}).number)
    with pytest.raises(RegistryError, match=r"has no SHA-256 in its tag clearbg\.onnx"):
        fetch()
    assert not list(tmp_path.rglob("outside"))


@pytest.mark.parametrize("copied", [False, True])
def test_project_that_was_moved_or_copied_finds_its_own_files(
    filled, tmp_path, monkeypatch, copied
):
    first, second = tmp_path / "first", tmp_path / "the second, größer"
    shutil.copytree(filled, first)
    monkeypatch.setenv("DVC_ROOT", str(first))
    assert fetch().is_relative_to(first)
    shutil.copytree(first, second, ignore=shutil.ignore_patterns(".clearbg"))
    if not copied:
        shutil.rmtree(first)
    monkeypatch.setenv("DVC_ROOT", str(second))
    monkeypatch.delenv("MLFLOW_TRACKING_URI")  # MLflow itself has set it in this process
    assert fetch().is_relative_to(second)
    with runs.train_run("second", {}, "demo") as run:
        run.file(second / "params.yaml")
        assert run.id
    assert list(second.glob("mlartifacts/*/artifacts/params.yaml"))
    assert first.exists() == copied and not list(first.rglob("artifacts/params.yaml"))


def test_experiment_that_was_deleted_is_restored_and_said(store, capsys):
    client = find_registry()._client
    client.delete_experiment(client.get_experiment_by_name("clearbg").experiment_id)
    with runs.train_run("third", {}, "demo") as run:
        assert run.id
    assert "experiment clearbg had been deleted and was restored" in capsys.readouterr().err
