"""Families of metrics side by side, on maps whose scores a hand can compute."""

import copy
import math
import re
import tracemalloc

import numpy as np
import pytest

from clearbg.metrics import scoring
from clearbg.metrics.names import FAMILIES, LOWER_IS_BETTER, families_of, family_of

ALL = ("saliency", "segmentation", "matting", "document")
SHARED = set(FAMILIES["segmentation"])


def half() -> np.ndarray:
    """20×20, the left half is the subject."""
    truth = np.zeros((20, 20), np.uint8)
    truth[:, :10] = 255
    return truth


EMPTY = np.zeros((20, 20), np.uint8)


@pytest.mark.parametrize("family", ALL)
def test_summary_has_the_names_of_its_family_and_the_shared_ones(family):
    pairs = [(half() / 255, half()), (EMPTY / 255, EMPTY)]
    table = scoring.summarize(list(scoring.score_all(pairs, [family], 0.5, processes=1)))
    assert set(table) == SHARED | set(FAMILIES[family])


def test_perfect_alpha_is_best_by_every_metric():
    """PSNR has no end, all others end at 0 or 1."""
    table = scoring.summarize([scoring.score(half() / 255, half(), ALL, 0.5)])
    for name, value in table.items():
        if name != "psnr":
            best = 0 if name in LOWER_IS_BETTER else 1
            assert value == pytest.approx(best, abs=1e-2), name


def test_worse_alpha_is_worse_by_every_metric():
    worse = half() / 255 * 0.7
    worse[:8, :6] = 0.1
    worse[14:, 14:] = 0.8
    good, bad = (scoring.summarize([scoring.score(a, half(), ALL, 0.5)])
                 for a in (half() / 255, worse))  # fmt: skip
    assert good.keys() == bad.keys()
    for name in good:
        assert (bad[name] > good[name]) == (name in LOWER_IS_BETTER), name


def test_shared_names_mean_the_same_in_every_family():
    truth = np.full((20, 20), 204, np.uint8)
    tables = [
        scoring.summarize([scoring.score(np.full((20, 20), 0.7), truth, [family], 0.5)])
        for family in ALL
    ]
    for table in tables:
        assert table["mae"] == pytest.approx(0.3) and table["alpha_mae"] == pytest.approx(0.1)
        assert table["dice"] == table["iou"] == table["pixel_accuracy"] == 1


def test_images_without_a_value_are_left_out_of_its_average():
    scores = [
        scoring.score(half() / 255, half(), ["document"], 0.5),
        scoring.score(np.full((20, 20), 0.25), EMPTY, ["document"], 0.5),
    ]
    table = scoring.summarize(scores)
    assert table["f_measure"] == 1 and table["empty_alpha"] == 0.25
    assert table["mae"] == pytest.approx(0.125)


def test_name_that_no_image_has_a_value_for_is_left_out():
    table = scoring.summarize([scoring.score(EMPTY / 255, EMPTY, ["document"], 0.5)])
    assert "f_measure" not in table and table["empty_alpha"] == 0


def test_first_protocol_leads_and_others_hold_saliency_alone():
    faint = half() / 255 * 0.1
    scores = [scoring.score(faint, half(), ALL, 0.5, ("raw", "min_max"))]
    tables = scoring.Averages(scores).by_protocol()
    assert list(tables) == ["raw", "min_max"] and tables["raw"] == scoring.summarize(scores)
    assert tables["raw"]["mae"] == pytest.approx(0.45) and tables["min_max"]["mae"] == 0
    assert "dice" in tables["raw"] and "dice" not in tables["min_max"]
    assert scores[0].row()["mae"] == pytest.approx(0.45)


def test_stretch_leaves_hard_masks_alone():
    scores = [scoring.score(half() / 255 * 0.1, half(), ["saliency"], 0.5, ("min_max",))]
    table = scoring.Averages(scores).by_protocol()["min_max"]
    assert table["max_f"] == pytest.approx(1, abs=1e-3) and table["dice"] == 0


def test_without_saliency_there_are_no_curves_and_one_table():
    scores = [scoring.score(half() / 255, half(), ["matting"], 0.5, ("raw", "min_max"))]
    averages = scoring.Averages(scores)
    assert averages.curves() == {} and list(averages.by_protocol()) == ["raw"]


def test_curves_are_kept_by_protocol():
    scores = [scoring.score(half() / 255, half(), ["saliency"], 0.5, ("raw", "min_max"))]
    curves = scoring.Averages(scores).curves()
    assert list(curves) == ["raw", "min_max"] and curves["raw"]["f"].shape == (256,)


def test_row_says_whether_there_is_a_subject():
    row = scoring.score(EMPTY / 255, EMPTY, ["document"], 0.5).row()
    assert row["empty"] is True and math.isnan(row["f_measure"])


def test_order_is_kept_over_processes():
    pairs = ((np.full((4, 4), v), half()[:4, :4]) for v in (0.1, 0.5, 0.9))
    rows = [s.plain["mean_alpha"] for s in scoring.score_all(pairs, [], 0.5, processes=2)]
    assert rows == pytest.approx([0.1, 0.5, 0.9])


def test_pairs_are_taken_as_they_are_needed():
    taken = []

    def pairs():
        for index in range(100):
            taken.append(index)
            yield half() / 255, half()

    scores = scoring.score_all(pairs(), [], 0.5, processes=1)
    next(iter(scores))
    assert len(taken) < 10


def test_every_metric_has_its_family():
    for family, names in FAMILIES.items():
        assert {family_of(name) for name in names} == {family}
    assert families_of("sad_unknown") == ("matting",)
    assert families_of("loss") == ()


def test_names_are_keys_that_mlflow_takes():
    names = [name for family in FAMILIES.values() for name in family]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="max_f"):
        family_of("maxf")
    with pytest.raises(ValueError, match="saliency"):
        scoring.score(half() / 255, half(), ["salience"], 0.5)


def test_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match="resize alpha"):
        scoring.score(np.zeros((4, 4)), half(), [], 0.5)


def test_no_scores_have_no_average():
    with pytest.raises(ValueError, match="no scores"):
        scoring.summarize([])


def test_averages_hold_the_numbers_of_an_image_and_no_curve():
    scores, averages = scoring.score(half() / 255, half(), ALL, 0.5), scoring.Averages()
    tracemalloc.start()
    for _ in range(200):
        averages.add(copy.deepcopy(scores))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 200 * 500  # bytes; the four curves of an image take 8,192
    assert averages.by_protocol()["raw"] == pytest.approx(scoring.summarize([scores]))
