"""`clearbg compare-models`: two models, or two tables of figures, on the same images."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.images import disc
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.errors import DataError, SettingsError
from clearbg.evaluation import compare_models as comparison
from clearbg.evaluation import score_files
from clearbg.evaluation.one_metric import ON_OUTLINES
from clearbg.images import write_image, write_mask
from clearbg.metrics import image_facts


@pytest.fixture
def pairs(tmp_path) -> tuple[Path, Path]:
    for index in range(10):
        rgb, alpha = disc(index, (48, 64))
        write_image(tmp_path / f"images/p{index}.png", rgb)
        write_mask(tmp_path / f"masks/p{index}.png", alpha)
    return tmp_path / "images", tmp_path / "masks"


def table(path: Path, values: np.ndarray, **columns) -> Path:
    ids = [f"i{k:03d}" for k in range(len(values))]
    pd.DataFrame({"id": ids, "dice": values, **columns}).to_csv(path, index=False)
    return path


@pytest.mark.slow
def test_model_is_neither_better_nor_worse_than_itself(pairs, tmp_path):
    model = brightness_model(tmp_path / "model.onnx")
    report = tmp_path / "report.md"
    asked = ["compare-models", str(model), str(model), "--on", *map(str, pairs), "-o", str(report)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    text = report.read_text()
    assert "neither better nor worse" in text and "a gain of +0.0000 (+0.0000 to +0.0000)" in text
    assert "10 in 10 groups" in text and "![Images that changed most](report.jpg)" in text
    assert Image.open(tmp_path / "report.jpg").size[0] > 400
    assert CliRunner().invoke(app, asked).exit_code == 0  # over its own report


def test_tables_of_figures_are_compared_by_slice(tmp_path):
    rng = np.random.default_rng(0)
    before, coverage = rng.uniform(0.6, 0.9, 60), np.repeat([0.05, 0.2, 0.5], 20)
    after = before + np.where(coverage < 0.1, -0.1, 0.02) + rng.normal(0, 0.005, 60)
    facts = {"coverage": coverage, "empty": False}
    files = [table(tmp_path / f"{n}.csv", v, **facts) for n, v in (("a", before), ("b", after))]
    found = comparison.compare_tables(*files, None)
    told = {name: part.verdict for name, part in found.slices.items()}
    assert told["subject small, below 10%"] == "worse"
    assert told["subject large, 30% and more"] == "better"
    text = comparison.write(found, ("a", "b"), None)
    assert "| subject small, below 10% | 20 |" in text and found.gain.images == 60


def test_fall_where_there_is_little_contrast_is_named_and_the_groups_of_tables_count(tmp_path):
    rng = np.random.default_rng(0)
    before, contrast = rng.uniform(0.6, 0.9, 60), np.repeat([20.0, 45.0, 70.0], 20)
    after = before + np.where(contrast < 30, -0.05, 0) + rng.normal(0, 0.005, 60)
    facts = {"contrast": contrast, "empty": False, "group": np.arange(60) // 2}
    files = [table(tmp_path / f"{n}.csv", v, **facts) for n, v in (("a", before), ("b", after))]
    found = comparison.compare_tables(*files, None)
    told = {name: part.verdict for name, part in found.slices.items()}
    assert told == {
        "low contrast, below 30": "worse", "middle contrast, 30 to 60": "cannot tell",
        "high contrast, 60 and more": "cannot tell",
    }  # fmt: skip
    assert found.gain.groups == 30


def test_tables_in_another_order_are_paired_by_their_ids(tmp_path):
    values = np.linspace(0.5, 0.9, 20)
    first, second = table(tmp_path / "a.csv", values), table(tmp_path / "b.csv", values)
    pd.read_csv(second).sample(frac=1, random_state=0).to_csv(second, index=False)
    assert comparison.compare_tables(first, second, "dice").gain.value == 0


def test_tables_without_a_common_image_or_metric_are_refused(tmp_path):
    first = table(tmp_path / "a.csv", np.ones(3))
    (tmp_path / "b.csv").write_text("id,dice\nx,1\n")
    (tmp_path / "c.csv").write_text("name,dice\nx,1\n")
    with pytest.raises(DataError, match="share no image"):
        comparison.compare_tables(first, tmp_path / "b.csv", None)
    with pytest.raises(DataError, match="no table of figures"):
        comparison.compare_tables(first, tmp_path / "c.csv", None)
    with pytest.raises(SettingsError, match="they share dice"):
        comparison.compare_tables(first, first, "mae")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a.csv", "model.onnx"], "not one of each"),
        (["a.csv", "a.csv", "--on", "x", "y"], "leave it out"),
        (
            ["documents", "documents", "--on", "x", "y"],
            "clearbg: x is not a folder: check its path.\n",
        ),
        (["a.csv", "a.csv", "-o", "out.txt"], "name a file .md"),
        (["a.csv", "a.csv", "-o", "mine.md"], "is not a comparison of models"),
    ],
)
def test_wrong_use_is_a_sentence(arguments, sentence, tmp_path):
    table(tmp_path / "a.csv", np.ones(9))
    (tmp_path / "mine.md").write_text("my notes")
    done = CliRunner().invoke(app, ["compare-models", *arguments])
    assert done.exit_code and sentence in done.output
    assert (tmp_path / "mine.md").read_text() == "my notes"


def test_image_without_a_subject_gives_no_sheet_and_no_verdict(tmp_path):
    write_image(tmp_path / "images/p.png", disc(0, (48, 64))[0])
    write_mask(tmp_path / "masks/p.png", np.zeros((48, 64), np.uint8))
    model, report = str(brightness_model(tmp_path / "model.onnx")), tmp_path / "report.md"
    folders = [str(tmp_path / "images"), str(tmp_path / "masks")]
    asked = ["compare-models", model, model, "--on", *folders, "-o", str(report)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    text = report.read_text()
    assert "No image has a value of max Fβ" in text and "![" not in text and "nan" not in text
    assert not (tmp_path / "report.jpg").exists()


@pytest.mark.parametrize("order", [1, -1])
def test_groups_and_facts_are_taken_from_the_table_that_has_them(order, tmp_path):
    values, halves = np.linspace(0.5, 0.9, 40), np.repeat([0.1, 0.5], 20)
    facts = {"group": np.arange(40) // 2, "empty": False, "luma": halves}
    files = [table(tmp_path / "a.csv", values), table(tmp_path / "b.csv", values, **facts)]
    found = comparison.compare_tables(*files[::order], None)
    assert found.gain.groups == 20 and found.grouped
    assert "dark images, luma below 30%" in found.slices


def test_images_without_a_group_are_groups_of_their_own(tmp_path):
    values, names = np.linspace(0.5, 0.9, 4), ["", "one", "one", "NA"]
    first = table(tmp_path / "a.csv", values, group=names)
    assert comparison.compare_tables(first, first, None).gain.groups == 3
    first = table(tmp_path / "a.csv", values, group="")
    found = comparison.compare_tables(first, first, None)
    assert found.gain.groups == 4 and not found.grouped
    assert "Neither table names the images' groups" in comparison.write(found, ("a", "a"), None)


def test_figures_of_outlines_are_compared_where_both_tables_have_them(tmp_path):
    first = table(tmp_path / "a.csv", np.ones(9), boundary_f_2=0.5, hce=100, mean_alpha=0.1, mae=0)
    second = table(tmp_path / "b.csv", np.ones(9), boundary_f_2=0.7, hce=80, mean_alpha=0.2)
    assert comparison.compare_tables(first, second, "boundary_f_2").gain.value == pytest.approx(0.2)
    assert comparison.compare_tables(first, second, "hce").gain.value == 20  # lower is better
    for metric in ("mean_alpha", "mae"):
        with pytest.raises(SettingsError, match="they share dice, boundary_f_2, hce"):
            comparison.compare_tables(first, second, metric)


def test_metric_that_nobody_knows_is_a_sentence_before_a_model_is_opened():
    with pytest.raises(SettingsError, match=r"sharpness is not known; known: max_f, .*halo_green"):
        comparison.compare_models(Path("a.onnx"), Path("b.onnx"), None, "sharpness")


def test_models_are_compared_by_their_outlines_and_halos_as_an_evaluation_scores_them(
    tmp_path, monkeypatch
):
    alphas = [disc(index, (48, 64)) for index in range(3)]
    for index, (rgb, alpha) in enumerate(alphas):
        write_image(tmp_path / f"images/p{index}.png", rgb)
        write_mask(tmp_path / f"masks/p{index}.png", alpha if index else alpha * 0)
    images = comparison.of_folders(tmp_path / "images", tmp_path / "masks")
    models = [brightness_model(tmp_path / f"{n}.onnx", height=n, width=n) for n in (64, 8)]
    evaluated = [
        score_files.score_model(tmp_path / "images", tmp_path / "masks", model, ["segmentation"], 0)
        for model in models
    ]
    seen, facts = [], image_facts.of_image
    monkeypatch.setattr(image_facts, "of_image", lambda *one: seen.append(one) or facts(*one))
    for metric in ON_OUTLINES:
        found, _ = comparison.compare_models(*models, images, metric)
        assert found.gain.images == 2
        own = [one.per_image.set_index("id")[metric] for one in evaluated]
        assert list(found.table.before[1:]) == pytest.approx([own[0].p1, own[0].p2])
        assert found.gain.after == pytest.approx(own[1].mean())
    assert len(seen) == len(ON_OUTLINES) * len(alphas)  # what an image is like: once for two models


@pytest.mark.parametrize(
    ("column", "value"),
    [("dice", "much"), ("coverage", "much"), ("empty", "much"), ("dice", "inf"), ("dice", "1e400")],
)
def test_no_number_in_a_column_is_a_sentence_with_the_columns_name(column, value, tmp_path):
    columns = {"dice": 1.0, "coverage": 0.1, "empty": False}
    first = table(tmp_path / "a.csv", np.ones(2), coverage=0.1, empty=False)
    pd.DataFrame({"id": ["i000", "NA"], **columns | {column: value}}).to_csv(
        tmp_path / "b.csv", index=False
    )
    why = "much" if value == "much" else "a value is infinite"
    with pytest.raises(DataError, match=rf"b\.csv is no table of figures .*{column}: .*{why}"):
        comparison.compare_tables(first, tmp_path / "b.csv", "dice")


def test_table_that_is_not_there_is_called_so(tmp_path):
    first = table(tmp_path / "a.csv", np.ones(2))
    with pytest.raises(DataError, match=r"b\.csv does not exist"):
        comparison.compare_tables(first, tmp_path / "b.csv", "dice")
