"""The frame of every stage: it ends with a line on what was written, or with one sentence."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from clearbg.errors import ClearBGError, Stopped
from clearbg.system import streams


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
