"""Shares of an image as crops, and colors changed by ranges."""

import numpy as np
import pytest
import torch
from support.project import demo
from torchvision import tv_tensors

from clearbg import config, synthetic
from clearbg.data import colors
from clearbg.data.transforms import training_transform
from clearbg.data.warp import RandomWarp
from clearbg.images import luma, resize

EACH = {
    "brightness": [0.7, 1.3], "contrast": [0.55, 1.4], "saturation": [0.3, 1.5],
    "grayscale": 0.5, "dark": 0.5, "channel_shift": 0.05,
}  # fmt: skip


def settings(**changes) -> config.Transform:
    plain = demo()["transform"] | {"crop": 64, "color": 0.0}
    return config.Transform.model_validate(plain | changes)


def example() -> np.ndarray:
    return resize(synthetic.generate(1, 2)[0], (64, 64))


def recolored(seed: int = 0, **changes) -> np.ndarray:
    torch.manual_seed(seed)
    return colors.change(settings(**changes), example())


@pytest.mark.parametrize("name", EACH)
def test_each_setting_alone_changes_colors_and_leaves_alpha(name):
    image = tv_tensors.Image(torch.tensor(example()).permute(2, 0, 1))
    alpha = tv_tensors.Mask(torch.arange(64, dtype=torch.uint8).expand(1, 64, 64))
    transform = training_transform(settings(**{name: EACH[name]}), 64)
    torch.manual_seed(0)
    results = [transform(image, alpha) for _ in range(8)]
    assert all(torch.equal(truth, alpha) for _, truth in results)
    assert any(not torch.equal(changed, image) for changed, _ in results)


def test_factors_mean_what_they_mean_elsewhere():
    rgb = example().astype(float)
    gray, mean = rgb @ colors.LUMA, (rgb @ colors.LUMA).mean()
    for wanted, changes in (
        (rgb * 0.5, {"brightness": [0.5, 0.5]}),
        (mean + (rgb - mean) * 0.5, {"contrast": [0.5, 0.5]}),
        (gray[..., None] + (rgb - gray[..., None]) * 0.5, {"saturation": [0.5, 0.5]}),
    ):
        assert np.abs(recolored(**changes) - wanted).max() <= 1


def test_grayscale_of_one_leaves_the_luma():
    gray = recolored(grayscale=1.0)
    assert (np.ptp(gray, axis=2) == 0).all()
    assert np.abs(gray[..., 0].astype(int) - luma(example())).max() <= 1


@pytest.mark.slow
def test_chances_are_shares_and_dark_is_dark():
    torch.manual_seed(0)
    matrices = np.array([colors.draw(settings(dark=0.12, grayscale=0.3)) for _ in range(1000)])
    factors = matrices[:, :, :6].sum(axis=2)[:, 0]  # of white
    dark = factors < 0.99
    assert 0.08 < dark.mean() < 0.16
    assert 0.15 <= factors[dark].min() < 0.17 and 0.57 < factors[dark].max() <= 0.6
    gray = np.abs(matrices[:, 0, :3] - matrices[:, 1, :3]).max(axis=1) < 1e-9
    assert 0.25 < gray.mean() < 0.35


@pytest.mark.slow
def test_shift_is_a_channels_own_and_within_its_range():
    torch.manual_seed(0)
    shifts = np.array([colors.draw(settings(channel_shift=0.05))[:, 6] for _ in range(200)])
    assert np.abs(shifts).max() <= 0.05 and (shifts.min(0) < -0.045).all()
    assert (shifts.max(0) > 0.045).all() and np.abs(np.corrcoef(shifts.T)[0, 1]) < 0.2


def drawn(count: int = 400, **changes) -> np.ndarray:
    torch.manual_seed(0)
    warp = RandomWarp(settings(**changes))
    return np.array([warp.draw(64, 64)["window"] for _ in range(count)])


def test_areas_and_aspects_fill_their_ranges_and_shares_stay_inside():
    windows = drawn(crop_area=[0.55, 1.0], aspect=0.18)
    across, down = windows[:, 0, 0], windows[:, 1, 1]
    areas, ratios = across * down, across / down
    assert 0.55 <= areas.min() < 0.58 and 0.93 < areas.max() <= 1
    assert 1 / 1.18 <= ratios.min() < 0.87 and 1.15 < ratios.max() <= 1.18
    first, last = windows[:, :, 2], windows[:, :, 2] + 63 * np.stack([across, down], 1)
    assert first.min() >= -0.51 and last.max() <= 63.51


def test_share_is_enlarged_with_its_alpha():
    ramp = torch.arange(64, dtype=torch.uint8) * 4
    alpha = tv_tensors.Mask(ramp.expand(1, 64, 64))
    image = tv_tensors.Image(alpha.expand(3, -1, -1))
    transform = training_transform(settings(crop_area=[0.25, 0.25]), 64)
    torch.manual_seed(0)
    image, truth = transform(image, alpha)
    assert torch.equal(image[:1], truth) and truth.shape == (1, 64, 64)
    assert int(truth[0, 32, -2] - truth[0, 32, 1]) == pytest.approx(61 * 2, abs=3)


def test_reduced_share_is_averaged_first():
    checks = np.indices((128, 128)).sum(0) % 2 * 255
    image = tv_tensors.Mask(torch.tensor(checks.astype(np.uint8))[None])
    torch.manual_seed(0)
    shown = RandomWarp(settings(crop=32, crop_area=[0.9, 1.0]))(image)
    assert shown.float().std() < 12


def test_rotation_by_chance_leaves_the_others_upright():
    turned = drawn(rotate=10.0, rotate_chance=0.5)[:, 1, 0] != 0
    assert 0.42 < turned.mean() < 0.58
    assert drawn(rotate=10.0)[:, 1, 0].all()


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"contrast": [1.2, 0.8]}, r"contrast = \[1.2, 0.8\] must be \[least, largest\]"),
        ({"crop_area": [0.5, 1.0], "scale": [0.5, 1.0]}, "set scale = .* to"),
    ],
)
def test_contradiction_is_a_sentence(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        settings(**changes)
