"""Batches of a training, whoever changes their images."""

import pytest
import torch
from support.project import TINY, demo

from clearbg import config
from clearbg.data.batches import DeviceCache, Drawn, batches
from clearbg.data.dataset import Pairs
from clearbg.data.device_transforms import DeviceTransform
from clearbg.errors import SettingsError

CHANGES = {"crop": 32, "color": 0.0, "crop_area": [0.55, 1.0], "flip": 0.5, "rotate": 10.0,
           "brightness": [0.7, 1.3], "noise": 0.2}  # fmt: skip
ORDER = [[(0, 3), (0, 1), (0, 4)], [(0, 2, 16), (0, 0, 16)], [(1, 3), (1, 1)]]
CPU = torch.device("cpu")


def settings(workers: int = 0, **changes) -> config.Settings:
    train = {**TINY["train"], "workers": workers}
    return config.parse(demo(**{**TINY, "train": train, "transform": {**CHANGES, **changes}}))


def all_of(folder, on: str = "cpu", workers: int = 0, **changes) -> list:
    chosen = settings(workers, **changes)
    return list(batches(Pairs(folder, "train", chosen), ORDER, CPU, chosen, on))


def equal(first: list, second: list) -> bool:
    return all(torch.equal(a, b) for pair in zip(first, second, strict=True) for a, b in zip(*pair))


@pytest.mark.parametrize("on", ["cpu", "device"])
def test_batches_have_the_sizes_that_the_order_asks_for(augmented, on):
    shapes = [(images.shape, alpha.shape) for images, alpha in all_of(augmented, on)]
    assert shapes == [
        ((count, 3, side, side), (count, 1, side, side))
        for count, side in ((3, 32), (2, 16), (2, 32))
    ]


def test_both_places_make_the_same_training_images(augmented):
    for ours, theirs in zip(*(all_of(augmented, on, noise=0.0) for on in ("cpu", "device"))):
        assert all((a - b).abs().mean() < 0.05 for a, b in zip(ours, theirs))


def test_image_depends_on_epoch_and_index_alone(augmented):
    chosen = settings()
    pairs = Pairs(augmented, "train", chosen)
    (one,) = batches(pairs, [[(0, 1)]], CPU, chosen, "device")
    images, _ = all_of(augmented, "device")[0]
    assert torch.allclose(images[1], one[0][0], atol=1e-5)
    later, _ = all_of(augmented, "device")[2]
    assert not torch.allclose(images[1], later[1], atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("on", ["cpu", "device"])
def test_number_of_workers_changes_nothing(augmented, on):
    assert equal(all_of(augmented, on), all_of(augmented, on, workers=2))


def test_images_held_on_the_device_give_the_same_batches(augmented, tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    chosen = settings()
    pairs = Pairs(augmented, "train", chosen, "on")
    transform = DeviceTransform(chosen)
    held = DeviceCache(pairs, CPU)
    reading, drawing = (Drawn(pairs, transform, reads=reads) for reads in (True, False))
    for place in ORDER[1]:
        image, alpha, row, side = reading[place]
        index, same_row, same_side = drawing[place]
        assert torch.equal(row, same_row) and side == same_side == 16
        images, alphas = held(torch.tensor([index]))
        assert torch.equal(images[0], image) and torch.equal(alphas[0], alpha)


def test_drawing_leaves_the_global_random_state_alone(augmented):
    chosen = settings()
    drawn = Drawn(Pairs(augmented, "train", chosen), DeviceTransform(chosen))
    before = torch.random.get_rng_state()
    assert len(drawn[0, 0]) == 4
    assert torch.equal(before, torch.random.get_rng_state())


def test_change_that_only_the_cpu_makes_is_refused_at_the_start(augmented):
    with pytest.raises(SettingsError, match=r"transform\.tone is made on the CPU only"):
        all_of(augmented, "device", tone=0.5)
