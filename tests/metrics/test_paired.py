"""Paired comparisons: how often a difference is claimed that is none, and one that is there."""

import numpy as np
import pytest

from clearbg.metrics import bootstrap, paired


def alone(count: int) -> bootstrap.Draws:
    return bootstrap.draw([str(number) for number in range(count)])


def verdicts(shift: float, experiments: int, images: int, spread: float) -> list[str]:
    rng, draws = np.random.default_rng(5), alone(images)
    found = []
    for _ in range(experiments):
        before = rng.beta(8, 2, (images, 1))
        after = before + shift + rng.normal(0, spread, (images, 1))
        found.append(paired.gain(before, after, draws, False).verdict)
    return found


@pytest.mark.slow
def test_of_1000_equal_pairs_3_to_7_percent_are_called_different():
    found = verdicts(0, 1000, 60, 0.05)
    assert 0.93 <= found.count("cannot tell") / 1000 <= 0.97


@pytest.mark.slow
def test_a_gain_of_a_hundredth_on_400_images_is_found():
    """Of images whose figures differ by 0.05 between two models, as trainings of one recipe do."""
    assert verdicts(0.01, 100, 400, 0.05).count("better") >= 90


def test_a_fall_in_one_slice_is_found_and_named_and_noise_is_not():
    rng, draws = np.random.default_rng(2), alone(300)
    before = rng.beta(8, 2, (300, 1))
    after = before + rng.normal(0, 0.02, (300, 1))
    dark = np.arange(300) < 40
    after[dark] -= 0.08
    slices = {"dark": dark, "bright": np.arange(300) >= 200, "few": np.arange(300) < 5}
    parts = paired.by_slice(before, after, draws, False, slices)
    assert {name: part.verdict for name, part in parts.items()} == {
        "dark": "worse", "bright": "cannot tell"
    }  # fmt: skip


def test_intervals_of_many_slices_are_wider_than_that_of_one():
    rng, draws = np.random.default_rng(2), alone(100)
    before, half = rng.beta(8, 2, (100, 1)), np.arange(100) < 50
    after = before + rng.normal(0, 0.02, (100, 1))
    one = paired.by_slice(before, after, draws, False, {"a": half})["a"]
    several = paired.by_slice(before, after, draws, False, {str(k): half for k in range(10)})["0"]
    assert several.high - several.low > 1.2 * (one.high - one.low)


@pytest.mark.parametrize(("lower", "verdict"), [(False, "worse"), (True, "better")])
def test_fall_of_a_metric_is_good_where_lower_is_better(lower, verdict):
    before = np.linspace(0.5, 0.9, 20)[:, None]
    found = paired.gain(before, before - 0.1, alone(20), lower)
    assert (found.verdict, found.value) == (verdict, pytest.approx(0.1 if lower else -0.1))


def test_gain_of_equal_models_has_no_sign():
    values = np.linspace(0, 0.3, 20)[:, None]
    found = paired.gain(values, values, alone(20), lower_is_better=True)
    assert f"{found.value:.4f} {found.low:.4f} {found.high:.4f}" == "0.0000 0.0000 0.0000"


def test_images_that_changed_most_are_the_largest_gains_and_losses():
    before, after = np.zeros(6), np.array([0.1, -0.3, np.nan, 0.4, 0.0, -0.1])
    assert paired.most_changed(before, after, 1, 2) == [3, 0, 5, 1]
    assert paired.most_changed(before, after, -1, 9) == [1, 5, 4, 0, 3]
