"""Intervals over groups of images: how often they hold the truth, and what they are made of."""

import numpy as np
import pytest
from support.images import disc

from clearbg.metrics import bootstrap, scoring
from clearbg.metrics.names import SHOWN


@pytest.fixture(scope="module")
def scores():
    """Eleven noisy predictions and one of an image without a subject."""
    rng = np.random.default_rng(0)
    truths = [disc(index, (40, 50))[1] for index in range(11)] + [np.zeros((40, 50), np.uint8)]
    return [
        scoring.score(
            np.clip(t / 255 + rng.normal(0, 0.1 + k / 30, t.shape), 0, 1), t, ["saliency"], 0.5
        )
        for k, t in enumerate(truths)
    ]


def test_figure_of_the_contributions_is_the_average_that_is_printed(scores):
    averages = scoring.summarize(scores)
    for metric in averages.keys() & {*SHOWN, *bootstrap.CURVES}:
        formed = bootstrap.figure(bootstrap.contributions(scores, metric))
        assert formed == pytest.approx(averages[metric], abs=1e-9), metric


def test_interval_holds_the_figure_and_is_the_same_each_time(scores):
    draws, averages = bootstrap.draw([str(k // 2) for k in range(12)]), scoring.summarize(scores)
    values = {name: bootstrap.contributions(scores, name) for name in averages}
    found = bootstrap.intervals(values, draws)
    assert found == bootstrap.intervals(values, bootstrap.draw([str(k // 2) for k in range(12)]))
    assert found.keys() == averages.keys() - {"empty_alpha"}  # a single image has no subject
    for metric, ends in found.items():
        assert ends["low"] <= averages[metric] <= ends["high"], metric


def experiments(sizes: np.ndarray, count: int = 500) -> float:
    """The share of experiments whose interval holds the mean of all images that there could be."""
    rng = np.random.default_rng(3)
    draws = bootstrap.draw(np.repeat(np.arange(len(sizes)), sizes).astype(str))
    held = []
    for _ in range(count):
        alike = rng.beta(8, 2, len(sizes))  # each group's own mean
        values = np.repeat(alike, sizes) + rng.normal(0, 0.03, sizes.sum())
        _, low, high = bootstrap.estimate(values[:, None], draws)
        held.append(low <= 0.8 <= high)
    return float(np.mean(held))


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [np.ones(60, int), np.full(40, 3), np.arange(60) % 4 + 1])
def test_95_percent_intervals_hold_the_true_mean_in_93_to_97_percent(sizes):
    assert 0.93 <= experiments(sizes) <= 0.97


def test_many_images_of_few_subjects_tell_less_than_as_many_of_their_own():
    values = np.repeat(np.random.default_rng(1).beta(8, 2, 10), 30)[:, None]
    together, alone = (
        bootstrap.estimate(values, bootstrap.draw(groups))[1:]
        for groups in (np.repeat(np.arange(10), 30).astype(str), np.arange(300).astype(str))
    )
    assert together[1] - together[0] > 3 * (alone[1] - alone[0])


def test_draws_are_looked_at_some_at_a_time_with_the_same_result(scores, monkeypatch):
    values, draws = bootstrap.contributions(scores, "max_f"), bootstrap.draw(list("aabbccddeeff"))
    together = bootstrap.estimate(values, draws)
    monkeypatch.setattr(bootstrap, "AT_ONCE", 100)
    assert bootstrap.estimate(values, draws) == pytest.approx(together, abs=1e-12)
