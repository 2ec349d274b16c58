"""Boundary IoU on masks whose bands can be counted by hand."""

import numpy as np
import pytest

from clearbg.metrics.boundary import boundary_iou


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
