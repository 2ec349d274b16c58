"""Record the files of the stages in MLflow.

Everything is read from files, so that a later stage can record the run too: after DVC restored
the training from its run cache, or when the server was down during the training.
"""

from pathlib import Path

from clearbg import config
from clearbg.config import recipes
from clearbg.contract import Contract
from clearbg.evaluation import robustness
from clearbg.metrics.names import SHOWN
from clearbg.system.parsing import facts_of
from clearbg.system.tables import table_of
from clearbg.tracking import runs
from clearbg.training.fingerprint import fingerprint

INGEST, TRAINING = Path("reports/ingest"), Path("reports/train")
EVALUATION = Path("reports/evaluate")
INGESTED, DATA = Path("data/ingested"), Path("data/augmented")
REMEDY = "write the reports again with `dvc repro -f`"


def log_training(run: runs.Run, contract: Contract, settings: config.Settings) -> None:
    """Log the data, every epoch, the best epoch's figures, the sample sheets and the weights."""
    _log_ingest(run)
    run.history(table_of(TRAINING / "history.csv", ["epoch"], REMEDY))
    best = facts_of(TRAINING / "metrics.json", REMEDY)
    few = ("best_epoch", settings.train.select_by, *SHOWN)
    run.metrics({f"best/{name}": best[name] for name in dict.fromkeys(few) if name in best})
    run.file(TRAINING / "metrics.json", "reports/train")
    if "beats_baselines" in best:
        run.beats_baselines("validation", best["beats_baselines"])
    for path in sorted((TRAINING / "samples").glob("*.jpg")):
        run.file(path)
    for split in ("train", "validation"):
        run.dataset(DATA / "manifest.csv", split, settings.data.source, settings.data.path)
    run.weights(contract.weights_sha256)


def _log_ingest(run: runs.Run) -> None:
    """Log what the checks counted, the contact sheet and the list of quarantined images."""
    run.file(INGEST / "contact_sheet.jpg")
    for name in ("summary.json", "quarantine.csv"):
        run.file(INGEST / name, "reports/ingest")


def log_evaluation(run: runs.Run, reports: Path, settings: config.Settings) -> None:
    """Log the test split, its headline figures, the interval of the first, and the reports.

    MLflow compares runs by a few figures; all others are in the files.
    """
    headline, figures = (
        facts_of(reports / "headline.json", REMEDY),
        facts_of(reports / "metrics.json", REMEDY),
    )
    run.beats_baselines("test", figures["beats_baselines"])
    run.dataset(INGESTED / "manifest.csv", "test", settings.data.source, settings.data.path)
    run.file(reports / "sheet.jpg")
    run.file(reports / "report.html", "reports")
    varied = robustness.read(reports / "robustness.csv")
    if not varied.empty:
        losses = varied.set_index("variation").filter(regex="_loss$").stack().dropna()
        run.metrics({f"robustness/{name}/{key}": loss for (name, key), loss in losses.items()})
    tables = ("per_image", "curves", "calibration", "robustness")
    for name in ("metrics.json", *(f"{table}.csv" for table in tables)):
        run.file(reports / name, "reports/evaluate")
    first = next(iter(headline))
    ends = figures["interval"].get(first, {})
    run.metrics({f"test/{first}_{end}": value for end, value in ends.items()})
    # They come last: a run that has them has all of the evaluation, see `log_missed_evaluation`.
    run.metrics({f"test/{name}": value for name, value in headline.items()})
    run.show_scores([f"test/{name}" for name in headline])


def log_missed_evaluation(run: runs.Run, contract: Contract, settings: config.Settings) -> None:
    """Log the evaluation on disk if it is of these weights and the run lacks its figures.

    The server was down during the stage evaluate, or DVC restored that stage's files.

    Raises:
        DataError: a file of the evaluation is damaged.
    """
    if not (EVALUATION / "headline.json").is_file():
        return
    if facts_of(EVALUATION / "metrics.json", REMEDY).get("weights") != contract.weights_sha256:
        return
    headline = facts_of(EVALUATION / "headline.json", REMEDY)
    if run.has({f"test/{name}": value for name, value in headline.items()}) is False:
        log_evaluation(run, EVALUATION, settings)


def log_export(
    run: runs.Run,
    model: Path,
    parity: Path,
    latency: dict[str, float],
    contract: Contract,
    settings: config.Settings,
) -> None:
    """Log the exported model, its agreement with the trained one, and milliseconds per image.

    An evaluation that the run lacks is logged too, see `log_missed_evaluation`.
    """
    run.file(parity, "reports/export")
    run.metrics({f"export/{name}_ms": value for name, value in latency.items()})
    run.model(model)
    log_missed_evaluation(run, contract, settings)
    run.show_scores()


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
