"""The server of `clearbg serve` in this process or its own, and a model that waits."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import uvicorn
from starlette.testclient import TestClient

from clearbg.removal.remover import Remover
from clearbg.serving.api import application
from clearbg.serving.limits import Limits
from clearbg.serving.metrics import Metrics
from clearbg.serving.removals import Removals
from clearbg.web.connections import options
from support.page import answer_of

LIMITS = Limits(file_bytes=100_000, pixels=20_000, concurrency=2, queue=2)


@contextlib.contextmanager
def served(model: Path, limits: Limits = LIMITS, *hosts: str, **options) -> Iterator[TestClient]:
    """A client of a server that is ready, which has the attribute `removals`."""
    metrics = Metrics()
    removals = Removals(options.pop("opened", lambda: Remover(model)), limits, metrics)
    app = application(removals, limits, metrics, model.stem, allowed_hosts=hosts)
    with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as client:
        client.removals = removals
        assert options.get("loading") or waited(lambda: removals.ready)
        yield client


def waited(condition) -> bool:
    """Whether it becomes true within two minutes."""
    end = time.monotonic() + 120
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return found


class OnLoopback:
    """The server on 127.0.0.1, in this process, for requests that no client library sends."""

    def __init__(self, model: Path, limits: Limits = LIMITS):
        metrics = Metrics()
        self.removals = Removals(lambda: Remover(model), limits, metrics)
        app = application(self.removals, limits, metrics, model.stem)
        self._server = uvicorn.Server(options(app))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))
        self._thread.start()
        assert waited(lambda: self.removals.ready)

    def connect(self, sent: bytes, source: str = "127.0.0.1") -> socket.socket:
        """A connection over which bytes were sent, and which stays open."""
        opened = socket.create_connection(self._listener.getsockname(), 120, (source, 0))
        opened.sendall(sent)
        return opened

    def answer(self, sent: bytes) -> tuple[int, str]:
        with self.connect(sent) as opened:
            return answer_of(opened)

    def end(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()
        self._listener.close()


class Gate(Remover):
    """A remover whose network waits, once it has warmed up, until the gate is opened."""

    def __init__(self, model: Path):
        super().__init__(model)
        self.opened, self.warm = threading.Event(), False

    def infer(self, images) -> list[np.ndarray]:
        if self.warm:
            assert self.opened.wait(120)
        self.warm = True
        return super().infer(images)


class Process:
    """A server in a process of its own, which is ready."""

    def __init__(self, folder: Path, *options: str, **variables: str):
        self.log = folder / "log.txt"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "clearbg", "serve", "--port", "0", *options],
                cwd=folder, stdout=log, stderr=log, env={**os.environ, **variables},
            )  # fmt: skip
        self.url = self._wait()

    def _wait(self) -> str:
        for _ in range(4800):
            found = re.search(r"The server: (http://\S+)", self.log.read_text())
            if found or self.process.poll() is not None:
                break
            time.sleep(0.05)
        assert found and self.process.poll() is None, self.log.read_text()
        for _ in range(4800):
            if httpx.get(f"{found[1]}/readyz", timeout=60).status_code == 200:
                return found[1]
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())
