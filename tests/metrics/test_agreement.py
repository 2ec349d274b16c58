"""Our figures are those of the field's own code, which is called here as its readme does."""

import warnings

import cv2
import numpy as np
import py_sod_metrics as sod
import pytest
from support.images import disc

from clearbg.metrics import saliency
from clearbg.metrics.weighted_f import weighted_f


def random_pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A map and a mask, uint8 `(H,W)`, that have something to do with each other."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(40, 160, 2)
    noise, other = (cv2.GaussianBlur(rng.random((height, width)), (0, 0), 5) for _ in range(2))
    truth = noise > np.quantile(noise, rng.uniform(0.2, 0.95))
    alpha = np.clip(12 * (0.7 * noise + 0.3 * other - 0.5) + 0.5, 0, 1)
    return np.rint(255 * alpha).astype(np.uint8), np.uint8(255) * truth


def real_pair(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A soft mask, and a map as a network of 32 pixels gives it."""
    _, alpha = disc(index, (120, 160))
    small = cv2.resize(alpha, (32, 32), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (160, 120), interpolation=cv2.INTER_LINEAR) // 2 + 20, alpha


PAIRS = [random_pair(seed) for seed in range(6)] + [real_pair(index) for index in range(3)]


@pytest.mark.parametrize("pair", PAIRS)
def test_stretched_scores_of_an_image_are_pysodmetrics_to_a_millionth(pair):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measures = {
            name: getattr(sod, name)()
            for name in ("MAE", "Smeasure", "WeightedFmeasure", "Emeasure", "Fmeasure")
        }
        for measure in measures.values():
            measure.step(pred=pair[0], gt=pair[1])  # which stretches the map by itself
        theirs = {name: measure.get_results() for name, measure in measures.items()}
    ours = saliency.score(pair[0] / 255, pair[1], "min_max")
    for own, expected in (
        (ours.mae, theirs["MAE"]["mae"]),
        (ours.s_measure, theirs["Smeasure"]["sm"]),
        (ours.weighted_f, theirs["WeightedFmeasure"]["wfm"]),
        (ours.adaptive_e, theirs["Emeasure"]["em"]["adp"]),
        (ours.adaptive_f, theirs["Fmeasure"]["fm"]["adp"]),
    ):
        assert own == pytest.approx(expected, abs=1e-6)
    assert np.abs(ours.e_curve[::-1] - theirs["Emeasure"]["em"]["curve"]).max() < 1e-6
    assert np.abs(ours.f_curve[::-1] - theirs["Fmeasure"]["fm"]["curve"]).max() < 1e-6


@pytest.mark.parametrize("pair", PAIRS)
def test_weighted_f_is_that_of_pysodmetrics_to_the_last_few_bits(pair):
    subject = pair[1] > 128
    for alpha in (pair[0] / 255, np.zeros(subject.shape), np.ones(subject.shape)):
        measure = sod.WeightedFmeasure()
        measure.step(alpha, subject, normalize=False)
        expected = measure.get_results()["wfm"]
        assert weighted_f(alpha, subject) == pytest.approx(expected, abs=1e-12)
    assert weighted_f(alpha, np.zeros_like(subject)) == 0
