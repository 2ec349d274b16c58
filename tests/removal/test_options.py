"""What a user can choose: Python callers get the refusals that the command line prints."""

import sys
from pathlib import Path

import numpy as np
import pytest
from support.images import disc
from support.models import brightness_model

from clearbg.errors import SettingsError
from clearbg.images import write_image
from clearbg.removal.options import Margin, OutputOptions, RayOptions, RunOptions
from clearbg.removal.run import remove_images


@pytest.mark.parametrize(
    "wrong, says",
    [
        (lambda: OutputOptions(mask=True, background="red"), "A mask has no background"),
        (lambda: OutputOptions(margin="5%"), "The margin needs crop"),
        (lambda: OutputOptions(crop=True, margin="wide"), "neither pixels"),
        (lambda: OutputOptions(crop=True, margin="9" * 5000), "neither pixels"),
        (lambda: OutputOptions(crop=True, margin="9" * 400 + "%"), "neither pixels"),
        (lambda: OutputOptions(threshold=1.5), "threshold 1.5 is not in the range"),
        (lambda: OutputOptions(threshold=float("nan")), "threshold nan is not in the range"),
        (lambda: OutputOptions(quality=0), "quality 0 is not in the range"),
        (lambda: OutputOptions(png="tiny"), "'tiny' is neither fast nor small"),
        (lambda: OutputOptions(background="nowhere.jpg"), "no opaque color"),
        (lambda: RunOptions(batch=0), "batch is 0"),
        (lambda: RunOptions(workers=0), "number of workers is 0"),
        (lambda: RayOptions(actors=0), "number of actors is 0"),
        (lambda: RayOptions(gpus=1.5), "GPU share 1.5 is not in the range"),
        (lambda: RayOptions(gpus=0.5).gpus_with("cpu"), "needs the device cuda"),
        (lambda: OutputOptions().refuse_formats({"JPEG"}), "JPEG cannot be transparent"),
        (lambda: OutputOptions(quality=9).refuse_formats({"PNG"}), "PNG keeps every value"),
        (lambda: OutputOptions(png="fast").refuse_formats({"TIFF", "PNG"}), "TIFF has no PNG"),
    ],
)
def test_wrong_choice_is_refused_in_one_sentence(wrong, says):
    with pytest.raises(SettingsError, match=says):
        wrong()


def test_texts_become_what_they_stand_for():
    options = OutputOptions(background="#00f", crop=True, margin=20)
    assert options.background.values.tolist() == [[[0, 0, 255]]]
    assert options.margin == Margin(pixels=20)
    assert OutputOptions(crop=True, margin="5%").margin == Margin(share=0.05)


def test_share_of_a_gpu_follows_the_device():
    assert RayOptions().gpus_with("cpu") == 0
    assert RayOptions().gpus_with("cuda") == 1
    assert RayOptions(gpus=0.25).gpus_with("cuda") == 0.25


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"ray_options": RayOptions(actors=2)}, "need the engine ray"),
        ({"engine": "ray", "log": Path("log")}, "keeps no log"),
        ({"engine": "ray", "run_options": RunOptions(fail_fast=True)}, "leave fail-fast out"),
        ({"engine": "spark"}, "choose plain or ray"),
        ({"format": "bmp"}, "choose png, webp, tiff, jpeg"),
        ({"device": "tpu"}, "choose cpu, cuda or openvino"),
    ],
)
def test_choices_that_exclude_each_other_are_refused(model, monkeypatch, wrong, says):
    monkeypatch.setitem(sys.modules, "ray", None)
    write_image("in/a.png", disc(0)[0])
    with pytest.raises(SettingsError, match=says):
        remove_images(["in"], "out", model, **wrong)
    assert not Path("out").exists()


def test_image_is_not_written_to_a_terminal(model, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    write_image("a.png", disc(0)[0])
    with pytest.raises(SettingsError, match="does not fit a terminal"):
        remove_images(["a.png"], "-", model)


def test_run_from_python_writes_files_and_reports_them(model):
    write_image("a.png", np.full((8, 8, 3), 255, np.uint8))
    report = remove_images(["a.png"], "out", model)
    assert report.count("written") == 1 and report.model == str(model)
    assert Path("out/a.png").is_file()
