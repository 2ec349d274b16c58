"""Slices of images, and the one on which a model is weakest."""

import cv2
import numpy as np
import pandas as pd
import pytest

from clearbg.metrics import bootstrap, image_facts
from clearbg.metrics.slices import BOUNDS, slices, weakest


def draws(count: int) -> bootstrap.Draws:
    return bootstrap.draw([str(number) for number in range(count)])


def test_facts_of_an_image_are_what_the_slices_ask_for():
    truth = np.zeros((10, 10), np.uint8)
    truth[:2], truth[2, :5] = 255, 128
    found = image_facts.of_image(np.full((10, 10, 3), 51, np.uint8), truth)
    assert set(found) == set(image_facts.NAMES) == set(BOUNDS)
    assert found["soft_fraction"] == 0.05 and abs(found["luma"] - 0.2) < 1e-6
    table = pd.DataFrame([found, found]).assign(empty=[False, True], source=["a", "b"])
    named = {name for name, rows in slices(table).items() if rows[0]}
    assert named == {
        "subject medium, 10% to 30%", "soft outlines, 5% and more", "source a", "one subject",
        "dark images, luma below 30%", "compact subjects, outline below 5",
        "low contrast, below 30", "subject touches the border",
        "blurred images, sharpness below 200", "images below 0.25 megapixels",
    }  # fmt: skip
    assert not slices(table)["dark images, luma below 30%"][1]  # nothing to see in it


@pytest.mark.parametrize("scale", [1, 5])
def test_outline_and_number_of_subjects_do_not_depend_on_the_size_of_the_image(scale):
    disc, rod = np.zeros((2, 300 * scale, 400 * scale), np.uint8)
    for center in ((100, 150), (300, 150)):
        cv2.circle(disc, [scale * at for at in center], 60 * scale, 255, -1)
    cv2.circle(disc, (200 * scale, 20 * scale), 2 * scale, 255, -1)  # too small to count
    rod[140 * scale : 150 * scale, 20 * scale : 380 * scale] = 255
    two, thin = image_facts.of_truth(disc), image_facts.of_truth(rod)
    assert two["subjects"] == 2 and thin["subjects"] == 1
    # Two discs: twice the perimeter, twice the area. The rod: 2 * (360 + 10) / 60, * pi / 4.
    assert two["outline"] == pytest.approx(2 * np.pi * 2 / np.sqrt(2 * np.pi), rel=0.05)
    assert thin["outline"] == pytest.approx(np.pi / 4 * 740 / 60, rel=0.02)
    assert not two["touches_border"] and two["megapixels"] == 0.12 * scale**2


def test_lines_of_one_pixel_in_a_large_image_are_a_subject():
    truth = np.zeros((2000, 2000), np.uint8)
    truth[500, 100:1900] = 255
    found = image_facts.of_truth(truth)
    assert found["subjects"] == 1 and found["touches_border"] == 0
    assert found["outline"] == pytest.approx(np.pi / 4 * 2 * 1801 / np.sqrt(1800))


def test_contrast_is_of_the_colors_beside_the_outline():
    truth = np.zeros((100, 200), np.uint8)
    truth[:, :100] = 255
    rgb = np.full((100, 200, 3), 119, np.uint8)  # L* 50
    assert image_facts.of_image(rgb, truth)["contrast"] == pytest.approx(0, abs=0.1)
    rgb[:, 150:] = 255  # far from the outline
    assert image_facts.of_image(rgb, truth)["contrast"] == pytest.approx(0, abs=0.1)
    rgb[:, 100:] = 0
    assert image_facts.of_image(rgb, truth)["contrast"] == pytest.approx(50, abs=1)


def test_sharpness_falls_when_an_image_is_blurred():
    rgb = np.random.default_rng(0).integers(0, 255, (80, 80, 3), np.uint8)
    truth = np.zeros((80, 80), np.uint8)
    sharp, blurred = (
        image_facts.of_image(image, truth) for image in (rgb, cv2.GaussianBlur(rgb, (0, 0), 3))
    )
    assert sharp["sharpness"] > 2000 > 200 > blurred["sharpness"]
    assert np.isnan(sharp["contrast"]) and sharp["subjects"] == 0  # nothing there


def table_of_facts(count: int, seed: int) -> pd.DataFrame:
    """Facts as a data set of photographs has them, none of which says anything of another."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "coverage": rng.beta(2, 5, count), "soft_fraction": rng.exponential(0.02, count),
            "luma": rng.beta(5, 5, count), "subjects": rng.choice([1, 1, 1, 2], count),
            "outline": rng.uniform(3.5, 11, count), "contrast": rng.normal(38, 12, count),
            "touches_border": rng.choice([0, 0, 1], count), "sharpness": rng.lognormal(7, 1, count),
            "megapixels": rng.lognormal(-1.5, 1, count), "empty": False,
            "source": rng.choice(["a", "b"], count),
        }
    )  # fmt: skip


def test_planted_weakness_among_all_kinds_of_slices_is_named():
    table, rng = table_of_facts(300, 0), np.random.default_rng(0)
    values = rng.normal(0.9, 0.05, 300) - 0.06 * (table["contrast"] < 30)
    found = weakest(values.to_numpy(), slices(table), draws(300), lower_is_better=False)
    assert found.name == "low contrast, below 30"


@pytest.mark.slow
def test_noise_over_all_kinds_of_slices_is_not_called_weak():
    called, rng = 0, np.random.default_rng(3)
    for seed in range(40):
        values = rng.beta(8, 1, 150)
        parts = slices(table_of_facts(150, seed))
        called += weakest(values, parts, draws(150), lower_is_better=False) is not None
    assert called <= 4


def test_planted_weakness_is_found_and_named():
    rng = np.random.default_rng(0)
    values, small = rng.normal(0.9, 0.05, 200), np.arange(200) < 25
    values[small] -= 0.1
    parts = {"small": small, "odd": np.arange(200) % 2 == 1, "few": np.arange(200) < 3}
    found = weakest(values, parts, draws(200), lower_is_better=False)
    assert found.name == "small" and found.images == 25
    assert found.low < 0.1 < found.high and found.inside < found.outside
    assert weakest(-values, parts, draws(200), lower_is_better=True).name == "small"


@pytest.mark.slow
def test_of_many_slices_of_noise_none_is_called_weak():
    rng, called = np.random.default_rng(1), 0
    for _ in range(100):
        parts = {str(k): rng.random(120) < 0.3 for k in range(8)}
        called += weakest(rng.normal(0.9, 0.05, 120), parts, draws(120), False) is not None
    assert called <= 8
