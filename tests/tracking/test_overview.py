"""What MLflow's pages show of a run: its scores, those of its models, and the machine."""

import json
import time

import pandas as pd
import pytest
from mlflow.entities import LoggedModelOutput
from support.tracked_runs import SETTINGS, points, train

from clearbg.tracking import overview
from clearbg.tracking import runs as tracking

pytestmark = pytest.mark.slow  # the first store of MLflow takes seconds


def evaluated(fingerprint, folder) -> tracking.Run:
    """A run with figures on the test split."""
    pd.DataFrame({"id": ["a", "b"], "split": ["train", "test"]}).to_csv(
        folder / "manifest.csv", index=False
    )
    run = train(fingerprint)
    run.metrics({"best/max_f": 0.95, "test/max_f": 0.9, "test/max_f_low": 0.8})
    for split in ("train", "test"):
        run.dataset(folder / "manifest.csv", split, "synthetic", "own")
    return run


def test_logged_model_has_the_scores_of_the_test_split_once(store, fingerprint, tmp_path):
    run = evaluated(fingerprint, tmp_path)
    experiment = store.get_run(run.id).info.experiment_id
    model = store.create_logged_model(experiment, name="model", source_run_id=run.id)
    store.log_outputs(run.id, [LoggedModelOutput(model.model_id, step=0)])
    for _ in range(2):
        run.show_scores()
    (test,) = (
        i.dataset for i in store.get_run(run.id).inputs.dataset_inputs if i.tags[0].value == "test"
    )
    logged = store.get_logged_model(model.model_id).metrics
    assert sorted((m.key, m.value, m.dataset_name, m.dataset_digest) for m in logged) == [
        ("test/max_f", 0.9, "synthetic", test.digest),
        ("test/max_f_low", 0.8, "synthetic", test.digest),
    ]
    assert store.get_run(run.id).data.metrics["test/max_f"] == 0.9


def test_logged_model_follows_a_figure_that_goes_there_and_back(store, fingerprint, tmp_path):
    run = evaluated(fingerprint, tmp_path)
    experiment = store.get_run(run.id).info.experiment_id
    model = store.create_logged_model(experiment, name="model", source_run_id=run.id)
    store.log_outputs(run.id, [LoggedModelOutput(model.model_id, step=0)])
    for value in (0.9, 0.8, 0.9):
        run.metrics({"test/max_f": value})
        run.show_scores()
    logged = store.get_logged_model(model.model_id).metrics
    told = [m for m in logged if m.key == "test/max_f" and m.dataset_digest]
    assert [m.value for m in sorted(told, key=lambda m: m.timestamp)] == [0.9, 0.8, 0.9]


def test_run_without_model_or_test_split_has_nothing_to_give(store, fingerprint, tmp_path, capfd):
    train(fingerprint).show_scores()
    evaluated(f"{fingerprint} 2", tmp_path).show_scores()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("headline", "ascending"), [("test/max_f", False), ("test/mae", True)])
def test_page_of_runs_opens_with_the_scores_the_best_on_top(
    store, fingerprint, tmp_path, headline, ascending
):
    run = evaluated(fingerprint, tmp_path)
    run.show_scores([headline, "test/dice"])
    tags = store.get_experiment(store.get_run(run.id).info.experiment_id).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    view = json.loads(tags[f"mlflow.sharedViewState.{overview.VIEW}"])
    assert view["selectedColumns"] == [f"metrics.`{headline}`", "metrics.`test/dice`"]
    assert (view["orderByKey"], view["orderByAsc"]) == (f"metrics.`{headline}`", ascending)


def test_training_logs_how_busy_the_machine_is(store, fingerprint, monkeypatch):
    monkeypatch.setattr(overview, "SECONDS", 0.05)
    monkeypatch.setattr(overview, "SAMPLES", 1)
    with tracking.train_run(fingerprint, SETTINGS, "demo") as run:
        end = time.monotonic() + 60
        while not points(store, run, "system/cpu_utilization_percentage"):
            assert time.monotonic() < end
            time.sleep(0.1)
    assert store.get_run(run.id).info.status == "FINISHED"
