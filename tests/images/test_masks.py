"""What `read_mask` makes of gray, color, palettes and transparency."""

import numpy as np
import pytest
from PIL import Image
from support.image_files import encoded, made_image

from clearbg.images import read_mask


def test_gray_mask_is_alpha_as_it_is():
    alpha, notes = read_mask(encoded(made_image()[..., 0]))
    assert np.array_equal(alpha, made_image()[..., 0])
    assert notes == ()


def test_one_bit_mask_is_0_and_255():
    alpha, notes = read_mask(encoded(Image.fromarray(np.array([[True, False]]))))
    assert alpha.tolist() == [[255, 0]]
    assert notes == ("1-bit",)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_mask_of_zeros_and_ones_is_stretched(kind):
    alpha, notes = read_mask(encoded(np.array([[0, 1]], kind)))
    assert alpha.tolist() == [[0, 255]]
    assert notes[-1] == "0/1"


def test_empty_mask_stays_empty():
    alpha, _ = read_mask(encoded(np.zeros((3, 3), np.uint8)))
    assert not alpha.any()


def test_rgb_mask_with_equal_channels_is_one_of_them():
    alpha, notes = read_mask(encoded(np.repeat(made_image()[..., :1], 3, -1)))
    assert np.array_equal(alpha, made_image()[..., 0])
    assert notes == ("rgb",)


def test_color_mask_is_its_luma():
    alpha, notes = read_mask(encoded(made_image()))
    assert np.array_equal(alpha, np.asarray(Image.fromarray(made_image()).convert("L")))
    assert notes == ("color",)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_channel_that_varies_wins(mode):
    image = Image.fromarray(made_image()).convert(mode)
    image.putalpha(Image.fromarray(made_image()[..., 1]))
    alpha, notes = read_mask(encoded(image))
    assert np.array_equal(alpha, made_image()[..., 1])
    assert notes == ("alpha channel",)


@pytest.mark.parametrize("opacity", [0, 255])
def test_constant_alpha_channel_is_no_mask(opacity):
    image = Image.fromarray(made_image()[..., 0])
    image.putalpha(opacity)
    alpha, _ = read_mask(encoded(image))
    assert np.array_equal(alpha, made_image()[..., 0])


def test_gray_palette_is_its_gray_values():
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([0, 0, 0, 128, 128, 128, 255, 255, 255])
    alpha, notes = read_mask(encoded(image))
    assert alpha.tolist() == [[0, 128, 255]]
    assert "palette" in notes


@pytest.mark.parametrize("mode", ["L", "P"])
def test_class_numbers_become_foreground(mode):
    image = Image.fromarray(np.array([[0, 1, 8]], np.uint8))
    if mode == "P":
        image.putpalette([0, 0, 0, 9, 200, 30, 255, 0, 255] + [7] * 100)
    alpha, notes = read_mask(encoded(image), index_foreground=True)
    assert alpha.tolist() == [[0, 255, 255]]
    assert notes == ("index",)
