"""A program whose trainings are asked to end, each at another moment.

    python signalled.py FOLDER MOMENTS

`FOLDER` holds `pipelines/train.py`, `params.yaml` and `data/augmented/`. `MOMENTS` is a JSON list
of `[signal, what is called then]`, for example `["SIGTERM", "outputs.write_model"]`; null stands
for a training that nobody disturbs. Each training is a process of its own, forked from this one,
which has imported everything. A line of JSON tells of each: its status, its output, its steps, and
the SHA-256 of the model's weights after it.
"""

import json
import os
import runpy
import signal
import sys
from pathlib import Path
from unittest.mock import MagicMock

import torch

from clearbg import models
from clearbg.data import dataset
from clearbg.system.files import file_sha256
from support.two_processes import TINY_NETWORKS

sys.modules["clearbg.tracking.runs"] = runs = MagicMock()  # MLflow takes seconds to import
runs.train_run().__exit__.return_value = False

from clearbg.tracking import stage_logs  # noqa: E402
from clearbg.training import checkpoints, estimate, loop, outputs  # noqa: E402

MODULES = {m.__name__.rpartition(".")[2]: m
           for m in (dataset, estimate, loop, outputs, stage_logs, checkpoints)}  # fmt: skip


def main(folder: Path, moments: list[tuple[str, str] | None]) -> None:
    torch.set_num_threads(1)
    models.MODELS.update(TINY_NETWORKS)
    stage_logs._log_ingest = lambda _: None  # there was no ingest
    for moment in moments:
        told = folder / "told"
        if not (child := os.fork()):
            run(folder, moment, told)
        _, status = os.waitpid(child, 0)
        steps = told.with_suffix(".steps").read_text().count("step")
        row = {"status": os.waitstatus_to_exitcode(status), "told": told.read_text()}
        model = folder / "models/weights.safetensors"
        weights = file_sha256(model) if model.exists() else None
        print(json.dumps(row | {"steps": steps, "weights": weights}))


def run(folder: Path, moment: tuple[str, str] | None, told: Path) -> None:
    """Become a training that a signal reaches the first time when something is called."""
    out = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    counted = told.with_suffix(".steps").open("w", buffering=1)
    watch(loop.Training, "_step", lambda: counted.write("step\n"))
    if moment:
        number, (module, *owner, name) = getattr(signal, moment[0]), moment[1].split(".")
        place = getattr(MODULES[module], owner[0]) if owner else MODULES[module]
        left = [number]
        watch(place, name, lambda: left and os.kill(os.getpid(), left.pop()))
    sys.argv = [str(folder / "pipelines/train.py")]
    runpy.run_path(sys.argv[0], run_name="__main__")
    sys.exit()


def watch(owner, name: str, tell) -> None:
    real = getattr(owner, name)

    def call(*arguments, **options):
        tell()
        return real(*arguments, **options)

    setattr(owner, name, call)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
