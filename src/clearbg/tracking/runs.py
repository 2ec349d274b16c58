"""MLflow as the stages see it.

A run belongs to a content, never to a stage output: while a training goes on it is found by
the training's fingerprint, afterwards by the SHA-256 of the weights. Where the store has no
such run (the training came from DVC's run cache, or the server was down) the later stages
open one and fill it from files. A store that fails costs one warning and no work.
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
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from clearbg.data import leaks
from clearbg.errors import Stopped
from clearbg.system.files import file_sha256
from clearbg.system.project import root
from clearbg.tracking.store import ask, database, reason, shown, uri

# MLflow reads some of these while it is being imported.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Of a server's storage: it may be that nobody but the server reaches it.
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

# What goes wrong arrives here as an exception and is told in one sentence.
for _name in ("mlflow", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", message=".*input example was not provided")

FINGERPRINT, WEIGHTS, ONNX = "clearbg.fingerprint", "clearbg.weights", "clearbg.onnx"
IMAGES = "clearbg.training_images"  # SHA-256 of the list of them
PACKAGE = Path(__file__).parents[1]
SERVED_WITH = ("numpy", "onnxruntime", "pillow", "pydantic-core")


def _kept(method):
    """Let a method of Run fail once, with a warning; from then on the run takes no calls."""

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        if self._client is not None:
            try:
                return method(self, *args, **kwargs)
            except Exception as error:  # each store raises the errors of its own driver
                _warn(error)
                self._client = None

    return call


class Run:
    """One run of the store; `Run()` belongs to no store, takes every call and does nothing."""

    def __init__(self, client: mlflow.MlflowClient | None = None, run_id: str = ""):
        self._client = client
        self.id = run_id

    @_kept
    def weights(self, sha256: str) -> None:
        """Name the weights that the run made: the later stages find it by them."""
        self._client.set_tag(self.id, WEIGHTS, sha256)

    @_kept
    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log figures such as `test/max_f`; one that the run has already is not repeated."""
        self._log(pd.DataFrame([values], index=[step]))

    @_kept
    def history(self, epochs: pd.DataFrame) -> None:
        """Log one row an epoch: column `epoch` is the step, other numeric columns are metrics.

        May be called after every epoch with all rows so far, and again after a resume.
        """
        self._log(epochs.set_index("epoch").select_dtypes("number"))

    def _log(self, figures: pd.DataFrame) -> None:
        """Log a row a step and a column a metric, save what the run has; NaN means no value."""
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

    @_kept
    def file(self, path: Path | str, folder: str | None = None) -> None:
        """Log a file. MLflow shows images of two runs side by side only without `folder`."""
        self._client.log_artifact(self.id, str(path), folder)

    @_kept
    def dataset(self, manifest: Path | str, split: str, name: str, source: str) -> None:
        """Log a split of the manifest as an input; the digest is that of the split's rows."""
        rows = pd.read_csv(manifest, dtype=str).query("split == @split")
        dataset = Dataset(
            name=name,
            digest=hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()[:16],
            source_type="local",
            source=json.dumps({"uri": source}),
            profile=json.dumps({"num_rows": len(rows)}),
        )
        context = InputTag("mlflow.data.context", split)
        self._client.log_inputs(self.id, [DatasetInput(dataset, [context])])

    @_kept
    def model(self, onnx: Path | str) -> str | None:
        """Log an exported remover as the pyfunc `model`, unless the run has it.

        Its card and its list of training images go with it where they lie beside it. Returns
        its URI, `models:/<id>`, or None when no store took it.
        """
        beside = {name: Path(onnx).with_name(name) for name in ("card.md", leaks.FILE)}
        files = {"onnx": Path(onnx)} | {n: path for n, path in beside.items() if path.is_file()}
        tags = {ONNX: file_sha256(onnx)}
        if leaks.FILE in files:
            tags[IMAGES] = file_sha256(files[leaks.FILE])
        run = self._client.get_run(self.id)
        for output in run.outputs.model_outputs if run.outputs else ():
            model = self._client.get_logged_model(output.model_id)
            if tags.items() <= model.tags.items() and model.status == "READY":
                return model.model_uri
        images = mlflow.types.Schema([mlflow.types.ColSpec("binary", "image")])
        on_error = mlflow.types.ParamSpec("on_error", "string", default="stop")
        mlflow.set_tracking_uri(self._client.tracking_uri)
        try:
            with mlflow.start_run(run_id=self.id):
                return mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(PACKAGE / "export" / "pyfunc.py"),
                    artifacts={name: str(path) for name, path in files.items()},
                    code_paths=[str(PACKAGE)],
                    pip_requirements=[f"{name}=={version(name)}" for name in SERVED_WITH],
                    signature=mlflow.models.ModelSignature(
                        images, images, mlflow.types.ParamSchema([on_error])
                    ),
                    tags=tags,
                ).model_uri
        finally:  # the run's duration stays that of the training
            self._client.set_terminated(self.id, run.info.status, run.info.end_time)

    @_kept
    def _end(self, status: str) -> None:
        self._client.set_terminated(self.id, status)


@contextlib.contextmanager
def train_run(fingerprint: str, settings: Mapping, name: str, **tags: str) -> Iterator[Run]:
    """The run of a training: the one that was cut short, where there is one, or a new one.

    The fingerprint is of everything that decides the training's result. Settings are
    `{"train.lr": 0.001, ...}`; runs whose settings differ are never one. A name that DVC
    gave its experiment goes before `name`. Tags are such as recipe and task.
    """
    run, _ = _open({FINGERPRINT: fingerprint}, settings, name, tags)
    try:
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
    """The newest run with these weights and settings; where there is none, one made from files.

    `backfill` logs the training's history and figures from the files on disk, into a new run
    or into one that broke off, which is found by its `fingerprint`.
    """
    run, finished = _open({WEIGHTS: sha256, FINGERPRINT: fingerprint}, settings, name, tags)
    if not finished:
        backfill(run)
        run._end("FINISHED")
    return run


def _open(marks, settings, name, tags) -> tuple[Run, bool]:
    """The run that has a mark and no other settings, or a new one; and whether it is finished."""
    try:
        client, experiment = _store()
        params = {key: str(value) for key, value in settings.items()}
        run = _find(client, experiment, marks, params)
        if run is None:
            run = client.create_run(experiment, run_name=os.getenv("DVC_EXP_NAME", name))
        elif run.info.status == "FINISHED":
            return Run(client, run.info.run_id), True
        client.update_run(run.info.run_id, status="RUNNING")
        tags = _circumstances() | tags | marks
        client.log_batch(
            run.info.run_id,
            params=[Param(k, v) for k, v in params.items() if k not in run.data.params],
            tags=[RunTag(key, value) for key, value in tags.items() if value],
            synchronous=True,
        )
        return Run(client, run.info.run_id), False
    except Exception as error:  # as in _kept
        _warn(error)
        return Run(), True


def _find(client, experiment, marks, params) -> mlflow.entities.Run | None:
    for tag, value in marks.items():
        # A fingerprint finds trainings to go on with; a finished one is found by its weights.
        unfinished = " AND attributes.status != 'FINISHED'" if tag == FINGERPRINT else ""
        for run in client.search_runs([experiment], f"tags.`{tag}` = '{value}'{unfinished}"):
            if all(params.get(key, logged) == logged for key, logged in run.data.params.items()):
                return run
    return None


def _store() -> tuple[mlflow.MlflowClient, str]:
    """A client of the store and the id of the experiment, which is made where it is missing."""
    address = uri()
    prepare(address)
    client = mlflow.MlflowClient(tracking_uri=address)
    name = os.getenv("MLFLOW_EXPERIMENT_NAME", "clearbg")
    if experiment := client.get_experiment_by_name(name):
        return client, experiment.experiment_id
    folder = None if address.startswith("http") else (root() / "mlartifacts").as_uri()
    try:
        return client, client.create_experiment(name, artifact_location=folder)
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process was quicker
            raise
        return client, client.get_experiment_by_name(name).experiment_id


def prepare(address: str) -> None:
    """Fail within seconds where the store does not answer; make a database that is missing."""
    file = database(address)
    if file is not None and not file.exists():
        _make(file)
    ask(address)


def _make(file: Path) -> None:
    """Make a database aside: MLflow's migrations stand neither company nor being killed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f"{file.name}.") as folder:
        mlflow.MlflowClient(f"sqlite:///{folder}/new.db")
        with contextlib.suppress(FileExistsError):  # another process was quicker
            os.link(f"{folder}/new.db", file)


def _warn(error: BaseException) -> None:
    message = (
        f"warning: MLflow at {shown(uri())} failed ({reason(error)}): the work goes on, its "
        "history and figures are in reports/, and the next stage that reaches the server records "
        "them."
    )
    tqdm.write(message, file=sys.stderr)


def _circumstances() -> dict[str, str]:
    """Tags that say where a run comes from; outside git nothing is said of it."""
    tags = {"torch": version("torch"), "dvc.stage": os.getenv("DVC_STAGE", "")}
    tags["dvc.experiment"] = os.getenv("DVC_EXP_NAME", "")
    # DVC and the stages rewrite these two while they run.
    status = ["git", "status", "--porcelain", "--", ".", ":!dvc.lock", ":!reports"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        changes = subprocess.run(status, capture_output=True, check=True).stdout
        tags["git.dirty"] = str(bool(changes)).lower()
    return resolve_tags(tags)
