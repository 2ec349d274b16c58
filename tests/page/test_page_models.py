"""Which models the page offers, and what it calls them."""

import pytest
from support.models import brightness_model

from clearbg import pretrained
from clearbg.errors import ModelError, SettingsError
from clearbg.licenses import Origin
from clearbg.models import MODELS
from clearbg.page.models import ARCHITECTURES, SHIPPED, ModelChoices


def test_models_start_with_the_default_and_a_file_that_is_no_model_is_named(model, tmp_path):
    for name in ("model", "small", "champion"):
        brightness_model(tmp_path / f"{name}.onnx", height=64 if name == "small" else 32)
    (tmp_path / "broken.onnx").write_text("no model")
    told = []
    choices = ModelChoices(sorted(tmp_path.glob("*.onnx")), champion=model, say=told.append)
    assert list(choices.models) == ["model", "champion", "small", "champion-of-registry"]
    assert len(told) == 1 and "broken.onnx is not a complete ONNX file" in told[0]
    assert choices.open(None, True)[0].name == "model"
    small, remover = choices.open("small", refine_edges=False)
    assert (small.name, remover.contract.height, remover.refine) == ("small", 64, False)
    assert choices.open("small", refine_edges=True)[1].refine
    with pytest.raises(SettingsError, match="no model 'big': choose model or"):
        choices.open("big", True)
    brightness_model(tmp_path / "small.onnx", height=128)
    assert choices.open("small", True)[1].contract.height == 128
    (tmp_path / "small.onnx").unlink()
    with pytest.raises(ModelError, match="has been removed"):
        choices.open("small", True)
    with pytest.raises(ModelError, match="broken"):
        ModelChoices([tmp_path / "broken.onnx"])


def test_people_read_a_model_s_name_its_task_and_its_terms(model, tmp_path):
    brightness_model(tmp_path / "model-int8.onnx", model="isnet", output="ink")
    brightness_model(tmp_path / "mine.onnx", model="new")
    paths = [model, tmp_path / "model-int8.onnx", tmp_path / "mine.onnx"]
    assert dict(map(reversed, ModelChoices(paths, model, pretrained.names()).choices)) == {
        "model": "U²-Net-lite: subjects of photographs (CC0-1.0)",
        "mine": "new, mine: subjects of photographs (CC0-1.0)",
        "model-int8": "IS-Net, 8-bit integers: ink of documents (CC0-1.0)",
        "champion": "U²-Net-lite, champion of the registry: subjects of photographs (CC0-1.0)",
        "clearbg-lite": "ClearBG Lite: subjects of photographs (DUTS, academic use)",
        "documents": "ClearBG Documents: ink of documents (DIBCO, research use)",
    }


def test_page_warns_of_a_model_that_has_seen_generated_images_alone(tmp_path):
    origins = (Origin("synthetic", "CC0-1.0", "yes", "", 9),)
    made = brightness_model(tmp_path / "model.onnx", trained_on=origins)
    sentence = "U²-Net-lite was trained on generated images and not for photographs"
    assert ModelChoices([made]).warning("model") == f"{sentence}."
    choices = ModelChoices([made], shipped=["clearbg-lite"])
    assert choices.warning("model") == f"{sentence}: choose ClearBG Lite for those."
    assert choices.warning("clearbg-lite") == ""


def test_every_network_that_makes_cutouts_and_every_shipped_model_has_a_name_for_people():
    in_training_alone = {"isnet_gt", "gan_discriminator"}
    assert set(ARCHITECTURES) == set(MODELS) - in_training_alone
    assert set(SHIPPED) == set(pretrained.names())
