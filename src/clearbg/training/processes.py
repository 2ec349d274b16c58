"""The processes of one training: started together, of one mind, and ended together."""

import contextlib
import errno
import math
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from signal import Signals
from typing import Any, NoReturn

import torch
from lightning_fabric import Fabric
from torch import nn

from clearbg.errors import ClearBGError, Stopped
from clearbg.system import signals

STARTER = "CLEARBG_STARTED_BY"  # environment: the process that runs `run_all`, by its number
LOST = 75  # status of a process that ends since another one has
GRACE = 5.0  # seconds in which the others may end by themselves after one has failed
LOOK = 0.05  # seconds between two looks at the processes


def run_all(count: int) -> NoReturn:
    """Run this program in `count` processes, a device each, and end with them.

    This process only watches. It passes signals on, ends all processes when one fails, since they
    would wait for it, says so where that one was killed, and ends with its status.

    Raises:
        SystemExit: always.
    """
    port = _free_port()
    processes = [_started(rank, count, port) for rank in range(count)]

    def pass_on(number: int, _frame: object) -> None:
        for process in processes:
            process.send_signal(number)

    for number in signals.STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, pass_on)
    failed = _first_failed(processes)
    if failed is None:
        sys.exit(0)
    status = processes[failed].returncode
    if abs(status) % 128 not in signals.STOPPING:  # else all end by themselves
        _end(processes, GRACE if failed else 0)  # what goes wrong in all, the first one has said
    for process in processes:
        process.wait()
    if status < 0:
        print(
            f"process {failed + 1} of {count} was ended by {Signals(-status).name}, and the others "
            "with it: run it again to go on from the last checkpoint (if memory has run out, with "
            "a lower train.batch_size or fewer train.workers).",
            file=sys.stderr,
        )
    sys.exit(status if status > 0 else 128 - status)


def _started(rank: int, count: int, port: int) -> subprocess.Popen:
    own = {"LOCAL_RANK": rank, "NODE_RANK": 0, "WORLD_SIZE": count, STARTER: os.getpid(),
           "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}  # fmt: skip
    program = Path(sys.modules["__main__"].__file__ or sys.argv[0])
    return subprocess.Popen(
        [sys.executable, str(program), *sys.argv[1:]],
        env=os.environ | {name: str(value) for name, value in own.items()},
        stdin=subprocess.PIPE,  # closes when this process dies, whatever it dies of
        start_new_session=True,  # a terminal's Ctrl-C reaches it from here alone, and once
    )


def _free_port() -> int:
    """A port where nothing listens.

    The processes listen there only seconds later, when they have imported torch. So it is none of
    those that the system meanwhile gives to others, which are 32768 and above on Linux.
    """
    for port in random.SystemRandom().sample(range(26_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise ClearBGError("No port of 127.0.0.1 is free for the processes: end other programs.")


def _first_failed(processes: Sequence[subprocess.Popen]) -> int | None:
    """Wait for all to end well, or for one that fails by itself; its place."""
    lost = None
    while True:
        for place, process in enumerate(processes):
            status = process.poll()
            if status == LOST:
                lost = lost or (place, time.monotonic())
            elif status:
                return place
        if all(process.returncode is not None for process in processes):
            return None if lost is None else lost[0]
        if lost is not None and time.monotonic() - lost[1] > GRACE:
            return lost[0]
        time.sleep(LOOK)


def _end(processes: Sequence[subprocess.Popen], grace: float) -> None:
    end = time.monotonic() + grace
    while time.monotonic() < end and any(process.poll() is None for process in processes):
        time.sleep(LOOK)
    for process in processes:
        if process.poll() is None:
            process.kill()


def follow_starter() -> None:
    """Let this process stop, as at SIGTERM, when the one that has started it dies."""
    if not _has_starter():
        return

    def wait() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        os._exit(128 + signal.SIGTERM)  # it waits for a process that has ended already

    threading.Thread(target=wait, daemon=True, name="follow-starter").start()


def _has_starter() -> bool:
    return os.environ.get(STARTER) == str(os.getppid())


@contextlib.contextmanager
def alone(fabric: Fabric) -> Iterator[None]:
    """Keep a second training out of this project, also where one outlives the DVC that began it.

    The lock goes with the first process, and those that load its images do not inherit it. Where
    there is none to be had (Windows, a disk without locks), nothing is kept out.

    Raises:
        ClearBGError: another process trains here.
    """
    with contextlib.ExitStack() as held:
        other = _holder(held) if fabric.is_global_zero else None
        other = gathered(fabric, other)[0]
        if other is not None:
            raise ClearBGError(
                f"process {other} still trains in this project: wait until it has ended (or end it "
                "with `kill` and its number: its state is saved), then run again."
            )
        yield


def _holder(held: contextlib.ExitStack) -> str | None:
    """The process that has the lock of this folder; None: this one now has it, until `held`."""
    try:
        import fcntl
    except ImportError:
        return None
    path = Path(".clearbg/training")  # of this folder: DVC's queued experiments have one each
    path.parent.mkdir(exist_ok=True)
    lock = held.enter_context(open(path, "a+"))  # noqa: SIM115 - the stack closes it
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            lock.seek(0)
            return lock.read()
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return None


@contextlib.contextmanager
def ending_together(fabric: Fabric) -> Iterator[None]:
    """Where another process of the training has ended inside, end in a sentence too.

    Raises:
        ClearBGError: it has. Where `run_all` speaks for all, this process ends without a word.
    """
    try:
        yield
    except ClearBGError:
        if fabric.global_rank and not isinstance(sys.exception(), Stopped):
            time.sleep(1)  # what all processes find wrong, the first one says
        raise
    except RuntimeError as error:
        if fabric.world_size == 1 or not _is_of_another(error):
            raise
        if (requested := signals.stop_requested()) is not None:
            raise Stopped(requested) from error
        raise _lost(fabric) from error


def _lost(fabric: Fabric) -> BaseException:
    """What ends a process whose training has lost another one."""
    if _has_starter():
        return SystemExit(LOST)
    return ClearBGError(
        f"another of the training's {fabric.world_size} processes has ended and says why: run it "
        "again to go on from the last checkpoint."
    )


def _is_of_another(error: RuntimeError) -> bool:
    """Whether an error comes from the connection to another process."""
    known = ("gloo", "Connection closed by peer", "Connection reset by peer", "NCCL")
    return isinstance(error, torch.distributed.DistError) or any(k in str(error) for k in known)


def gathered(fabric: Fabric, part: Any) -> list[Any]:
    """The parts of all processes, in their order."""
    if fabric.world_size == 1:
        return [part]
    parts: list[Any] = [None] * fabric.world_size
    torch.distributed.all_gather_object(parts, part)
    return parts


def averaged(fabric: Fabric, rows: Sequence[dict[str, float]]) -> Sequence[dict[str, float]]:
    """The means over all processes of their losses, step by step: all have equal batches.

    Raises:
        ClearBGError: those of another process are not finite.
    """
    if fabric.world_size == 1:
        return rows
    steps = list(zip(*gathered(fabric, rows), strict=True))
    if any(not math.isfinite(v) for step in steps for row in step for v in row.values()):
        raise _lost(fabric)
    return [{n: sum(row[n] for row in step) / len(step) for n in step[0]} for step in steps]


def share_statistics(fabric: Fabric, networks: Sequence[nn.Module]) -> None:
    """Give all processes the first one's buffers, such as the statistics of batch norms."""
    if fabric.world_size > 1:
        for buffer in (buffer for network in networks for buffer in network.buffers()):
            torch.distributed.broadcast(buffer, 0)
