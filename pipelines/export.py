"""Write the trained model as ONNX and check that it does what the trained one does.

reads   params.yaml (export), models/, data/ingested/
writes  exports/{model.onnx,card.md,training_pictures.csv}, reports/export/parity.json
Latency is logged to MLflow and printed; in a file it would make every run's output differ.
"""

import shutil
from pathlib import Path

from clearbg import config, records
from clearbg.atomic import replacing_folder, write_json
from clearbg.data import leaks
from clearbg.export import onnx, parity
from clearbg.models import build, weights
from clearbg.removal import contract
from clearbg.stage import stage

DATA, MODELS = Path("data/ingested"), Path("models")
EXPORTS, REPORTS = Path("exports"), Path("reports/export")


def main() -> None:
    settings = config.load()
    card = contract.read(MODELS)
    network = weights.load(build(card.model, **card.settings), MODELS / "weights.safetensors")
    with replacing_folder(EXPORTS) as folder:
        onnx.export(network, card, folder / "model.onnx", settings.export.opset)
        agreement = parity.check(network, folder / "model.onnx", DATA, settings.export)
        # Imported weights come without either.
        for path in (MODELS / "card.md", MODELS / leaks.FILE):
            if path.is_file():
                shutil.copyfile(path, folder / path.name)
    write_json(REPORTS / "parity.json", agreement.metrics)
    print(f"export: {agreement.latency_line}")
    records.log_export(
        records.run_of(card, settings),
        EXPORTS / "model.onnx",
        REPORTS / "parity.json",
        agreement.latency,
    )


if __name__ == "__main__":
    with stage("export", f"{EXPORTS}/", f"{REPORTS}/"):
        main()
