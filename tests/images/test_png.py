"""The encoder of cutouts, read back by two others."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from support.images import profile

from clearbg.errors import ImageError
from clearbg.images import png

SHAPES = {"a pixel": (1, 1, 3), "odd": (5, 7, 3), "gray": (40, 30), "strips": (300, 1700, 3)}
both_settings = pytest.mark.parametrize("setting", ["fast", "small"])


def noise(shape: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    largest = np.iinfo(dtype).max
    return np.random.default_rng(0).integers(0, largest, shape, dtype, endpoint=True)


def read(encoded: bytes) -> np.ndarray:
    values = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    codes = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    return values if values.ndim == 2 else cv2.cvtColor(values, codes[values.shape[2]])


@both_settings
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_values_come_back(shape, dtype, setting):
    colors = noise(shape, dtype)
    assert np.array_equal(read(png.encode(colors, setting=setting)), colors)


@both_settings
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_comes_back_as_wide_as_the_colors(dtype, setting):
    colors, alpha = noise((300, 1700, 3), dtype), noise((300, 1700))
    layers = read(png.encode(colors, alpha, setting=setting))
    assert layers.dtype == dtype and np.array_equal(layers[..., :3], colors)
    assert np.array_equal(layers[..., 3] // (np.iinfo(dtype).max // 255), alpha)
    assert layers[..., 3].max() == np.iinfo(dtype).max


@both_settings
def test_pillow_reads_the_same_file_whole(setting):
    colors, alpha = noise((300, 1700, 3)), noise((300, 1700))
    with Image.open(io.BytesIO(png.encode(colors, alpha, setting=setting))) as image:
        assert image.mode == "RGBA"
        assert np.array_equal(np.asarray(image), np.dstack([colors, alpha]))


def test_profile_resolution_and_metadata_come_back():
    exif = Image.Exif()
    exif[271] = "Maker"
    encoded = png.encode(
        noise((5, 7, 3)), icc_profile=profile(), dpi=(300, 72), exif=exif.tobytes()
    )
    with Image.open(io.BytesIO(encoded)) as image:
        assert image.info["icc_profile"] == profile() and image.getexif()[271] == "Maker"
        assert image.info["dpi"] == pytest.approx((300, 72), abs=0.1)


def photograph() -> np.ndarray:
    smooth = Image.fromarray(noise((30, 40, 3))).resize((800, 600), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 3, (600, 800, 3))
    return np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8)


def screenshot() -> np.ndarray:
    """A page of one letter after the other: what is flat and repeats itself."""
    letters = np.where(noise((26, 16, 8, 1)) > 200, 20, 250).astype(np.uint8)
    lines = letters[np.random.default_rng(1).integers(0, 26, (37, 100))]
    page = lines.transpose(0, 2, 1, 3, 4).reshape(592, 800, 1)
    return np.repeat(page, 3, axis=2)


def pillows(rgb: np.ndarray, level: int) -> int:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG", compress_level=level)
    return len(file.getvalue())


@pytest.mark.parametrize("image", [photograph, screenshot])
def test_small_files_are_about_as_large_as_pillows(image):
    rgb = image()
    small, fast = (len(png.encode(rgb, setting=setting)) for setting in ("small", "fast"))
    assert small < 1.05 * pillows(rgb, level=6) and small < 0.95 * fast


def test_fast_files_are_about_as_large_as_those_of_pillows_fastest_level():
    rgb = photograph()
    assert len(png.encode(rgb, setting="fast")) < 1.05 * pillows(rgb, level=1)


def test_a_side_that_no_png_has_is_refused_before_anything_is_done():
    endless = np.broadcast_to(np.zeros(1, np.uint8), (1, png.MOST + 1))
    with pytest.raises(ImageError, match="cannot hold"):
        png.encode(endless)
