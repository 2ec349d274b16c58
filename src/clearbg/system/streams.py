"""Standard streams that may be closed, on a full disk, or a pipe that nobody reads any more.

What cannot be printed stops no work; that something could not be is said when the work is done.
"""

import errno
import io
import os
import sys
from typing import Any, NoReturn

from clearbg.system.names import print_any_name

NUMBERS = {"stdin": 0, "stdout": 1, "stderr": 2}


class _Lenient(io.FileIO):
    """A stream's file; what cannot be written is dropped, and the first reason remembered."""

    reason: OSError | None = None

    def write(self, data) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.reason = self.reason or error
            return len(data)


def prepare() -> None:
    """Make the standard streams lenient, and able to print every file's name.

    A stream that was closed is opened on the null device: otherwise the next file that the
    program opens would take its number, and its lines.
    """
    for name, number in NUMBERS.items():
        if getattr(sys, name) is None:
            _open_null(number)
            if name == "stdin":
                sys.stdin = io.TextIOWrapper(io.FileIO(number, closefd=False), "utf-8")
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or stream is getattr(sys, f"__{name}__"):  # no test's, no notebook's
            setattr(sys, name, _lenient(NUMBERS[name], stream))
    print_any_name()


def loss() -> str | None:
    """Why standard output did not take all that was printed; empty: its reader has left.

    None: it took all, or was not prepared.
    """
    try:
        sys.stdout.flush()
        file: Any = sys.stdout.buffer
        reason = getattr(file.raw, "reason", None)
    except (AttributeError, OSError, ValueError):
        return None
    if reason is None:
        return None
    if reason.errno == errno.EPIPE:
        return ""
    if reason.errno == errno.ENOSPC:
        return (
            "standard output could not be written, since its disk is full: free some space, or "
            "redirect it to another disk."
        )
    if reason.errno == errno.EBADF:
        return "standard output is closed, and something was to be printed: redirect it to a file."
    return f"standard output could not be written ({reason.strerror or reason}): redirect it."


def end(name: str, status: int | str | None = 0) -> NoReturn:
    """End the program; where standard output has lost something, not with status 0.

    Args:
        name: of the program, which begins the sentence.
    """
    lost = loss()
    if lost:
        print(f"{name}: {lost}", file=sys.stderr)
    sys.exit(status or int(lost is not None))


def _lenient(number: int, stream: io.TextIOWrapper | None) -> io.TextIOWrapper:
    if stream is not None:
        stream.flush()
    unbuffered = stream is not None and stream.write_through  # PYTHONUNBUFFERED
    buffer = io.BufferedWriter(_Lenient(number, "w", closefd=False))
    return io.TextIOWrapper(
        buffer,
        encoding="utf-8" if stream is None else stream.encoding,
        errors="backslashreplace",
        line_buffering=number == 2 or buffer.isatty() or unbuffered,
    )


def _open_null(number: int) -> None:
    """Open the null device as a stream's file, for reading alone: what is written fails there."""
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDONLY)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
