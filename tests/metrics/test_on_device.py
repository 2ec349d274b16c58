"""Figures gathered in batches on the device are those that are reported."""

import numpy as np
import pytest
import torch

from clearbg.metrics import scoring
from clearbg.metrics.names import FAMILIES
from clearbg.metrics.on_device import METRICS, DeviceScores

RANDOM = np.random.default_rng(0)
SHAPE = (24, 40)


def blob(seed: int) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    y0, x0 = np.random.default_rng(seed).uniform(5, 20, 2)
    return np.clip(8 - np.hypot(y - y0, x - x0), 0, 1)


TRUTHS = {
    "noise": RANDOM.integers(0, 256, SHAPE),
    "blob": np.rint(255 * blob(1)),
    "empty": np.zeros(SHAPE),
    "faint": np.full(SHAPE, 128),  # the field cuts above it: empty
    "full": np.full(SHAPE, 255),
    "a pixel": np.eye(*SHAPE) * (np.arange(SHAPE[0])[:, None] == 3) * 129,
}
ALPHAS = {
    "noise": RANDOM.random(SHAPE),
    "blob": blob(2),
    "nothing": np.zeros(SHAPE),
    "everything": np.ones(SHAPE),
    "whole levels": RANDOM.integers(0, 256, SHAPE) / 255,
    "the threshold": np.full(SHAPE, 0.3),
    "tiny": np.full(SHAPE, 1e-12),
}
CASES = [(alpha.astype(np.float32), truth.astype(np.uint8))
         for alpha in ALPHAS.values() for truth in TRUTHS.values()]  # fmt: skip


def reported(cases, threshold: float) -> dict[str, float]:
    scores = scoring.score_all(cases, ["saliency"], threshold, processes=1)
    summary = scoring.summarize(list(scores))
    return {name: value for name, value in summary.items() if name in METRICS}


def on_device(cases, threshold: float, size: int = 5) -> dict[str, float]:
    scores = DeviceScores(threshold)
    for first in range(0, len(cases), size):
        alpha, truth = (
            torch.from_numpy(np.stack(part))[:, None] for part in zip(*cases[first : first + size])
        )
        scores.add(alpha, truth.float() / 255)
    return scores.summary()


@pytest.mark.parametrize("threshold", [0.3, 0.5])
@pytest.mark.parametrize("case", range(len(CASES)))
def test_one_image_has_its_reported_scores(case, threshold):
    ours, theirs = (of([CASES[case]], threshold) for of in (on_device, reported))
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_average_over_batches_is_the_reported_one():
    assert on_device(CASES, 0.5) == pytest.approx(reported(CASES, 0.5), abs=1e-9)


def test_sizes_of_batches_change_nothing():
    assert on_device(CASES, 0.5, 1) == pytest.approx(on_device(CASES, 0.5, 42), abs=1e-12)


def test_deterministic_algorithms_allow_it():
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        assert on_device(CASES, 0.5) == on_device(CASES, 0.5)
    finally:
        torch.use_deterministic_algorithms(before)


def test_names_are_known_to_the_reported_families():
    known = {name for family in FAMILIES.values() for name in family}
    assert known >= METRICS


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="resize alpha first"):
        DeviceScores(0.5).add(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 5))


def test_no_images_have_no_average():
    with pytest.raises(ValueError, match="add a batch first"):
        DeviceScores(0.5).summary()
