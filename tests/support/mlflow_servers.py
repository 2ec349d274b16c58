"""Real MLflow servers on loopback, for as long as a test needs them."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import requests

QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_until_healthy(address: str, process: subprocess.Popen) -> bool:
    """Whether the server answers within 90 seconds, before its process ends."""
    for _ in range(900):
        if process.poll() is not None:
            return False
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{address}/health", timeout=1).ok
        time.sleep(0.1)
    return False


@contextlib.contextmanager
def serving(options: Sequence[str], port: int, log: Path, **variables: str) -> Iterator[str]:
    """The address of `mlflow server` with these options, once it answers."""
    command = [sys.executable, "-m", "mlflow", "server", *options]
    with open(log, "w") as file:
        process = subprocess.Popen(
            command, env={**os.environ, **QUIET, **variables}, stdout=file, stderr=file,
            cwd=log.parent, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        assert wait_until_healthy(address, process), log.read_text()[-3000:]
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
