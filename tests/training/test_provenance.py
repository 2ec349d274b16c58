"""What travels with a trained model: the images it has seen, where they come from, its card."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.images import disc
from support.project import TINY, demo

from clearbg import config, licenses, models
from clearbg.contract import read_contract
from clearbg.data import leaks, manifest
from clearbg.errors import ModelError, SettingsError
from clearbg.images import write_image, write_mask
from clearbg.models import weights
from clearbg.training import model_card, outputs
from clearbg.training.checkpoints import Progress
from clearbg.training.provenance import provenance


class Untrained:
    """A training method that has nothing to keep beside."""

    parts = {}  # noqa: RUF012


def settings(init_from: Path | None = None, **data) -> config.Settings:
    train = {"init_from": str(init_from) if init_from else None}
    raw = demo(**TINY)
    for section, keys in {"data": data, "train": train}.items():
        raw[section] |= keys
    if raw["data"]["source"] == "folder":
        raw["data"] = {k: v for k, v in raw["data"].items() if k not in ("kind", "count")}
    return config.parse(raw)


def sha256(index: int) -> str:
    return hashlib.sha256(bytes([index])).hexdigest()


OWN = {"source": "folder", "path": "own", "images": "images", "masks": "masks"}


@pytest.fixture
def data(tmp_path):
    """Makes an augmented folder of two images, each with a mirrored copy."""

    def make(name: str, first: int) -> Path:
        folder, rows = tmp_path / name, []
        for index in (first, first + 1):
            rgb, alpha = disc(index, (32, 32))
            for copy in ("", "-mirrored"):
                write_image(folder / f"images/{index}{copy}.jpg", rgb)
                write_mask(folder / f"masks/{index}{copy}.png", alpha)
                rows.append({**dict.fromkeys(manifest.COLUMNS, ""), "id": f"{index}{copy}",
                             "split": "train", "image": f"images/{index}{copy}.jpg",
                             "mask": f"masks/{index}{copy}.png", "status": "ok",
                             "ingested_sha256": sha256(index),
                             "phash": f"{index:016x}"})  # fmt: skip
        manifest.write(rows, folder / "manifest.csv")
        return folder

    return make


@pytest.fixture(scope="module")
def network():
    return models.build("u2netp", norm="batch").state_dict()


@pytest.fixture
def train(tmp_path, data, network):
    """Makes a models folder, as a training would that changes nothing."""

    def make(name: str, chosen: config.Settings, folder: Path) -> Path:
        row = {"epoch": 2, "validation/max_f": 0.91234, "validation/mae": 0.05,
               "validation/loss": 0.3}  # fmt: skip
        progress = Progress(history=[row], best_epoch=2, best_weights=network)
        past = provenance(chosen, folder)
        mask = np.full((8, 8), 60, np.uint8)
        outputs.write_model(Untrained(), progress, chosen, past, mask, tmp_path / name)
        return tmp_path / name

    return make


def listed(folder: Path) -> leaks.Seen:
    found = read_contract(folder)
    return leaks.of_model(folder, found.images_sha256, found.trained_on)


def test_hashes_travel_with_the_model_and_its_contract_names_them(train, data):
    folder = train("models", settings(), data("augmented", 0))
    seen = listed(folder)
    assert set(seen.images.sha256) == {sha256(0), sha256(1)} and seen.complete
    [origin] = read_contract(folder).trained_on
    assert (origin.source, origin.images, origin.commercial) == ("synthetic", 2, "yes")


def test_same_training_leaves_the_same_bytes(train, data):
    first, second = (train(name, settings(), data("augmented", 0)) for name in ("a", "b"))
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_fine_tuned_model_has_seen_what_its_first_weights_saw(train, data):
    first = train("first", settings(), data("one", 0))
    chosen = settings(first, **OWN, license="CC-BY-4.0")
    seen = listed(train("second", chosen, data("two", 1)))
    assert set(seen.images.sha256) == {sha256(0), sha256(1), sha256(2)}
    assert seen.complete
    origins = provenance(chosen, data("two", 1)).origins
    assert [origin.source for origin in origins] == ["synthetic", "folder"]
    assert licenses.is_open(origins)


def test_weights_file_inside_a_models_folder_is_known_by_its_contract(train, data):
    first = train("first", settings(), data("one", 0))
    past = provenance(settings(first / weights.FILE), data("two", 5))
    assert len(past.images) == 4
    assert [origin.images for origin in past.origins] == [2]  # the same source twice, once told


def test_weights_without_a_contract_leave_the_list_incomplete(train, data, network, tmp_path):
    weights.save(network, tmp_path / "found.safetensors")
    chosen = settings(tmp_path / "found.safetensors")
    folder = train("models", chosen, data("one", 0))
    assert not listed(folder).complete and len(listed(folder).images) == 2
    foreign, own = read_contract(folder).trained_on
    assert foreign.source.startswith("weights ") and str(tmp_path) not in foreign.source
    assert (foreign.commercial, foreign.images, own.commercial) == ("unknown", None, "yes")
    text = (folder / model_card.FILE).read_text()
    assert "**Commercial use: not open.**" in text and "are not listed there" in text


@pytest.mark.parametrize("license, is_open", [("CC-BY-4.0", True), ("research only", False)])
def test_imported_weights_count_by_the_license_they_were_given(
    train, data, tmp_path, license, is_open
):
    imported = train("imported", settings(), data("one", 0))
    (imported / leaks.FILE).unlink()
    bare = replace(read_contract(imported), trained_on=(), images_sha256="", data_license=license)
    (imported / "model.json").write_text(bare.to_json())
    chosen = settings(imported, commercial_only=True)
    if is_open:
        assert licenses.is_open(provenance(chosen, data("two", 5)).origins)
    else:
        with pytest.raises(SettingsError, match=r"weights \w{12} \(research only\).*commercial"):
            provenance(chosen, data("two", 5))


def test_closed_first_weights_are_refused_for_commercial_use(train, data):
    closed = settings(**OWN, license="CC-BY-NC-4.0")
    first = train("first", closed, data("one", 0))
    with pytest.raises(SettingsError, match=r"folder \(CC-BY-NC-4\.0\) is not open to commercial"):
        provenance(settings(first, commercial_only=True), data("two", 5))


def test_missing_first_weights_are_one_sentence(data, tmp_path):
    with pytest.raises(ModelError, match=r"does not exist: correct train\.init_from"):
        provenance(settings(tmp_path / "nothing"), data("one", 0))


def test_exchanged_list_beside_first_weights_is_refused(train, data):
    first = train("first", settings(), data("one", 0))
    shutil.copy(train("other", settings(), data("two", 5)) / leaks.FILE, first)
    with pytest.raises(ModelError, match=r"is not the list that model\.json describes"):
        provenance(settings(first), data("three", 8))


def test_card_says_what_a_person_must_know(train, data):
    folder = train("models", settings(), data("one", 0))
    text = (folder / model_card.FILE).read_text()
    facts = json.loads((folder / "model.json").read_text())
    assert "| synthetic | 2 | CC0-1.0 | open | nothing: the images are made by ClearBG |" in text
    assert "**Commercial use: open**" in text and facts["weights_sha256"] in text
    assert "| max Fβ ↑ | 0.9123 |" in text and "After epoch 2" in text
    assert "stretched to 32×32 pixels" in text and "0.485, 0.456, 0.406" in text
    assert "no tool for photographs" in text


def test_card_of_closed_images_names_them_and_why(train, data):
    chosen = settings(**OWN, license="CC-BY-NC-4.0 | mine")
    text = (train("models", chosen, data("one", 0)) / model_card.FILE).read_text()
    assert "folder (CC-BY-NC-4.0 | mine) is not known to be open to it." in text
    assert "CC-BY-NC-4.0 \\| mine" in text and "measure it on your own first" in text
