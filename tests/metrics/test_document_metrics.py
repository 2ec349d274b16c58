"""The document metrics on masks whose scores a hand can compute."""

import math

import numpy as np
import pytest

from clearbg.metrics.document import document, drd, otsu


def page(*strokes: tuple[slice, slice], size: tuple[int, int] = (32, 32)) -> np.ndarray:
    """uint8, 255 where there is ink."""
    truth = np.zeros(size, np.uint8)
    for stroke in strokes:
        truth[stroke] = 255
    return truth


BAR = np.s_[10:15, 4:28]  # 5 × 24 pixels
SPOT = np.s_[20, 20]


def test_faultless_page():
    """PSNR counts half a wrong pixel of 1024."""
    scores = document(page(BAR) / 255, page(BAR), 0.5)
    assert scores == {
        "f_measure": 1,
        "pseudo_f": 1,
        "psnr": pytest.approx(10 * math.log10(2048)),
        "drd": 0,
    }


def test_f_and_psnr_of_half_a_stroke():
    """Precision 1, recall 1/2; 60 of 1024 pixels are wrong."""
    half = page(np.s_[10:15, 4:16])
    scores = document(half / 255, page(BAR), 0.5)
    assert scores["f_measure"] == pytest.approx(2 / 3)
    assert scores["psnr"] == pytest.approx(10 * math.log10(1024 / 60))


def test_pseudo_f_forgives_thin_strokes():
    """What is left covers the middle line: the skeleton is all found."""
    thin = page(np.s_[11:14, 4:28])
    scores = document(thin / 255, page(BAR), 0.5)
    assert scores["f_measure"] == pytest.approx(2 * 0.6 / 1.6) and scores["pseudo_f"] == 1


def test_pseudo_f_does_not_forgive_false_ink():
    scores = document(page(BAR, np.s_[20:25, 4:28]) / 255, page(BAR), 0.5)
    assert scores["pseudo_f"] == scores["f_measure"] == pytest.approx(2 / 3)


def test_missed_page_scores_zero():
    scores = document(np.zeros((32, 32)), page(BAR), 0.5)
    assert scores["f_measure"] == scores["pseudo_f"] == 0


def test_alpha_is_cut_at_the_threshold():
    alpha = np.where(page(BAR) > 0, 0.7, 0.2)
    assert document(alpha, page(BAR), 0.7)["f_measure"] == 1
    assert document(alpha, page(BAR), 0.71)["f_measure"] == 0


@pytest.mark.parametrize("predicted", [page(), page(BAR)])
def test_page_without_ink_has_no_f(predicted):
    scores = document(predicted / 255, page(), 0.5)
    assert math.isnan(scores["f_measure"]) and math.isnan(scores["pseudo_f"])
    assert math.isfinite(scores["psnr"])


def test_invented_ink_has_no_drd_but_silence_has_none_to_pay():
    assert math.isnan(drd(page(BAR) > 0, page() > 0))
    assert drd(page() > 0, page() > 0) == 0


def test_drd_of_a_lonely_spot_is_one_over_the_mixed_blocks():
    """All around the spot is page, so its window's weights add up to 1. The bar of rows 10 to
    14 and columns 4 to 27 lies in one row of four blocks."""
    predicted = page(BAR)
    predicted[SPOT] = 255
    assert drd(predicted > 0, page(BAR) > 0) == pytest.approx(1 / 4)


def test_drd_of_a_hole_in_a_stroke_is_that_of_a_spot():
    predicted = page(BAR)
    predicted[12, 16] = 0
    assert drd(predicted > 0, page(BAR) > 0) == pytest.approx(1 / 4)


def test_drd_weighs_by_reciprocal_distance():
    """A spot right above the long bar: the row at distance 1 and the one at 2 hold ink."""
    predicted = page(BAR)
    predicted[9, 16] = 255
    row = lambda y: sum(1 / math.hypot(x, y) for x in range(-2, 3) if (x, y) != (0, 0))  # noqa: E731
    below, all_rows = row(1) + row(2), row(0) + 2 * row(1) + 2 * row(2)
    expected = (1 - below / all_rows) / 4
    assert drd(predicted > 0, page(BAR) > 0) == pytest.approx(expected)


def test_drd_does_not_look_beyond_the_border():
    """In a corner 3 × 3 of the 5 × 5 window lie on the page."""
    predicted = page(BAR)
    predicted[0, 0] = 255
    weight = {(x, y): 1 / math.hypot(x, y) for x in range(-2, 3) for y in range(-2, 3) if x or y}
    inside = sum(w for (x, y), w in weight.items() if x >= 0 and y >= 0)
    expected = inside / sum(weight.values()) / 4
    assert drd(predicted > 0, page(BAR) > 0) == pytest.approx(expected)


def test_drd_counts_whole_blocks_only():
    """The bar now reaches into a fifth column of blocks that the border cuts off."""
    truth = page(np.s_[10:15, 4:36], size=(32, 36))
    predicted = truth.copy()
    predicted[24, 10] = 255
    assert drd(predicted > 0, truth > 0) == pytest.approx(1 / 4)


def test_otsu_finds_dark_ink():
    truth = page(BAR) > 0
    noise = np.random.default_rng(0).normal(0, 8, truth.shape)
    gray = (np.where(truth, 60, 200) + noise).astype(np.uint8)
    assert np.array_equal(otsu(gray), truth)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_page_of_one_gray_has_no_ink(shade):
    assert not otsu(np.full((16, 16), shade, np.uint8)).any()


def test_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match="resize alpha"):
        document(np.zeros((4, 4)), page(), 0.5)
