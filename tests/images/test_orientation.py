"""EXIF: images and masks are turned upright."""

import numpy as np
import pytest
from PIL import Image
from support.image_files import TURNS, encoded, made_image, with_orientation

from clearbg.images import read_image, read_mask


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_image_is_turned_upright(orientation, format):
    options = {"lossless": True} if format == "WEBP" else {}
    got = read_image(with_orientation(made_image(), orientation, format, **options))
    assert np.array_equal(got.rgb, TURNS[orientation](made_image()))
    assert ("exif-orientation" in got.notes) == (orientation != 1)


def test_alpha_is_turned_with_the_colors():
    rgba = np.dstack([made_image(), made_image()[..., 0]])
    got = read_image(with_orientation(rgba, 6, "PNG"))
    assert np.array_equal(got.alpha, np.rot90(made_image()[..., 0], -1))


def test_mask_is_turned_with_a_note():
    alpha, notes = read_mask(with_orientation(made_image()[..., 0], 8, "PNG"))
    assert np.array_equal(alpha, np.rot90(made_image()[..., 0]))
    assert notes == ("exif-orientation",)


def test_exif_of_a_result_has_no_orientation():
    exif = Image.Exif()
    exif.load(read_image(with_orientation(made_image(), 6)).exif)
    assert dict(exif) == {0x010F: "maker"}


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_impossible_orientation_is_ignored(orientation):
    got = read_image(with_orientation(made_image(), orientation, "PNG"))
    assert np.array_equal(got.rgb, made_image())


def test_damaged_exif_is_left_out_with_a_note():
    data = encoded(made_image(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12")
    got = read_image(data)
    assert got.rgb.shape == (24, 36, 3)
    assert got.exif is None
