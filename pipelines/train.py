"""Train the recipe's model; validate every epoch; keep the best weights.

reads   params.yaml (data, augment, model, train), data/augmented/
writes  models/{weights.safetensors,model.json,training_pictures.csv,card.md}
        adversarial: models/parts/ too
        reports/train/{history.csv,metrics.json,samples/}
A killed run goes on from its last checkpoint in .clearbg/checkpoints/, in its MLflow run.
"""

import contextlib
from pathlib import Path

import pandas as pd

from clearbg import config, places, recipes, records, tracking
from clearbg.data.dataset import Pairs
from clearbg.fingerprint import fingerprint
from clearbg.removal import contract
from clearbg.stage import stage
from clearbg.training import board, loop, outputs, recovery
from clearbg.training.provenance import provenance

DATA, MODELS, REPORTS = Path("data/augmented"), Path("models"), Path("reports/train")


def main() -> None:
    settings = config.load()
    past = provenance(settings, DATA)
    fabric = loop.launch(settings.train)
    name = fingerprint(settings, DATA)
    checkpoint = recovery.Checkpoint(places.state() / "checkpoints" / name)
    samples = checkpoint.folder / "samples"
    train, validation = (Pairs(DATA, split, settings) for split in ("train", "validation"))
    with (
        tracking.train_run(name, settings.flat(), name=settings.model.name, recipe=recipes.live())
        if fabric.is_global_zero
        else contextlib.nullcontext(tracking.Run())
    ) as run:
        logs = board.Board(places.state() / "tensorboard" / name, settings.train.tensorboard)

        def on_epoch(method: loop.Method, progress: recovery.Progress) -> None:
            run.history(pd.DataFrame(progress.history))
            sheet = samples / f"epoch-{progress.epoch:05d}.jpg"
            if settings.train.samples_every and progress.epoch % settings.train.samples_every == 0:
                outputs.write_samples(method, validation, settings, sheet)
            logs.history(progress.history, sheet)

        method, progress = loop.fit(fabric, settings, train, validation, checkpoint, on_epoch)
        if fabric.is_global_zero:
            outputs.write_model(method, progress, settings, past, MODELS)
            outputs.write_reports(method, progress, settings, validation, samples, REPORTS)
            records.log_training(run, contract.read(MODELS), settings)
            checkpoint.remove()


if __name__ == "__main__":
    with stage("train", f"{MODELS}/", f"{REPORTS}/"):
        main()
