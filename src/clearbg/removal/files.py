"""Remove the backgrounds of many files: reading, network, refining and encoding overlap."""

import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from clearbg.errors import ClearBGError, SettingsError
from clearbg.images import DecodedImage, limits, read_image
from clearbg.images.decoding import weigh
from clearbg.inference.sessions import BATCH, cores
from clearbg.removal.cutout import cut
from clearbg.removal.options import OutputOptions, RunOptions
from clearbg.removal.plan import STREAM, Job, left_out, plan
from clearbg.removal.remover import Remover
from clearbg.removal.report import Outcome, RemovalReport, Status
from clearbg.system.files import replacing_file
from clearbg.system.object_store import Location, StorePath, existing
from clearbg.system.overwriting import Kind, refuse_to_lose

PIXELS_UNSEEN = 2**23
"""Assumed size of an image in a store, whose size is unknown before it is read."""

RESULT = Kind(
    "an image", re.compile(rb"\A(\x89PNG|\xff\xd8\xff|RIFF....WEBP|II\*\0|MM\0\*)", re.DOTALL)
)
MOST_WORKERS = 4  # unless the user asks for more


def remove_files(
    inputs: Sequence[str | Path],
    output: str | Path | None,
    remover: Remover,
    model: str = "",
    output_options: OutputOptions | None = None,
    run_options: RunOptions | None = None,
    format: str | None = None,
    log: Callable[[DecodedImage, np.ndarray], None] | None = None,
) -> RemovalReport:
    """Remove the backgrounds of files; an image that fails does not stop the others.

    Args:
        inputs, output, format: see `plan.plan`.
        model: what the report calls the model.
        output_options, run_options: None: the defaults.
        log: called with every image and what the network found in it, from several threads.

    Raises:
        DataError: an input is missing or holds no images, or `output` cannot take them.
        SettingsError: options exclude each other, or an image would go to a terminal.
    """
    output_options, run_options = output_options or OutputOptions(), run_options or RunOptions()
    jobs = plan(inputs, output, format)
    output_options.refuse_formats({job.format for job in jobs})
    if jobs[0].target is None and sys.stdout.isatty():
        raise SettingsError("An image does not fit a terminal: redirect it, or name a file.")
    todo = undone(jobs, run_options)
    read = [Path(model), getattr(log, "path", None), output_options.file]
    refuse_outputs(todo, read, run_options.overwrite)
    done = Pipeline(remover, output_options, run_options, log).run(todo)
    if len(todo) > 1 and not run_options.quiet:
        from clearbg.system.progress import progress  # imported here: a single image does without

        done = progress(done, what="remove", unit="images", total=len(todo))
    outcomes = in_order(jobs, todo, dict(zip(todo, list(done))))  # to its end, and the bar's
    left = left_out(inputs, output)
    return RemovalReport(model, remover.device, remover.refine, outcomes, left)


def undone(jobs: Sequence[Job], options: RunOptions) -> list[Job]:
    """The jobs that are still to do: without those whose results exist and shall stay.

    Raises:
        DataError: the store of the results refuses, or cannot be reached.
    """
    targets = [job.target for job in jobs if options.skip_existing and job.target is not None]
    there = existing(targets)
    return [job for job in jobs if job.target not in there]


def refuse_outputs(todo: Sequence[Job], read: Sequence[Path | None], overwrite: bool) -> None:
    """Raise DataError where a result would be written over a file that is no image, or was read."""
    for job in todo:
        if isinstance(job.target, Path):
            refuse_to_lose(job.target, RESULT, read, overwrite)


def in_order(
    jobs: Sequence[Job], todo: Sequence[Job], made: Mapping[Job, Outcome]
) -> tuple[Outcome, ...]:
    """The outcomes of all jobs, in their order.

    A job of `todo` without an outcome in `made` was left undone; one outside `todo` was skipped.
    """
    left = set(todo)
    return tuple(
        made.get(job) or outcome(job, "left" if job in left else "skipped") for job in jobs
    )


def outcome(job: Job, status: Status, **facts) -> Outcome:
    """The outcome of a job, with the names that the user gave."""
    return Outcome(str(job.source or STREAM), str(job.target or STREAM), status, **facts)


class Pipeline:
    """Worker threads read images and finish results while other threads run the network."""

    def __init__(
        self,
        remover: Remover,
        output_options: OutputOptions,
        run_options: RunOptions,
        log: Callable | None = None,
    ):
        self._remover, self._options, self._log = remover, output_options, log
        self._batch = run_options.batch or BATCH[remover.device]
        self._workers = run_options.workers or min(MOST_WORKERS, cores())
        self._fail_fast = run_options.fail_fast

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Outcomes in the order of the jobs. With `fail_fast` those after a failure are missing."""
        waiting = deque(jobs)
        begun: deque[tuple[int, Future]] = deque()  # weight, and a future list of future outcomes
        networks = ThreadPoolExecutor(self._remover.runs, "clearbg network")
        workers = ThreadPoolExecutor(self._workers, "clearbg")
        # While some groups are in the network, others are read and finished.
        ahead = self._remover.runs + 2 * -(-self._workers // self._batch)
        try:
            while waiting or begun:
                while waiting and len(begun) < ahead:
                    group, pixels = self._group(waiting, sum(pixels for pixels, _ in begun))
                    if not group:
                        break
                    begun.append((pixels, self._begin(group, networks, workers)))
                for future in begun[0][1].result():
                    ended = future.result()
                    if ended.status == "failed" and self._fail_fast:
                        waiting.clear()
                    yield ended
                begun.popleft()
        finally:
            networks.shutdown(cancel_futures=True)  # first: what runs there waits for workers
            workers.shutdown(cancel_futures=True)

    def _group(self, waiting: deque[Job], in_flight: int) -> tuple[list[Job], int]:
        """Take the next jobs that there is memory for from `waiting`; also their pixels."""
        group, pixels = [], 0
        while waiting and len(group) < self._batch:
            more = _pixels(waiting[0].source)
            if in_flight + pixels and in_flight + pixels + more > limits.AT_ONCE:
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
        """Run the network on the images that were read, and pass each to a worker to finish."""
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
        """Write one result. `held` is a list of one image and is emptied, to free its memory."""
        if self._log is not None:
            self._log(held[0], inferred)
        try:
            made = cut(self._remover, held.pop(), self._options, job.format, inferred)
            _write(job.target, made.encoded)
        except (ClearBGError, MemoryError) as error:
            return _failure(job, error)
        return outcome(
            job,
            "written",
            width=made.image.width,
            height=made.image.height,
            coverage=round(made.coverage, 4),
            notes=made.notes,
        )


def _pixels(source: Location | None) -> int:
    """The pixels of an image, before it is read."""
    if source is None:
        return 0
    return PIXELS_UNSEEN if isinstance(source, StorePath) else weigh(source)


def _read(job: Job) -> DecodedImage | Exception:
    try:
        if job.source is None:
            return read_image(sys.stdin.buffer.read(), name="Standard input")
        if isinstance(job.source, StorePath):
            return read_image(job.source.read(), name=str(job.source))
        return read_image(job.source)
    except (ClearBGError, MemoryError) as error:
        return error


def _write(target: Location | None, encoded: bytes) -> None:
    if target is None:
        sys.stdout.buffer.write(encoded)
        sys.stdout.buffer.flush()
        return
    if isinstance(target, StorePath):
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
