"""From recent images to a verdict: have they moved away from what the model was trained on?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearbg.drift import comparison, report, samples
from clearbg.drift.comparison import Comparison, Limits
from clearbg.drift.report import Sources
from clearbg.errors import SettingsError
from clearbg.removal.remover import Remover

NO_DRIFT, DRIFT, UNJUDGED = 0, 3, 4
"""Exit statuses of `clearbg drift`; the last one: there are too few images to judge by."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """The comparison, and where its two sides come from."""

    comparison: Comparison
    sources: Sources

    @property
    def status(self) -> int:
        """`DRIFT` or `NO_DRIFT`."""
        return DRIFT if self.comparison.drifted else NO_DRIFT

    def table(self) -> str:
        """The figures and the conclusion for a terminal."""
        return report.table(self.comparison, self.sources)

    def document(self) -> dict[str, Any]:
        """Everything, for a program."""
        return report.document(self.comparison, self.sources, self.status)


def judge(
    recent: Path,
    reference: Path,
    model: Path | None = None,
    *,
    model_name: str | None = None,
    limits: Limits | None = None,
    limit: int = 1000,
    sample: int = 1000,
) -> Verdict:
    """Compare recent images with the training split of a data set.

    Args:
        recent: a folder of images, or a removal log.
        reference: the ingested folder.
        model: an ONNX file whose alpha is compared as well; None: only the images are compared.
        model_name: what the report calls the model; None: its path.
        limits: when a change counts as drift; None: the defaults.
        limit: how many recent images or lines to take, the newest.
        sample: how many training images to take, at most.

    Raises:
        TooFewError: one side has too few images to judge by.
        DataError: one side cannot be read.
        ModelError: the model cannot be used.
        SettingsError: `limit` or `sample` is less than 1.
    """
    if min(limit, sample) < 1:
        raise SettingsError("limit and sample are numbers of images: give 1 or more.")
    limits = limits or Limits()
    rows = samples.training_rows(reference, sample)
    comparison.refuse_too_few(rows, "training", limits)  # before many images are measured
    network = None if model is None else samples.Model(Remover(model), model)
    new = samples.recent(recent, limit, network)
    comparison.refuse_too_few(new.frame, "recent", limits)
    old = samples.training(reference, sample, network)
    found = comparison.compare(old, new.frame, limits, new.left_out)
    name = None if model is None else model_name or str(model)
    return Verdict(found, Sources(str(recent), str(reference), name, new.unreadable))
