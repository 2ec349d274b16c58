"""Reliability of alpha, and the threshold of hard masks."""

import numpy as np
import pytest

from clearbg.metrics.calibration import (
    Calibration,
    Means,
    best_threshold,
    dice_curve,
    reliability,
)
from clearbg.metrics.segmentation import histograms, segmentation


def calibrated(*pairs) -> Calibration:
    means = Means()
    for pair in pairs:
        means.add(reliability(*pair), histograms(*pair))
    return means.calibration()


def test_alpha_that_is_drawn_as_a_probability_is_calibrated_and_a_sharpened_one_is_not():
    rng = np.random.default_rng(0)
    alpha = rng.random((300, 300))
    truth = ((rng.random(alpha.shape) < alpha) * 255).astype(np.uint8)
    assert calibrated((alpha, truth)).error < 0.01
    sharp = np.clip(2 * alpha - 0.5, 0, 1)
    found = calibrated((sharp, truth))
    assert found.error == pytest.approx(np.abs(sharp - alpha).mean(), abs=0.01)
    first = found.bins.iloc[0]  # all alpha below 0.1 came from below 0.3
    assert first["alpha"] < 0.05 and first["truth"] == pytest.approx(0.15, abs=0.02)


def test_soft_truth_that_alpha_meets_is_no_error_and_every_image_counts_alike():
    soft = np.tile(np.arange(256, dtype=np.uint8), (8, 1))
    assert calibrated((soft / 255, soft)).error == pytest.approx(0, abs=1e-9)
    wrong = np.full((4, 4), 0.45), np.zeros((4, 4), np.uint8)
    both = calibrated((soft / 255, soft), wrong)
    assert both.error == pytest.approx(0.45 / 2, abs=0.01)  # though `soft` has 128 times the pixels


def test_dice_over_the_threshold_is_dice_at_each_threshold():
    rng = np.random.default_rng(1)
    alpha = rng.random((20, 30))
    truth = (np.clip(alpha + rng.normal(0, 0.2, alpha.shape), 0, 1) * 255).astype(np.uint8)
    curve = dice_curve(histograms(alpha, truth))
    for place in (1, 77, 128, 200, 255):
        assert curve[place] == pytest.approx(segmentation(alpha, truth, place / 255)["dice"])
    nothing = np.zeros((4, 4))
    assert dice_curve(histograms(nothing, nothing.astype(np.uint8)))[1:].min() == 1


def test_best_threshold_is_the_one_that_divides_and_of_several_the_middle():
    truth = np.repeat(np.uint8([0, 255]), 50).reshape(10, 10)
    faint = np.where(truth > 0, 0.3, 0.1)
    curve = dice_curve(histograms(faint, truth))
    assert 0.1 < best_threshold(curve) / 255 <= 0.3 and curve.max() == 1
    assert best_threshold(np.ones(256)) in (127, 128)
