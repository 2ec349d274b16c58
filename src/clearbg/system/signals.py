"""Signals that ask long work to end. A training notes them at once and obeys between two steps."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from signal import Signals

from clearbg.errors import Stopped

STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP")
            if hasattr(signal, name)]  # fmt: skip

_requested: list[Signals] = []


@contextlib.contextmanager
def noted() -> Iterator[None]:
    """Note SIGINT, SIGTERM and SIGHUP inside; the work asks by `stop_requested`.

    After the first one all of them act at once again, so that a second Ctrl-C ends work that
    hangs. A signal that was ignored before (SIGHUP under nohup) stays ignored. Outside the main
    thread nothing is noted.

    Raises:
        Stopped: the work has ended without asking for the signal, or has failed since a process
            that loads images died of it; what it had saved before is still there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.getsignal(s) for s in STOPPING}
    before = {s: handler for s, handler in before.items() if handler != signal.SIG_IGN}

    def restore() -> None:
        for number, handler in before.items():
            if signal.getsignal(number) != signal.SIG_IGN:  # see `ignore_from_now`
                signal.signal(number, handler)

    def note(number: int, _frame: object) -> None:
        _requested.append(Signals(number))
        restore()

    for number in before:
        signal.signal(number, note)
    try:
        yield
        stop_if_requested(lambda: None)
    except RuntimeError as error:
        if _requested and "DataLoader worker" in str(error):
            raise Stopped(_requested[0], saved=False) from error
        raise
    finally:
        restore()
        _requested.clear()


@contextlib.contextmanager
def exit_at_sigterm() -> Iterator[None]:
    """End the process with status 0 at SIGTERM inside, as at its own end: what it made is removed.

    Outside the main thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def stop_requested() -> Signals | None:
    """The signal that has asked for an end inside `noted`; None: there was none."""
    return _requested[0] if _requested else None


def stop_if_requested(save: Callable[[], None]) -> None:
    """Save the state of the work and end it, if a signal has asked for that.

    Raises:
        Stopped: a signal has asked for that.
    """
    requested = stop_requested()
    if requested is not None:
        save()
        raise Stopped(requested)


def ignore_from_now(save: Callable[[], None] | None = None) -> None:
    """Let this process end by itself: its results are whole, and what led to them is removed next.

    One that a signal ended now would have its work done again from the beginning.

    Args:
        save: completes what a later run goes on from, where a signal has come before. None: such a
            signal is forgotten, since another process decides.

    Raises:
        Stopped: a signal has come before.
    """
    if threading.current_thread() is threading.main_thread():
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
    if save is None:
        _requested.clear()
    else:
        stop_if_requested(save)
