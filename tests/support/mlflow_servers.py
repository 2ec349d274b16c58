"""Real MLflow servers on loopback, for as long as a test needs them."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import requests

from clearbg.tracking import store
from support.ports import free_port

QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def wait_until_healthy(address: str, process: subprocess.Popen) -> bool:
    """Whether the server answers within five minutes, before its process ends."""
    end = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{address}/health", timeout=30).ok:
                return True
        time.sleep(0.1)
    return False


@contextlib.contextmanager
def serving(options: Sequence[str], port: int, log: Path, **variables: str) -> Iterator[str]:
    """The address of `mlflow server` with these options, once it answers.

    On a busy machine it may take longer to answer than a stage has patience.
    """
    command = [sys.executable, "-m", "mlflow", "server", *options]
    with open(log, "w") as file:
        process = subprocess.Popen(
            command, env={**os.environ, **QUIET, **variables}, stdout=file, stderr=file,
            cwd=log.parent, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        assert wait_until_healthy(address, process), log.read_text()[-3000:]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "PATIENCE", 60)
            yield address
    finally:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.killpg(process.pid, 9)
        process.wait()


def local(folder: Path, port: int | None = None):
    """A server with its database and its files in a folder."""
    port = port or free_port()
    options = [f"--port={port}", "--workers=1", f"--backend-store-uri=sqlite:///{folder}/server.db",
               f"--artifacts-destination={folder / 'artifacts'}"]  # fmt: skip
    return serving(options, port, folder / "server.log")
