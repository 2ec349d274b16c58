"""The metrics on maps whose scores a hand can compute."""

import numpy as np
import pytest

from clearbg.metrics import saliency
from clearbg.metrics.segmentation import segmentation


def half() -> np.ndarray:
    """8×8, the left half is the subject."""
    truth = np.zeros((8, 8), np.uint8)
    truth[:, :4] = 255
    return truth


def averaged(*scores: saliency.ImageScores) -> dict[str, float]:
    averages = saliency.Averages()
    for one in scores:
        averages.add(one)
    return averages.table()


def test_perfect_prediction_scores_one():
    scores = averaged(saliency.score(half() / 255, half()))
    assert scores["mae"] == scores["alpha_mae"] == 0
    for name in ("max_f", "adaptive_f", "weighted_f", "s_measure"):
        assert scores[name] == pytest.approx(1, abs=1e-3)


def test_f_of_a_full_prediction_is_that_of_its_precision():
    """Precision 1/2, recall 1: F = 1.3 · 0.5 / (0.3 · 0.5 + 1)."""
    scores = saliency.score(np.ones((8, 8)), half())
    assert scores.f_curve[-1] == pytest.approx(1.3 * 0.5 / 1.15)
    assert scores.mae == 0.5


def test_curves_run_over_ascending_thresholds():
    alpha = np.where(half() > 0, 0.6, 0.2)
    scores = saliency.score(alpha, half())
    assert scores.recall[100] == 1 and scores.precision[100] == 1  # 0.2 < 100/255 < 0.6
    assert scores.recall[0] == 1 and scores.precision[0] == 0.5
    assert scores.recall[200] == 0


def test_soft_truth_counts_in_alpha_mae_only():
    truth = np.full((8, 8), 204, np.uint8)
    scores = saliency.score(np.full((8, 8), 0.8), truth)
    assert scores.alpha_mae == pytest.approx(0) and scores.mae == pytest.approx(0.2)


def test_empty_scene_has_no_f_but_an_empty_alpha():
    empty = np.zeros((8, 8), np.uint8)
    scores = [saliency.score(np.full((8, 8), 0.1), empty), saliency.score(half() / 255, half())]
    table = averaged(*scores)
    assert table["empty_alpha"] == pytest.approx(0.1)
    assert table["max_f"] == pytest.approx(1, abs=1e-3)
    assert "max_f" not in averaged(scores[0])


def test_published_protocol_stretches_and_counts_an_empty_truth_as_zero():
    empty = np.zeros((8, 8), np.uint8)
    faint = 0.1 * half() / 255
    scores = [saliency.score(a, t, "min_max") for a, t in ((faint, half()), (faint, empty))]
    assert scores[0].mae == 0 and scores[1].mae == 0.5
    assert averaged(*scores)["max_f"] == pytest.approx(0.5, abs=1e-3)


def test_flat_prediction_stays_finite_when_stretched():
    scores = saliency.score(np.zeros((8, 8)), half(), "min_max")
    assert all(np.isfinite(value) for value in scores.row().values())


def test_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match="resize alpha"):
        saliency.score(np.zeros((4, 4)), half())


def test_segmentation_of_a_quarter_against_a_half():
    alpha = np.zeros((8, 8))
    alpha[:4, :4] = 1
    assert segmentation(alpha, half(), 0.5) == {
        "dice": pytest.approx(2 / 3),
        "iou": 0.5,
        "pixel_accuracy": 0.75,
    }


def test_two_empty_masks_agree():
    empty = np.zeros((8, 8), np.uint8)
    assert segmentation(empty / 1.0, empty, 0.5)["dice"] == 1
