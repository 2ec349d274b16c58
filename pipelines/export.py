"""Write the trained model as ONNX and check that it does what the trained one does.

reads   params.yaml (export), models/, data/ingested/,
        reports/evaluate/{metrics.json,robustness.csv}
writes  exports/{model.onnx,card.md,training_images.csv,mean_mask.png},
        reports/export/parity.json, and as params.yaml asks:
        exports/{model-fp16.onnx,model-int8.onnx}, exports/rembg/SESSION.onnx,
        exports/hf/{model.safetensors,config.json}
Latency is logged to MLflow and printed; in a file it would make every run's output differ.
"""

import shutil
import sys
from pathlib import Path

from clearbg import config
from clearbg.contract import read_contract
from clearbg.data import baselines, leaks
from clearbg.evaluation import card_section, robustness
from clearbg.export import formats, latency, onnx
from clearbg.models import build, weights
from clearbg.system.files import replacing_folder, write_json
from clearbg.system.stage import Options, stage
from clearbg.tracking import stage_logs

DATA, MODELS = Path("data/ingested"), Path("models")
EXPORTS, REPORTS = Path("exports"), Path("reports/export")
CARD, EVALUATION = "card.md", Path("reports/evaluate")
METRICS, ROBUSTNESS = EVALUATION / "metrics.json", EVALUATION / "robustness.csv"


def main() -> None:
    settings = config.load()
    contract = read_contract(MODELS)
    network = weights.load(build(contract.model, **contract.settings), MODELS / weights.FILE)
    with replacing_folder(EXPORTS) as folder:
        onnx.export(network, contract, folder / "model.onnx", settings.export.opset)
        figures = formats.complete(network, contract, MODELS, DATA, folder, settings.export)
        milliseconds = latency.of_exports(network, folder, DATA, settings.export)
        # Imported weights come without any.
        for path in (MODELS / CARD, MODELS / leaks.FILE, MODELS / baselines.MEAN_MASK):
            if path.is_file():
                shutil.copyfile(path, folder / path.name)
        if (card := folder / CARD).is_file():
            with card.open("a", encoding="utf-8") as text:
                text.write(card_section.section(METRICS, contract.weights_sha256))
                text.write(robustness.section(ROBUSTNESS, contract.weights_sha256))
    compared = baselines.read_validation(MODELS)
    if compared is not None:
        figures["validation"] = compared.figures()
    write_json(REPORTS / "parity.json", figures)
    print(f"export: {latency.line(milliseconds)}")
    stage_logs.log_export(
        stage_logs.run_of(contract, settings),
        EXPORTS / "model.onnx",
        REPORTS / "parity.json",
        milliseconds,
        contract,
        settings,
    )
    if compared is not None and not compared.beats_baselines:
        print(compared.warning("validation images"), file=sys.stderr)


if __name__ == "__main__":
    Options(__doc__).parse_args()
    with stage("export", f"{EXPORTS}/", f"{REPORTS}/"):
        main()
