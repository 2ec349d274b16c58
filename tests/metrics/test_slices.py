"""Slices of images, and the one on which a model is weakest."""

import numpy as np
import pandas as pd

from clearbg.metrics import bootstrap
from clearbg.metrics.slices import facts, slices, weakest


def draws(count: int) -> bootstrap.Draws:
    return bootstrap.draw([str(number) for number in range(count)])


def test_facts_of_an_image_are_what_the_slices_ask_for():
    truth = np.zeros((10, 10), np.uint8)
    truth[:2], truth[2, :5] = 255, 128
    found = facts(np.full((10, 10, 3), 51, np.uint8), truth)
    assert found["soft_fraction"] == 0.05 and abs(found["luma"] - 0.2) < 1e-6
    table = pd.DataFrame([found, found]).assign(empty=[False, True], source=["a", "b"])
    named = {name for name, rows in slices(table).items() if rows[0]}
    assert named == {"subject medium, 10% to 30%", "soft outlines, 5% and more", "source a",
                     "dark images, luma below 30%"}  # fmt: skip
    assert not slices(table)["dark images, luma below 30%"][1]  # nothing to see in it


def test_planted_weakness_is_found_and_named():
    rng = np.random.default_rng(0)
    values, small = rng.normal(0.9, 0.05, 200), np.arange(200) < 25
    values[small] -= 0.1
    parts = {"small": small, "odd": np.arange(200) % 2 == 1, "few": np.arange(200) < 3}
    found = weakest(values, parts, draws(200), lower_is_better=False)
    assert found.name == "small" and found.images == 25
    assert found.low < 0.1 < found.high and found.inside < found.outside
    assert weakest(-values, parts, draws(200), lower_is_better=True).name == "small"


def test_of_many_slices_of_noise_none_is_called_weak():
    rng, called = np.random.default_rng(1), 0
    for _ in range(100):
        parts = {str(k): rng.random(120) < 0.3 for k in range(8)}
        called += weakest(rng.normal(0.9, 0.05, 120), parts, draws(120), False) is not None
    assert called <= 8
