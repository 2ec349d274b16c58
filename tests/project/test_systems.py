"""Every recipe's system goes through all five stages' code, at the smallest size that works."""

import numpy as np
import pandas as pd
import pytest
import yaml
from support.models import brightness_model
from support.project import ROOT

from clearbg import Remover, config, models
from clearbg.config import recipes
from clearbg.contract import read_contract
from clearbg.data import leaks, sources
from clearbg.data.augment import augment
from clearbg.data.dataset import Pairs
from clearbg.data.ingest.cache import Cache
from clearbg.data.ingest.ingest import ingest
from clearbg.evaluation import evaluate
from clearbg.export import onnx, parity
from clearbg.images import write_image
from clearbg.inference.torch_network import trained_network
from clearbg.models import weights
from clearbg.training import checkpoints, loop, outputs
from clearbg.training.launch import launch
from clearbg.training.provenance import provenance

CHANGES = {
    "data": {"count": 14, "validation": 0.2, "test": 0.2},
    "augment": {"size": 48},
    "transform": {"crop": 32},
    "train": {"epochs": 1, "batch_size": 4, "threads": 1, "precision": "32-true"},
    "evaluate": {"cases": 1},
    "export": {"images": 2, "tolerance": 0.001},
}
EXPORTED = {"gan", "people-deeplab"}
"""Systems whose trained network is exported here, too: colors, and torchvision's layers.

All families are in tests/models/test_export_families.py.
"""

SYSTEMS = sorted({path.stem for path in (ROOT / "recipes").glob("*.yaml")} - {"demo", "own"})


def settings_of(name: str) -> config.Settings:
    raw = yaml.safe_load(recipes.render(name, demo=True))
    for section, keys in CHANGES.items():
        raw[section] |= keys
    if raw["augment"]["fit"] == "tile":
        raw["augment"] |= {"size": 192}
        raw["transform"] |= {"crop": 64}
        raw["data"] |= {"count": 10, "validation": 0.11, "test": 0.1}
    if raw["train"]["method"] == "adversarial":
        raw["model"]["widths"], raw["train"]["discriminator_widths"] = [8, 16], [8, 16]
        raw["train"]["discriminator_depths"] = [1, 1]
    return config.parse(raw)


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_system_trains_evaluates_exports_and_removes(name, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    settings = settings_of(name)
    ingested, augmented = tmp_path / "ingested", tmp_path / "augmented"
    pairs = sources.pairs(settings.data, tmp_path)
    ingest(pairs, settings.data, ingested, tmp_path / "quarantine.csv", Cache(tmp_path / "cache"))
    augment(ingested, settings.augment, augmented)
    train, validation = (Pairs(augmented, split, settings) for split in ("train", "validation"))
    method, progress = loop.fit(
        launch(settings.train), settings, train, validation,
        checkpoints.Checkpoint(tmp_path / "checkpoint"), lambda *_: None,
    )  # fmt: skip
    past = provenance(settings, augmented)
    outputs.write_model(method, progress, settings, past, train.mean_mask, tmp_path / "models")
    outputs.write_reports(
        method, progress, settings, validation, tmp_path / "none", tmp_path / "reports"
    )
    headline = f"validation/{settings.train.select_by}"
    assert np.isfinite(pd.read_csv(tmp_path / "reports/history.csv")[headline]).all()
    assert (tmp_path / "reports/samples/final.jpg").is_file()

    contract = read_contract(tmp_path / "models")
    network = trained_network(tmp_path / "models", contract, "cpu")
    seen = leaks.of_model(tmp_path / "models", contract.images_sha256, contract.trained_on)
    result = evaluate.evaluate(network, contract, ingested, "test", settings.evaluate, seen)
    assert result.marks.counts() == {"exact": 0, "near": 0} and seen.complete
    assert result.headline == settings.train.select_by in result.figures
    assert {"mae", "dice", "iou", "pixel_accuracy"} <= result.figures.keys()
    evaluate.cases(result, network, contract, ingested, 1)

    if name in EXPORTED:
        trained = models.build(contract.model, **contract.settings)
        weights.load(trained, tmp_path / "models/weights.safetensors")
        onnx.export(trained, contract, tmp_path / "model.onnx", settings.export.opset)
        parity.check(trained, tmp_path / "model.onnx", ingested, settings.export)
    else:
        plain = {"mean": (0.0,) * contract.channels, "std": (1.0,) * contract.channels}
        brightness_model(tmp_path / "model.onnx", **vars(contract) | plain)

    rgb = np.random.default_rng(0).integers(0, 256, (61, 83, 3), np.uint8)
    write_image(tmp_path / "photo.png", rgb)
    cutout = Remover(tmp_path / "model.onnx")(tmp_path / "photo.png")
    assert (cutout.mode, cutout.size) == ("RGBA", (83, 61))
    colors, alpha = np.asarray(cutout)[..., :3], np.asarray(cutout)[..., 3]
    if settings.model.output == "ink":
        assert colors.max() == 0
    else:
        hard = np.isin(alpha, (0, 255))
        assert np.array_equal(colors[hard], rgb[hard])
