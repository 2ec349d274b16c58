"""Train the recipe's model; validate every epoch; keep the best weights.

reads   params.yaml (data, augment, model, train), data/augmented/
writes  models/{weights.safetensors,model.json}
        reports/train/{history.csv,metrics.json,samples.jpg}
A killed run goes on from its last checkpoint in .clearbg/checkpoints/, in its MLflow run.
"""

import contextlib
from pathlib import Path

from clearbg import config, places, recipes, records, tracking
from clearbg.data import manifest
from clearbg.fingerprint import fingerprint
from clearbg.removal import contract
from clearbg.stage import stage
from clearbg.training import loop, outputs, recovery

DATA, MODELS, REPORTS = Path("data/augmented"), Path("models"), Path("reports/train")


def main() -> None:
    settings = config.load()
    digest = manifest.digest(manifest.read(DATA))
    fabric = loop.launch(settings.train)
    name = fingerprint(settings, DATA)
    checkpoint = recovery.Checkpoint(places.state() / "checkpoints" / name)
    with (
        tracking.train_run(name, settings.flat(), name=settings.model.name, recipe=recipes.live())
        if fabric.is_global_zero
        else contextlib.nullcontext(tracking.Run())
    ) as run:
        method, progress = loop.fit(fabric, settings, DATA, checkpoint, run.history)
        if fabric.is_global_zero:
            outputs.write_model(progress, settings, digest, MODELS)
            outputs.write_reports(method, progress, settings, DATA, REPORTS)
            records.log_training(run, contract.read(MODELS), settings)
            checkpoint.remove()


if __name__ == "__main__":
    with stage("train", f"{MODELS}/", f"{REPORTS}/"):
        main()
