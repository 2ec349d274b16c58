"""What a machine of a Ray cluster runs: the model in a process, and a portion of the work."""

import contextlib
import dataclasses
import json
import os
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearbg.errors import ClearBGError
from clearbg.inference.sessions import Device
from clearbg.removal.files import Pipeline, Work, outcome
from clearbg.removal.inputs import Job
from clearbg.removal.outcomes import Outcome
from clearbg.removal.outputs import Look
from clearbg.removal.remover import Remover
from clearbg.removal.stores import place


@dataclass(frozen=True)
class Orders:
    """What an actor needs to know beside the model.

    Attributes:
        folder: that relative paths start from.
        shared: paths that must be there on its machine as well.
    """

    device: Device
    refine: bool
    look: Look
    work: Work
    folder: str
    shared: tuple[str, ...] = ()


class Tally:
    """An actor that knows what is in work, and so what ended the process that worked on it."""

    def __init__(self):
        self._begun = Counter()

    def begin(self, *work: str | int) -> int:
        """How often this was begun before and never ended."""
        self._begun[work] += 1
        return self._begun[work] - 1

    def end(self, *work: str | int) -> None:
        del self._begun[work]


class RemoverActor:
    """Holds the model, and does what `files.Pipeline` does, a portion of the jobs at a time.

    A portion that has ended its process comes again, to a new one; its images are then done
    one by one, and one that ends the process again has failed.

    Args:
        model: Ray's reference to the ONNX file's bytes.
        tally: Ray's handle of a `Tally`.
    """

    def __init__(self, model: Any, tally: Any, orders: Orders):
        import ray

        self._ray, self._tally, self._refusal = ray, tally, ""
        with contextlib.suppress(OSError):
            os.chdir(orders.folder)
        for path in orders.shared:
            if not os.path.exists(path):
                self._refusal = (
                    f"{path} is not there on every machine of the cluster: name folders that all "
                    "of them share, or addresses such as s3://bucket/folder."
                )
                return
        try:
            # The file stays as long as the actor: inputs of another shape open it again.
            self._folder = tempfile.TemporaryDirectory()
            file = Path(self._folder.name, "model.onnx")
            file.write_bytes(ray.get(model))
            threads = orders.work.workers
            remover = Remover(file, threads, orders.device, orders.refine, images="many")
            self._pipeline = Pipeline(remover, orders.look, orders.work)
        except ClearBGError as error:
            self._refusal = str(error)

    def __call__(self, portion: Any) -> dict[str, list]:
        """A table of jobs -> what became of them, as JSON, or why nothing can be done here."""
        columns = portion.to_pydict()
        numbers = columns["number"]
        jobs = [
            Job(place(os.fsdecode(source)), place(os.fsdecode(target)), format)
            for source, target, format in zip(
                columns["source"], columns["target"], columns["format"], strict=True
            )
        ]
        ended = [] if self._refusal else self._all(numbers, jobs)
        told = [json.dumps(dataclasses.asdict(one)) for one in ended] or [""] * len(jobs)
        return {"number": numbers, "outcome": told, "refusal": [self._refusal] * len(jobs)}

    def _all(self, numbers: list[int], jobs: list[Job]) -> list[Outcome]:
        if self._begin("together", *numbers):
            ended = [self._alone(*one) for one in zip(numbers, jobs, strict=True)]
        else:
            ended = list(self._pipeline.run(jobs))
        self._tally.end.remote("together", *numbers)
        return ended

    def _alone(self, number: int, job: Job) -> Outcome:
        if self._begin("alone", number):
            sentence = (
                f"{job.source} ended the process that worked on it, twice: scale it down, or give "
                "more memory; if neither helps, leave it out."
            )
            return outcome(job, "failed", message=sentence)
        (ended,) = self._pipeline.run([job])
        self._tally.end.remote("alone", number)
        return ended

    def _begin(self, *work: str | int) -> int:
        return self._ray.get(self._tally.begin.remote(*work))
