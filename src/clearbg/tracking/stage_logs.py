"""Record the files of the stages in MLflow.

Everything is read from files, so that a later stage can record the run too: after DVC restored
the training from its run cache, or when the server was down during the training.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from clearbg import config
from clearbg.config import recipes
from clearbg.contract import Contract
from clearbg.tracking import runs
from clearbg.training.fingerprint import fingerprint

INGEST, TRAINING = Path("reports/ingest"), Path("reports/train")
DATA = Path("data/augmented")


def log_training(run: runs.Run, contract: Contract, settings: config.Settings) -> None:
    """Log the data, every epoch, the best epoch's figures, the sample sheets and the weights."""
    _log_ingest(run)
    run.history(pd.read_csv(TRAINING / "history.csv"))
    best = json.loads((TRAINING / "metrics.json").read_text(encoding="utf-8"))
    run.metrics({f"best/{name}": value for name, value in _flat(best).items()})
    if "beats_baselines" in best:
        run.beats_baselines("validation", best["beats_baselines"])
    for path in sorted((TRAINING / "samples").glob("*.jpg")):
        run.file(path)
    for split in ("train", "validation"):
        run.dataset(DATA / "manifest.csv", split, settings.data.source, settings.data.path)
    run.weights(contract.weights_sha256)


def _log_ingest(run: runs.Run) -> None:
    """Log what the checks counted, the contact sheet and the list of quarantined images."""
    counts = json.loads((INGEST / "summary.json").read_text(encoding="utf-8"))
    run.metrics({f"data/{name}": value for name, value in _flat(counts).items()})
    run.file(INGEST / "contact_sheet.jpg")
    run.file(INGEST / "quarantine.csv", "reports")


def _flat(nested: dict[str, Any]) -> dict[str, float]:
    """Figures by one name each, "mean_mask/mae"; true is 1."""
    return {name: float(v) for name, v in pd.json_normalize(nested, sep="/").iloc[0].items()}


def log_evaluation(run: runs.Run, reports: Path) -> None:
    """Log the test split's figures, its curves (step = 255 · threshold) and the reports."""
    figures = json.loads((reports / "metrics.json").read_text(encoding="utf-8"))
    for protocol in [name for name, value in figures.items() if isinstance(value, dict)]:
        run.metrics({f"test_{protocol}/{k}": v for k, v in figures.pop(protocol).items()})
    run.metrics({f"test/{name}": value for name, value in figures.items()})
    if "beats_baselines" in figures:
        run.beats_baselines("test", figures["beats_baselines"])
    curves = pd.read_csv(reports / "curves.csv")
    steps = (curves.pop("threshold") * 255).round().astype(int)
    run.history(curves.add_prefix("curve/").assign(epoch=steps))
    run.file(reports / "sheet.jpg")
    run.file(reports / "report.html", "reports")
    run.file(reports / "per_image.csv", "reports")
    varied = pd.read_csv(reports / "robustness.csv")
    if not varied.empty:
        losses = varied.set_index("variation").filter(regex="_loss$").dropna()
        for name, row in losses.iterrows():
            run.metrics({f"robustness/{name}/{metric}": loss for metric, loss in row.items()})
        run.file(reports / "robustness.csv", "reports")


def log_export(run: runs.Run, model: Path, parity: Path, latency: dict[str, float]) -> None:
    """Log the exported model, its agreement with the trained one, and milliseconds per image."""
    agreement = json.loads(parity.read_text(encoding="utf-8"))
    run.metrics({f"export/{name}": value for name, value in _flat(agreement).items()})
    run.metrics({f"export/{name}_ms": value for name, value in latency.items()})
    run.model(model)


def run_of(contract: Contract, settings: config.Settings) -> runs.Run:
    """The MLflow run that trained these weights; if the store has none, one made from files."""
    return runs.run_of_weights(
        contract.weights_sha256,
        settings.flat(),
        name=contract.model,
        backfill=lambda run: log_training(run, contract, settings),
        fingerprint=fingerprint(settings, DATA),
        recipe=recipes.live(),
    )
