"""What runs on the machines of a Ray cluster: processes that hold the model."""

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
from clearbg.removal.files import Pipeline, outcome
from clearbg.removal.options import OutputOptions, RunOptions
from clearbg.removal.plan import Job
from clearbg.removal.remover import Remover
from clearbg.removal.report import Outcome
from clearbg.system.object_store import location


@dataclass(frozen=True)
class ActorSettings:
    """What an actor needs to know beside the model.

    Attributes:
        run_options: with `workers` set to the processor cores of the actor.
        folder: where relative paths start.
        shared: paths that must exist on the actor's machine as well.
    """

    device: Device
    refine: bool
    output_options: OutputOptions
    run_options: RunOptions
    folder: str
    shared: tuple[str, ...] = ()


class AttemptCounter:
    """An actor that counts the attempts at each piece of work.

    A second attempt means that the first one ended its process.
    """

    def __init__(self):
        self._begun = Counter()

    def begin(self, *work: str | int) -> int:
        """Count an attempt. Returns how many earlier ones never ended."""
        self._begun[work] += 1
        return self._begun[work] - 1

    def end(self, *work: str | int) -> None:
        del self._begun[work]


class RemoverActor:
    """A process of Ray that holds the model, and works on a group of jobs at a time.

    When a group ends its process, Ray gives it to a new one. That process does the images one by
    one, and an image that ends the process again has failed.

    Args:
        model: Ray's reference to the ONNX file's bytes.
        attempts: Ray's handle of an `AttemptCounter`.
    """

    def __init__(self, model: Any, attempts: Any, settings: ActorSettings):
        import ray

        self._ray, self._attempts, self._refusal = ray, attempts, ""
        with contextlib.suppress(OSError):
            os.chdir(settings.folder)
        for path in settings.shared:
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
            threads = settings.run_options.workers
            remover = Remover(file, threads, settings.device, settings.refine, images="many")
            self._pipeline = Pipeline(remover, settings.output_options, settings.run_options)
        except ClearBGError as error:
            self._refusal = str(error)

    def __call__(self, table: Any) -> dict[str, list]:
        """A table of jobs -> their outcomes as JSON, or why this machine can do nothing."""
        columns = table.to_pydict()
        numbers = columns["number"]
        jobs = [
            Job(location(os.fsdecode(source)), location(os.fsdecode(target)), format)
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
        self._attempts.end.remote("together", *numbers)
        return ended

    def _alone(self, number: int, job: Job) -> Outcome:
        if self._begin("alone", number):
            sentence = (
                f"{job.source} ended the process that worked on it, twice: scale it down, or give "
                "more memory; if neither helps, leave it out."
            )
            return outcome(job, "failed", message=sentence)
        (ended,) = self._pipeline.run([job])
        self._attempts.end.remote("alone", number)
        return ended

    def _begin(self, *work: str | int) -> int:
        return self._ray.get(self._attempts.begin.remote(*work))
