"""What the stages record in MLflow.

A run is found by content and never by the path of a stage's output: by the training's fingerprint
while the training goes on, and by the SHA-256 of the weights afterwards. If the store has no such
run (DVC restored the training from its run cache, or the server was down), a later stage creates
one and fills it from files. When the store fails, the stage prints one warning and goes on.
"""

import contextlib
import functools
import hashlib
import json
import logging
import math
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from clearbg.data import leaks
from clearbg.errors import Stopped
from clearbg.system.files import file_sha256
from clearbg.tracking.package import PACKAGE, code_alone
from clearbg.tracking.store import artifacts, ask, create_missing, follow_project, told, uri, warn

# MLflow reads some of these while it is being imported.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Perhaps only the server itself reaches its storage.
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",  # seconds
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}.items():
    os.environ.setdefault(_name, _value)

import mlflow.pyfunc  # noqa: E402
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag  # noqa: E402
from mlflow.tracking.context.registry import resolve_tags  # noqa: E402

from clearbg.tracking import overview  # noqa: E402

# Errors also arrive here as exceptions, and are shown in one sentence.
for _name in ("mlflow", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", message=".*input example was not provided")

FINGERPRINT, WEIGHTS, ONNX = "clearbg.fingerprint", "clearbg.weights", "clearbg.onnx"
BEATS_BASELINES = "clearbg.beats_baselines"  # and the split
IMAGES = "clearbg.training_images"  # SHA-256 of their list
SERVED_WITH = ("numpy", "onnxruntime", "pillow", "pydantic-core")


def _only_warns(method):
    """Turn the first error of a Run into a warning; later calls of its methods do nothing."""

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        if self._client is not None:
            try:
                return method(self, *args, **kwargs)
            except Exception as error:  # each store raises the errors of its own driver
                warn(error)
                self._client = None

    return call


class Run:
    """One run of the store; `Run()` belongs to no store, and all its methods do nothing."""

    def __init__(self, client: mlflow.MlflowClient | None = None, run_id: str = ""):
        self._client = client
        self.id = run_id

    @_only_warns
    def weights(self, sha256: str) -> None:
        """Tag the run with its weights, by which the later stages find it."""
        self._client.set_tag(self.id, WEIGHTS, sha256)

    @_only_warns
    def beats_baselines(self, split: str, value: bool) -> None:
        """Tag the run with whether its model beats masks that have not looked at the image."""
        self._client.set_tag(self.id, f"{BEATS_BASELINES}.{split}", str(value).lower())

    @_only_warns
    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log figures such as `test/max_f`; a value that the run already has is left out."""
        self._log(pd.DataFrame([values], index=[step]))

    @_only_warns
    def has(self, values: Mapping[str, float]) -> bool:
        """Whether these are the run's latest figures, NaN aside; None: there is no store."""
        logged = self._client.get_run(self.id).data.metrics
        return all(
            math.isnan(value) or math.isclose(logged.get(key, math.nan), value, rel_tol=1e-5)
            for key, value in values.items()
        )

    @_only_warns
    def history(self, epochs: pd.DataFrame) -> None:
        """Log one row per epoch: column `epoch` is the step, other numeric columns are metrics.

        It may be called after every epoch with all rows so far, and again after a resume.
        """
        self._log(epochs.set_index("epoch").select_dtypes("number"))

    def _log(self, figures: pd.DataFrame) -> None:
        """Log a step per row and a metric per column, without NaN and what the run already has."""
        points = [
            point for key in figures for point in self._client.get_metric_history(self.id, key)
        ]
        points.sort(key=lambda point: point.timestamp)
        known = {(point.step, point.key): point.value for point in points}
        now = int(time.time() * 1000)
        new = [
            Metric(key, float(value), now, int(step))
            for (step, key), value in figures.stack().dropna().items()
            # The files on disk may hold fewer digits than were logged.
            if not math.isclose(known.get((step, key), math.nan), value, rel_tol=1e-5)
        ]
        self._client.log_batch(self.id, metrics=new, synchronous=True)

    @_only_warns
    def file(self, path: Path | str, folder: str | None = None) -> None:
        """Log a file. MLflow compares images of two runs side by side only if `folder` is None."""
        self._client.log_artifact(self.id, str(path), folder)

    @_only_warns
    def dataset(self, manifest: Path | str, split: str, name: str, source: str) -> None:
        """Log a split of the manifest as an input, with a digest of the split's rows."""
        rows = pd.read_csv(manifest, dtype=str, keep_default_na=False).query("split == @split")
        dataset = Dataset(
            name=name,
            digest=hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()[:16],
            source_type="local",
            source=json.dumps({"uri": source}),
            profile=json.dumps({"num_rows": len(rows)}),
        )
        context = InputTag("mlflow.data.context", split)
        self._client.log_inputs(self.id, [DatasetInput(dataset, [context])])

    @_only_warns
    def model(self, onnx: Path | str) -> str | None:
        """Log an exported remover as the pyfunc `model`, unless the run already has it.

        If a model card and a list of training images lie beside it, they are logged too.

        Returns:
            Its URI, `models:/<id>`; None: there is no store, or it failed.
        """
        beside = {
            name: Path(onnx).with_name(name) for name in ("card.md", leaks.FILE, leaks.PACKED)
        }
        files = {"onnx": Path(onnx)} | {n: path for n, path in beside.items() if path.is_file()}
        tags = {ONNX: file_sha256(onnx)}
        for name in files.keys() & {leaks.FILE, leaks.PACKED}:
            tags[IMAGES] = file_sha256(files[name])
        run = self._client.get_run(self.id)
        for output in run.outputs.model_outputs if run.outputs else ():
            model = self._client.get_logged_model(output.model_id)
            if tags.items() <= model.tags.items() and model.status == "READY":
                return model.model_uri
        images = mlflow.types.Schema([mlflow.types.ColSpec("binary", "image")])
        on_error = mlflow.types.ParamSpec("on_error", "string", default="stop")
        mlflow.set_tracking_uri(self._client.tracking_uri)
        try:
            with mlflow.start_run(run_id=self.id), code_alone() as code:
                return mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(PACKAGE / "export" / "pyfunc.py"),
                    artifacts={name: str(path) for name, path in files.items()},
                    code_paths=[code],
                    pip_requirements=[f"{name}=={version(name)}" for name in SERVED_WITH],
                    signature=mlflow.models.ModelSignature(
                        images, images, mlflow.types.ParamSchema([on_error])
                    ),
                    tags=tags,
                ).model_uri
        finally:  # the run must keep the duration of the training
            self._client.set_terminated(self.id, run.info.status, run.info.end_time)

    @_only_warns
    def show_scores(self, first: Sequence[str] = ()) -> None:
        """Give the figures `test/...` to the run's models; `first` are columns of MLflow's page."""
        overview.show(self._client, self.id, first)

    @_only_warns
    def _end(self, status: str) -> None:
        self._client.set_terminated(self.id, status)
        told(self._client.get_run(self.id).info.run_id)


@contextlib.contextmanager
def train_run(fingerprint: str, settings: Mapping, name: str, **tags: str) -> Iterator[Run]:
    """The run of a training: the interrupted one if there is one, else a new one.

    Args:
        fingerprint: of everything that decides the training's result.
        settings: `{"train.lr": 0.001, ...}`; a run with other settings is another run.
        name: of a new run; if DVC runs an experiment, its name is used instead.
        tags: of the run, for example recipe and task.
    """
    run, _ = _open({FINGERPRINT: fingerprint}, settings, name, tags)
    try:
        with overview.machine_of(run._client, run.id):
            yield run
    except BaseException as error:
        run._end("KILLED" if isinstance(error, KeyboardInterrupt | Stopped) else "FAILED")
        raise
    run._end("FINISHED")


def run_of_weights(
    sha256: str,
    settings: Mapping,
    name: str,
    backfill: Callable[[Run], None],
    fingerprint: str = "",
    **tags: str,
) -> Run:
    """The newest run with these weights and settings; if there is none, it is made from files.

    `backfill` logs the training's history and figures from the files on disk. It fills the
    interrupted run with this `fingerprint` if there is one, else a new run.
    """
    run, finished = _open({WEIGHTS: sha256, FINGERPRINT: fingerprint}, settings, name, tags)
    if not finished:
        backfill(run)
        run._end("FINISHED")
    return run


def _open(marks, settings, name, tags) -> tuple[Run, bool]:
    """The run with one of the marks and equal settings, else a new one; and if it is finished."""
    try:
        client, experiment = _store()
        params = {key: str(value) for key, value in settings.items()}
        run = _find(client, experiment, marks, params)
        if run is None:
            run = client.create_run(experiment, run_name=os.getenv("DVC_EXP_NAME", name))
        elif run.info.status == "FINISHED":
            return Run(client, run.info.run_id), True
        client.update_run(told(run.info.run_id), status="RUNNING")
        tags = _circumstances() | tags | marks
        client.log_batch(
            run.info.run_id,
            params=[Param(k, v) for k, v in params.items() if k not in run.data.params],
            tags=[RunTag(key, value) for key, value in tags.items() if value],
            synchronous=True,
        )
        return Run(client, run.info.run_id), False
    except Exception as error:  # as in _only_warns
        warn(error)
        return Run(), True


def _find(client, experiment, marks, params) -> mlflow.entities.Run | None:
    for tag, value in marks.items():
        # A fingerprint finds a training to resume; the weights find a finished one.
        unfinished = " AND attributes.status != 'FINISHED'" if tag == FINGERPRINT else ""
        for run in client.search_runs([experiment], f"tags.`{tag}` = '{value}'{unfinished}"):
            if all(params.get(key, logged) == logged for key, logged in run.data.params.items()):
                return run
    return None


def _store() -> tuple[mlflow.MlflowClient, str]:
    """A client of the store, and the id of the experiment, which is created if missing."""
    address = uri()
    create_missing(address)
    ask(address)  # fails within seconds if the store does not answer
    follow_project(address)
    client = mlflow.MlflowClient(tracking_uri=address)
    name = os.getenv("MLFLOW_EXPERIMENT_NAME", "clearbg")
    if experiment := client.get_experiment_by_name(name):
        told(experiment.name)
        if experiment.lifecycle_stage != "active":
            client.restore_experiment(experiment.experiment_id)
            tqdm.write(
                f"MLflow's experiment {name} had been deleted and was restored: set "
                "MLFLOW_EXPERIMENT_NAME to record runs elsewhere.",
                file=sys.stderr,
            )
        return client, experiment.experiment_id
    folder = None if address.startswith("http") else artifacts()
    try:
        return client, client.create_experiment(name, artifact_location=folder)
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process was quicker
            raise
        return client, client.get_experiment_by_name(name).experiment_id


def _circumstances() -> dict[str, str]:
    """Tags that say where a run comes from; outside a git repository they lack the commit."""
    tags = {"torch": version("torch"), "dvc.stage": os.getenv("DVC_STAGE", "")}
    tags["dvc.experiment"] = os.getenv("DVC_EXP_NAME", "")
    # DVC and the stages rewrite these two while they run.
    status = ["git", "status", "--porcelain", "--", ".", ":!dvc.lock", ":!reports"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        changes = subprocess.run(status, capture_output=True, check=True).stdout
        tags["git.dirty"] = str(bool(changes)).lower()
    return resolve_tags(tags)
