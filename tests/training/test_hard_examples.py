"""Images that the network gets wrong come more often."""

import numpy as np
import pytest
import torch
from support.project import TINY, demo
from support.training import Killed, KilledAt, fit, same

from clearbg import config
from clearbg.training import checkpoints as recovery
from clearbg.training.budget import Batches, Budget
from clearbg.training.hard_examples import MOST, drawn, expected_draws

ERRORS = np.array([0.0, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.4])


def settings(**train) -> config.Settings:
    return config.parse(demo(**{**TINY, "train": {**TINY["train"], **train}}))


def test_expected_draws_follow_the_errors_by_the_strength():
    assert expected_draws(ERRORS, 0.0).tolist() == [1.0] * 8
    full, half = (expected_draws(ERRORS, strength) for strength in (1.0, 0.5))
    assert full == pytest.approx(ERRORS / ERRORS.mean())
    assert half == pytest.approx((1 + full) / 2)


def test_images_without_error_are_all_alike():
    assert expected_draws(np.zeros(3), 1.0).tolist() == [1.0] * 3


def test_one_wrong_mask_does_not_fill_an_epoch():
    errors = np.r_[np.full(99, 0.01), 1.0]
    draws = expected_draws(errors, 1.0)
    assert draws.sum() == pytest.approx(100) and draws[-1] < MOST + 1


@pytest.mark.parametrize("epoch", range(5))
def test_no_image_comes_more_than_once_above_or_below_what_is_expected(epoch):
    rng = np.random.default_rng(epoch)
    draws = expected_draws(ERRORS, 1.0)
    chosen, repeats = drawn(rng.permutation(8), draws, rng)
    counts = np.bincount(chosen, minlength=8)
    assert len(chosen) == 8 and (np.abs(counts - draws) < 1).all()
    for index in range(8):
        assert sorted(repeats[chosen == index]) == list(range(counts[index]))


def test_repeated_image_is_changed_anew():
    order = Batches(Budget(settings(epochs=1, batch_size=8).train, 8, 64), seed=1)
    order.draws = expected_draws(ERRORS, 1.0)
    (places,) = order
    assert len(set(places)) == 8 > len({index for _, index, _ in places})


@pytest.mark.usefixtures("tiny_networks")
def test_hard_examples_change_the_second_epoch_and_a_killed_run_goes_on_to_the_same(
    augmented, tmp_path
):
    off, on = settings(batch_size=6), settings(batch_size=6, hard_examples=1.0)
    usual = fit(augmented, recovery.Checkpoint(tmp_path / "off"), off)[1]
    method, whole, _ = fit(augmented, recovery.Checkpoint(tmp_path / "on"), on)
    assert usual.image_errors is None and whole.image_errors.shape == (12,)
    assert usual.history[0] == whole.history[0]  # nothing was measured before the first epoch
    assert usual.history[1] != whole.history[1]
    weights = method.weights()
    with pytest.raises(Killed):
        fit(augmented, KilledAt(tmp_path / "cut", 4), on)
    killed = recovery.Checkpoint(tmp_path / "cut").load(method)
    assert (killed.epoch, killed.step) == (1, 1)
    resumed_method, resumed, _ = fit(augmented, recovery.Checkpoint(tmp_path / "cut"), on)
    assert whole.history == resumed.history
    assert same(weights, resumed_method.weights())
    assert torch.equal(whole.image_errors, resumed.image_errors)
