"""Many pictures to cut-outs: reading, network, refinement and encoding overlap."""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearbg import images
from clearbg.atomic import replacing_file
from clearbg.decoding import count_pixels
from clearbg.errors import ClearBGError
from clearbg.progress import progress
from clearbg.removal import outputs
from clearbg.removal.inputs import STREAM, Job, plan
from clearbg.removal.outcomes import Outcome, Report
from clearbg.removal.outputs import Look
from clearbg.removal.remover import Remover

PIXELS_IN_FLIGHT = 2**26
"""Of all pictures between reading and writing, of which there is at least one."""


@dataclass(frozen=True)
class Work:
    """How many pictures go through at once, and what happens along the way.

    Attributes:
        batch: pictures in a run of the network.
        workers: threads that read, refine and encode while the network runs.
        skip_existing: leave results that are there as they are.
        fail_fast: begin no further picture once one has failed.
    """

    batch: int = 4
    workers: int = 2
    skip_existing: bool = False
    fail_fast: bool = False


def remove_files(
    inputs: Sequence[str | Path],
    output: str | Path | None,
    remover: Remover,
    model: str = "",
    look: Look | None = None,
    work: Work | None = None,
    format: str | None = None,
) -> Report:
    """Do every picture; one that fails stops no other unless `work` says so.

    Args:
        inputs, output, format: as `inputs.plan` takes them.
        model: what the report calls the model.
        look, work: None: as their own defaults say.

    Raises:
        DataError: an input is missing or holds no pictures, or `output` cannot take them.
        SettingsError: the choices exclude each other.
    """
    look, work = look or Look(), work or Work()
    jobs = plan(inputs, output, format)
    outputs.check(look, {job.format for job in jobs})
    there = {job for job in jobs if work.skip_existing and job.target and job.target.exists()}
    todo = [job for job in jobs if job not in there]
    done = _Pipeline(remover, look, work).run(todo)
    bar = progress(done, what="remove", unit="pictures", total=len(todo), disable=len(todo) <= 1)
    made = dict(zip(todo, bar))
    return Report(
        model=model,
        device=remover.device,
        refine=remover.refine,
        outcomes=tuple(
            made.get(job) or _outcome(job, "skipped" if job in there else "left") for job in jobs
        ),
    )


def _outcome(job: Job, status: str, **facts) -> Outcome:
    return Outcome(str(job.source or STREAM), str(job.target or STREAM), status, **facts)


class _Pipeline:
    """Workers read ahead and finish behind; the caller's thread runs the network between."""

    def __init__(self, remover: Remover, look: Look, work: Work):
        self._remover, self._look, self._work = remover, look, work

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Outcomes in the order of the jobs; those of jobs left undone are missing at the end."""
        work, waiting = self._work, deque(jobs)
        reading: deque[tuple[Job, int, Future]] = deque()
        finishing: deque[tuple[int, Future]] = deque()
        pool = ThreadPoolExecutor(work.workers, "clearbg")
        try:
            while waiting or reading or finishing:
                in_flight = sum(n for _, n, _ in reading) + sum(n for n, _ in finishing)
                while waiting and len(reading) < work.batch + work.workers:
                    job = waiting[0]
                    pixels = 0 if job.source is None else count_pixels(job.source)
                    if in_flight and in_flight + pixels > PIXELS_IN_FLIGHT:
                        break
                    waiting.popleft()
                    reading.append((job, pixels, pool.submit(_read, job)))
                    in_flight += pixels
                count = min(work.batch, len(reading))
                finishing += self._infer([reading.popleft() for _ in range(count)], pool)
                while finishing and (not reading or len(finishing) > work.workers):
                    outcome = finishing.popleft()[1].result()
                    if outcome.status == "failed" and work.fail_fast:
                        waiting.clear()
                    yield outcome
                    if waiting and not reading:
                        break  # there is room to read again
        finally:
            pool.shutdown(cancel_futures=True)

    def _infer(
        self, group: list[tuple[Job, int, Future]], pool: ThreadPoolExecutor
    ) -> list[tuple[int, Future]]:
        """Run the network on what was read, and hand each picture on to be finished."""
        read = [(job, future.result()) for job, _, future in group]
        pictures = [found for _, found in read if isinstance(found, images.Picture)]
        try:
            inferred = iter(self._remover.infer(pictures) if pictures else [])
            failed = None
        except (ClearBGError, MemoryError) as error:
            failed = error
        futures = []
        for job, found in read:
            if not isinstance(found, images.Picture):
                futures.append(pool.submit(_failure, job, found))
            elif failed is not None:
                futures.append(pool.submit(_failure, job, failed))
            else:
                futures.append(pool.submit(self._finish, job, found, next(inferred)))
        return [(pixels, future) for (_, pixels, _), future in zip(group, futures)]

    def _finish(self, job: Job, picture: images.Picture, inferred: np.ndarray) -> Outcome:
        try:
            found, coverage = outputs.result(self._remover, picture, inferred, self._look)
            encoded, notes = outputs.encode(found, job.format, self._look)
            _write(job.target, encoded)
        except (ClearBGError, MemoryError) as error:
            return _failure(job, error)
        height, width = found.rgb.shape[:2]
        return _outcome(
            job, "written", width=width, height=height, coverage=round(coverage, 4), notes=notes
        )


def _read(job: Job) -> images.Picture | Exception:
    try:
        if job.source is None:
            return images.read_picture(sys.stdin.buffer.read(), name="Standard input")
        return images.read_picture(job.source)
    except (ClearBGError, MemoryError) as error:
        return error


def _write(target: Path | None, encoded: bytes) -> None:
    if target is None:
        sys.stdout.buffer.write(encoded)
        sys.stdout.buffer.flush()
        return
    with replacing_file(target) as aside:
        aside.write_bytes(encoded)


def _failure(job: Job, error: Exception) -> Outcome:
    source = str(job.source or "Standard input")
    text = str(error)
    if isinstance(error, MemoryError):
        text = f"{source} needs more memory than there is: scale it down, or use one worker."
    elif source not in text and str(job.target) not in text:
        text = f"{source}: {text}"
    return _outcome(job, "failed", message=text)
