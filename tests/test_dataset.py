import numpy as np
import pytest
import torch
from conftest import TINY, demo
from torchvision import tv_tensors

from clearbg import config
from clearbg.data.dataset import EpochOrder, Pairs, loader, training_transform
from clearbg.errors import DataError


def settings(**train) -> config.Settings:
    return config.parse(demo(**{**TINY, "train": {**TINY["train"], "crop": 32, **train}}))


def epoch(folder, workers: int, number: int = 0, start: int = 0) -> torch.Tensor:
    pairs = Pairs(folder, "train", settings(flip=0.5, color=0.3))
    order = EpochOrder(len(pairs), 4, seed=1)
    order.epoch, order.start = number, start
    return torch.cat([images for images, _ in loader(pairs, order, workers)])


def test_items_are_normalised_images_and_alpha(augmented):
    image, alpha = Pairs(augmented, "validation", settings())[0, 0]
    assert image.shape == (3, 32, 32) and alpha.shape == (1, 32, 32)
    assert type(image) is torch.Tensor and image.dtype == alpha.dtype == torch.float32
    assert alpha.min() >= 0 and alpha.max() <= 1 and image.min() < 0


@pytest.mark.slow
def test_pictures_are_the_same_for_any_number_of_workers(augmented):
    assert torch.equal(epoch(augmented, workers=0), epoch(augmented, workers=2))


def test_epoch_goes_on_in_the_middle_as_if_never_stopped(augmented):
    assert torch.equal(epoch(augmented, 0)[4:], epoch(augmented, 0, start=1))


def test_epochs_differ(augmented):
    assert not torch.equal(epoch(augmented, 0), epoch(augmented, 0, number=1))


def test_global_random_state_is_left_alone(augmented):
    before = torch.random.get_rng_state()
    Pairs(augmented, "train", settings(color=0.3))[0, 0]
    assert torch.equal(before, torch.random.get_rng_state())


def test_processes_share_an_epoch_without_overlap():
    orders = [EpochOrder(21, 2, seed=3, rank=rank, processes=2) for rank in range(2)]
    batches = [list(order) for order in orders]
    assert len(batches[0]) == len(batches[1]) == 5
    places = [place for rank in batches for batch in rank for place in batch]
    assert len(set(places)) == 20


def test_crop_takes_the_same_window_of_picture_and_alpha():
    content = torch.arange(64 * 64).reshape(1, 64, 64).float()
    transform = training_transform(settings(crop=32, flip=0.5, color=0.0).train, size=64)
    for seed in range(5):
        torch.manual_seed(seed)
        image, alpha = transform(
            tv_tensors.Image(content.expand(3, -1, -1)), tv_tensors.Mask(content)
        )
        assert image.shape == (3, 32, 32) and torch.equal(image[:1], alpha)


def test_colour_jitter_leaves_alpha_alone():
    transform = training_transform(settings(color=0.5).train, size=32)
    picture = tv_tensors.Image(torch.full((3, 32, 32), 100, dtype=torch.uint8))
    truth = tv_tensors.Mask(torch.randint(0, 256, (1, 32, 32), dtype=torch.uint8))
    image, alpha = transform(picture, truth)
    assert torch.equal(alpha, truth) and not torch.equal(image, picture)


def test_flip_of_one_always_mirrors():
    transform = training_transform(settings(flip=1.0, color=0.0).train, size=32)
    picture = tv_tensors.Image(torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8))
    image, _ = transform(picture, tv_tensors.Mask(picture[:1]))
    assert np.array_equal(image.numpy(), picture.numpy()[..., ::-1])


def test_split_without_pictures_is_a_sentence(augmented):
    with pytest.raises(DataError, match="holds no test pictures"):
        Pairs(augmented, "test", settings())


def test_lost_picture_names_the_file(augmented):
    (augmented / "images/0.jpg").unlink()
    with pytest.raises(DataError, match=r"0\.jpg"):
        Pairs(augmented, "train", settings())[0, 0]
