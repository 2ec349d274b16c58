"""Many images to cutouts: reading, network, refinement and encoding overlap."""

import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearbg.errors import ClearBGError
from clearbg.images import DecodedImage, read_image
from clearbg.images.decoding import count_pixels
from clearbg.removal import outputs
from clearbg.removal.inputs import STREAM, Job, plan
from clearbg.removal.outcomes import Outcome, Report, Status
from clearbg.removal.outputs import Look
from clearbg.removal.remover import Remover
from clearbg.removal.stores import Place, Stored, present
from clearbg.system.files import replacing_file

PIXELS_IN_FLIGHT = 2**26
"""Of all images between reading and writing, of which there is at least one."""

PIXELS_UNSEEN = 2**23
"""What an image in a store counts for: 8 megapixels."""


@dataclass(frozen=True)
class Work:
    """How many images go through at once, and what happens along the way.

    Attributes:
        batch: images in a run of the network; see `devices.BATCH`.
        workers: threads that read, refine and encode while the network runs.
        skip_existing: leave results that are there as they are.
        fail_fast: begin no further image once one has failed.
    """

    batch: int = 1
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
    log: Callable[[DecodedImage, np.ndarray], None] | None = None,
) -> Report:
    """Do every image; one that fails stops no other unless `work` says so.

    Args:
        inputs, output, format: as `inputs.plan` takes them.
        model: what the report calls the model.
        look, work: None: as their own defaults say.
        log: is given every image and what the network said of it, by any of the threads.

    Raises:
        DataError: an input is missing or holds no images, or `output` cannot take them.
        SettingsError: the choices exclude each other.
    """
    look, work = look or Look(), work or Work()
    jobs = plan(inputs, output, format)
    outputs.check(look, {job.format for job in jobs})
    todo = undone(jobs, work)
    done = Pipeline(remover, look, work, log).run(todo)
    if len(todo) > 1:
        from clearbg.system.progress import progress  # imported here: a single image does without

        done = progress(done, what="remove", unit="images", total=len(todo))
    outcomes = in_order(jobs, todo, dict(zip(todo, done)))
    return Report(model, remover.device, remover.refine, outcomes)


def undone(jobs: Sequence[Job], work: Work) -> list[Job]:
    """The jobs but for those whose results are there already and are to stay.

    Raises:
        DataError: the store of the results refuses, or cannot be reached.
    """
    targets = [job.target for job in jobs if work.skip_existing and job.target is not None]
    there = present(targets)
    return [job for job in jobs if job.target not in there]


def in_order(
    jobs: Sequence[Job], todo: Sequence[Job], made: Mapping[Job, Outcome]
) -> tuple[Outcome, ...]:
    """What became of all jobs; of those `todo` that nothing was `made` of: they were left."""
    left = set(todo)
    return tuple(
        made.get(job) or outcome(job, "left" if job in left else "skipped") for job in jobs
    )


def outcome(job: Job, status: Status, **facts) -> Outcome:
    """What became of a job, by the names that people gave."""
    return Outcome(str(job.source or STREAM), str(job.target or STREAM), status, **facts)


class Pipeline:
    """Workers read ahead and finish behind; other threads run the network between."""

    def __init__(self, remover: Remover, look: Look, work: Work, log: Callable | None = None):
        self._remover, self._look, self._work, self._log = remover, look, work, log

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Outcomes in the order of the jobs; those of jobs left undone are missing at the end."""
        waiting = deque(jobs)
        begun: deque[tuple[int, Future]] = deque()  # pixels, and what becomes futures of outcomes
        networks = ThreadPoolExecutor(self._remover.runs, "clearbg network")
        workers = ThreadPoolExecutor(self._work.workers, "clearbg")
        # Some groups are read and some finished while others are in the network.
        ahead = self._remover.runs + 2 * -(-self._work.workers // self._work.batch)
        try:
            while waiting or begun:
                while waiting and len(begun) < ahead:
                    group, pixels = self._group(waiting, sum(pixels for pixels, _ in begun))
                    if not group:
                        break
                    begun.append((pixels, self._begin(group, networks, workers)))
                for future in begun[0][1].result():
                    ended = future.result()
                    if ended.status == "failed" and self._work.fail_fast:
                        waiting.clear()
                    yield ended
                begun.popleft()
        finally:
            networks.shutdown(cancel_futures=True)  # first: what runs there waits for workers
            workers.shutdown(cancel_futures=True)

    def _group(self, waiting: deque[Job], in_flight: int) -> tuple[list[Job], int]:
        """The next jobs that there is room for, taken away, and their pixels."""
        group, pixels = [], 0
        while waiting and len(group) < self._work.batch:
            more = _pixels(waiting[0].source)
            if in_flight + pixels and in_flight + pixels + more > PIXELS_IN_FLIGHT:
                break
            group.append(waiting.popleft())
            pixels += more
        return group, pixels

    def _begin(
        self, group: list[Job], networks: ThreadPoolExecutor, workers: ThreadPoolExecutor
    ) -> Future:
        read = [(job, workers.submit(_read, job)) for job in group]
        return networks.submit(self._infer, read, workers)

    def _infer(self, group: list[tuple[Job, Future]], workers: ThreadPoolExecutor) -> list[Future]:
        """Run the network on what was read, and hand each image on to be finished."""
        read = [(job, future.result()) for job, future in group]
        images = [found for _, found in read if isinstance(found, DecodedImage)]
        try:
            inferred = iter(self._remover.infer(images) if images else [])
            failed = None
        except (ClearBGError, MemoryError) as error:
            failed = error
        futures = []
        for job, found in read:
            if not isinstance(found, DecodedImage):
                futures.append(workers.submit(_failure, job, found))
            elif failed is not None:
                futures.append(workers.submit(_failure, job, failed))
            else:
                futures.append(workers.submit(self._finish, job, [found], next(inferred)))
        return futures

    def _finish(self, job: Job, held: list[DecodedImage], inferred: np.ndarray) -> Outcome:
        """`held` is one image, and empty afterwards: it goes before the result is encoded."""
        if self._log is not None:
            self._log(held[0], inferred)
        try:
            found, coverage = outputs.result(self._remover, held.pop(), inferred, self._look)
            encoded, notes = outputs.encode(found, job.format, self._look)
            _write(job.target, encoded)
        except (ClearBGError, MemoryError) as error:
            return _failure(job, error)
        height, width = found.rgb.shape[:2]
        return outcome(
            job, "written", width=width, height=height, coverage=round(coverage, 4), notes=notes
        )


def _pixels(source: Place | None) -> int:
    """Pixels of an image before it is read; of one in a store nothing is known yet."""
    if source is None:
        return 0
    return PIXELS_UNSEEN if isinstance(source, Stored) else count_pixels(source)


def _read(job: Job) -> DecodedImage | Exception:
    try:
        if job.source is None:
            return read_image(sys.stdin.buffer.read(), name="Standard input")
        if isinstance(job.source, Stored):
            return read_image(job.source.read(), name=str(job.source))
        return read_image(job.source)
    except (ClearBGError, MemoryError) as error:
        return error


def _write(target: Place | None, encoded: bytes) -> None:
    if target is None:
        sys.stdout.buffer.write(encoded)
        sys.stdout.buffer.flush()
        return
    if isinstance(target, Stored):
        target.write(encoded)
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
    return outcome(job, "failed", message=text)
