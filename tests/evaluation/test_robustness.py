"""Figures of the same images dimmed, noisy, small and turned."""

import numpy as np
import pandas as pd
import pytest
from support.images import disc
from support.models import brightness_model
from support.project import demo

from clearbg import config
from clearbg.errors import DataError
from clearbg.evaluation import robustness
from clearbg.evaluation.robustness import VARIATIONS, measure, predict_varied, vary
from clearbg.inference.sessions import open_model
from clearbg.metrics import bootstrap, paired

METRICS = ["max_f", "mae"]


def brightness(rgb: np.ndarray) -> np.ndarray:
    """A model whose alpha is the image's brightness."""
    return rgb.mean(axis=2, dtype=np.float32) / 255


def squares(count: int = 3) -> list[tuple[np.ndarray, np.ndarray]]:
    """White rectangles on black, off the middle, and their truths."""
    found = []
    for number in range(count):
        truth = np.zeros((120, 160), np.uint8)
        truth[10 : 50 + number, 20:60] = 255
        found.append((np.repeat(truth[..., None], 3, axis=2), truth))
    return found


def measured(predictor=brightness, pairs=None) -> pd.DataFrame:
    return measure(predictor, pairs or squares(), METRICS, 0.5, 1).set_index("variation")


@pytest.mark.parametrize("name", VARIATIONS)
def test_a_variation_changes_the_image_and_in_every_run_alike(name):
    rgb = disc(3)[0]
    changed = vary(rgb, name)
    assert changed.dtype == np.uint8 and changed.shape[2] == 3
    assert changed.shape != rgb.shape or (changed != rgb).any()
    assert (changed == vary(rgb.copy(), name)).all()


@pytest.mark.parametrize("name", sorted(VARIATIONS.keys() - {"dimmed", "noise"}))
def test_the_alpha_comes_back_to_the_images_own_size_and_place(name):
    rgb, truth = squares(1)[0]
    alpha = predict_varied(rgb, name, brightness)
    assert alpha.shape == truth.shape
    assert ((alpha > 0.5) == (truth > 128)).mean() > 0.98


def test_an_image_of_one_pixel_is_varied_too():
    for name in VARIATIONS:
        alpha = predict_varied(np.full((1, 1, 3), 200, np.uint8), name, brightness)
        assert alpha.shape == (1, 1)


def test_half_the_size_and_a_few_pixels_are_what_they_say():
    rgb = np.zeros((100, 300, 3), np.uint8)
    assert vary(rgb, "half_size").shape == (50, 150, 3)
    assert vary(rgb, "tiny").shape == (21, 64, 3)
    assert vary(np.zeros((9, 8, 3), np.uint8), "tiny").shape == (9, 8, 3)  # never enlarged


def test_a_model_that_looks_at_brightness_loses_by_dimming_and_not_by_turning():
    table = measured()
    assert list(table.index) == [robustness.ORIGINAL, *VARIATIONS]
    assert table.mae["original"] < 0.001
    assert table.mae_loss["dimmed"] == pytest.approx(
        0.7 * 255 * 40 * 41 / 120 / 160 / 255, rel=0.05
    )
    assert table.mae_loss["turned"] == table.max_f_loss["upside_down"] == 0
    assert table.mae_loss_low["dimmed"] < table.mae_loss["dimmed"] < table.mae_loss_high["dimmed"]


def test_a_gain_is_a_negative_loss_whichever_way_the_metric_points():
    def shy(rgb):  # finds nothing in bright images
        return brightness(rgb) if rgb.max() < 100 else np.zeros(rgb.shape[:2], np.float32)

    table = measured(shy)
    assert table.mae_loss["dimmed"] < 0 and table.max_f_loss["dimmed"] < 0


def test_one_image_is_in_memory_at_a_time():
    read = []

    def pairs():
        for number, pair in enumerate(squares(6)):
            read.append(number)
            yield pair

    seen = []

    def watching(rgb):
        seen.append(read[-1])
        return brightness(rgb)

    measure(watching, pairs(), METRICS, 0.5, 1)
    assert seen == [n for n in range(6) for _ in range(1 + len(VARIATIONS))]


def test_the_paired_interval_of_a_constant_loss_is_the_loss():
    values = np.random.default_rng(0).random((50, 1))
    lost = paired.gain(values + 0.1, values, bootstrap.draw([*map(str, range(50))]), True)
    assert (lost.value, lost.low, lost.high) == pytest.approx((0.1, 0.1, 0.1))
    wide = bootstrap.estimate(values + 0.1)
    assert wide[2] - wide[1] > 0.05  # as each figure alone is much less sure


def test_nothing_to_vary_is_refused():
    with pytest.raises(ValueError, match="no images"):
        measure(brightness, [], METRICS, 0.5, 1)


def test_people_read_figures_of_the_images_as_they_are_and_losses_of_the_others(tmp_path):
    table = measured().reset_index()
    lines = robustness.markdown(table).splitlines()
    assert lines[0] == "| images | max Fβ | MAE |" and len(lines) == 3 + len(VARIATIONS)
    assert lines[2].startswith("| as they are | 1.000 | 0.000 |")
    assert "| dimmed to 30% | +" in lines[3] and "(+" in lines[3]
    path = tmp_path / "robustness.csv"
    assert robustness.section(path, "a") == ""
    table.assign(weights="a").to_csv(path, index=False)
    assert lines[3] in robustness.section(path, "a")
    assert robustness.section(path, "b") == ""
    robustness.empty().to_csv(path, index=False)
    assert robustness.section(path, "a") == ""


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda t: t.drop(columns="variation"), "no column variation"),
        (lambda t: t.drop(columns="mae_loss_low"), "a column that nobody knows"),
        (lambda t: t.replace("dimmed", "dimed"), "a variation or"),
        (lambda t: t.assign(mae="much"), "a figure is no number .*much"),
    ],
)
def test_damaged_table_is_a_sentence_with_the_next_action(damage, sentence, tmp_path):
    path = tmp_path / "robustness.csv"
    damage(measured().reset_index().assign(weights="a")).to_csv(path, index=False)
    with pytest.raises(DataError, match=rf"robustness\.csv.*{sentence}.*dvc repro -f evaluate"):
        robustness.section(path, "a")


def test_one_group_of_images_gives_losses_without_intervals(tmp_path):
    table = measured(pairs=squares(1)).reset_index().assign(weights="a")
    path = tmp_path / "robustness.csv"
    table.to_csv(path, index=False, float_format="%.6f")
    assert "inf" not in path.read_text() and "nan" not in path.read_text()
    dimmed = table.set_index("variation").loc["dimmed"]
    assert dimmed.mae_loss > 0 and np.isnan([dimmed.mae_loss_low, dimmed.mae_loss_high]).all()
    text = robustness.section(path, "a")
    assert f"| {dimmed.mae_loss:+.3f} (–) |" in text and "nan" not in text


def test_images_without_subject_have_no_figure_and_no_loss(tmp_path):
    nothing = [(np.full((20, 20, 3), k, np.uint8), np.zeros((20, 20), np.uint8)) for k in (0, 9)]
    lines = robustness.markdown(measured(pairs=nothing).reset_index()).splitlines()
    assert lines[2] == "| as they are | – | 0.018 |" and lines[3].startswith(
        "| dimmed to 30% | – |"
    )


@pytest.mark.slow
def test_a_split_is_varied_only_where_the_setting_asks(tmp_path, ingested):
    opened = open_model(brightness_model(tmp_path / "model.onnx"))
    for asked in (False, True):
        settings = config.parse(demo(evaluate={"robustness": asked})).evaluate
        table = robustness.of_split(
            opened.network, opened.contract, ingested, "test", METRICS, settings
        )
        assert len(table) == asked * (1 + len(VARIATIONS))
    assert set(table.weights) == {"0" * 64} and robustness.metrics_of(table) == METRICS
