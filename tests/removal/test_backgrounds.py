"""What lies behind a cutout: colors, images, and the image's own background out of focus."""

import cv2
import numpy as np
import pytest
from PIL import Image
from support.images import profile

from clearbg.errors import ImageError, SettingsError
from clearbg.images import DecodedImage, write_image
from clearbg.removal import backgrounds
from clearbg.removal.backgrounds import lay_over, parse_background

SIZE = (40, 60)


def front(**changes) -> DecodedImage:
    """Random colors; transparent to the left, soft in the middle, opaque to the right."""
    rgb = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    alpha = np.full(SIZE, 128, np.uint8)
    alpha[:, :20], alpha[:, 40:] = 0, 255
    return DecodedImage(**{"rgb": rgb, "alpha": alpha, **changes})


def wide_profile() -> bytes:
    """An RGB profile with other primaries than sRGB's, as bytes."""
    content = bytearray(profile())
    count = int.from_bytes(content[128:132], "big")
    places = {}
    for index in range(count):
        entry = content[132 + 12 * index : 144 + 12 * index]
        places[bytes(entry[:4])] = int.from_bytes(entry[4:8], "big")
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    content[red : red + 20], content[green : green + 20] = (
        content[green : green + 20],
        content[red : red + 20],
    )
    return bytes(content)


@pytest.mark.parametrize("text", ["red", "#f00", "#ff0000", "rgb(255,0,0)"])
def test_color_lies_behind_and_opaque_pixels_stay(text):
    image = front()
    laid = lay_over(image, parse_background(text), image.rgb)
    assert laid.alpha is None
    assert (laid.rgb[:, :20] == [255, 0, 0]).all()
    assert np.array_equal(laid.rgb[:, 40:], image.rgb[:, 40:])
    mixture = (128.0 * image.rgb[:, 20:40] + 127 * np.array([255.0, 0, 0])) / 255
    assert np.abs(laid.rgb[:, 20:40] - mixture).max() <= 0.5


def test_image_fills_the_ground_from_its_middle(tmp_path):
    behind = np.zeros((100, 60, 3), np.uint8)
    behind[30:70] = 200  # the middle, of the cutout's own proportions
    write_image("background.png", behind)
    image = front()
    laid = lay_over(image, parse_background("background.png"), image.rgb)
    assert (laid.rgb[2:-2, :20] == 200).all()
    assert np.array_equal(laid.rgb[:, 40:], image.rgb[:, 40:])


def test_blur_shows_no_trace_of_the_subject():
    rgb, alpha = np.full((*SIZE, 3), 50, np.uint8), np.zeros(SIZE, np.uint8)
    rgb[10:30, 20:40], alpha[10:30, 20:40] = [255, 0, 0], 255
    laid = lay_over(DecodedImage(rgb, alpha), parse_background("blur"), rgb)
    assert (laid.rgb[alpha == 0] == 50).all() and (laid.rgb[alpha == 255] == [255, 0, 0]).all()


def test_blur_takes_the_detail_out_of_the_ground():
    rgb = np.zeros((*SIZE, 3), np.uint8)
    rgb[::2] = 200
    laid = lay_over(DecodedImage(rgb, np.zeros(SIZE, np.uint8)), parse_background("blur"), rgb)
    assert laid.rgb.std() < 0.1 * rgb.std()
    assert laid.rgb.mean() == pytest.approx(rgb.mean(), abs=3)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (700, 3)])
@pytest.mark.parametrize("value", [0, 255])
def test_blur_takes_any_size_and_alpha(size, value):
    rgb, alpha = np.full((*size, 3), 77, np.uint8), np.full(size, value, np.uint8)
    assert (lay_over(DecodedImage(rgb, alpha), parse_background("blur"), rgb).rgb == 77).all()


def test_ground_is_converted_into_the_images_profile():
    image = front(icc_profile=wide_profile())
    laid = lay_over(image, parse_background("#c86432"), image.rgb)
    assert laid.icc_profile == image.icc_profile
    assert np.array_equal(laid.rgb[:, 40:], image.rgb[:, 40:])
    assert not (laid.rgb[:, :20] == [200, 100, 50]).all()
    assert np.abs(laid.srgb()[:, :20] - np.array([200.0, 100, 50])).max() <= 3


def test_sixteen_bits_are_laid_over_too():
    deep = np.random.default_rng(1).integers(0, 65536, (*SIZE, 3), dtype=np.uint16)
    laid = lay_over(front(deep=deep), parse_background("white"), front().rgb)
    assert np.array_equal(laid.deep[:, 40:], deep[:, 40:])
    assert (laid.deep[:, :20] == 65535).all()


def test_color_wins_over_a_file_of_its_name(tmp_path):
    write_image("white.png", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "white.png").rename("white")
    assert (parse_background("white").values == 255).all()
    assert (parse_background("./white").values == 0).all()


def test_ground_that_is_none_is_one_sentence(tmp_path):
    with pytest.raises(SettingsError, match=r"'sky\.jpg' is no opaque color"):
        parse_background("sky.jpg")
    (tmp_path / "sky.jpg").write_text("text")
    with pytest.raises(ImageError, match="is not an image"):
        parse_background("sky.jpg")


def test_ground_of_a_turned_photograph_is_upright():
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (4, 8)).save("g.jpg", exif=exif)
    assert parse_background("g.jpg").values.shape == (4, 8, 3)


@pytest.mark.parametrize("side", [2, 9, 60])
def test_blur_is_gaussian_and_reflected_at_the_frame(side):
    values = np.random.default_rng(0).random((side, side), np.float32)
    matrix = backgrounds._gaussian(side, 3.7)
    assert np.abs(matrix @ values @ matrix.T - cv2.GaussianBlur(values, (0, 0), 3.7)).max() < 1e-5
