"""The models that come with the package are whole, small, and ready to train from."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch

from clearbg import Remover, config, models, pretrained
from clearbg.contract import read_contract
from clearbg.data import leaks
from clearbg.errors import ModelError
from clearbg.metrics.document import document
from clearbg.models import weights
from clearbg.system.files import file_sha256

MOST_BYTES = 9_000_000


def test_all_shipped_models_together_stay_small():
    assert sum(p.stat().st_size for p in pretrained.FOLDER.rglob("*.*")) < MOST_BYTES


@pytest.mark.parametrize("name", pretrained.names())
def test_a_shipped_model_is_a_models_folder_that_lists_the_images_it_has_seen(name):
    folder = pretrained.folder(name)
    contract = read_contract(folder)
    seen = leaks.of_model(folder, contract.images_sha256, contract.trained_on)
    assert seen.complete
    assert len(seen.images) == sum(origin.images or 0 for origin in contract.trained_on)


@pytest.mark.parametrize("name", pretrained.names())
def test_a_training_can_start_from_a_shipped_model_in_full_precision(name):
    contract = read_contract(pretrained.folder(name))
    network = models.build(contract.model, **contract.settings)
    weights.start(network, pretrained.weights(name), contract.weights_sha256)
    assert all(p.dtype == torch.float32 for p in network.parameters())
    assert any((p.abs() > 0).all() for p in network.parameters())


@pytest.mark.parametrize("name", pretrained.names())
def test_settings_of_a_shipped_model_are_of_today(name):
    """A setting that is renamed is renamed there too, so that `make pretrained` goes on working."""
    folder = pretrained.folder(name)
    config.load(folder / "params.yaml")
    made = json.loads((folder / "made.json").read_text())
    assert made["made_from"]["settings"] == file_sha256(folder / "params.yaml")


def test_an_unknown_model_is_answered_with_the_names_that_there_are():
    with pytest.raises(ModelError, match=r"'rembg' is shipped: choose clearbg-lite"):
        pretrained.folder("rembg")


def test_a_damaged_list_of_seen_images_is_named(tmp_path):
    folder = pretrained.folder(pretrained.DEFAULT)
    contract = read_contract(folder)
    shutil.copyfile(folder / leaks.PACKED, tmp_path / leaks.PACKED)
    (tmp_path / leaks.PACKED).write_bytes((tmp_path / leaks.PACKED).read_bytes()[:1000])
    with pytest.raises(ModelError, match="is not the list"):
        leaks.of_model(tmp_path, contract.images_sha256, contract.trained_on)


@pytest.mark.parametrize("name", pretrained.names())
def test_a_shipped_model_is_known_by_images_that_it_or_its_development_has_not_seen(name):
    made = pretrained.made(name)
    assert made.get("development") or made["unseen"]


def test_documents_finds_black_and_red_ink_and_leaves_paper_transparent():
    page = np.full((200, 320, 3), (226, 214, 188), np.uint8)
    for top, ink in ((70, (40, 36, 34)), (150, (188, 52, 44))):
        cv2.putText(page, "Quod erat", (20, top), cv2.FONT_HERSHEY_COMPLEX, 1.6, ink, 4)
    written = page[..., 1] < 120
    found = np.asarray(Remover("documents")(page))
    assert not found[..., :3].any()
    assert document(found[..., 3] / 255, 255 * written.astype(np.uint8), 0.5)["f_measure"] > 0.9
