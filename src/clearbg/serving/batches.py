"""Runs of the network with the images of several requests."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from clearbg.inference.predict import Network


@dataclass(eq=False)
class _Call:
    """What one thread waits for."""

    images: np.ndarray
    alphas: Future[np.ndarray] = field(default_factory=Future)


class Batches:
    """A network that takes together what waits for it; any number of threads may call it.

    A call that finds the network free runs at once. Calls that come meanwhile wait, and the next
    run takes them together: nobody waits for others to come. Where a run with several calls fails,
    each of them runs alone, so that none spoils another.

    Args:
        network: is called by at most `runs` threads at once.
        size: most images in a run; a call with more of them runs alone.
        count: is told how many images each run had.
    """

    def __init__(
        self,
        network: Network,
        size: int,
        runs: int = 1,
        count: Callable[[int], object] = lambda images: None,
    ):
        self._network, self._size, self._free, self._count = network, size, runs, count
        self._waiting: deque[_Call] = deque()
        self._changed = threading.Condition()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """float32 `(N,C,h,w)` -> alpha `(N,1,h,w)`; raises what the network raises for them."""
        call = _Call(images)
        with self._changed:
            self._waiting.append(call)
        while together := self._next(call):
            try:
                self._run(together)
            finally:
                with self._changed:
                    self._free += 1
                    self._changed.notify_all()
        return call.alphas.result()

    @property
    def waiting(self) -> int:
        """Calls that wait for a run."""
        return len(self._waiting)

    def _next(self, call: _Call) -> list[_Call]:
        """The calls that the thread of `call` has to run now; none: its own is done.

        They are the first that wait: where many do, its own may not be among them.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: call.alphas.done() or (self._free and call in self._waiting)
            )
            if call.alphas.done():
                return []
            self._free -= 1
            together = [self._waiting.popleft()]
            room = self._size - len(together[0].images)
            while self._waiting and len(self._waiting[0].images) <= room:
                together.append(self._waiting.popleft())
                room -= len(together[-1].images)
            return together

    def _run(self, calls: list[_Call]) -> None:
        try:
            alphas = self._network(np.concatenate([call.images for call in calls]))
            self._count(len(alphas))
        except Exception as error:
            if len(calls) == 1:
                calls[0].alphas.set_exception(error)
            else:
                for call in calls:
                    self._run([call])
            return
        first = 0
        for call in calls:
            call.alphas.set_result(alphas[first : first + len(call.images)])
            first += len(call.images)
