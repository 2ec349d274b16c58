"""Figures of shipped models come from images that no training has seen."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from clearbg import pretrained
from clearbg.contract import read_contract
from clearbg.data import manifest
from clearbg.data.pairs import FilePair
from clearbg.errors import DataError, ExportError
from clearbg.export import shipped, shipped_figures
from clearbg.images import write_image, write_mask
from clearbg.pretrained import catalog
from clearbg.pretrained.choice import choose

PAGES = {"id": ["a", "b"], "f_measure": [0.9, 0.8], "psnr": [20, 18], "mae": [0.02, 0.04]}


def test_figures_of_held_out_images_come_with_intervals(tmp_path):
    pd.DataFrame(PAGES).to_csv(tmp_path / "per_image.csv")
    found = shipped_figures.held_out(tmp_path / "per_image.csv", "f_measure")
    assert found["images"] == 2 and list(found["figures"]) == ["f_measure", "psnr", "mae"]
    value, low, high = found["figures"]["f_measure"]
    assert value == 0.85 and low < 0.85 < high


@pytest.mark.parametrize("headline", ["max_f", "drd"])
def test_a_table_without_the_figure_that_chose_the_weights_is_refused(tmp_path, headline):
    pd.DataFrame(PAGES | {"max_f": 1.0}).to_csv(tmp_path / "per_image.csv")
    with pytest.raises(DataError, match=f"is not the per_image.csv of an evaluation by {headline}"):
        shipped_figures.held_out(tmp_path / "per_image.csv", headline)


def test_models_are_known_by_their_figures_on_held_out_images(monkeypatch):
    held_out = {"images": 2, "figures": {"max_f": [0.5, 0.4, 0.6]}}
    monkeypatch.setattr(pretrained, "made", lambda name: {"figures": {}, "development": held_out})
    assert catalog.figures(choose("clearbg-lite"), "max_f") == "max Fβ 0.500 (0.400 to 0.600)"


def test_the_gate_finds_the_pairs_that_are_measured_and_the_images_to_calibrate_on(tmp_path):
    for name in ("a.png", "a_mask.png", "b.png"):
        write_image(tmp_path / name, np.full((8, 8, 3), 10 * len(name), np.uint8))
    pair = FilePair("a", tmp_path / "a.png", tmp_path / "a_mask.png")
    (tmp_path / "data").mkdir()
    shipped.as_validation([pair], [tmp_path / "b.png"], tmp_path / "data")
    frame = manifest.read(tmp_path / "data")
    images = [rgb[0, 0, 0] for rgb, _ in manifest.read_pairs(tmp_path / "data", frame)]
    assert list(frame.split) == ["validation"] * 2 and images == [50, 50]


@pytest.mark.parametrize(
    ("dice", "mean_mask", "rival"),
    [(0.6, None, "all-subject mask"), (0.9, np.float32([[1, 0]]), "mean mask")],
)
def test_a_model_that_does_not_beat_a_blind_mask_is_not_shipped(tmp_path, dice, mean_mask, rival):
    half = np.zeros((8, 8), np.uint8)
    half[:, :4] = 255
    write_mask(tmp_path / "a.png", half)
    contract = read_contract(pretrained.folder("clearbg-lite"))
    contract = dataclasses.replace(contract, headline="dice")
    pairs = [FilePair("a", tmp_path / "a.png", tmp_path / "a.png")]
    figures = {"dice": np.array([[dice]]), "mae": np.array([[0.1]])}
    with pytest.raises(ExportError, match=f"x is not shipped: .* does not beat the {rival}"):
        shipped_figures.refuse_useless("x", contract, figures, pairs, mean_mask)
    figures["dice"] += 0.15
    shipped_figures.refuse_useless("x", contract, figures, pairs, None)
