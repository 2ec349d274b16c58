"""The license ledger: wrong claims and closed data are refused before anything is fetched."""

import re

import pytest
import yaml
from support.project import ROOT, demo

from clearbg import config, licenses
from clearbg.errors import SettingsError

PUBLIC = licenses.origin("synthetic", licenses.OFFICIAL["synthetic"], 5)
OWN = {"source": "folder", "path": "own", "images": "images", "masks": "masks", "kind": None,
       "count": None}  # fmt: skip


def recipe(name: str, **data: str) -> str:
    """The text of a recipe with other values in its data section."""
    text = (ROOT / f"recipes/{name}.yaml").read_text()
    for key, value in data.items():
        text = re.sub(rf"^  {key}: .*$", f"  {key}: {value}", text, flags=re.MULTILINE)
    return text


def refusal(given: dict | str) -> str:
    with pytest.raises(SettingsError) as error:
        config.loads(given if isinstance(given, str) else yaml.safe_dump(given), "params.yaml")
    return str(error.value)


@pytest.mark.parametrize("name", ["clearbg", "dis", "portrait", "carvana-unet", "documents"])
def test_claim_other_than_the_published_terms_is_refused(name):
    message = refusal(recipe(name, license="CC0-1.0"))
    assert "data.license = 'CC0-1.0', but data.source" in message and "write that" in message


def test_every_source_is_in_the_ledger_or_the_users_own_to_tell():
    told_by_user = {"folder", "csv", "cutouts", "kaggle_pairs"}
    assert set(config.SOURCES) == told_by_user | set(licenses.OFFICIAL)


@pytest.mark.parametrize(
    "name", ["clearbg", "clearbg-lite", "dis", "portrait", "people-unet", "people-deeplab",
             "carvana-unet", "documents", "gan"],
)  # fmt: skip
def test_recipe_that_is_not_open_is_refused_for_commercial_use(name):
    message = refusal(recipe(name, commercial_only="true"))
    assert message.startswith("params.yaml: data.commercial_only = true, but ")
    assert "open to commercial use" in message and "set it to false" in message


@pytest.mark.parametrize("name", ["demo", "own"])
def test_recipe_that_is_open_is_taken_for_commercial_use(name):
    assert config.loads(recipe(name, commercial_only="true"), name).data.commercial_only


@pytest.mark.parametrize(
    "license, commercial",
    [("CC-BY-4.0", "yes"), ("cc0-1.0", "yes"), ("CC BY-SA 4.0", "yes"), ("own", "yes"),
     ("Apache 2.0", "yes"), ("CC-BY-NC-4.0", "no"), ("CC BY-NC-SA 4.0", "no"),
     ("CC-BY-ND-4.0", "unknown"), ("free for all", "unknown"),
     ("as on the Kaggle page", "unknown")],
)  # fmt: skip
def test_license_of_own_images_is_known_by_its_identifier(license, commercial):
    assert licenses.terms("folder", license).commercial == commercial
    raw = demo(data=OWN | {"license": license, "commercial_only": True})
    if commercial == "yes":
        assert config.parse(raw)
    else:
        assert license.replace(" ", "-") in refusal(raw).replace(" ", "-")


def test_unknown_terms_say_how_to_name_them():
    assert "SPDX identifier" in refusal(demo(data=OWN | {"license": "?", "commercial_only": True}))


def test_source_with_published_terms_is_not_opened_by_what_is_said_of_it():
    assert licenses.terms("duts", "CC0-1.0").commercial == "no"


def test_imagenet_encoder_closes_a_model_unless_other_weights_take_its_place():
    raw = yaml.safe_load(recipe("people-deeplab"))
    raw["data"] = demo(data=OWN | {"license": "own", "commercial_only": True})["data"]
    assert "imagenet (ImageNet terms" in refusal(raw)
    raw["train"]["init_from"] = "models-of-mine"
    assert config.parse(raw)
    raw["train"]["init_from"], raw["model"]["pretrained"] = None, False
    assert config.parse(raw)


def test_one_closed_origin_closes_the_model():
    closed = licenses.origin("duts", licenses.OFFICIAL["duts"], 5)
    assert licenses.is_open([PUBLIC]) and not licenses.is_open([PUBLIC, closed])
    assert not licenses.is_open([])


def test_page_tells_of_every_source_what_the_ledger_says():
    page = (ROOT / "docs/recipes.md").read_text()
    for source, terms in licenses.OFFICIAL.items():
        row = f"| `{source}` | {terms.license} | {licenses.WORDS[terms.commercial]} |"
        assert row in page, row


def test_card_is_written_again_when_the_ledger_or_the_claim_changes():
    train = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["train"]
    assert "src/clearbg/licenses.py" in train["deps"]
    assert {"data.source", "data.license", "data.commercial_only"} <= set(train["params"])
