"""What MLflow gets to see of a run, in a real SQLite store."""

import contextlib
import subprocess

import numpy as np
import pandas as pd
import pytest
from support.tracked_runs import HISTORY, SETTINGS, from_files, not_called, points, train

from clearbg.tracking import runs as tracking

pytestmark = pytest.mark.slow  # the first store of MLflow takes seconds


def test_new_store_prints_nothing(first_run):
    assert first_run[0].stdout + first_run[0].stderr == ""


def test_store_is_in_the_project(folder):
    assert (folder / "mlflow.db").is_file()


def test_settings_are_params(store, fingerprint):
    run = train(fingerprint)
    params = store.get_run(run.id).data.params
    assert params == {"train.lr": "0.001", "train.epochs": "3", "model.name": "u2netp"}


def test_history_repeats_no_epoch(store, fingerprint):
    with tracking.train_run(fingerprint, SETTINGS, "demo") as run:
        for epochs in (1, 2, 3):
            run.history(HISTORY[:epochs])
    assert points(store, run, "train/loss") == [(1, 0.5), (2, 0.4), (3, 0.3)]


def test_empty_cell_is_no_metric(store, fingerprint):
    assert points(store, train(fingerprint), "validation/max_f") == [(1, 0.8), (3, 0.9)]


def test_rounded_figure_is_not_new(store, fingerprint):
    run = train(fingerprint)
    run.metrics({"test/max_f": 0.123456789})
    run.metrics({"test/max_f": 0.123457})
    assert points(store, run, "test/max_f") == [(0, 0.123456789)]


def test_changed_figure_replaces_the_old(store, fingerprint):
    run = train(fingerprint)
    for value in (0.9, 0.8):
        run.metrics({"test/max_f": value})
    assert store.get_run(run.id).data.metrics["test/max_f"] == 0.8


def test_a_run_has_figures_only_as_they_are_now(store, fingerprint):
    run = train(fingerprint)
    assert run.has({"test/max_f": 0.9}) is False
    run.metrics({"test/max_f": 0.9, "test/mae": 0.123456789})
    assert run.has({"test/max_f": 0.9, "test/mae": 0.123457, "test/dice": np.nan}) is True
    assert run.has({"test/max_f": 0.8}) is False
    assert tracking.Run().has({"test/max_f": 0.9}) is None


def test_finished_training_is_marked_finished(store, fingerprint):
    assert store.get_run(train(fingerprint).id).info.status == "FINISHED"


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")]
)
def test_broken_training_is_marked_and_its_error_passes(store, fingerprint, error, status):
    with pytest.raises(error), tracking.train_run(fingerprint, SETTINGS, "demo") as run:
        raise error
    assert store.get_run(run.id).info.status == status


def test_broken_training_goes_on_in_its_run(store, fingerprint):
    with pytest.raises(ValueError), tracking.train_run(fingerprint, SETTINGS, "demo") as run:
        run.history(HISTORY[:2])
        raise ValueError
    assert train(fingerprint).id == run.id
    assert points(store, run, "train/loss") == [(1, 0.5), (2, 0.4), (3, 0.3)]


def test_finished_training_is_not_gone_on_with(store, fingerprint):
    assert train(fingerprint).id != train(fingerprint).id


def test_weights_find_the_run_that_trained_them(store, fingerprint):
    run = train(fingerprint, weights="abc")
    assert tracking.run_of_weights("abc", SETTINGS, "demo", not_called).id == run.id


def test_newest_of_equal_runs_is_found(store, fingerprint):
    train(fingerprint, weights="def")
    newer = train(fingerprint, weights="def")
    assert tracking.run_of_weights("def", SETTINGS, "demo", not_called).id == newer.id


def test_other_settings_are_another_run(store, fingerprint):
    run = train(fingerprint)
    other = tracking.run_of_weights(fingerprint, {**SETTINGS, "train.lr": 1}, "demo", from_files)
    assert other.id != run.id


def test_unknown_weights_are_recorded_from_files(store, fingerprint):
    run = tracking.run_of_weights(fingerprint, SETTINGS, "demo", from_files)
    assert points(store, run, "train/loss") == [(1, 0.5), (2, 0.4), (3, 0.3)]


def test_recorded_weights_are_found_again(store, fingerprint):
    run = tracking.run_of_weights(fingerprint, SETTINGS, "demo", from_files)
    assert tracking.run_of_weights(fingerprint, SETTINGS, "demo", not_called).id == run.id


def test_run_that_broke_off_is_completed_from_files(store, fingerprint):
    with contextlib.suppress(ValueError), tracking.train_run(fingerprint, SETTINGS, "demo") as run:
        run.history(HISTORY[:1])
        raise ValueError
    tracking.run_of_weights("ghi", SETTINGS, "demo", from_files, fingerprint)
    assert points(store, run, "train/loss") == [(1, 0.5), (2, 0.4), (3, 0.3)]


def test_splits_are_dataset_inputs(store, fingerprint, tmp_path):
    manifest = tmp_path / "manifest.csv"
    rows = {"id": ["a", "b", "c"], "split": ["train", "train", "test"]}
    pd.DataFrame(rows).to_csv(manifest, index=False)
    run = train(fingerprint)
    for split in ("train", "test", "test"):
        run.dataset(manifest, split, "synthetic", "https://example.org/data.zip")
    inputs = store.get_run(run.id).inputs.dataset_inputs
    sizes = {item.tags[0].value: item.dataset.profile for item in inputs}
    assert sizes == {"train": '{"num_rows": 2}', "test": '{"num_rows": 1}'}


def test_dataset_digest_follows_the_content(store, fingerprint, tmp_path):
    digests = set()
    for name, image in (("one", "x"), ("copy", "x"), ("two", "y")):
        manifest = tmp_path / f"{name}.csv"
        manifest.write_text(f"sha256,split\n{image},train\n")
        run = train(f"{fingerprint} {name}")
        run.dataset(manifest, "train", "synthetic", "own")
        digests.add(store.get_run(run.id).inputs.dataset_inputs[0].dataset.digest)
    assert len(digests) == 2


def test_files_are_kept_beside_the_database(store, fingerprint, folder, tmp_path):
    (tmp_path / "samples.jpg").touch()
    run = train(fingerprint)
    run.file(tmp_path / "samples.jpg")
    assert list(folder.glob(f"mlartifacts/{run.id}/**/samples.jpg"))


def test_relative_database_is_in_the_real_project(folder, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs/own.db")
    assert tracking.uri() == f"sqlite:///{folder}/runs/own.db"


def test_experiment_has_the_name_that_dvc_gave(store, fingerprint, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "odd-otter")
    assert store.get_run(train(fingerprint).id).info.run_name == "odd-otter"


@pytest.mark.parametrize("dirty", ["false", "true"])
def test_changed_code_is_marked_dirty(store, fingerprint, tmp_path, dirty):
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "start"], check=True)
    (tmp_path / ("code.py" if dirty == "true" else "dvc.lock")).touch()
    assert store.get_run(train(fingerprint).id).data.tags["git.dirty"] == dirty


def test_outside_git_nothing_is_said_of_it(store, fingerprint):
    assert "git.dirty" not in store.get_run(train(fingerprint).id).data.tags
