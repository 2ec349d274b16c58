"""What MLflow's pages show first: scores in the tables of runs and of models, and the machine."""

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence

import mlflow
from mlflow.entities import Metric

from clearbg.metrics.names import LOWER_IS_BETTER
from clearbg.tracking.store import PATIENCE

SCORES = "test/"
VIEW = "scores"
"""In an address of MLflow's page, `viewStateShareKey=scores` is the view that is kept here."""
SECONDS, SAMPLES = 10, 6  # between two looks at the machine, and looks that are logged as one


def show(client: mlflow.MlflowClient, run_id: str, first: Sequence[str]) -> None:
    """Give the run's figures `test/...` to its models; `first` are columns of the page of runs."""
    _attach_scores(client, run_id)
    if first:
        _open_with(client, client.get_run(run_id).info.experiment_id, first)


def _open_with(client: mlflow.MlflowClient, experiment: str, scores: Sequence[str]) -> None:
    """Keep a view of an experiment: its runs with these metrics, the best by the first on top.

    MLflow reads it from a tag of the experiment, and another tag to know what it is for.
    """
    columns = [f"metrics.`{name}`" for name in scores]
    view = {
        "selectedColumns": columns,
        "orderByKey": columns[0],
        "orderByAsc": scores[0].removeprefix(SCORES) in LOWER_IS_BETTER,
        "chartsSearchFilter": SCORES,
    }
    tags = {
        f"mlflow.sharedViewState.{VIEW}": json.dumps(view),
        "mlflow.experimentKind": "custom_model_development",
    }
    known = client.get_experiment(experiment).tags
    for key, value in tags.items():
        if known.get(key) != value:
            client.set_experiment_tag(experiment, key, value)


def _attach_scores(client: mlflow.MlflowClient, run_id: str) -> None:
    """Give the test split and the run's figures on it to the models that the run has logged.

    MLflow has copied the figures to them before, without the split; it tells the copies apart by
    their time.
    """
    run = client.get_run(run_id)
    scores = [name for name in run.data.metrics if name.startswith(SCORES)]
    splits = [
        item.dataset
        for item in (run.inputs.dataset_inputs if run.inputs else ())
        if any(tag.value == "test" for tag in item.tags)
    ]
    for output in (run.outputs.model_outputs if run.outputs else ()) if splits else ():
        logged = client.get_logged_model(output.model_id)
        told = sorted(logged.metrics or (), key=lambda metric: metric.timestamp)
        known = {(metric.key, metric.dataset_digest): metric.value for metric in told}
        points = [
            max(client.get_metric_history(run_id, name), key=lambda point: point.timestamp)
            for name in scores
        ]
        new = [
            Metric(
                point.key, point.value, point.timestamp + 1, point.step, model_id=output.model_id,
                dataset_name=splits[-1].name, dataset_digest=splits[-1].digest, run_id=run_id,
            )
            for point in points
            if known.get((point.key, splits[-1].digest)) != point.value
        ]  # fmt: skip
        client.log_batch(run_id, metrics=new, synchronous=True)


@contextlib.contextmanager
def machine_of(client: mlflow.MlflowClient | None, run_id: str) -> Iterator[None]:
    """Log meanwhile how busy processor, memory, disk, network and GPU are, once a minute."""
    monitor = None
    if client is not None:
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        with contextlib.suppress(Exception):  # without psutil, or of a store that fails meanwhile
            monitor = SystemMetricsMonitor(
                run_id, SECONDS, SAMPLES, resume_logging=True, tracking_uri=client.tracking_uri
            )
            monitor.start()
    try:
        yield
    finally:
        if monitor is not None:  # a server that has fallen silent must hold up nobody
            last = threading.Thread(target=monitor.finish, daemon=True)
            last.start()
            last.join(PATIENCE)
