"""The frame of every stage: it ends with a line on what was written, or with one sentence."""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from clearbg.errors import ClearBGError, Stopped
from clearbg.system import streams


class Options(argparse.ArgumentParser):
    """What may follow the name of a stage's script; its help is the script's own docstring."""

    def __init__(self, docstring: str | None):
        streams.prepare()
        described = argparse.RawDescriptionHelpFormatter
        super().__init__(description=docstring, formatter_class=described)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End the program: after its help with a sentence if that could not be printed."""
        if status:
            super().exit(status, message)
        streams.end(Path(self.prog).stem)


@contextlib.contextmanager
def stage(name: str, *outputs: str) -> Iterator[None]:
    """Run a stage's body in the project's folder; report what it wrote and how long it took.

    A `ClearBGError` ends the process with status 1 and its sentence on stderr (with 128 and the
    signal's number, if it was `Stopped`); anything else is a defect and keeps its traceback.
    """
    streams.prepare()
    os.chdir(Path(sys.argv[0]).resolve().parent.parent)
    started = time.monotonic()
    try:
        yield
    except Stopped as stopped:
        print(f"{name}: {stopped}", file=sys.stderr)
        sys.exit(128 + stopped.signal)
    except ClearBGError as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{name}: interrupted; run it again to go on.")
    minutes, seconds = divmod(time.monotonic() - started, 60)
    duration = f"{minutes:.0f} min {seconds:.0f} s" if minutes else f"{seconds:.1f} s"
    print(f"{name}: wrote {', '.join(outputs)} in {duration}")
    if streams.loss() is not None:
        streams.end(name)
