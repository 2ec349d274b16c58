import numpy as np
import pytest
import torch
from support.project import TINY, demo

from clearbg import config
from clearbg.data import manifest
from clearbg.data.dataset import Pairs, loader
from clearbg.errors import DataError
from clearbg.images import darker
from clearbg.training.budget import Batches, Budget

STRONG = {
    "scale": [0.75, 1.5], "rotate": 35.0, "flip": 0.5, "color": 0.3, "tint": 0.5, "tone": 0.5,
    "noise": 0.5, "blur": 0.5, "coarse_dropout": 4, "bleed_through": 0.5,
}  # fmt: skip


def settings(**transform) -> config.Settings:
    return config.parse(demo(**{**TINY, "transform": {**TINY["transform"], **transform}}))


def batches_of(pairs: Pairs) -> Batches:
    recipe = settings(**STRONG)
    return Batches(Budget(recipe.train, len(pairs), recipe.transform.crop), seed=1)


def epoch(folder, workers: int, number: int = 0, start: int = 0) -> torch.Tensor:
    pairs = Pairs(folder, "train", settings(**STRONG))
    order = batches_of(pairs)
    order.epoch, order.offset = number, 4 * start
    return torch.cat([images for images, _ in loader(pairs, order, workers)])


def test_items_are_normalized_images_and_alpha(augmented):
    image, alpha = Pairs(augmented, "validation", settings())[0, 0]
    assert image.shape == (3, 32, 32) and alpha.shape == (1, 32, 32)
    assert type(image) is torch.Tensor and image.dtype == alpha.dtype == torch.float32
    assert alpha.min() >= 0 and alpha.max() <= 1 and image.min() < 0


def test_size_reduces_the_changed_image_and_its_alpha(augmented):
    pairs = Pairs(augmented, "train", settings(**STRONG))
    whole, small = pairs[0, 3], pairs[0, 3, 16]
    assert small[0].shape == (3, 16, 16) and small[1].shape == (1, 16, 16)
    assert torch.equal(small[1] * 255, (small[1] * 255).round())
    means = [torch.nn.functional.avg_pool2d(part, 2) for part in whole]
    assert (means[0] - small[0]).abs().mean() < 0.2
    assert (means[1] - small[1]).abs().mean() < 0.02
    assert all(torch.equal(*parts) for parts in zip(whole, pairs[0, 3, 32]))


def test_size_draws_nothing(augmented):
    pairs = Pairs(augmented, "validation", settings())
    assert pairs[0, 0, 8][1].mean() == pytest.approx(float(pairs[0, 0][1].mean()), abs=0.03)


@pytest.mark.slow
def test_workers_outlive_an_epoch_and_take_the_next_order(augmented):
    pairs = Pairs(augmented, "train", settings(**STRONG))
    order = batches_of(pairs)
    batches = loader(pairs, order, workers=1)
    epochs, workers = [], []
    for order.epoch in range(2):
        epochs.append(torch.cat([images for images, _ in batches]))
        workers += [worker.pid for worker in batches._iterator._workers]
    assert workers[0] == workers[1]
    assert torch.equal(epochs[1], epoch(augmented, workers=0, number=1))
    assert not torch.equal(*epochs)


@pytest.mark.slow
def test_images_are_the_same_for_any_number_of_workers(augmented):
    assert torch.equal(epoch(augmented, workers=0), epoch(augmented, workers=2))


def test_epoch_goes_on_in_the_middle_as_if_never_stopped(augmented):
    assert torch.equal(epoch(augmented, 0)[4:], epoch(augmented, 0, start=1))


def test_epochs_differ(augmented):
    assert not torch.equal(epoch(augmented, 0), epoch(augmented, 0, number=1))


def test_global_random_state_is_left_alone(augmented):
    before = torch.random.get_rng_state()
    Pairs(augmented, "train", settings(color=0.3))[0, 0]
    assert torch.equal(before, torch.random.get_rng_state())


def test_gray_model_takes_what_it_names_and_may_invert_it(augmented):
    gray = {"name": "stacked_unet", "blocks": 2, "gray": "darker", "mean": [1.0], "std": [-1.0]}
    pairs = Pairs(augmented, "validation", config.parse(demo(**{**TINY, "model": gray})))
    image, alpha = pairs[0, 0]
    rgb, _ = manifest.read_pair(augmented, pairs.rows[0])
    assert image.shape == alpha.shape == (1, 32, 32)
    assert np.allclose(image[0], 1 - darker(rgb) / 255, atol=1e-6)


def test_validation_images_are_the_same_in_every_epoch(augmented):
    pairs = Pairs(augmented, "validation", settings(flip=0.5, color=0.3))
    assert torch.equal(pairs[0, 0][0], pairs[1, 0][0])


def test_split_without_images_is_a_sentence(augmented):
    with pytest.raises(DataError, match="holds no test images"):
        Pairs(augmented, "test", settings())


def test_lost_image_names_the_file(augmented):
    (augmented / "images/0.jpg").unlink()
    with pytest.raises(DataError, match=r"0\.jpg"):
        Pairs(augmented, "train", settings())[0, 0]
