"""The subject's own colors at soft pixels."""

import numpy as np
import pytest

from clearbg import synthetic
from clearbg.images import foreground as module
from clearbg.images.foreground import foreground

RED, GREEN = np.array([200, 30, 20]), np.array([20, 180, 60])


def soft_disc(size: tuple[int, int] = (90, 120), width: float = 12) -> np.ndarray:
    """Alpha float32 whose edge is `width` pixels wide."""
    y, x = np.mgrid[: size[0], : size[1]]
    radius = min(size) / 3
    away = np.hypot(y - size[0] / 2, x - size[1] / 2)
    return np.clip((radius - away) / width + 0.5, 0, 1).astype(np.float32)


def laid(front: np.ndarray, behind: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    weight = alpha[..., None]
    return np.rint(weight * front + (1 - weight) * behind).astype(np.uint8)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


def visible_error(found: np.ndarray, true: np.ndarray, alpha: np.ndarray) -> float:
    """Mean of alpha times difference over soft pixels, of 255."""
    soft = (alpha > 0) & (alpha < 1)
    return float(np.abs(alpha[soft][:, None] * (found.astype(float) - true)[soft]).mean())


def test_old_ground_leaves_the_edge():
    alpha = soft_disc()
    true = np.broadcast_to(RED, (*alpha.shape, 3))
    mixed = laid(RED, GREEN, alpha)
    assert visible_error(mixed, true, alpha) > 20
    assert visible_error(foreground(mixed, alpha), true, alpha) < 1


def test_hair_of_many_colors_comes_nearer_to_its_own():
    rgb, matte = synthetic.generate(5, 1, "portraits")
    alpha = np.float32(matte / 255)
    mixed = laid(rgb, noise(*rgb.shape) // 4 + 150, alpha)
    before, after = (visible_error(f, rgb, alpha) for f in (mixed, foreground(mixed, alpha)))
    assert after < 0.6 * before


def test_pixels_that_are_not_soft_keep_their_values():
    alpha, rgb = soft_disc(), noise(90, 120, 3)
    found, hard = foreground(rgb, alpha), (alpha == 0) | (alpha == 1)
    assert np.array_equal(found[hard], rgb[hard])
    assert not np.array_equal(found[~hard], rgb[~hard])


def test_nearly_opaque_counts_as_opaque():
    rgb = noise(40, 40, 3)
    alpha = np.full((40, 40), 0.999, np.float32)
    assert np.array_equal(foreground(rgb, alpha), rgb)


@pytest.mark.parametrize("value", [0, 1])
def test_without_soft_pixels_the_image_itself_returns(value):
    rgb = noise(20, 30, 3)
    assert foreground(rgb, np.full((20, 30), value, np.float32)) is rgb


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_type_stays_and_changes_nothing_else(dtype):
    alpha = soft_disc()
    mixed = laid(RED, GREEN, alpha)
    scale = {"uint8": 1, "uint16": 257}.get(dtype, 1 / 255)
    found = foreground((mixed.astype(float) * scale).astype(dtype), alpha)
    assert found.dtype == dtype
    assert np.abs(found / scale - foreground(mixed, alpha)).max() <= 0.51


def test_alpha_may_have_eight_bits():
    matte, rgb = np.rint(soft_disc() * 255).astype(np.uint8), noise(90, 120, 3)
    assert np.array_equal(foreground(rgb, matte), foreground(rgb, np.float32(matte / 255)))


def test_input_is_left_alone():
    rgb, alpha = noise(90, 120, 3), soft_disc()
    rgb.flags.writeable = alpha.flags.writeable = False
    foreground(rgb, alpha)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 1), (2, 3), (33, 5), (3, 700)])
def test_any_size_and_all_soft_is_finite(size):
    found = foreground(noise(*size, 3) / np.float32(255), np.full(size, 0.5, np.float32))
    assert found.shape == (*size, 3) and np.isfinite(found).all()
    assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("everywhere", ["subject everywhere", "background everywhere"])
def test_only_one_of_subject_and_background_may_be_there(everywhere):
    alpha = soft_disc()
    alpha = 0.5 + alpha / 2 if everywhere == "subject everywhere" else alpha / 2
    assert foreground(laid(RED, GREEN, alpha), alpha).shape == (90, 120, 3)


def test_flat_image_keeps_its_color():
    rgb = np.full((90, 120, 3), 77, np.uint8)
    assert np.array_equal(foreground(rgb, soft_disc()), rgb)


@pytest.mark.parametrize("size", [(90, 120), (150, 160)])
def test_batch_gives_what_each_image_gives_alone(size):
    images = noise(3, *size, 3)
    alphas = np.stack([soft_disc(size, width) for width in (3, 20, 60)])
    batch = foreground(images, alphas)
    for found, rgb, alpha in zip(batch, images, alphas):
        assert np.array_equal(found, foreground(rgb, alpha))


@pytest.mark.parametrize("everywhere", [2**14, 2**8])
@pytest.mark.parametrize("rows", [16, 50, 190])
def test_strips_change_nothing(monkeypatch, rows, everywhere):
    monkeypatch.setattr(module, "EVERYWHERE", everywhere)
    rgb, alpha = noise(191, 150, 3), soft_disc((191, 150), 60)
    whole = foreground(rgb, alpha)
    monkeypatch.setattr(module, "STRIP_PIXELS", rows * 150)
    assert np.array_equal(foreground(rgb, alpha), whole)


def test_other_size_of_alpha_is_refused():
    with pytest.raises(ValueError, match="one size"):
        foreground(noise(8, 8, 3), soft_disc((8, 9)))


def test_colors_are_as_good_as_pymattings():
    errors = []
    for index in (1, 2, 3):
        rgb, matte = synthetic.generate(5, index, "portraits")
        alpha = np.float32(matte / 255)
        found = foreground(laid(rgb, GREEN, alpha), alpha)
        errors.append(visible_error(found, rgb, alpha))
    # pymatting's estimate_foreground_ml leaves 3.81 on these; benchmarks/edges.py runs both
    assert np.mean(errors) <= 3.81
