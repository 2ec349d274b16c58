"""Progress bars that neither flicker in a terminal nor flood a log; work on all cores under one."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from tqdm import tqdm

FEW = 64  # items; one process finishes so few before others have started

Item, Result = TypeVar("Item"), TypeVar("Result")


def progress(iterable=None, *, what: str, unit: str, total: int | None = None, **options) -> tqdm:
    """A progress bar on stderr. In a log file it writes at most one line in ten seconds."""
    quiet = not sys.stderr.isatty()
    interval = {"mininterval": 10.0, "maxinterval": 60.0} if quiet else {"mininterval": 0.2}
    return tqdm(iterable, what, total, unit=f" {unit}", ncols=88, **interval, **options)


def on_all_cores(work: Callable[[Item], Result], items: Sequence[Item], what: str) -> list[Result]:
    """The result of `work` for each item, in their order; `what` names the progress bar."""
    import joblib  # imported here: a removal needs only the bar

    count = 1 if len(items) <= FEW else os.cpu_count()
    workers = joblib.Parallel(n_jobs=count, return_as="generator", batch_size=8)
    results = workers(joblib.delayed(work)(item) for item in items)
    return list(progress(results, what=what, unit="images", total=len(items)))
