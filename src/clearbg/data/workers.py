"""Run a function over many pairs, on all cores, with a progress bar."""

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

import joblib

from clearbg.system.progress import progress

FEW = 64  # items; one process finishes so few before others have started

Item, Result = TypeVar("Item"), TypeVar("Result")


def on_all_cores(work: Callable[[Item], Result], items: Sequence[Item], what: str) -> list[Result]:
    """The result of `work` for each item, in their order; `what` names the progress bar."""
    count = 1 if len(items) <= FEW else os.cpu_count()
    workers = joblib.Parallel(n_jobs=count, return_as="generator", batch_size=8)
    results = workers(joblib.delayed(work)(item) for item in items)
    return list(progress(results, what=what, unit="images", total=len(items)))
