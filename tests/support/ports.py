"""Ports for servers that take none by themselves, each given to one test process alone."""

import contextlib
import itertools
import os
import socket

FIRST, EACH = 10_000, 2_000
"""Below the ports that systems give to whoever asks for any, 32768 and above on Linux."""
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_numbers = itertools.count(os.getpid())  # two runs of the tests begin at different ports


def free_port() -> int:
    """A port where nothing listens, and which no other test process is given."""
    for number in itertools.islice(_numbers, EACH):
        port = FIRST + EACH * _worker + number % EACH
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no port is free")
