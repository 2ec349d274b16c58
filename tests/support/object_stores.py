"""A store that speaks S3, on loopback."""

import contextlib
from collections.abc import Iterator

import pytest
import requests


@contextlib.contextmanager
def s3() -> Iterator[str]:
    """The address of an empty store; every server of a process would show the same one else."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        requests.post(f"{address}/moto-api/reset", timeout=60).raise_for_status()
        yield address
    finally:
        server.stop()
