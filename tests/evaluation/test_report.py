"""Sheets of images and the evaluation page."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.images import disc

from clearbg.evaluation import report, robustness
from clearbg.evaluation.thresholds import Threshold
from clearbg.images import contact_sheet
from clearbg.metrics.baselines import Comparison

RED, WHITE = np.uint8([200, 0, 0]), 255


def flat(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), RED)


def is_red(image: np.ndarray) -> np.ndarray:
    return np.abs(image.astype(int) - RED).max(axis=-1) < 8


def written(path: Path, *arguments, **options) -> np.ndarray:
    contact_sheet.sheet(*arguments, path=path, **options)
    return np.asarray(Image.open(path))


@pytest.mark.parametrize("alpha", [np.uint8([[0, 255]]), np.float32([[0, 1]])])
def test_cut_out_keeps_the_subject_and_shows_the_board_elsewhere(alpha):
    cut = contact_sheet.on_checkerboard(flat(1, 2), alpha)
    assert cut[0, 1].tolist() == RED.tolist()
    assert len(set(cut[0, 0].tolist())) == 1 and cut[0, 0, 0] > 200


def test_error_map_colors_only_what_differs():
    truth, alpha = np.uint8([[0, 255, 255]]), np.uint8([[255, 0, 255]])
    added, missed, right = contact_sheet.error_map(flat(1, 3), truth, alpha)[0].tolist()
    assert tuple(added) == contact_sheet.ADDED and tuple(missed) == contact_sheet.MISSED
    assert len(set(right)) == 1


def test_sheet_keeps_the_shape_of_every_image(tmp_path):
    sheet = written(tmp_path / "s.png", [[flat(100, 50)], [flat(30, 60)]], per_line=2, cell=80)
    left, right = np.hsplit(is_red(sheet), [sheet.shape[1] // 2])
    for half, shape in ((left, (80, 40)), (right, (40, 80))):
        assert (half.any(axis=1).sum(), half.any(axis=0).sum()) == shape


def test_sheet_has_the_size_that_its_parts_add_up_to(tmp_path):
    rows = [[flat(40, 40), flat(40, 40)[..., 0]]] * 3
    options = {"titles": ["input", "truth"], "captions": ["a", "b", "c"], "per_line": 2, "cell": 50}
    height, width, _ = written(tmp_path / "s.png", rows, **options).shape
    gap, margin, text = contact_sheet.GAP, contact_sheet.MARGIN, contact_sheet.TEXT
    assert width == margin + 2 * (50 + gap + 50 + margin)
    assert height == margin + text + gap + 2 * (50 + text + gap + margin)


def test_more_images_on_a_line_make_a_lower_sheet(tmp_path):
    rows = [[flat(40, 40), flat(40, 40)]] * 60
    strip = written(tmp_path / "strip.png", rows, cell=40)
    sheet = written(tmp_path / "sheet.png", rows, cell=40, per_line=6)
    assert sheet.shape[0] < strip.shape[0] / 5


def test_long_caption_stays_under_its_image(tmp_path):
    options = {"per_line": 2, "cell": 60}
    sheet = written(
        tmp_path / "s.png", [[flat(60, 60)]] * 2, captions=["long " * 40, ""], **options
    )
    first_right = contact_sheet.MARGIN + 60
    assert (sheet[:, first_right : first_right + contact_sheet.MARGIN] == WHITE).all()


def test_same_images_make_the_same_jpeg(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        contact_sheet.sheet([[disc(1)[0]]], tmp_path / name, captions=["one"])
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


def test_sheet_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one row"):
        contact_sheet.sheet([], tmp_path / "s.png")


def content(**changes) -> dict:
    """Arguments of the evaluation page: four images, two protocols."""
    threshold = np.linspace(0, 1, 256)
    curve = {"threshold": threshold, "precision": 0.5 + threshold / 2, "recall": 1 - threshold,
             "f": threshold * (1 - threshold) * 4}  # fmt: skip
    per_image = pd.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "leak": ["", "near", "", "exact"],
            "coverage": [0.05, 0.2, 0.6, 0.0],
            "empty": [False, False, False, True],
            "max_f": [0.4, 0.8, 0.95, np.nan],
            "mae": [0.2, 0.05, 0.01, 0.0],
            "mean_alpha": [0.1, 0.2, 0.6, 0.002],
        }
    )
    cases = [
        report.Case(name, kind, {"max_f": 0.5}, *disc(index), disc(index)[1])
        for index, (name, kind) in enumerate([("a", "worst"), ("b", "middle"), ("c", "best")])
    ]
    return {
        "title": "u2netp on the test split",
        "headlines": ["max_f", "mae", "dice"],
        "metrics": {"raw": {"max_f": 0.91234, "mae": 0.0321, "dice": 0.88},
                    "min_max": {"max_f": 0.87654, "mae": 0.0456},
                    "mean_mask": {"max_f": 0.4, "mae": 0.3},
                    "no_subject": {"max_f": 0.3, "mae": 0.1}},
        "intervals": {"max_f": {"low": 0.8768, "high": 0.9432}},
        "weakness": "Weakest: small subjects.",
        "leaks": "Two were seen.",
        "compared": Comparison("max_f", 0.91234, {"mean_mask": 0.4, "no_subject": 0.3}),
        "curves": {"raw": curve, "min_max": curve},
        "calibration": pd.DataFrame({"alpha": [0.1, 0.9], "truth": [0.2, 0.7], "share": 0.5}),
        "thresholds": [
            Threshold("model.threshold", 0.5, 0.9, 0.8),
            Threshold("9 images", 0.4, 0.91),
        ],
        "per_image": per_image,
        "cases": cases,
        "varied": robustness.empty(),
        "settings": {"model.name": "u2netp", "data.license": "CC0-1.0"},
    } | changes  # fmt: skip


def test_page_names_the_weakest_slice_before_the_scores(tmp_path):
    html = page(tmp_path)
    assert html.index("Weakest: small subjects.") < html.index("<h2>Scores</h2>")
    assert 'class="weakness"' not in page(tmp_path, weakness="")


def test_page_shows_how_sure_a_figure_is(tmp_path):
    html = page(tmp_path)
    assert "95%: 0.877 to 0.943" in html and html.count("95%: ") == 1


def page(tmp_path: Path, **changes) -> str:
    report.write_evaluation_page(tmp_path / "report.html", **content(**changes))
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def cells(html: str, start: str) -> list[str]:
    """The cells of the table row that starts with `start`."""
    row = next(r for r in re.findall(r"<tr>(.*?)</tr>", html, re.S) if f"<td>{start}" in r)
    return re.findall(r"<td>(.*?)</td>", row)


def test_page_has_every_metric_of_every_protocol(tmp_path):
    html = page(tmp_path)
    assert cells(html, "max Fβ") == ["max Fβ ↑", "0.9123", "0.8765", "0.4000", "0.3000"]
    assert cells(html, "MAE") == ["MAE ↓", "0.0321", "0.0456", "0.3000", "0.1000"]
    assert cells(html, "Dice") == ["Dice ↑", "0.8800", "–", "–", "–"]


def test_masks_stand_beside_the_figures_and_a_model_that_does_not_beat_them_is_called_out(tmp_path):
    html = page(tmp_path)
    assert "<small>mean mask 0.400</small>" in html and "Warning:" not in html
    vain = Comparison("max_f", 0.35, {"mean_mask": 0.4, "no_subject": 0.3})
    html = page(tmp_path, compared=vain)
    assert '<p class="warning"><b>Warning:</b> the model does not beat the mean mask' in html


def test_metric_that_has_no_name_yet_is_shown_as_it_is(tmp_path):
    html = page(tmp_path, headlines=["sharpness"], metrics={"raw": {"sharpness": 19.5}})
    assert cells(html, "sharpness") == ["sharpness", "19.5000"]


def test_page_shows_five_views_of_every_case(tmp_path):
    html = page(tmp_path)
    assert re.findall(r"<h4>(.*?)</h4>", html) == ["a", "b", "c"]
    assert html.count('src="data:image/jpeg;base64,') == 3 * 5


def test_slices_tell_small_subjects_from_large_and_from_none(tmp_path):
    html = page(tmp_path)
    assert cells(html, "subject small")[1:3] == ["1", "0.400"]
    assert cells(html, "subject large")[1:3] == ["1", "0.950"]
    assert cells(html, "no subject")[1:3] == ["1", "–"]
    table = content()["per_image"].assign(contrast=[20.0, 40.0, 40.0, np.nan], subjects=1)
    html = page(tmp_path, per_image=table)
    assert cells(html, "low contrast")[1:3] == ["1", "0.400"]
    assert "<td>one subject</td>" not in html  # all of them


def test_images_that_the_model_has_seen_are_named(tmp_path):
    html = page(tmp_path)
    assert '<p class="warning">Two were seen.</p>' in html
    assert "<b>near</b> b" in html and "<b>exact</b> d" in html


def test_page_without_leaks_says_so_and_warns_of_nothing(tmp_path):
    table = content()["per_image"].assign(leak="")
    html = page(tmp_path, per_image=table, leaks="None was seen.")
    assert "<p>None was seen.</p>" in html and "Seen in training" not in html


def test_curves_mark_their_best_threshold(tmp_path):
    f = np.zeros(256)
    f[51] = 0.9
    curve = {"threshold": np.arange(256) / 255, "precision": f, "recall": f, "f": f}
    assert 'd="M0.2000,0.9000h0"' in page(tmp_path, curves={"raw": curve})


def test_calibration_is_drawn_and_thresholds_stand_side_by_side(tmp_path):
    html = page(tmp_path)
    assert 'points="0.1000,0.2000 0.9000,0.7000"' in html
    assert cells(html, "model.threshold") == ["model.threshold", "0.500", "0.9000", "0.8000"]
    assert cells(html, "9 images") == ["9 images", "0.400", "0.9100", "–"]


def test_images_without_any_subject_make_a_page_too(tmp_path):
    nothing = dict.fromkeys(("threshold", "precision", "recall", "f"), np.full(256, np.nan))
    table = content()["per_image"].assign(empty=True, max_f=np.nan)
    html = page(tmp_path, curves={"raw": nothing}, per_image=table)
    assert cells(html, "no subject")[1:3] == ["4", "–"]
    assert "nan" not in re.sub(r"base64,[^\"]*", "", html)


def test_page_needs_nothing_beside_itself(tmp_path):
    html = page(tmp_path)
    assert not re.search(r"https?://|<script|<link|@import|url\(", html)
    assert all(src.startswith("data:") for src in re.findall(r'src="([^"]*)"', html))


def test_losses_by_variations_have_a_section_where_there_are_any(tmp_path):
    assert "Robustness" not in page(tmp_path)
    loss = {"loss": 0.1234, "loss_low": 0.05, "loss_high": 0.2}
    figures = {"max_f": 0.9, **{f"max_f_{end}": np.nan for end in loss}}
    dimmed = {"max_f": 0.8, **{f"max_f_{end}": value for end, value in loss.items()}}
    rows = [{"variation": "original", **figures}, {"variation": "dimmed", **dimmed}]
    html = page(tmp_path, varied=pd.DataFrame(rows))
    assert cells(html, "as they are") == ["as they are", "0.900"]
    name, cell = cells(html, "dimmed")
    assert name == "dimmed to 30%"
    assert '<span class="lost">+0.123</span>' in cell and "+0.050 to +0.200" in cell


def test_losses_of_one_group_have_no_interval(tmp_path):
    figures = dict.fromkeys(["max_f", "max_f_loss", "max_f_loss_low", "max_f_loss_high"], np.nan)
    alone = figures | {"max_f": 0.8, "max_f_loss": 0.1234}
    names = ["original", "dimmed", "gray"]
    rows = [{"variation": n, **row} for n, row in zip(names, [figures, alone, figures])]
    html = page(tmp_path, varied=pd.DataFrame(rows))
    assert cells(html, "as they are")[1] == "–"
    assert cells(html, "dimmed")[1] == "<span>+0.123</span><small>–</small>"
    assert cells(html, "gray")[1] == "<span>–</span><small>–</small>"


def test_page_has_a_place_for_speed_and_size_before_the_images(tmp_path):
    html = page(tmp_path)
    assert html.count(report.COSTS) == 1
    assert (
        html.index("<h2>By slice</h2>") < html.index(report.COSTS) < html.index("<h2>Images</h2>")
    )


def test_page_takes_names_as_text(tmp_path):
    html = page(tmp_path, settings={"data.path": "<b>&"}, title="<i>")
    assert "&lt;b&gt;&amp;" in html and "<i>" not in html


def test_same_scores_make_the_same_page(tmp_path):
    assert page(tmp_path / "a") == page(tmp_path / "b")
