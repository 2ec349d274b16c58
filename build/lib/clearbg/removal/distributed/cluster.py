"""Ray, on this machine or on many: start or join it, keep it quiet, and find room for actors."""

import contextlib
import logging
import os
import socket
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clearbg.errors import ClearBGError, SettingsError
from clearbg.removal.files import outcome
from clearbg.removal.plan import Job
from clearbg.removal.report import Outcome

CORES = 4  # processor cores of an actor, at most, unless the user decides
STORE_BYTES = 256 << 20  # of Ray's memory store: it holds the model, never an image
MUTE = logging.CRITICAL + 1

# Read while Ray is being imported or started.
ENVIRONMENT = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # or it uploads the folder that `uv run` was called in
    "RAY_USAGE_STATS_ENABLED": "0",
}
LOCAL = "local"  # Ray's word for a cluster of its own on this machine


def room_for_actors(
    machines: Sequence[Mapping[str, float]],
    actors: int | None = None,
    cores: int | None = None,
    gpus: float = 0,
) -> tuple[int, int]:
    """How many actors to start, and how many processor cores each of them takes.

    Args:
        machines: the "CPU" and "GPU" counts of each machine, as Ray reports them.
        actors: None: as many as the machines have room for.
        cores: None: 4, or with GPUs the share of the cores that belongs to an actor's GPU share.
        gpus: of each actor, in [0, 1]; below 1 several actors use one GPU.

    Raises:
        SettingsError: no machine has room for one actor.
    """
    able = [machine for machine in machines if machine.get("GPU", 0) >= gpus]
    if not able:
        raise SettingsError(
            f"No machine that Ray knows has a GPU, or {gpus:g} of one (see `ray status`): "
            "start Ray where there is one, or choose another device."
        )
    most = int(max((machine.get("CPU", 0) for machine in able), default=0))
    if cores is None and gpus:
        cores = max(1, int(min(m.get("CPU", 0) * gpus / m["GPU"] for m in able)))
    elif cores is None:
        cores = max(1, min(CORES, most))
    room = sum(_room(machine, cores, gpus) for machine in able)
    if not room:
        raise SettingsError(
            f"No machine that Ray knows has {cores} processor cores for an actor: set the number "
            f"of workers to {most} or fewer, or start Ray with more."
        )
    return actors or room, cores


def _room(machine: Mapping[str, float], cores: int, gpus: float) -> int:
    room = int(machine.get("CPU", 0) // cores)
    return min(room, int(machine["GPU"] / gpus)) if gpus else room


def import_ray() -> Any:
    """Import `ray`, set to be quiet and to upload nothing from this machine.

    Raises:
        SettingsError: Ray is not installed.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if _address() == LOCAL:  # nobody else in the network may use it
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        import ray
        import ray.data
    except ImportError:
        raise SettingsError(
            'Ray is not installed: `pip install "clearbg[ray]"`, or leave the engine ray out.'
        ) from None
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):  # the other one writes Ray's own log file
            handler.setLevel(MUTE)
    return ray


@contextlib.contextmanager
def connected(ray: Any) -> Iterator[bool]:
    """A connection to Ray. Yields whether this machine is certainly the only one.

    This process may have a connection already. Otherwise Ray is the cluster at RAY_ADDRESS, or one
    that starts here and ends with the connection.

    Raises:
        ClearBGError: the cluster does not answer, or none can be started here.
    """
    if ray.is_initialized():
        yield False
        return
    where = _address()
    alone = where == LOCAL
    own = {"include_dashboard": False, "object_store_memory": STORE_BYTES} if alone else {}
    remedy = "see /tmp/ray/session_latest/logs" if alone else (
        "check RAY_ADDRESS, `ray status`, and RAY_AUTH_MODE=token where the cluster asks for its "
        "token, or unset RAY_ADDRESS to use this machine alone"
    )  # fmt: skip
    try:
        _try_address(where)
        with _standard_error_closed():
            ray.init(where, log_to_driver=False, logging_level=MUTE, **own)
    except Exception as error:  # Ray's, gRPC's and the system's
        why = str(error).strip().partition("\n")[0]
        raise ClearBGError(f"Ray ({where}) does not answer ({why}): {remedy}.") from error
    try:
        yield alone
    finally:
        ray.shutdown()


def _address() -> str:
    return os.environ.get("RAY_ADDRESS") or LOCAL


@contextlib.contextmanager
def _standard_error_closed() -> Iterator[None]:
    """Discard what C libraries write there: Ray's announces that it was told to be quiet."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        for descriptor in (saved, nowhere):
            os.close(descriptor)


def _try_address(where: str) -> None:
    """Fail within three seconds if nothing answers there; Ray itself waits for a minute."""
    parts = urllib.parse.urlsplit(where if "://" in where else f"//{where}")
    if parts.port:
        socket.create_connection((parts.hostname, parts.port), timeout=3).close()


def shared_paths(jobs: Sequence[Job]) -> tuple[str, ...]:
    """Paths that every machine must see: one input, and the output folder, which is created.

    Raises:
        ClearBGError: nothing can be written to the output folder.
    """
    sources = tuple(str(job.source) for job in jobs if isinstance(job.source, Path))[:1]
    targets = [job.target for job in jobs if isinstance(job.target, Path)]
    if not targets:
        return sources
    folder = Path(os.path.commonpath([target.parent for target in targets]))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ClearBGError(
            f"{folder} could not be written ({error.strerror}): check the folder's permissions "
            "and the free disk space, then run again."
        ) from error
    return (*sources, str(folder))


def missing_here(made: Mapping[Job, Outcome]) -> dict[Job, Outcome]:
    """Failures for results that another machine has written and this one does not see."""
    written = [job for job, ended in made.items() if ended.status == "written"]
    targets = {job: job.target for job in written if isinstance(job.target, Path)}
    here = set()
    for folder in {target.parent for target in targets.values()}:
        # A network file system may remember that a file did not exist: list, do not look up.
        with contextlib.suppress(OSError):
            here |= {Path(folder, name) for name in os.listdir(folder)}
    sentence = (
        "{} is not here: the machine that wrote it does not share the folder. Name one that all "
        "machines share, or an address such as s3://bucket/folder."
    )
    return {
        job: outcome(job, "failed", message=sentence.format(target))
        for job, target in targets.items()
        if target not in here
    }
