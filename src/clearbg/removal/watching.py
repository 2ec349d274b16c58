"""Watch folders: cut out what arrives in them, until a signal ends it.

A result gets the time of its image. So a later run knows, without any file of its own, what is done
and what has changed since. Folders are asked again and again, since network folders tell nothing.
"""

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from clearbg.errors import ClearBGError, DataError, SettingsError, Stopped
from clearbg.inference.sessions import Device, open_model
from clearbg.removal.files import Pipeline, outcome, refuse_outputs
from clearbg.removal.log import RemovalLog
from clearbg.removal.options import OutputOptions, RunOptions
from clearbg.removal.plan import STREAM, Job, NoImagesError, plan
from clearbg.removal.remover import Remover
from clearbg.removal.report import Outcome
from clearbg.system import signals
from clearbg.system.object_store import SEPARATOR

INTERVAL = 1.0  # seconds between two looks at the folders
SETTLED = 10.0  # seconds without a change, after which a file that does not decode is called broken
SAME = 2_000_000_000  # nanoseconds; some disks keep times no finer


@dataclass
class _Seen:
    """An image, as it was at the last look; `size` and `changed` tell whether it still is."""

    size: int
    changed: int
    since: float
    failures: int = 0
    finished: bool = False


@dataclass(frozen=True)
class Watched:
    """What a watch has done: numbers of images, and the signal that ended it."""

    written: int
    failed: int
    signal: Signals


def watch(
    inputs: Sequence[str | Path],
    output: str | Path | None,
    model: Path,
    tell: Callable[[Outcome], None],
    *,
    device: Device = "cpu",
    refine: bool = True,
    format: str | None = None,
    output_options: OutputOptions | None = None,
    run_options: RunOptions | None = None,
    log: Path | None = None,
) -> Watched:
    """Cut out the images of folders, and those that arrive or change, until a signal comes.

    A file is taken once its size and time have stayed the same between two looks. One that cannot
    be decoded is tried again when it has not changed for `SETTLED` seconds, since it may still be
    written; after that only when it has changed.

    Args:
        inputs: folders.
        output, format: see `plan.plan`.
        tell: called with the outcome of every image, once for a failure.

    Raises:
        DataError: an input is no folder, or `output` cannot take the results.
        ModelError: the model cannot be used.
        SettingsError: options exclude each other, or the device is not there.
    """
    output_options, run_options = output_options or OutputOptions(), run_options or RunOptions()
    for folder in inputs:
        if not Path(folder).is_dir():
            raise DataError(f"{folder} is not a folder on this machine: name one to watch.")
    if output is not None and (str(output) == STREAM or SEPARATOR in str(output)):
        raise DataError(f"{output} is not a folder on this machine: name one for the results.")
    if run_options.skip_existing or run_options.fail_fast:
        raise SettingsError(
            "A watch leaves out what is done, and goes on after failures: leave skip-existing and "
            "fail-fast out."
        )
    remover = Remover.of(open_model(model, device, images="many"), refine)
    lines = None if log is None else RemovalLog(log, remover.contract.weights_sha256)
    read = [model, log, output_options.file]
    looks = _Looks(inputs, output, format, output_options, read, run_options.overwrite)
    pipeline = Pipeline(remover, output_options, run_options, lines)
    counts: Counter[str] = Counter()
    try:
        with signals.noted():
            while signals.stop_requested() is None:
                began = time.monotonic()
                for ended in looks.work(pipeline):
                    counts[ended.status] += 1
                    tell(ended)
                    if signals.stop_requested():
                        break
                _sleep(max(INTERVAL, time.monotonic() - began))
    except Stopped as stopped:
        return Watched(counts["written"], counts["failed"], stopped.signal)
    raise AssertionError("a watch ends by a signal")


def _sleep(seconds: float) -> None:
    """Sleep, but not on after a signal, which does not end a sleep of Python's by itself."""
    end = time.monotonic() + seconds
    while signals.stop_requested() is None and time.monotonic() < end:
        time.sleep(0.1)


class _Looks:
    """Looks at the folders, one after the other, and what is known from those before."""

    def __init__(
        self,
        inputs: Sequence[str | Path],
        output: str | Path | None,
        format: str | None,
        options: OutputOptions,
        read: Sequence[Path | None],
        overwrite: bool,
    ):
        self._arguments, self._options = (inputs, output, format), options
        self._read, self._overwrite = read, overwrite
        self._known: dict[Job, _Seen] = {}
        self._trouble = ""
        jobs = self._plan()
        self._options.refuse_formats({job.format for job in jobs})
        refuse_outputs(jobs, read, overwrite)

    def work(self, pipeline: Pipeline) -> Iterator[Outcome]:
        """Look once, work on what is ready, and yield its outcomes; see `watch`."""
        try:
            jobs = self._plan()
        except ClearBGError as error:  # a network's folder may come back
            if str(error) != self._trouble:
                self._trouble = str(error)
                yield outcome(Job(None, None, ""), "left", message=self._trouble)
            return
        self._trouble = ""
        ready = self._look(jobs)
        for job, ended in zip(ready, pipeline.run(ready)):
            seen = self._known[job]
            if ended.status == "written":
                seen.finished = True
                with contextlib.suppress(OSError):  # then a later run does it once more
                    os.utime(str(job.target), ns=(seen.changed, seen.changed))
                yield ended
                continue
            seen.failures += 1
            if seen.failures > 1:
                seen.finished = True
                yield ended

    def _plan(self) -> list[Job]:
        try:
            return plan(*self._arguments)
        except NoImagesError:
            return []

    def _look(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs whose images have settled; remember all as they are now."""
        now, ready, known = time.monotonic(), [], {}
        for job in jobs:
            try:
                facts = os.stat(str(job.source))
            except OSError:  # it has gone since it was found
                continue
            seen = self._known.get(job)
            if seen is None:
                seen = _Seen(facts.st_size, facts.st_mtime_ns, now, finished=_has_result(job))
            elif (seen.size, seen.changed) != (facts.st_size, facts.st_mtime_ns):
                seen = _Seen(facts.st_size, facts.st_mtime_ns, now)
            elif not seen.finished and now - seen.since >= (SETTLED if seen.failures else 0):
                ready.append(job)
            known[job] = seen
        self._known = known  # without those that are gone
        return ready


def _has_result(job: Job) -> bool:
    """Whether the result has the time of its image."""
    try:
        apart = os.stat(str(job.target)).st_mtime_ns - os.stat(str(job.source)).st_mtime_ns
    except OSError:
        return False
    return abs(apart) < SAME
