"""The threshold that validation images choose, on the test images."""

import numpy as np
import pytest
from support import contenders
from support.models import brightness_model

from clearbg.data import manifest
from clearbg.evaluation import thresholds
from clearbg.removal.remover import Remover


def dim(batch: np.ndarray) -> np.ndarray:
    """A network that is right, at a fifth of the alpha."""
    return (0.2 * (batch.mean(axis=1, keepdims=True) > 0.5)).astype(np.float32)


def test_validation_images_choose_a_threshold_that_fits_a_dim_model(tmp_path):
    folder = contenders.ingested(tmp_path / "data")
    frame = manifest.read(folder)
    frame.loc[frame.split == "train", "split"] = "validation"
    manifest.write(frame.to_dict("records"), folder / "manifest.csv")
    contract = Remover(brightness_model(tmp_path / "model.onnx")).contract
    found = thresholds.of_validation(dim, contract, folder, 2)
    assert found.by == f"{contenders.TRAIN} validation images"
    assert 0 < found.value <= 0.2 and found.dice > 0.8


def test_without_validation_images_the_models_own_threshold_stays(tmp_path):
    folder = contenders.ingested(tmp_path / "data")
    contract = Remover(brightness_model(tmp_path / "model.onnx")).contract
    chosen = thresholds.of_validation(dim, contract, folder, 2)
    found = thresholds.compared(0.5, 0.6, chosen, np.linspace(0, 1, 256))
    assert list(found) == ["model", "test"] and found["test"].value == 1


def test_test_images_are_measured_at_the_threshold_that_others_chose():
    curve = np.zeros(256)
    curve[51], curve[60] = 0.7, 0.8
    chosen = thresholds.Threshold("9 validation images", 51 / 255, 0.9)
    found = thresholds.compared(0.5, 0.1, chosen, curve)
    assert found["validation"].dice == 0.7 and found["model"].dice == 0.1
    assert found["test"].value == pytest.approx(60 / 255) and found["test"].dice == 0.8


def test_f_stands_beside_dice_and_has_its_own_best_threshold():
    dice, f = np.zeros(256), np.linspace(0, 0.5, 256)
    dice[60], f[200] = 0.8, 0.9
    chosen = thresholds.Threshold("9 validation images", 51 / 255, 0.9)
    found = thresholds.compared(0.5, 0.1, chosen, dice, f)
    places = {"model": 128, "validation": 51, "test": 60, "max_f": 200}
    assert {name: one.f for name, one in found.items()} == {n: f[k] for n, k in places.items()}
    assert found["max_f"].value == pytest.approx(200 / 255) and found["max_f"].dice == 0
    assert found["max_f"].figures() == {"by": found["max_f"].by, "value": 0.784314, "dice": 0.0,
                                        "f": 0.9}  # fmt: skip


def test_files_hold_six_digits():
    one = thresholds.Threshold("model.threshold", 106 / 255, 2 / 3)
    assert one.figures() == {"by": "model.threshold", "value": 0.415686, "dice": 0.666667}
