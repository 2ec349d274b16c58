import cv2
import numpy as np
import pytest
import torch
from support.project import demo
from torchvision import tv_tensors
from torchvision.transforms import v2

from clearbg import config, synthetic
from clearbg.data.transforms import Normalize, training_transform
from clearbg.data.warp import RandomWarp
from clearbg.images import GRAYS, resize

WARP = {"crop": 48, "scale": [0.6, 1.5], "rotate": 180.0}
ON_THE_IMAGE = {
    "color": 0.3, "channel_shuffle": 1.0, "tint": 1.0, "tone": 1.0, "noise": 1.0, "blur": 1.0,
    "coarse_dropout": 10, "bleed_through": 1.0,
}  # fmt: skip
"""Each of the settings that change the image alone, and strong."""
EVERYTHING = {**WARP, **ON_THE_IMAGE, "flip": 0.5, "flip_vertical": 0.5}


def settings(**changes) -> config.Transform:
    plain = demo()["transform"] | {"crop": 64, "color": 0.0}
    return config.Transform.model_validate(plain | changes)


def pair(size: int = 64) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    rgb, alpha = (resize(part, (size, size)) for part in synthetic.generate(1, 2))
    return as_pair(rgb, alpha)


def as_pair(rgb: np.ndarray, alpha: np.ndarray) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    image = tv_tensors.Image(torch.tensor(rgb).permute(2, 0, 1))
    return image, tv_tensors.Mask(torch.tensor(alpha).unsqueeze(0))


def changed(image, alpha, seed: int = 0, gray: str | None = None, size: int = 64, **changes):
    torch.manual_seed(seed)
    return training_transform(settings(**changes), size, gray)(image, alpha)


def test_all_off_changes_nothing_and_draws_nothing():
    image, alpha = pair()
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    same, truth = training_transform(settings(), 64)(image, alpha)
    assert torch.equal(same, image) and torch.equal(truth, alpha)
    assert torch.equal(before, torch.random.get_rng_state())


def test_crop_flip_and_color_alone_are_torchvisions_own_to_the_byte():
    image, alpha = pair()
    plain = [v2.RandomCrop(48), v2.RandomHorizontalFlip(0.5), v2.ColorJitter(0.2, 0.2, 0.2, 0.02)]
    for seed in range(6):
        torch.manual_seed(seed)
        wanted, truth = v2.Compose(plain)(image, alpha)
        ours = changed(image, alpha, seed, crop=48, flip=0.5, color=0.2)
        assert torch.equal(ours[0], wanted) and torch.equal(ours[1], truth)


@pytest.mark.parametrize("name", ON_THE_IMAGE)
def test_setting_changes_the_image_and_leaves_alpha_alone(name):
    image, alpha = pair()
    before = image.clone()
    results = [changed(image, alpha, seed, **{name: ON_THE_IMAGE[name]}) for seed in range(12)]
    for ours, truth in results:
        assert ours.shape == image.shape and ours.dtype == torch.uint8
        assert torch.equal(truth, alpha)
    assert len({ours.numpy().tobytes() for ours, _ in results}) > 3
    assert torch.equal(image, before)  # what was handed in stays as it was


@pytest.mark.parametrize(
    "name", ["channel_shuffle", "tint", "tone", "noise", "blur", "bleed_through"]
)
def test_chance_is_the_share_of_changed_images(name):
    image, alpha = pair(32)
    transform = training_transform(settings(crop=32, **{name: 0.25}), 32)
    torch.manual_seed(0)
    share = np.mean([not torch.equal(transform(image, alpha)[0], image) for _ in range(200)])
    assert 0.13 < share < 0.35


@pytest.mark.parametrize("name", ["flip", "flip_vertical"])
def test_flip_of_one_always_mirrors_both(name):
    image, alpha = pair()
    mirrored, truth = changed(image, alpha, **{name: 1.0})
    axis = {"flip": -1, "flip_vertical": -2}[name]
    assert torch.equal(mirrored, image.flip(axis)) and torch.equal(truth, alpha.flip(axis))


@pytest.mark.parametrize(
    "change",
    [{"crop": 40}, WARP, {**WARP, "crop": 64}, {"scale": [0.3, 0.3]}, {"scale": [3.0, 3.0]},
     {"rotate": 35.0}, {**WARP, "flip": 0.5, "flip_vertical": 0.5}],
)  # fmt: skip
def test_image_and_alpha_move_together(change):
    _, alpha = pair()
    gray = tv_tensors.Image(alpha.expand(3, -1, -1))
    for seed in range(8):
        image, truth = changed(gray, alpha, seed, **change)
        assert image.shape[1:] == truth.shape[1:] == (settings(**change).crop,) * 2
        assert (image.int() - truth.int()).abs().max() <= 1


@pytest.mark.parametrize("value", [0, 255])
def test_page_of_nothing_but_ink_or_paper_stays_so_under_every_warp(value):
    rgb, alpha = np.full((64, 64, 3), value, np.uint8), np.full((64, 64), value, np.uint8)
    for seed in range(20):
        for part in changed(*as_pair(rgb, alpha), seed, **{**WARP, "crop": 64}):
            assert (part == value).all()


def test_window_that_fits_shows_only_the_image_itself():
    """At each place the image holds its own coordinates: they must come out straight."""
    y, x = np.mgrid[:64, :64].astype(np.uint8) * 4
    for seed in range(30):
        image, _ = as_pair(np.dstack([y, x, y]), y)
        image, _ = changed(image, pair()[1], seed, crop=32, scale=[1.0, 1.5], rotate=180.0)
        for channel in image[:2].numpy().astype(np.float64):
            bends = [np.abs(np.diff(channel, 2, axis)).max() for axis in (0, 1)]
            assert max(bends) <= 2  # rounding; a mirrored border would bend it by up to 8


def slopes(turned: tv_tensors.Mask) -> tuple[float, float]:
    """Down and across, of an image that was twice its column number, near its middle."""
    middle = turned[0, 40:57, 40:57].double() / 2
    return (
        float((middle[-1] - middle[0]).mean() / 16),
        float((middle[:, -1] - middle[:, 0]).mean() / 16),
    )


def warped_columns(times: int, **changes) -> list[tuple[float, float]]:
    """The slopes that `times` random warps give to an image of 96×96 whose one is (0, 1)."""
    columns = np.tile(np.arange(96, dtype=np.uint8) * 2, (96, 1))
    transform = training_transform(settings(crop=96, **changes), 96)
    columns = as_pair(np.dstack([columns] * 3), columns)
    torch.manual_seed(0)
    return [slopes(transform(*columns)[1]) for _ in range(times)]


def test_angles_fill_the_range_on_both_sides_and_keep_to_it():
    angles = [np.rad2deg(np.arctan2(*slope)) for slope in warped_columns(100, rotate=30.0)]
    assert -30.5 < min(angles) < -25 and 25 < max(angles) < 30.5


def test_scales_fill_the_range_evenly_above_and_below_one():
    scales = np.array([1 / across for _, across in warped_columns(200, scale=[0.5, 2.0])])
    assert 0.48 < scales.min() < 0.55 and 1.85 < scales.max() < 2.1
    assert 0.4 < np.mean(scales > 1) < 0.6


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_window_as_large_as_the_scaled_image_shows_all_of_it(scale):
    _, alpha = pair()
    side = round(64 * scale)
    shown = RandomWarp(settings(crop=side, scale=[scale, scale]))(alpha)
    wanted = resize(alpha[0].numpy(), (side, side))
    assert np.abs(shown[0].numpy().astype(int) - wanted).max() <= 2


def test_soft_alpha_stays_soft_in_a_warp():
    y, _ = np.mgrid[:64, :64].astype(np.uint8) * 4
    truth = changed(*as_pair(np.dstack([y] * 3), y), rotate=30.0)[1]
    assert len(truth.unique()) > 100


@pytest.mark.parametrize("most", [1, 2, 10])
def test_holes_are_few_small_and_black(most):
    white = np.full((128, 128, 3), 255, np.uint8)
    found = []
    for seed in range(30):
        image, _ = changed(
            *as_pair(white, white[..., 0]), seed, size=128, crop=128, coarse_dropout=most
        )
        assert set(image.unique().tolist()) == {0, 255}
        black = (image[0] == 0).numpy().astype(np.uint8)
        count, _, boxes, _ = cv2.connectedComponentsWithStats(black, connectivity=4)
        found.append(count - 1)
        if most == 1:
            assert 4 <= boxes[1, 2] <= 16 and 4 <= boxes[1, 3] <= 16
    assert max(found) <= most and (most > 2 or set(found) <= {most, 1})
    assert most < 10 or max(found) > 5


def test_bleed_through_is_the_mirrored_page_and_fainter_than_its_own_ink():
    page = np.full((64, 64, 3), 220, np.uint8)
    cv2.putText(page, "F", (16, 52), cv2.FONT_HERSHEY_SIMPLEX, 1.8, (20, 20, 20), 5)
    ink = page[..., 0] < 120
    for seed in range(12):
        image, truth = changed(*as_pair(page, np.uint8(255) * ink), seed, bleed_through=1.0)
        image = image.permute(1, 2, 0).numpy()[..., 0]
        assert np.array_equal(truth[0] > 0, ink)
        shown = np.where(ink, 0, 220 - image.astype(float))
        assert 8 < shown.max() < 150 and image[ink].max() <= page[ink].max()
        spectrum = np.fft.fft2(shown) * np.conj(np.fft.fft2(ink[:, ::-1]))
        mirrored = np.fft.ifft2(spectrum).real.max()
        plain = np.fft.ifft2(np.fft.fft2(shown) * np.conj(np.fft.fft2(ink))).real.max()
        assert mirrored > plain


def test_tone_is_now_and_then_one_power_of_all_values():
    gray = np.repeat([0, 64, 192, 255], 16).astype(np.uint8)
    rgb = np.tile(gray[:, None, None], (1, 64, 3))
    powers = set()
    for seed in range(40):
        image, _ = changed(*as_pair(rgb, rgb[..., 0]), seed, tone=1.0)
        black, dark, light, white = (image[0, 16 * band + 8, 32].item() for band in range(4))
        if (black, white) == (0, 255) and 0 < dark < light < 255:
            first, second = np.log([dark / 255, light / 255]) / np.log([64 / 255, 192 / 255])
            if abs(first - second) < 0.02:
                powers.add(round(first, 2))
    assert 0.7 <= min(powers) < 0.85 and 1.15 < max(powers) <= 1.42


def test_noise_is_of_two_sorts_even_and_growing_with_the_signal():
    rgb = np.full((64, 64, 3), 40, np.uint8)
    rgb[:, 32:] = 200
    ratios = []
    for seed in range(20):
        noisy = changed(*as_pair(rgb, rgb[..., 0]), seed, noise=1.0)[0].double()
        ratios.append(float(noisy[..., 32:].std() / noisy[..., :32].std()))
    assert all(0.9 < ratio < 1.1 or 1.5 < ratio < 2.2 for ratio in ratios)
    assert 5 <= sum(ratio > 1.3 for ratio in ratios) <= 15


@pytest.mark.parametrize("name", GRAYS)
def test_gray_comes_after_the_colors(name):
    image, alpha = pair()
    gray, truth = changed(image, alpha, gray=name)
    assert gray.shape == (1, 64, 64) and torch.equal(truth, alpha)
    assert np.array_equal(gray[0].numpy(), GRAYS[name](image.permute(1, 2, 0).numpy()))
    for seed in range(5):
        colored, _ = changed(image, alpha, seed, **EVERYTHING)
        gray, _ = changed(image, alpha, seed, gray=name, **EVERYTHING)
        assert np.array_equal(gray[0].numpy(), GRAYS[name](colored.permute(1, 2, 0).numpy()))


def test_same_seed_gives_the_same_pair_and_another_one_another():
    image, alpha = pair()
    first, again, other = (changed(image, alpha, seed, **EVERYTHING) for seed in (7, 7, 8))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_only_torchs_generator_decides():
    image, alpha = pair()
    np.random.seed(1)
    cv2.setRNGSeed(1)
    first = changed(image, alpha, **EVERYTHING)[0]
    np.random.seed(2)
    cv2.setRNGSeed(2)
    assert torch.equal(first, changed(image, alpha, **EVERYTHING)[0])


def test_normalize_subtracts_the_mean_and_divides():
    white = torch.full((3, 2, 2), 255, dtype=torch.uint8)
    result = Normalize([0.5, 0.0, 1.0], [0.5, 2.0, 1.0])(white)
    assert result.dtype == torch.float32
    assert result[:, 0, 0].tolist() == pytest.approx([1.0, 0.5, 0.0], abs=1e-6)


def test_normalize_with_negative_deviation_inverts_gray():
    steps = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 3)
    assert Normalize([1.0], [-1.0])(steps).flatten().tolist() == pytest.approx(
        [1, 0.8, 0], abs=1e-6
    )
