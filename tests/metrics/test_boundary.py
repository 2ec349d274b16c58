"""Outlines: on masks that can be counted by hand, and against a search of all pairs of pixels."""

import cv2
import numpy as np
import pytest

from clearbg.metrics.boundary import boundary_f, boundary_iou, corrections


def square(top: int, left: int, side: int = 40) -> np.ndarray:
    mask = np.zeros((100, 100), np.uint8)
    mask[top : top + side, left : left + side] = 255
    return mask


def test_boundary_iou_counts_the_bands_inside_both_outlines():
    """Bands of 3 pixels (2 % of the diagonal of 141): 40² − 34² = 444 pixels each."""
    truth = square(20, 20)
    assert boundary_iou(truth / 255, truth, 0.5) == 1
    assert boundary_iou(square(60, 60, 30) / 255, truth, 0.5) == 0
    inner = square(23, 23, 34)  # its band lies wholly inside the truth's own
    assert boundary_iou(inner / 255, truth, 0.5) == 0
    moved = square(20, 21)
    # Two bars of 39×3 and two of 34×2 (the side bars shifted by one), corners counted once.
    assert boundary_iou(moved / 255, truth, 0.5) == pytest.approx(
        (39 * 6 + 34 * 4) / (2 * 444 - (39 * 6 + 34 * 4))
    )


def test_boundary_of_nothing_agrees_and_the_border_is_an_outline():
    nothing, everything = np.zeros((50, 50), np.uint8), np.full((50, 50), 255, np.uint8)
    assert boundary_iou(nothing / 255, nothing, 0.5) == 1
    assert boundary_iou(nothing / 255, everything, 0.5) == 0
    assert boundary_iou(everything / 255, everything, 0.5) == 1
    with pytest.raises(ValueError, match="resize alpha first"):
        boundary_iou(np.zeros((2, 2)), nothing, 0.5)


def outline(mask: np.ndarray) -> np.ndarray:
    """Places (k,2) of the pixels that have one outside at a side, looked for one by one."""
    return np.array(
        [
            (y, x)
            for y, x in np.argwhere(mask)
            for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))
            if 0 <= y + dy < mask.shape[0] and 0 <= x + dx < mask.shape[1]
            and not mask[y + dy, x + dx]
        ]
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_boundary_f_is_that_of_a_search_of_all_pairs_of_pixels(seed):
    rng = np.random.default_rng(seed)
    alpha, other = (cv2.GaussianBlur(rng.random((48, 64)), (0, 0), 4) * 6 - 2.5 for _ in range(2))
    truth = (np.clip(0.6 * alpha + 0.4 * other, 0, 1) * 255).astype(np.uint8)
    own, true = (np.unique(outline(mask), axis=0) for mask in (alpha >= 0.5, truth > 128))
    apart = np.linalg.norm(own[:, None] - true[None], axis=2)
    found = boundary_f(alpha, truth, 0.5)
    for reach in (1, 2, 3):
        precision = np.mean(apart.min(axis=1) <= reach)
        recall = np.mean(apart.min(axis=0) <= reach)
        expected = 2 * precision * recall / (precision + recall)
        assert 0.2 < expected < 1 and found[f"boundary_f_{reach}"] == pytest.approx(expected)


def test_a_shift_by_two_pixels_costs_boundary_f_at_one_and_not_at_two():
    moved = boundary_f(square(20, 22) / 255, square(20, 20), 0.5)
    assert moved["boundary_f_1"] < 0.6 and moved["boundary_f_2"] == moved["boundary_f_3"] == 1


def test_boundary_f_without_an_outline_is_one_or_nothing():
    nothing, everything = np.zeros((50, 50), np.uint8), np.full((50, 50), 255, np.uint8)
    assert boundary_f(everything / 255, nothing, 0.5)["boundary_f_1"] == 1  # no outline in either
    one = square(0, 0)
    assert boundary_f(one / 255, np.zeros_like(one), 0.5)["boundary_f_3"] == 0
    with pytest.raises(ValueError, match="resize alpha first"):
        boundary_f(np.zeros((2, 2)), nothing, 0.5)


def test_a_hole_and_a_speck_cost_corrections_and_a_thin_rim_costs_none():
    truth = square(20, 20, 60)
    assert corrections(truth / 255, truth, 0.5) == 0
    assert corrections(square(19, 19, 62) / 255, truth, 0.5) == 0
    wrong = truth.copy()
    wrong[40:60, 40:60], wrong[2:14, 2:14] = 0, 255
    assert corrections(wrong / 255, truth, 0.5) >= 2
