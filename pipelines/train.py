"""Train the recipe's model; validate every epoch; keep the best weights.

reads   params.yaml (data, augment, model, train), data/augmented/
writes  models/{weights.safetensors,model.json,training_images.csv,card.md,mean_mask.png,
        baselines.json}; adversarial: models/parts/ too
        reports/train/{history.csv,metrics.json,samples/}
A killed run goes on from its last checkpoint in .clearbg/checkpoints/, in its MLflow run.
"""

import contextlib
import sys
from pathlib import Path

import pandas as pd
from lightning_fabric import Fabric

from clearbg import config
from clearbg.config import recipes
from clearbg.contract import read_contract
from clearbg.data.dataset import Pairs
from clearbg.system import project, signals
from clearbg.system.stage import Options, stage
from clearbg.tracking import runs, stage_logs
from clearbg.training import (
    batch_size,
    checkpoints,
    estimate,
    loop,
    outputs,
    processes,
    start,
    tensorboard,
    trouble,
)
from clearbg.training.fingerprint import fingerprint
from clearbg.training.image_counts import Counts
from clearbg.training.launch import launch
from clearbg.training.methods import Method
from clearbg.training.provenance import Provenance, provenance

DATA, MODELS, REPORTS = Path("data/augmented"), Path("models"), Path("reports/train")


def main() -> None:
    settings = config.load()
    fabric = launch(settings.train)
    with (
        signals.noted(),
        processes.ending_together(fabric),
        processes.alone(fabric),
        trouble.memory_told(settings),
    ):
        settings = start.permitted(settings)
        train(fabric, settings, provenance(settings, DATA))


def train(fabric: Fabric, settings: config.Settings, past: Provenance) -> None:
    name = fingerprint(settings, DATA)
    checkpoint = checkpoints.Checkpoint(project.state() / "checkpoints" / name)
    samples = checkpoint.folder / "samples"
    with fabric.rank_zero_first():  # it decodes the images that all hold in memory
        pairs, validation = (
            Pairs(DATA, split, settings, settings.train.cache) for split in ("train", "validation")
        )
    settings = batch_size.with_batch_size(settings, checkpoint.folder, len(pairs), fabric)
    if fabric.is_global_zero and not checkpoint.path.exists():
        counts = Counts(len(pairs), len(validation), f"{DATA}")
        print(estimate.report(settings, counts, pairs, validation), flush=True)
    with (
        runs.train_run(name, settings.flat(), name=settings.model.name, recipe=recipes.live())
        if fabric.is_global_zero
        else contextlib.nullcontext(runs.Run())
    ) as run:
        logs = tensorboard.Board(project.state() / "tensorboard" / name, settings.train.tensorboard)

        def on_epoch(method: Method, progress: checkpoints.Progress) -> None:
            run.history(pd.DataFrame(progress.history))
            run.metrics({f"pace/{name}": value for name, value in progress.pace.items()})
            sheet = samples / f"epoch-{progress.epoch:05d}.jpg"
            every = settings.train.samples_every
            # A run that goes on in the middle of an epoch has left the sheet's weights behind.
            if every and progress.epoch % every == 0 and not sheet.exists():
                outputs.write_samples(method, validation, settings, sheet)
            logs.history(progress.history, sheet)

        method, progress = loop.fit(fabric, settings, pairs, validation, checkpoint, on_epoch)
        if not fabric.is_global_zero:
            signals.ignore_from_now()
            return
        compared = outputs.write_model(method, progress, settings, past, pairs.mean_mask, MODELS)
        outputs.write_reports(method, progress, settings, validation, samples, REPORTS)
        stage_logs.log_training(run, read_contract(MODELS), settings)
        if settings.train.minutes:
            print(
                f"train: {progress.steps} optimizer steps in {settings.train.minutes:g} minutes; "
                "for as many in a rerun set train.steps to that, and train.minutes to null"
            )
        if not compared.beats_baselines:
            print(compared.warning("validation images"), file=sys.stderr)
        signals.ignore_from_now(checkpoint.finish)
    checkpoint.remove()  # last: a run that is stopped before goes on from it


if __name__ == "__main__":
    Options(__doc__).parse_args()
    with stage("train", f"{MODELS}/", f"{REPORTS}/"):
        main()
