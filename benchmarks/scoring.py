"""How long does it take to score many images, beside pysodmetrics alone, and on two processes?

    python benchmarks/scoring.py [PAIRS]          by default 500, of 400×300 pixels

Everything that an evaluation asks is on: both protocols of saliency, segmentation, the masks that
have not looked at the image, edges, halo, corrections, calibration and the facts of slices.
Prints milliseconds of processor time for an image, and their ratio to pysodmetrics' own steps
(F, E, S, weighted F and MAE, and HCE once): once for each protocol, and once for everything that
is scored, the masks included. Then seconds on the clock with one process and with two, and
the memory of runs over 200 and over 2,000 small pairs. The processor's time of an image
is the least of several rounds, which other programs disturb least; a busy machine disturbs the
seconds on the clock.
"""

import itertools
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from clearbg.evaluation.evaluate import score
from clearbg.evaluation.one_image import Predicted, look_at
from clearbg.system import memory

SIZE, SMALL, ROUNDS = (300, 400), (60, 80), 10
FAMILIES, PROTOCOLS = ("saliency", "segmentation"), ("raw", "min_max")
MEAN_MASK = np.full((64, 64), 0.2, np.float32)


def main() -> None:
    if sys.argv[1:2] == ["--memory"]:
        run(int(sys.argv[2]), 1, SMALL)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return
    count = int(sys.argv[1]) if sys.argv[1:] else 500
    warnings.simplefilter("ignore")  # pysodmetrics deprecates its own Fmeasure class
    protocols = len(PROTOCOLS)
    ours, published, everything = least(
        list(pairs(ROUNDS)),
        lambda one: look_at(*one, FAMILIES, 0.5, PROTOCOLS, MEAN_MASK),
        lambda one: theirs(one, protocols),
        lambda one: theirs(one, protocols + 3),
    )
    print(f"one image: {ours:.0f} ms; pysodmetrics for both protocols {published:.0f} ms "
          f"({ours / published:.2f} times), for the masks too {everything:.0f} ms "
          f"({ours / everything:.2f} times)")  # fmt: skip
    seconds = [run(count, processes) for processes in (1, 2)]
    print(f"{count} images: {seconds[0]:.1f} s on one process, {seconds[1]:.1f} s on two "
          f"({seconds[0] / seconds[1]:.2f} times as fast)")  # fmt: skip
    peaks = [
        int(subprocess.check_output([sys.executable, __file__, "--memory", str(number)]))
        for number in (200, 2000)
    ]
    print(f"at most {peaks[0]} MB for 200 small images and {peaks[1]} MB for 2,000")


def pairs(count: int, size: tuple[int, int] = SIZE) -> Iterator[Predicted]:
    """Photographs of noise with a soft blob, and a coarse and noisy alpha of it."""
    for number in range(count):
        rng = np.random.default_rng(number)
        coarse = cv2.resize(rng.random((8, 10)).astype(np.float32), size[::-1],
                            interpolation=cv2.INTER_CUBIC)  # fmt: skip
        truth = (np.clip(20 * (coarse - 0.65) + 0.5, 0, 1) * 255).astype(np.uint8)
        alpha = cv2.GaussianBlur(truth, (0, 0), 3) / np.float32(255)
        alpha = np.clip(alpha + rng.normal(0, 0.02, alpha.shape), 0, 1).astype(np.float32)
        rgb = rng.integers(0, 256, (*size, 3), np.uint8)
        yield alpha, truth, rgb


def theirs(one: Predicted, times: int) -> None:
    import py_sod_metrics as sod

    alpha, subject = one[0].astype(float), one[1] > 128
    names = ("MAE", "Fmeasure", "Emeasure", "Smeasure", "WeightedFmeasure")
    for name in (*names * times, "HumanCorrectionEffortMeasure"):
        getattr(sod, name)().step(alpha, subject, normalize=False)


def least(given: list[Predicted], *steps: Callable[[Predicted], object]) -> np.ndarray:
    """Milliseconds of the processor for an image, of each of the steps.

    The mean over images of the least of five rounds, in which the steps take turns.
    """
    times = np.empty((len(given), 5, len(steps)))
    for one, rounds in zip(given, times, strict=True):
        for turn in rounds:
            for place, step in enumerate(steps):
                started = time.process_time()
                step(one)
                turn[place] = time.process_time() - started
    return 1000 * times.min(axis=1).mean(axis=0)


def run(count: int, processes: int, size: tuple[int, int] = SIZE) -> float:
    """Seconds of an evaluation on so many processes."""
    memory.processes = lambda _each: processes  # what evaluate asks
    names = [str(number) for number in range(count)]
    made = list(pairs(20, size))  # before the clock starts: making one takes a tenth of scoring it
    given = itertools.islice(itertools.cycle(made), count)
    started = time.perf_counter()
    score(names, given, FAMILIES, 0.5, PROTOCOLS, "max_f", None, MEAN_MASK)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
