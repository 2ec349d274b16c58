"""Progress bars that neither flicker in a terminal nor flood a log; work on all cores under one."""

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from tqdm import tqdm

from clearbg.system import memory

WIDTH = 79
SHAPE = (
    "{l_bar}{bar}| {n_fmt}/{total_fmt} {unit} [{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"
)
"""As tqdm's own, but always in units a second, never in seconds a unit."""
EACH = 2**30  # bytes that a process takes with an image of 50 megapixels
FEW = 64  # items; one process finishes so few before others have started

Item, Result = TypeVar("Item"), TypeVar("Result")


def progress(iterable=None, *, what: str, unit: str, total: int | None = None, **options) -> tqdm:
    """A progress bar on stderr if that is a terminal; a log file is spared it."""
    shape = None if options.get("unit_scale") else SHAPE.replace("{unit}", unit)
    options["disable"] = options.get("disable", False) or not sys.stderr.isatty()
    return tqdm(
        iterable, what, total, unit=f" {unit}", ncols=WIDTH, mininterval=0.2, bar_format=shape,
        **options,
    )  # fmt: skip


def on_all_cores(work: Callable[[Item], Result], items: Sequence[Item], what: str) -> list[Result]:
    """The result of `work` for each item, in their order; `what` names the progress bar."""
    import joblib  # imported here: a removal needs only the bar

    count = 1 if len(items) <= FEW else memory.processes(EACH)
    workers = joblib.Parallel(n_jobs=count, return_as="generator", batch_size=8)
    results = workers(joblib.delayed(work)(item) for item in items)
    return list(progress(results, what=what, unit="images", total=len(items)))
