"""Random changes made in batches on a device are those of the CPU, image by image."""

import numpy as np
import pytest
import torch
from support.project import demo
from torch import Tensor
from torchvision import tv_tensors

from clearbg import config, synthetic
from clearbg.data import device_transforms
from clearbg.data.device_transforms import DeviceTransform
from clearbg.data.transforms import Normalize, training_transform
from clearbg.errors import SettingsError
from clearbg.images import resize

SIZE, COUNT = 64, 6
GRAY = {"name": "stacked_unet", "blocks": 1, "mean": [1.0], "std": [-1.0]}
LITE = {
    "crop_area": [0.55, 1.0], "aspect": 0.18, "rotate": 10.0, "rotate_chance": 0.5, "flip": 0.5,
    "brightness": [0.7, 1.3], "contrast": [0.55, 1.4], "saturation": [0.3, 1.5],
    "grayscale": 0.07, "dark": 0.12, "channel_shift": 0.05,
}  # fmt: skip
EVERYTHING = {
    **LITE, "crop": 48, "color": 0.2, "channel_shuffle": 0.3, "blur": 0.5, "noise": 0.5,
    "coarse_dropout": 5, "flip_vertical": 0.3,
}  # fmt: skip


def settings(model: dict | None = None, **changes) -> config.Settings:
    transform = {"crop": SIZE, "color": 0.0, **changes}
    return config.parse(demo(augment={"size": SIZE}, transform=transform, model=model or {}))


def stored() -> tuple[Tensor, Tensor]:
    parts = [synthetic.generate(1, index) for index in range(COUNT)]
    images, alpha = (
        torch.from_numpy(np.stack([resize(part, (SIZE, SIZE)) for part in each]))
        for each in zip(*parts)
    )
    return images.permute(0, 3, 1, 2), alpha[:, None]


def rows(transform: DeviceTransform, first: int = 0) -> Tensor:
    drawn = []
    for seed in range(first, first + COUNT):
        torch.manual_seed(seed)
        drawn.append(transform.draws())
    return torch.stack(drawn)


def on_device(first: int = 0, side: int | None = None, **changes) -> tuple[Tensor, Tensor]:
    chosen = settings(**changes)
    transform = DeviceTransform(chosen)
    return transform(*stored(), rows(transform, first), side or chosen.transform.crop)


def on_cpu(first: int = 0, **changes) -> tuple[Tensor, Tensor]:
    chosen = settings(**changes)
    transform = training_transform(chosen.transform, SIZE, chosen.model.gray)
    normalize = Normalize(chosen.model.mean, chosen.model.std)
    results = []
    for number, (image, alpha) in enumerate(zip(*stored())):
        torch.manual_seed(first + number)
        image, alpha = transform(tv_tensors.Image(image), tv_tensors.Mask(alpha))
        results.append((normalize(image), alpha.as_subclass(Tensor).float() / 255))
    images, alpha = (torch.stack(part) for part in zip(*results))
    return images, alpha


def difference(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> tuple[float, float]:
    """Mean differences of images and of alpha, in gray levels."""
    images, alpha = ((a - b).abs().mean().item() for a, b in zip(first, second))
    return 255 * 0.226 * images, 255 * alpha


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"crop": 48}, {"flip": 0.5, "flip_vertical": 0.5}, {"scale": [0.9, 1.5]},
        {"rotate": 35.0}, {"crop": 48, "rotate": 20.0, "rotate_chance": 0.5, "flip": 0.5},
        {"crop_area": [0.55, 1.0], "aspect": 0.18}, {"channel_shuffle": 0.5},
        {"brightness": [0.7, 1.3]}, {"contrast": [0.55, 1.4]}, {"saturation": [0.3, 1.5]},
        {"grayscale": 0.5}, {"dark": 0.5}, {"channel_shift": 0.05}, LITE, {"color": 0.1},
        {"blur": 1.0}, {"coarse_dropout": 8}, {"crop": 48, "coarse_dropout": 2},
        {"model": {**GRAY, "gray": "luma"}, **LITE}, {"model": {**GRAY, "gray": "darker"}, **LITE},
    ],
    ids=str,
)  # fmt: skip
def test_each_image_is_that_of_the_cpu(changes):
    images, alpha = difference(on_device(**changes), on_cpu(**changes))
    limit = 3 if "color" in changes else 1.5  # the CPU rounds to bytes after each of its steps
    assert images < limit and alpha < 0.7


@pytest.mark.slow
def test_mean_and_spread_over_many_images_are_those_of_the_cpu():
    for part in range(2):
        ours, theirs = (
            torch.cat([of(first, **EVERYTHING)[part] for first in range(0, 120, COUNT)])
            for of in (on_device, on_cpu)
        )
        assert ours.mean().item() == pytest.approx(theirs.mean().item(), abs=0.04)
        assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.04)


@pytest.mark.slow
def test_noise_has_the_deviations_of_the_cpu():
    spreads = []
    for of in (on_device, on_cpu):
        plain = of(noise=0.0)[0]
        noise = torch.cat([of(first, noise=1.0)[0] - plain for first in range(0, 60, COUNT)])
        spreads.append(noise.std().item())
        assert abs(noise.mean()) < 0.02
    assert spreads[0] == pytest.approx(spreads[1], rel=0.15)


def test_noise_of_neighbors_and_of_images_is_independent():
    noise = device_transforms._noisy(
        torch.full((2, 3, 64, 64), 128.0), torch.tensor([[25.0, 0, 1], [25.0, 0, 2]]).double()
    ) - 128  # fmt: skip
    assert noise.std().item() == pytest.approx(5, rel=0.03)
    for first, second in (
        (noise[0], noise[1]), (noise[:, 0], noise[:, 1]), (noise[..., 1:], noise[..., :-1]),
        (noise[..., 1:, :], noise[..., :-1, :]),
    ):  # fmt: skip
        both = torch.stack([first.flatten(), second.flatten()])
        assert abs(torch.corrcoef(both)[0, 1]) < 0.03


def test_batch_an_image_is_in_changes_nothing():
    transform = DeviceTransform(settings(**EVERYTHING))
    images, alpha = stored()
    drawn = rows(transform)
    whole = transform(images, alpha, drawn, 48)
    for index in (0, COUNT - 1):
        one = slice(index, index + 1)
        alone = transform(images[one], alpha[one], drawn[one], 48)
        assert all(torch.allclose(a[one], b, atol=1e-4) for a, b in zip(whole, alone))


def test_same_draws_give_equal_bits():
    assert all(torch.equal(*parts) for parts in zip(*(on_device(**EVERYTHING) for _ in range(2))))


def test_image_and_alpha_move_together():
    transform = DeviceTransform(settings(**{**LITE, "crop": 48, "contrast": [1.0, 1.0],
        "brightness": [1.0, 1.0], "saturation": [1.0, 1.0], "grayscale": 0.0, "dark": 0.0,
        "channel_shift": 0.0}, model={"mean": [0.0] * 3, "std": [1.0] * 3}))  # fmt: skip
    _, alpha = stored()
    images, moved = transform(alpha.expand(-1, 3, -1, -1), alpha, rows(transform), 48)
    assert (images - moved).abs().max() <= 0.51 / 255


def test_smaller_side_is_the_mean_of_the_larger():
    images, alpha = on_device(side=32, **LITE)
    assert images.shape == (COUNT, 3, 32, 32) and alpha.shape == (COUNT, 1, 32, 32)
    large = on_device(**LITE)
    means = [torch.nn.functional.avg_pool2d(part, 2) for part in large]
    assert difference((images, alpha), tuple(means))[0] < 5


@pytest.mark.parametrize("name", ["bleed_through", "tint", "tone"])
def test_what_only_the_cpu_does_is_refused(name):
    with pytest.raises(SettingsError, match=f"transform.{name} is made on the CPU only"):
        DeviceTransform(settings(**{name: 0.5}))
