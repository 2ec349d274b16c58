"""`clearbg evaluate`, `score` and `compare`: files on disk in, figures and sheets out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.images import disc
from support.models import brightness_model
from typer.testing import CliRunner, Result

from clearbg import Remover, models
from clearbg.cli.app import app
from clearbg.errors import DataError, SettingsError
from clearbg.evaluation import score_files
from clearbg.images import write_image, write_mask
from clearbg.models import weights
from clearbg.system.files import file_sha256


def clearbg(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def model(tmp_path) -> Path:
    return brightness_model(tmp_path / "model.onnx")


@pytest.fixture
def halves(tmp_path) -> tuple[Path, Path]:
    """Predictions that cover a quarter where the truth covers a half: Dice 2/3."""
    truth = np.zeros((8, 8), np.uint8)
    truth[:4] = 255
    guess = truth.copy()
    guess[:, 4:] = 0
    for name in ("a", "b"):
        write_mask(tmp_path / f"guesses/{name}.png", guess)
        write_mask(tmp_path / f"truths/{name}.png", truth)
    return tmp_path / "guesses", tmp_path / "truths"


def test_predictions_get_the_figures_that_a_hand_computes(halves):
    result = score_files.score_files(*halves, ["segmentation"], 0.5, inverted=False)
    assert result.figures["dice"] == pytest.approx(2 / 3, abs=1e-6)
    assert result.figures["mae"] == 0.25 and result.headline == "dice"


def test_inverted_files_are_turned_over(halves):
    result = score_files.score_files(*halves, ["segmentation"], 0.5, inverted=True)
    assert result.figures["dice"] == pytest.approx(0.8, abs=1e-6)  # 4 rows of 8, 6 of 8 predicted


def test_masks_may_hold_numbers_of_persons_and_have_a_suffix(halves):
    for name in ("a", "b"):
        numbers = np.asarray(Image.open(halves[1] / f"{name}.png")) // 255 * 2
        numbers[0] = 1
        (halves[1] / f"{name}.png").unlink()
        write_mask(halves[1] / f"{name}_mask.png", numbers)
    result = score_files.score_files(*halves, ["segmentation"], 0.5, inverted=False)
    assert result.figures["dice"] == pytest.approx(2 / 3, abs=1e-6)


@pytest.mark.slow
def test_score_prints_a_column_a_protocol_and_writes_every_image(halves, tmp_path):
    done = clearbg("score", *halves, "--metrics", "saliency,matting", "-o", tmp_path / "all.csv")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.split()[:6] == ["raw", "95%", "low", "95%", "high", "min_max"]
    assert {"max_f", "sad", "dice"} <= {line.split()[0] for line in done.stdout.splitlines()[1:]}
    assert list(pd.read_csv(tmp_path / "all.csv").id) == ["a", "b"]


def test_model_is_measured_at_the_images_own_size(model, pairs_folder):
    own = pairs_folder(4)
    result = score_files.score_model(own / "images", own / "masks", model, ["saliency"], False)
    assert result.figures["max_f"] > 0.9 and len(result.per_image) == 4
    assert 1 >= result.figures["boundary_f_3"] >= result.figures["boundary_f_1"] > 0
    assert result.per_image["halo_white"].between(0, 255).all()
    assert {"boundary_iou", "hce", "halo_black", "contrast"} <= {*result.per_image}


def test_score_says_how_many_maps_the_stretch_changes_and_which_threshold_is_best(halves):
    write_mask(halves[0] / "a.png", (np.asarray(Image.open(halves[0] / "a.png")) // 5))
    result = score_files.score_files(*halves, ["saliency"], 0.5, inverted=False)
    text = score_files.table(result, None)
    assert "this changes 1 of 2 maps" in text and "at 0.5 (--threshold)" in text
    best = float(text.split("own best threshold is ")[1].split(",")[0])
    assert 0 < best <= 0.2  # at which both maps have Dice 2/3
    assert "with Dice 0.6667" in text and "none was resized" in text
    assert 0 < float(text.split("raw max F is at ")[1][:5]) <= 0.2
    without = score_files.score_files(*halves, ["segmentation"], 0.5, inverted=False)
    assert "stretched" not in without.notes


def test_map_of_another_size_is_refused_with_the_reason(halves):
    write_mask(halves[0] / "b.png", np.zeros((4, 8), np.uint8))
    with pytest.raises(DataError, match=r"8×4 pixels and its mask 8×8: .* resize it to its mask's"):
        score_files.score_files(*halves, ["segmentation"], 0.5, inverted=False)


def test_maps_without_their_images_have_edges_but_no_halo(halves):
    result = score_files.score_files(*halves, ["segmentation"], 0.5, inverted=False)
    assert 0 < result.figures["boundary_iou"] < 1 and "halo_black" not in result.figures


@pytest.mark.slow
def test_evaluate_command_measures_a_model(model, pairs_folder):
    own = pairs_folder(2)
    done = clearbg("evaluate", own / "images", own / "masks", "--model", model)
    assert done.exit_code == 0, done.stderr
    assert "max_f" in done.stdout and "min_max" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["score", "a", "b", "--threshold", "nan"],
        ["serve", "--megapixels", "nan"],
        ["demo", "--megabytes", "inf"],
        ["drift", "a", "--significance", "nan"],
    ],
)
def test_number_that_is_not_finite_is_refused(command):
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2 and f"{command[-2]} {command[-1]}: give a finite" in done.output


def test_single_map_is_spoken_of_in_the_singular(halves):
    for folder in halves:
        (folder / "b.png").unlink()
    text = score_files.score_files(*halves, ["saliency"], 0.5, inverted=False).notes
    assert "of 1 map.\n" in text and "The map was of its mask's size" in text


def test_unknown_family_names_the_known_ones(halves):
    with pytest.raises(SettingsError, match="saliency, segmentation, matting, document"):
        score_files.score_files(*halves, ["saliancy"], 0.5, False)


def test_image_without_partner_is_named(halves):
    (halves[1] / "b.png").unlink()
    with pytest.raises(DataError, match=r"b\.png has no partner"):
        score_files.score_files(*halves, ["segmentation"], 0.5, False)


@pytest.mark.slow
def test_sizes_that_differ_are_one_sentence(halves):
    write_mask(halves[1] / "b.png", np.zeros((4, 8), np.uint8))
    done = clearbg("score", *halves)
    assert done.exit_code == 1 and "8×8 pixels" in done.stderr and "8×4" in done.stderr


@pytest.mark.slow
def test_compare_draws_input_prediction_truth_and_cutout(model, pairs_folder, tmp_path):
    own = pairs_folder(6)
    sheet = tmp_path / "sheet.png"
    done = clearbg(
        "compare", own / "images", "--masks", own / "masks", "--model", model, "-n", 3, "-o", sheet
    )
    assert done.exit_code == 0 and "3 images" in done.stdout, done.stderr
    without = tmp_path / "without.png"
    clearbg("compare", own / "images", "--model", model, "-n", 3, "-o", without)
    assert Image.open(sheet).width > Image.open(without).width


@pytest.mark.slow
def test_compare_gives_every_model_a_column(model, tmp_path):
    write_image(tmp_path / "photo.png", disc(0)[0])
    other = brightness_model(tmp_path / "other.onnx")
    widths = []
    for given in (["--model", model], ["--model", model, "--model", other]):
        done = clearbg("compare", tmp_path / "photo.png", *given, "-o", tmp_path / "s.png")
        assert done.exit_code == 0, done.stderr
        widths.append(Image.open(tmp_path / "s.png").width)
    assert widths[1] > widths[0]


@pytest.mark.slow
def test_compare_draws_other_images_for_another_seed(model, pairs_folder, tmp_path):
    own = pairs_folder(12)
    for seed in (0, 1):
        clearbg("compare", own / "images", "--model", model, "-n", 2, "--seed", seed,
                "-o", tmp_path / f"{seed}.png")  # fmt: skip
    assert (tmp_path / "0.png").read_bytes() != (tmp_path / "1.png").read_bytes()


def test_compare_names_the_mask_that_is_missing(model, pairs_folder, tmp_path):
    own = pairs_folder(2)
    (own / "masks/p01.png").unlink()
    done = clearbg("compare", own / "images", "--masks", own / "masks", "--model", model)
    assert done.exit_code == 1 and "no mask called p01" in done.stderr


@pytest.mark.slow
def test_folder_of_weights_removes_backgrounds_without_a_pipeline(tmp_path):
    folder = tmp_path / "imported"
    weights.save(
        models.build("stacked_unet", blocks=1).state_dict(), folder / "weights.safetensors"
    )
    contract = Remover(brightness_model(
        tmp_path / "m.onnx", model="stacked_unet", settings={"blocks": 1}, fit="tile", mean=(1.0,),
        std=(-1.0,), color_order="L", output="ink",
        weights_sha256=file_sha256(folder / "weights.safetensors"),
    )).contract  # fmt: skip
    (folder / "model.json").write_text(contract.to_json())
    write_image(tmp_path / "page.png", disc(0)[0])
    for _ in range(2):  # the second finds the exported file
        done = clearbg("remove", tmp_path / "page.png", "--model", folder, "-o", tmp_path / "o.png")
        assert done.exit_code == 0, done.stderr
    assert Image.open(tmp_path / "o.png").mode == "RGBA"
    assert len(list(tmp_path.glob(".clearbg/exported/*.onnx"))) == 1
