"""Recipes and their demos: whole, valid, and comparable."""

import pytest
from support.project import ROOT

from clearbg import config
from clearbg.config import recipes
from clearbg.metrics.names import family_of

NAMES = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))


@pytest.fixture(autouse=True)
def inside_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_has_a_valid_demo_on_generated_data(name):
    settings = config.loads(recipes.render(name, demo=True), name)
    assert settings.data.source == "synthetic"
    assert settings.train.accelerator == settings.evaluate.accelerator == "cpu"


@pytest.mark.parametrize("name", NAMES)
def test_demo_keeps_what_makes_the_recipe(name):
    whole = config.load(ROOT / f"recipes/{name}.yaml")
    demo = config.loads(recipes.render(name, demo=True), name)
    for key in ("model.name", "train.method", "train.select_by", "augment.fit", "model.output"):
        assert demo.flat()[key] == whole.flat()[key]
    assert demo.train.given().get("loss") == whole.train.given().get("loss")


@pytest.mark.parametrize("name", NAMES)
def test_headline_is_among_what_is_evaluated(name):

    settings = config.load(ROOT / f"recipes/{name}.yaml")
    families = {*settings.evaluate.metrics, "segmentation"}  # which is always among the scores
    assert family_of(settings.train.select_by) in families


def test_demo_has_its_own_head_and_the_notes_of_its_lines():
    lines = recipes.render("documents", demo=True).splitlines()
    assert lines[0].startswith("# documents --demo: ")
    body = "\n".join(lines).partition("\n\n")[2]
    assert not any(line.startswith("#") for line in body.splitlines())
    assert "init_from: null" in body
    mirror = next(line for line in body.splitlines() if "mirror" in line)
    assert mirror.endswith("# mirrored writing is what shows through from the back")
