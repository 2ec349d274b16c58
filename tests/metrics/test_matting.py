"""The matting errors on alphas whose scores a hand can compute."""

import math

import numpy as np
import pytest

from clearbg.metrics.matting import matting, unknown_band


def half(side: int = 40) -> np.ndarray:
    """The left half is the subject."""
    truth = np.zeros((side, side), np.uint8)
    truth[:, : side // 2] = 255
    return truth


def test_perfect_alpha_has_no_error():
    assert set(matting(half() / 255, half()).values()) == {0.0}


def test_sad_and_mse_of_a_table():
    """20 pixels of 1,600, far from the outline, are off by 0.5."""
    alpha = half() / 255
    alpha[:20, 0] = 0.5
    scores = matting(alpha, half())
    assert scores["sad"] == pytest.approx(0.010)
    assert scores["mse"] == pytest.approx(20 * 0.25 / 1600)
    assert scores["sad_unknown"] == scores["mse_unknown"] == 0


def test_errors_at_the_outline_are_in_the_unknown_band():
    """The band is the two columns of the step and one more to either side."""
    alpha = half() / 255
    alpha[:, 19] = 0.5
    scores = matting(alpha, half())
    assert scores["sad"] == scores["sad_unknown"] == pytest.approx(0.020)
    assert scores["mse_unknown"] == pytest.approx(40 * 0.25 / 160)


def test_band_of_a_step():
    band = unknown_band(half())
    assert np.array_equal(np.flatnonzero(band[0]), [18, 19, 20, 21])
    assert (band == band[0]).all()


def test_band_holds_soft_parts_even_where_they_are_flat():
    truth = half()
    truth[:, :10] = 128
    assert unknown_band(truth)[:, :10].all()


def test_band_grows_with_the_image():
    """A radius of 0.75 % of 400 pixels."""
    assert np.array_equal(np.flatnonzero(unknown_band(half(400))[0]), np.arange(196, 204))


def test_flat_truth_has_no_band():
    scores = matting(np.full((8, 8), 0.25), np.zeros((8, 8), np.uint8))
    assert scores["sad"] == pytest.approx(0.016)
    assert all(math.isnan(v) for name, v in scores.items() if name.endswith("_unknown"))


def test_gradient_ignores_brightness():
    truth = np.zeros((20, 20), np.uint8)
    scores = matting(np.full((20, 20), 0.3), truth)
    assert scores["gradient"] == pytest.approx(0) and scores["mse"] == pytest.approx(0.09)


def test_gradient_of_a_ramp():
    """The slope times the sum of offset² · smooth over both filters' norms, squared; somewhat
    less in the last four columns of either side, where the border is repeated."""
    alpha = np.tile(np.arange(100) / 100, (30, 1))
    truth = np.zeros((30, 100), np.uint8)
    offset = np.arange(-4, 5)
    smooth = np.exp(-(offset**2) / (2 * 1.4**2))
    slope = offset * smooth
    response = 0.01 * (offset * slope).sum() * smooth.sum()
    response /= np.linalg.norm(slope) * np.linalg.norm(smooth)
    column = 30 * response**2 / 1000
    assert 92 * column < matting(alpha, truth)["gradient"] < 100 * column


def test_detached_part_costs_connectivity():
    """A spot of 9 pixels that the truth does not hold hangs at level 0; an equal error that is
    connected up to the truth's own level costs the same, one below 0.15 nothing."""
    truth = half()
    alpha = truth / 255
    alpha[10:13, 30:33] = 0.8
    assert matting(alpha, truth)["connectivity"] == pytest.approx(9 * 0.8 / 1000)
    alpha[10:13, 30:33] = 0.14
    assert matting(alpha, truth)["connectivity"] == 0


def test_second_region_is_not_connected_where_maps_agree():
    """Truth and alpha hold the same second spot at 1 and 0.6: both hang at level 0."""
    truth = half()
    truth[10:13, 30:33] = 255
    alpha = truth / 255
    alpha[10:13, 30:33] = 0.6
    assert matting(alpha, truth)["connectivity"] == pytest.approx(9 * 0.4 / 1000)


def test_hole_in_the_subject_is_connected_up_to_its_own_level():
    """0.5 hangs at level 0.5, which the truth exceeds by 0.5."""
    alpha = half() / 255
    alpha[10:13, 5:8] = 0.5
    assert matting(alpha, half())["connectivity"] == pytest.approx(9 * 0.5 / 1000)


def test_faint_alpha_is_not_stretched():
    scores = matting(half() / 255 * 0.1, half())
    assert scores["mse"] == pytest.approx(0.81 / 2)


def test_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match="resize alpha"):
        matting(np.zeros((4, 4)), half())
