"""What removal costs on this machine: seconds and memory of exported models."""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from clearbg.errors import ModelError
from clearbg.images import encode_image, read_image, resize
from clearbg.inference.predict import prepare
from clearbg.inference.sessions import Device
from clearbg.pretrained.choice import choose
from clearbg.removal.cutout import cut
from clearbg.removal.remover import Remover

SIZE = (1200, 1600)
"""Height and width of the images, pixels."""
GRAIN = 6  # of 255, the standard deviation of noise that makes files as large as photographs'


@dataclass(frozen=True)
class Cost:
    """Of one model, in a process of its own.

    Attributes:
        model: as people call it.
        size: bytes of the file.
        cold: seconds from a path to the first image, in a process that has imported ClearBG.
        network: milliseconds of the network alone, an image, once warm.
        whole: milliseconds from a JPEG file's bytes to a PNG file's, an image, once warm.
        memory: bytes that the process held at most; None where the system does not tell.
    """

    model: str
    file: Path
    device: Device
    size: int
    cold: float
    network: float
    whole: float
    memory: int | None


def measure(models: Sequence[str | Path], device: Device, count: int) -> Iterator[Cost]:
    """The cost of each model: the median over `count` images, after one to warm up.

    Raises:
        ModelError: a file is missing or cannot be run, or needs more memory than there is.
        SettingsError: the device is not there.
    """
    files = [_image(index) for index in range(count)]
    for model in models:
        file = choose(model, device).file
        with ProcessPoolExecutor(1, get_context("spawn")) as alone:
            try:
                yield alone.submit(_cost, str(model), file, device, files).result()
            except BrokenProcessPool as error:
                raise ModelError(
                    f"the process that ran {model} was ended, perhaps for want of memory: close "
                    "other programs, or choose a smaller model."
                ) from error


def table(costs: Sequence[Cost]) -> str:
    """Lines for a terminal."""
    width = max(len("model"), *(len(cost.model) for cost in costs))
    lines = [f"{'model':{width}}  device    file MB  first s  network ms  whole ms  at most MB"]
    for cost in costs:
        memory = "–" if cost.memory is None else f"{cost.memory / 1e6:.0f}"
        lines.append(
            f"{cost.model:{width}}  {cost.device:8} {cost.size / 1e6:8.1f} {cost.cold:8.2f} "
            f"{cost.network:11.1f} {cost.whole:9.1f} {memory:>11}"
        )
    return "\n".join(lines)


def _image(index: int) -> bytes:
    """A JPEG file of a generated image, enlarged, with grain."""
    from clearbg import synthetic  # imported here: the processes do without

    rgb, _ = synthetic.generate(0, index)
    noise = np.random.default_rng(index).normal(0, GRAIN, (*SIZE, 3))
    grained = np.rint(resize(rgb, SIZE, "bicubic") + noise).clip(0, 255)
    return encode_image(grained.astype(np.uint8), format="JPEG")


def _cost(model: str, file: Path, device: Device, files: list[bytes]) -> Cost:
    started = time.perf_counter()
    remover = Remover(file, device=device)

    def whole(file: bytes) -> None:
        cut(remover, read_image(file))

    whole(files[0])
    cold = time.perf_counter() - started

    batches = [prepare(read_image(file).srgb(), remover.contract)[None] for file in files]
    return Cost(
        model=model,
        file=file,
        device=device,
        size=file.stat().st_size,
        cold=cold,
        network=_milliseconds(remover.network, batches),
        whole=_milliseconds(whole, files),
        memory=_most_memory(),
    )


def _milliseconds(work: Callable, items: Sequence) -> float:
    times = []
    for item in (items[0], *items):
        started = time.perf_counter()
        work(item)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[1:])


def _most_memory() -> int | None:
    """Bytes that this process has held at most."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None
