"""What `read_image` makes of formats and modes."""

import io

import numpy as np
import pytest
from PIL import Image
from support.image_files import FORMATS, encoded, made_image
from support.images import profile

from clearbg.images import read_image, read_mask


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_read(format):
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}, "AVIF": {"quality": 95},
                "HEIF": {"quality": 90}}  # fmt: skip
    got = read_image(encoded(made_image(), format, **lossless.get(format, {})))
    assert got.format == format
    assert (got.height, got.width) == (24, 36)
    assert np.abs(got.rgb.astype(int) - made_image()).mean() < 6


def test_path_stream_and_bytes_give_the_same(tmp_path):
    data = encoded(made_image())
    path = tmp_path / "a.png"
    path.write_bytes(data)
    stream = io.BytesIO(data)
    stream.seek(7)
    for source in (path, str(path), data, stream):
        assert np.array_equal(read_image(source).rgb, made_image())


def test_arrays_may_be_written_to():
    rgba = np.dstack([made_image(), made_image()[..., 0]])
    got = read_image(encoded(rgba, icc_profile=profile()))
    assert all(
        a.flags.writeable for a in (got.rgb, got.alpha, got.srgb(), read_mask(encoded(rgba))[0])
    )


def test_gray_becomes_three_equal_channels():
    got = read_image(encoded(made_image()[..., 0]))
    assert np.array_equal(got.rgb, np.repeat(made_image()[..., :1], 3, -1))
    assert got.notes == ("gray",)


def test_one_bit_becomes_black_and_white():
    got = read_image(encoded(Image.fromarray(made_image()[..., 0] > 99)))
    assert np.array_equal(got.rgb[..., 1], 255 * (made_image()[..., 0] > 99))


def test_alpha_of_rgba_is_apart_from_unchanged_colors():
    rgba = np.dstack([made_image(), made_image()[..., 0]])
    got = read_image(encoded(rgba))
    assert np.array_equal(np.dstack([got.rgb, got.alpha]), rgba)


def test_alpha_of_gray_is_apart():
    gray_alpha = Image.merge("LA", [Image.fromarray(made_image()[..., c]) for c in (0, 1)])
    got = read_image(encoded(gray_alpha))
    assert np.array_equal(got.alpha, made_image()[..., 1])
    assert np.array_equal(got.rgb[..., 2], made_image()[..., 0])


def test_opaque_alpha_channel_is_no_transparency():
    assert (
        read_image(encoded(np.dstack([made_image(), np.full((24, 36), 255, np.uint8)]))).alpha
        is None
    )


def test_palette_becomes_its_colors():
    image = Image.fromarray(made_image()).quantize(16)
    got = read_image(encoded(image))
    assert np.array_equal(got.rgb, np.asarray(image.convert("RGB")))
    assert got.notes == ("palette",)


def test_transparent_palette_entry_becomes_alpha():
    image = Image.fromarray(made_image()).quantize(16)
    got = read_image(encoded(image, transparency=3))
    assert np.array_equal(got.alpha, np.where(np.asarray(image) == 3, 0, 255))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_transparent_color_becomes_alpha(mode):
    image = Image.new(mode, (4, 4), "white")
    image.putpixel((1, 2), 0 if mode == "L" else (0, 0, 0))
    key = 0 if mode == "L" else (0, 0, 0)
    assert np.argwhere(read_image(encoded(image, transparency=key)).alpha == 0).tolist() == [[2, 1]]


def test_first_frame_of_an_animation_is_read():
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    got = read_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert got.rgb[0, 0].tolist() == [255, 0, 0]
    assert "first-frame" in got.notes


def test_resolution_is_copied():
    assert read_image(encoded(made_image(), "JPEG", dpi=(300, 300))).dpi == (300, 300)
