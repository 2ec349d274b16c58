"""Alpha at full size along the image's edges, and what the remover makes of it."""

import dataclasses

import numpy as np
import pytest
from PIL import Image
from support.models import brightness_model

from clearbg import Remover, synthetic
from clearbg.images import DecodedImage, resize
from clearbg.inference.predict import predict, restore
from clearbg.metrics.matting import unknown_band
from clearbg.removal import guided_filter as module
from clearbg.removal.guided_filter import refine


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, shape, dtype=np.uint8)


def bright_disc(size: tuple[int, int] = (150, 200)) -> np.ndarray:
    """A yellow disc with a soft edge on a dark blue background; the middle is white."""
    y, x = np.mgrid[: size[0], : size[1]]
    away = np.hypot(y - size[0] / 2, x - size[1] / 2)
    cover = np.clip((50 - away) / 6, 0, 1)[..., None]
    rgb = cover * np.array([255, 230, 40]) + (1 - cover) * np.array([0, 0, 60])
    rgb[away < 20] = 255
    return np.rint(rgb).astype(np.uint8)


@pytest.mark.parametrize("side", [48, 96])
def test_refined_alpha_is_nearer_to_the_truth_than_plain(side):
    plain = refined = 0
    for index in range(3):
        rgb, matte = synthetic.generate(5, index, "portraits")
        truth, band = np.float32(matte / 255), unknown_band(matte)
        small = restore(truth, (side, side))
        plain += np.abs(restore(small, truth.shape) - truth)[band].sum()
        refined += np.abs(refine(small, rgb) - truth)[band].sum()
    assert refined < 0.85 * plain


@pytest.mark.parametrize("value", [0, 1])
def test_empty_stays_empty_and_full_stays_full(value):
    alpha = refine(np.full((32, 32), value, np.float32), noise(90, 70, 3))
    assert alpha.shape == (90, 70) and (alpha == value).all()


def test_faint_alpha_is_not_raised_by_texture():
    faint = np.random.default_rng(0).uniform(0, 0.01, (32, 32)).astype(np.float32)
    assert refine(faint, noise(200, 170, 3)).max() <= faint.max()


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (90, 1), (45, 61)])
@pytest.mark.parametrize("working", [(1, 1), (2, 40), (32, 32)])
def test_any_size_gives_alpha_of_the_images_size(size, working):
    alpha = refine(np.random.default_rng(1).random(working), noise(*size, 3))
    assert alpha.shape == size and alpha.dtype == np.float32
    assert alpha.min() >= 0 and alpha.max() <= 1


@pytest.mark.parametrize("value", [0, 77, 255])
def test_flat_image_has_no_edges_to_follow(value):
    small = np.random.default_rng(1).random((32, 32))
    alpha = refine(small, np.full((90, 120, 3), value, np.uint8))
    assert alpha.min() >= small.min() - 1e-6 and alpha.max() <= small.max() + 1e-6


def test_image_that_is_no_larger_gets_the_plain_alpha():
    small, rgb = np.random.default_rng(1).random((32, 32), np.float32), noise(32, 20, 3)
    assert np.array_equal(refine(small, rgb), restore(small, (32, 20)))


def test_tall_image_is_refined_in_parts_without_seams():
    """1,100 rows are three parts; an image that repeats has an alpha that repeats."""
    y = np.arange(1100)
    stripes = np.where(y // 50 % 2, 220, 30).astype(np.uint8)
    rgb = np.broadcast_to(stripes[:, None, None], (1100, 20, 3))
    alpha = refine(restore(np.float32(stripes[:, None] > 99), (220, 4)), rgb)
    assert np.allclose(alpha[100:500], alpha[500:900], atol=1e-5)


@pytest.mark.parametrize("size", [(330, 410), (30, 410)])
def test_where_alpha_is_settled_nothing_is_lost(monkeypatch, size):
    """As if every part of the image were open, and no alpha too little or too much to be seen."""
    rgb, matte = synthetic.generate(5, 0)
    rgb, small = resize(rgb, size), np.float32(resize(matte, (60, 50)) / 255)
    skipped = refine(small, rgb)
    most = module.SETTLED
    assert not ((skipped > 0) & (skipped < most) | (skipped > 1 - most) & (skipped < 1)).any()
    monkeypatch.setattr(module, "SETTLED", -1)
    everywhere = refine(small, rgb)
    off = np.abs(skipped - everywhere)
    assert off.max() <= most and off[(everywhere > most) & (everywhere < 1 - most)].max() < 1e-6
    assert (skipped == 0).any() and (skipped == 1).any()


def test_narrow_image_is_fitted_as_far_as_its_pixels_reach(monkeypatch):
    small = np.zeros((60, 60), np.float32)
    small[:, 30:], small[20, 29], small[30:35, 10:14] = 1, 0.5, 0.03
    rgb = noise(400, 16, 3)
    found = refine(small, rgb)
    most = module.SETTLED
    monkeypatch.setattr(module, "SETTLED", -1)
    everywhere = refine(small, rgb)
    seen = (everywhere > most) & (everywhere < 1 - most)
    assert np.abs(found - everywhere)[seen].max() < 1e-6


@pytest.fixture
def model(tmp_path):
    return brightness_model(tmp_path / "model.onnx")


def test_opaque_pixels_keep_their_colors_and_soft_ones_lose_the_old_ground(model):
    rgb = bright_disc()
    cutout = np.array(Remover(model)(rgb))
    opaque, soft = cutout[..., 3] == 255, (cutout[..., 3] > 40) & (cutout[..., 3] < 120)
    assert opaque.any() and np.array_equal(cutout[opaque][:, :3], rgb[opaque])
    assert cutout[soft][:, 0].mean() > rgb[soft][:, 0].mean() + 10


def test_without_refinement_colors_and_plain_alpha_stay(model):
    rgb, remover = bright_disc(), Remover(model, refine=False)
    cutout = np.array(remover(rgb))
    assert np.array_equal(cutout[..., :3], rgb)
    (alpha,) = predict([rgb], remover.network, remover.contract)
    assert np.array_equal(cutout[..., 3], np.rint(alpha * 255).astype(np.uint8))


def test_evaluation_measures_the_networks_own_alpha(model):
    """`predict` is what evaluation and scoring call, with or without a remover beside it."""
    rgb, remover = bright_disc(), Remover(model)
    (plain,) = predict([rgb], remover.network, remover.contract)
    assert not np.allclose(remover.alpha([rgb])[0], plain, atol=0.02)
    assert np.array_equal(Remover(model, refine=False).alpha([rgb])[0], plain)


def test_batch_of_many_sizes_gives_what_each_gives_alone(model):
    images, remover = [noise(90, 70, 3), noise(33, 400, 3), noise(8, 8, 3)], Remover(model)
    for found, rgb in zip(remover.alpha(images), images, strict=True):
        assert np.allclose(found, remover.alpha([rgb])[0], atol=1e-6)


@pytest.mark.parametrize(
    "changes", [{"output": "ink"}, {"fit": "tile", "overlap": 4}, {"fit": "tile", "output": "ink"}]
)
def test_ink_and_tiles_are_not_refined(tmp_path, changes):
    path = brightness_model(tmp_path / "model.onnx", **changes)
    images = [np.array(Remover(path, refine=r)(bright_disc())) for r in (True, False)]
    assert np.array_equal(*images)


def test_new_background_meets_no_halo_of_the_old(model):
    """Where the disc is half transparent the old background would leave blue, and darken."""
    rgb = bright_disc()
    on_yellow = [np.array(Remover(model, refine=r)(rgb, "#ffe628")) for r in (True, False)]
    refined, plain = (image[..., 0].min() for image in on_yellow)
    assert refined > plain


def test_transparency_that_was_there_changes_no_color(model):
    """All of it is the subject to the model, so nothing was mixed into the colors."""
    rgb = np.full((60, 80, 3), 255, np.uint8)
    rgb[20:40, 20:60] = 254, 255, 255
    alpha = np.tile(np.linspace(0, 255, 80).astype(np.uint8), (60, 1))
    cutout = np.array(Remover(model)(Image.fromarray(np.dstack([rgb, alpha]))))
    assert np.array_equal(cutout[..., :3], rgb)
    assert np.abs(cutout[..., 3].astype(int) - alpha).max() <= 1


def test_sixteen_bits_are_freed_from_the_old_background_as_eight_are(model):
    rgb = bright_disc()
    image = dataclasses.replace(DecodedImage(rgb), deep=rgb.astype(np.uint16) * 257)
    found = Remover(model).cut_out(image)
    assert found.deep.dtype == np.uint16
    assert np.abs(found.deep / 257 - found.rgb).max() <= 0.51
