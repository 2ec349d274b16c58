"""Remove the backgrounds of a video's frames: decoding, network and finishing overlap."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from typing import TypeVar

import numpy as np

from clearbg.images import DecodedImage, limits
from clearbg.inference.sessions import BATCH, cores
from clearbg.removal.files import MOST_WORKERS
from clearbg.removal.options import RunOptions
from clearbg.removal.remover import Remover
from clearbg.video.steady import SteadyAlpha, SteadyState

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Frame:
    """An upright frame, and its time in seconds since the video's beginning."""

    image: DecodedImage
    time: Fraction


def removed(
    frames: Iterable[Frame],
    remover: Remover,
    run_options: RunOptions,
    steady: SteadyAlpha,
    finish: Callable[[DecodedImage, np.ndarray], Made],
) -> Iterator[tuple[Fraction, Made, SteadyState | None]]:
    """What `finish` makes of each frame, in their order; few frames are in memory at once.

    The network takes them in batches, as it takes the images of a folder, and several batches are
    in work at once. The alpha then passes `steady` frame by frame.

    Args:
        finish: called with a picture and the network's alpha, in worker threads.

    Yields:
        The frame's time, what was made of it, and the filter's state after it.

    Raises:
        ModelError: the model cannot take the frames.
    """
    source = iter(frames)
    first = next(source, None)
    if first is None:
        return
    source = chain([first], source)
    most = max(1, limits.AT_ONCE // (first.image.height * first.image.width))
    batch = min(most, run_options.batch or BATCH[remover.device])
    count = run_options.workers or min(MOST_WORKERS, cores())
    ahead = min(most, batch * (remover.runs + 1) + count)
    inferring: deque[tuple[list[Frame], Future]] = deque()
    finishing: deque[tuple[Fraction, Future, SteadyState | None]] = deque()
    networks = ThreadPoolExecutor(remover.runs, "clearbg network")
    workers = ThreadPoolExecutor(count, "clearbg")
    try:
        while True:
            held = sum(len(group) for group, _ in inferring) + len(finishing)
            while held < ahead and (group := list(islice(source, batch))):
                pictures = [frame.image for frame in group]
                inferring.append((group, networks.submit(remover.infer, pictures)))
                held += len(group)
            if inferring and len(finishing) < count:
                group, future = inferring.popleft()
                for frame, alpha in zip(group, future.result(), strict=True):
                    calm = steady(frame.image.rgb, alpha)
                    made = workers.submit(finish, frame.image, calm)
                    finishing.append((frame.time, made, steady.state))
            elif finishing:
                time, made, state = finishing.popleft()
                yield time, made.result(), state
            else:
                return
    finally:
        networks.shutdown(cancel_futures=True)
        workers.shutdown(cancel_futures=True)
