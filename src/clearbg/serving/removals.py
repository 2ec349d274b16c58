"""Runs removals on threads: so many side by side, so many that wait, and a polite refusal."""

import asyncio
import contextlib
import copy
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from starlette.requests import ClientDisconnect

from clearbg.errors import ImageError, ModelError
from clearbg.images import DecodedImage, read_image
from clearbg.removal.backgrounds import Background
from clearbg.removal.cutout import cut
from clearbg.removal.remover import Remover
from clearbg.serving.batches import Batches
from clearbg.serving.forms import File
from clearbg.serving.limits import Limits
from clearbg.serving.metrics import Metrics
from clearbg.serving.parameters import Wanted
from clearbg.system import memory
from clearbg.web.bodies import Body, Refused

LOADING = "The model is being loaded: try again in a moment."
STOPPING = "The server is stopping: try again later."
FULL = "The server is busy, and its queue is full: try again later."
SOON = 1
"""Seconds after which a client may come back to a server that is not ready."""
TRIMMING = 20
"""Removals after which freed memory is given back, also when others run."""
WARMING = (64, 64)
"""Size of the image with which the network runs once before the server is ready."""


@dataclass(frozen=True)
class Result:
    """A finished removal.

    Attributes:
        content: the file.
        coverage: mean alpha of the whole image in [0, 1].
        notes: what the format could not keep.
        seconds: from its turn to the encoded file.
    """

    content: bytes
    coverage: float
    notes: tuple[str, ...]
    seconds: float


class Removals:
    """The queue of a server; methods belong to its event loop's thread, but `stop` and `shared`.

    Args:
        opened: gives the remover; it is called in a thread by `open`.

    Attributes:
        failure: why the model could not be opened; None: it could, or is still being opened.
        stopping: whether no further request is taken.
    """

    def __init__(self, opened: Callable[[], Remover], limits: Limits, metrics: Metrics):
        self._opened, self._limits, self._metrics = opened, limits, metrics
        self._pool = ThreadPoolExecutor(limits.concurrency, "clearbg removal")
        self._remover: Remover | None = None
        self._tried = threading.Event()
        self._inside = self._since_trim = 0
        self.failure: Exception | None = None
        self.stopping = False

    def open(self) -> None:
        """Open the model in a thread of its own, and run it once."""
        threading.Thread(target=self._open, name="clearbg model", daemon=True).start()

    def stop(self) -> None:
        """Take no further request; those that were taken are finished."""
        self.stopping = True

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def shared(self) -> Remover:
        """The remover, for other threads; they wait until it is open.

        Raises:
            Exception: whatever `failure` is.
        """
        self._tried.wait()
        if self.failure is not None:
            raise self.failure
        assert self._remover is not None
        return self._remover

    @property
    def ready(self) -> bool:
        return self._remover is not None and not self.stopping

    @property
    def running(self) -> int:
        return min(self._inside, self._limits.concurrency)

    @property
    def waiting(self) -> int:
        return self._inside - self.running

    @property
    def architecture(self) -> str:
        """The architecture of the model, as its contract calls it; "" before it is open."""
        return self._remover.contract.model if self._remover else ""

    def admit(self) -> None:
        """Refuse a request that there is no place for.

        Raises:
            Refused: the model is not open yet, the server is stopping, or the queue is full.
        """
        if self.stopping:
            raise Refused(503, STOPPING, SOON)
        if self._remover is None:
            raise Refused(503, LOADING, SOON)
        if self._inside >= self._limits.concurrency + self._limits.queue:
            turn = self._metrics.mean_seconds * self._inside / self._limits.concurrency
            raise Refused(429, FULL, max(1, math.ceil(turn)))

    async def run(self, image: File, wanted: Wanted, body: Body) -> Result:
        """Remove an image's background when its turn comes.

        Args:
            body: tells when the client leaves; then a removal that has not begun is left out.

        Raises:
            Refused: see `admit`.
            ClearBGError: the image, the background or the model cannot be used.
            ClientDisconnect: the client left.
        """
        self.admit()
        loop = asyncio.get_running_loop()
        future = self._pool.submit(self._remove, image, wanted)
        self._inside += 1
        future.add_done_callback(lambda _: _in(loop, self._leave))
        result, gone = asyncio.wrap_future(future), asyncio.create_task(_left(body))
        either: set[asyncio.Future] = {result, gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not result.done():
                raise ClientDisconnect
            return result.result()
        finally:
            gone.cancel()
            future.cancel()

    def _leave(self) -> None:
        self._inside -= 1

    def _open(self) -> None:
        try:
            remover = self._opened()
            remover.infer([DecodedImage(np.zeros((*WARMING, 3), np.uint8))])
            if self._limits.batch > 1:
                remover.network = _batched(remover, self._limits.batch, self._metrics.count_batch)
            self._remover = remover
        except Exception as error:  # whatever it is, a server without a model has to end
            self.failure = error
        finally:
            self._tried.set()

    def _remove(self, image: File, wanted: Wanted) -> Result:
        """One removal, in a thread of the pool."""
        started = time.perf_counter()
        remover = copy.copy(self._remover)  # shares the network
        assert remover is not None  # admitted requests alone come here
        remover.refine = wanted.refine
        try:
            output = wanted.output
            if wanted.behind is not None:
                behind = self._read(File("The background", wanted.behind)).srgb()
                output = replace(output, background=Background(behind))
            decoded = self._read(image)
            pixels = decoded.width * decoded.height
            try:
                made = cut(remover, decoded, output, wanted.format)
            except ImageError as error:
                if image.name in str(error):
                    raise
                raise ImageError(f"{image.name} {error}", error.reason) from error
        finally:
            self._trim()
        seconds = time.perf_counter() - started
        self._metrics.count_removal(seconds, pixels)
        return Result(made.encoded, made.coverage, made.notes, seconds)

    def _trim(self) -> None:
        """Give memory back when nothing waits for it, and now and then under a lasting load."""
        self._since_trim += 1
        if self._inside <= 1 or self._since_trim >= TRIMMING:
            self._since_trim = 0
            memory.trim()

    def _read(self, file: File) -> DecodedImage:
        return read_image(file.content, max_pixels=self._limits.pixels, name=file.name)


def _batched(remover: Remover, size: int, count: Callable[[int], object]) -> Batches:
    """The remover's network in batches, which has run with a whole one; see `Batches`.

    Raises:
        ModelError: the model takes no such batch.
    """
    contract = remover.contract
    shape = size, contract.channels, contract.height, contract.width
    try:
        remover.network(np.zeros(shape, np.float32))
    except ModelError as error:
        raise ModelError(
            f"The model cannot take {size} images in a run: start the server with --batch 1."
        ) from error
    return Batches(remover.network, size, remover.runs, count)


async def _left(body: Body) -> None:
    """Wait until the client leaves."""
    while (await body())["type"] != "http.disconnect":
        pass


def _in(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(call)
