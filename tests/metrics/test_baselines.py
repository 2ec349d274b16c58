"""Masks that have not looked at the image, and what is said of a model that does not beat them."""

import numpy as np
import pytest
from support.images import disc

from clearbg.data import baselines as files
from clearbg.errors import ModelError
from clearbg.metrics import baselines, scoring
from clearbg.metrics.baselines import Comparison

MASKS = {"mean_mask": 0.4, "all_subject": 0.3, "no_subject": 0.3}


def test_masks_are_scored_as_any_prediction_is():
    truths = [disc(index, (40, 50))[1] for index in range(3)]
    mean = files.mean(truths).astype(np.float32) / 255
    found = baselines.score_all(truths, ["saliency"], 0.5, mean, processes=1)
    alphas = {"all_subject": np.ones((40, 50)), "no_subject": np.zeros((40, 50))}
    for name, alpha in alphas.items():
        own = [scoring.score(alpha, truth, ["saliency"], 0.5) for truth in truths]
        assert found[name] == scoring.summarize(own)
    assert found["no_subject"]["mae"] < found["all_subject"]["mae"]
    assert found["mean_mask"]["max_f"] > found["all_subject"]["max_f"]


def test_mean_mask_that_is_not_known_is_left_out():
    assert set(baselines.masks((4, 6), None)) == {"all_subject", "no_subject"}
    assert baselines.masks((4, 6), np.zeros((2, 2), np.float32))["mean_mask"].shape == (4, 6)


@pytest.mark.parametrize(
    ("metric", "model", "beats"),
    [("max_f", 0.5, True), ("max_f", 0.4, False), ("max_f", 0.35, False), ("mae", 0.2, True),
     ("mae", 0.35, False), ("max_f", float("nan"), False)],
)  # fmt: skip
def test_model_must_be_better_than_every_mask(metric, model, beats):
    compared = Comparison(metric, model, MASKS)
    assert compared.beats_baselines == beats
    assert bool(compared.warning("test images")) != beats


def test_warning_names_the_hardest_mask_the_figures_and_what_to_do():
    told = Comparison("max_f", 0.35, MASKS).warning("validation images")
    assert told.startswith("warning: the model does not beat the mean mask")
    assert "max Fβ 0.3500 against 0.4000 on the validation images" in told
    assert "train longer" in told and told.count("\n") == 0
    hardest = Comparison("mae", 0.35, MASKS | {"mean_mask": 0.36}).warning("test images")
    assert "does not beat the all-subject mask" in hardest


@pytest.mark.parametrize(
    ("headline", "metric"), [("dice", "dice"), ("loss", "max_f"), ("drd", "max_f")]
)
def test_headline_that_a_mask_has_no_figure_of_gives_way_to_one_for_people(headline, metric):
    model = {"loss": 0.1, "dice": 0.8, "max_f": 0.9, "mae": 0.1}
    masks = {name: {"dice": 0.2, "max_f": 0.3, "mae": 0.4} for name in MASKS}
    compared = baselines.compare(headline, model, masks)
    assert (compared.metric, compared.model) == (metric, model[metric])
    assert set(compared.masks) == set(MASKS)


def test_mean_mask_is_the_mean_at_a_small_size_in_any_order(tmp_path):
    alphas = [disc(index, (300, 300))[1] for index in range(5)]
    mean = files.mean(alphas)
    assert mean.shape == (files.SIDE, files.SIDE)
    assert np.array_equal(mean, files.mean(alphas[::-1]))
    small = [np.full((4, 4), value, np.uint8) for value in (0, 100, 200)]
    assert files.mean(small).tolist() == [[100] * 4] * 4
    files.write_mean_mask(mean, tmp_path)
    assert np.array_equal((files.read_mean_mask(tmp_path) * 255).round(), mean)
    assert files.read_mean_mask(tmp_path / "nowhere") is None


def test_few_of_many_masks_are_averaged_and_always_the_same_ones():
    assert files.chosen(5) == [0, 1, 2, 3, 4]
    some = files.chosen(50_000)
    assert len(set(some)) == files.MOST and some == files.chosen(50_000) == sorted(some)


def test_comparison_is_read_as_it_was_written(tmp_path):
    compared = Comparison("max_f", 0.5, MASKS)
    files.write_validation(compared, tmp_path)
    assert files.read_validation(tmp_path) == compared
    assert files.read_validation(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"metric": "mae"}', '{"metric":1,"model":"","masks":2}']
)
def test_damaged_comparison_is_a_sentence(tmp_path, text):
    (tmp_path / files.VALIDATION).write_text(text)
    with pytest.raises(ModelError, match="holds no figures of masks"):
        files.read_validation(tmp_path)
