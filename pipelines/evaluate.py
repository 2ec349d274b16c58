"""Score the trained model on the test split, at the images' own size.

reads   params.yaml (evaluate), models/, data/ingested/
writes  reports/evaluate/{headline.json,metrics.json,per_image.csv,curves.csv,calibration.csv,
        robustness.csv,report.html,sheet.jpg}; robustness.csv has no rows unless
        evaluate.robustness is true
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from clearbg import config
from clearbg.config import recipes
from clearbg.contract import read_contract
from clearbg.data import leaks, manifest
from clearbg.data.baselines import read_mean_mask
from clearbg.evaluation import evaluate, report, robustness, thresholds
from clearbg.images import contact_sheet
from clearbg.inference.torch_network import trained_network
from clearbg.system.files import replacing_file, write_json
from clearbg.system.stage import Options, stage
from clearbg.tracking import stage_logs

DATA, MODELS, REPORTS = Path("data/ingested"), Path("models"), Path("reports/evaluate")


def main() -> None:
    settings = config.load()
    contract = read_contract(MODELS)
    network = trained_network(MODELS, contract, settings.evaluate.accelerator)
    seen = leaks.of_model(MODELS, contract.images_sha256, contract.trained_on)
    mask = read_mean_mask(MODELS)
    result = evaluate.evaluate(network, contract, DATA, "test", settings.evaluate, seen, mask)
    cases = evaluate.cases(result, network, contract, DATA, settings.evaluate.cases)

    varied = robustness.of_split(
        network, contract, DATA, "test", result.shown(5), settings.evaluate
    )

    chosen = thresholds.of_validation(network, contract, DATA, settings.evaluate.batch_size)
    own_dice, test_dice = result.figures["dice"], result.calibration.dice
    f = result.curves["raw"]["f"] if "raw" in result.curves else None
    tried = thresholds.compared(contract.threshold, own_dice, chosen, test_dice, f)

    compared = result.compared
    own = result.figures | {
        "beats_baselines": compared.beats_baselines,
        "weights": contract.weights_sha256,
    }
    leaked = {**result.marks.counts(), "complete": result.marks.complete}
    nested = result.nested() | {"leaks": leaked}
    nested["threshold"] = {name: one.figures() for name, one in tried.items()}
    write_json(REPORTS / "metrics.json", own | nested)
    write_json(REPORTS / "headline.json", {name: result.figures[name] for name in result.shown(5)})
    tables = {
        "per_image": result.per_image,
        "curves": result.curve_table(),
        "calibration": result.calibration.bins,
        "robustness": varied,
    }
    for name, table in tables.items():
        with replacing_file(REPORTS / f"{name}.csv") as aside:
            table.to_csv(aside, index=False, float_format="%.6f")
    sources = ", ".join(manifest.read(DATA)["source"].unique())
    recipe = recipes.live()
    report.write_evaluation_page(
        REPORTS / "report.html",
        title=f"Recipe {recipe}: {contract.model} on test images of {sources}",
        headlines=result.shown(5),
        metrics=result.metrics,
        intervals=result.intervals,
        weakness=result.weakest(),
        leaks=result.marks.sentence(),
        compared=compared,
        curves=result.curves,
        calibration=result.calibration.bins,
        thresholds=list(tried.values()),
        per_image=result.per_image,
        cases=cases,
        varied=varied,
        settings=asdict(contract)
        | {"trained_on": "; ".join(f"{o.source} ({o.license})" for o in contract.trained_on)}
        | {f"evaluate.{k}": v for k, v in settings.evaluate},
    )
    draw_sheet(cases)
    stage_logs.log_evaluation(stage_logs.run_of(contract, settings), REPORTS, settings)
    print(f"evaluate: {', '.join(map(result.told, result.shown(5)))}")
    if result.weakness:
        print(f"evaluate: {result.weakest()}")
    print(f"evaluate: {compared.metric} on the same images: {compared.shown()}")
    print(f"evaluate: {result.marks.sentence()}")
    if not compared.beats_baselines:
        print(compared.warning("test images"), file=sys.stderr)


def draw_sheet(cases: Sequence[report.Case]) -> None:
    views = [
        (c.image, c.truth, c.alpha, contact_sheet.on_checkerboard(c.image, c.alpha)) for c in cases
    ]
    contact_sheet.sheet(
        views[::-1],
        REPORTS / "sheet.jpg",
        titles=["input", "truth", "prediction", "cutout"],
        captions=[f"{case.kind}: {case.id}" for case in cases[::-1]],
        per_line=2,
    )


if __name__ == "__main__":
    Options(__doc__).parse_args()
    with stage("evaluate", f"{REPORTS}/"):
        main()
