"""Which model runs when none, a name or a path is given, and what the user is told of it."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg import Remover, pretrained
from clearbg.cli.app import app
from clearbg.errors import ModelError, RegistryError
from clearbg.images import write_image
from clearbg.licenses import OFFICIAL, origin
from clearbg.pretrained.choice import choose, introduction
from clearbg.removal.run import remove_images

LITE = pretrained.FOLDER / "clearbg-lite"
GENERATED = (origin("synthetic", OFFICIAL["synthetic"], 10),)


@pytest.fixture
def export(tmp_path) -> Path:
    """A project with an export, from a folder of which the commands are called."""
    (tmp_path / "params.yaml").touch()
    for name in ("recipes", "exports"):
        (tmp_path / name).mkdir()
    return brightness_model(tmp_path / "exports/model.onnx", trained_on=GENERATED)


@pytest.fixture
def photo(tmp_path) -> Path:
    rgb = np.full((40, 60, 3), 30, np.uint8)
    rgb[10:30, 20:40] = 220
    write_image(tmp_path / "photo.png", rgb)
    return tmp_path / "photo.png"


def clearbg(*arguments: str, status: int = 0, stdin: bytes | None = None):
    done = CliRunner().invoke(app, list(map(str, arguments)), input=stdin)
    assert done.exit_code == status, f"{done.stderr}{done.exception!r}"
    return done


def test_project_takes_its_own_export_from_any_of_its_folders(export, tmp_path, monkeypatch):
    assert choose().file == export
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path / "photos")
    assert (choose().name, choose().file) == ("exports/model.onnx", export)


def test_outside_of_a_project_the_shipped_model_runs():
    assert (choose().name, choose().file) == ("clearbg-lite", LITE / "model-int8.onnx")


def test_a_name_means_eight_bits_and_half_precision_where_that_is_asked_for_or_faster():
    assert choose("clearbg-lite", "openvino").file.name == "model-int8.onnx"
    assert choose("clearbg-lite-fp16").file.name == "model-fp16.onnx"
    assert choose("clearbg-lite", "cuda").file.name == "model-fp16.onnx"


def test_a_path_is_never_taken_for_a_name(tmp_path):
    brightness_model(tmp_path / "clearbg-lite")
    for path in (Path("clearbg-lite"), "./clearbg-lite"):
        assert choose(path).file.resolve() == tmp_path / "clearbg-lite"


@pytest.mark.parametrize("wrong", ["u2net", "clearbg-lite-int4", "no/such.onnx", "."])
def test_an_unknown_model_is_answered_with_the_names(wrong):
    with pytest.raises(
        ModelError, match=r"(does not exist|is a folder): .* one of clearbg-lite, clearbg-lite-"
    ):
        choose(wrong)


def test_user_is_told_which_model_runs_and_that_a_generated_world_is_not_for_photographs(
    export, photo
):
    told = clearbg("remove", photo).stderr.splitlines()
    assert len(told) == 1
    assert (
        "the model is exports/model.onnx, trained on generated images and not for photo" in told[0]
    )
    export.unlink()
    told = clearbg("remove", photo).stderr.splitlines()
    assert told == ["clearbg: the model is clearbg-lite (DUTS, academic use)."]


def test_who_names_the_model_is_not_told_which_it_is(photo):
    assert clearbg("remove", photo, "--model", "clearbg-lite").stderr == ""


def test_a_pipe_carries_nothing_but_the_image(photo):
    done = clearbg("remove", "-", stdin=photo.read_bytes())
    assert Image.open(BytesIO(done.stdout_bytes)).size == (60, 40)
    assert done.stderr.startswith("clearbg: the model is clearbg-lite")


def test_unknown_names_end_the_command_with_the_names_that_there_are(photo):
    told = clearbg("remove", photo, "--model", "rembg", status=2).stderr
    assert "clearbg-lite" in told and "champion" in told


def test_champion_is_asked_of_the_registry(photo):
    told = clearbg("remove", photo, "--model", "champion", status=2).stderr
    assert "the registry has no champion: make one with `clearbg promote`" in told


def test_python_and_the_command_choose_alike(export, photo):
    assert Remover().contract.trained_on == GENERATED
    report = remove_images([photo], photo.with_name("cut.png"))
    assert (report.model, report.exit_status) == ("exports/model.onnx", 0)
    assert Remover("clearbg-lite").contract.model == "u2netp"
    brightness_model(export, data_license="CC0-1.0")
    assert introduction(choose()) == "the model is exports/model.onnx (CC0-1.0)."


@pytest.mark.slow
def test_models_are_listed_with_task_terms_and_figures(export):
    done = clearbg("models")
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert "subjects of generated images" in lines["exports/model.onnx"]
    assert "max Fβ 0." in lines["clearbg-lite"] and "academic use" in lines["clearbg-lite"]
    export.write_text("damaged")
    done = clearbg("models")
    assert "left out" in done.stderr and "clearbg-lite-fp16" in done.stdout


def test_models_are_listed_while_the_registry_does_not_answer(tmp_path, monkeypatch):
    def silent(alias: str) -> None:
        raise RegistryError("the store does not answer: start it.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr("clearbg.tracking.registry.fetch", silent)
    monkeypatch.setattr("clearbg.pretrained.catalog.entry", lambda choice: choice.name)
    monkeypatch.setattr("clearbg.pretrained.catalog.table", " ".join)
    answer = CliRunner().invoke(app, ["models"])
    assert answer.exit_code == 0
    assert "left out: the store does not answer" in answer.output
    assert "clearbg-lite clearbg-lite-fp16" in answer.output
