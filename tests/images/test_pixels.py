"""Copying a Pillow image into an array, some rows at a time."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from clearbg.images import read_image
from clearbg.images.decoding import ROWS, pixels


@pytest.mark.parametrize("height", [1, ROWS, 2 * ROWS + 3])
@pytest.mark.parametrize("shape", [(), (3,), (4,)])
def test_copy_has_every_value_and_may_be_written(height, shape):
    values = np.random.default_rng(0).integers(0, 256, (height, 7, *shape), np.uint8)
    copied = pixels(Image.fromarray(values))
    np.testing.assert_array_equal(copied, values)
    assert copied.flags.writeable and copied.flags.c_contiguous


def test_reading_has_the_pixels_in_memory_once_beside_pillows_own(tmp_path):
    Image.new("RGB", (1000, 1500), "teal").save(tmp_path / "a.jpg")
    read_image(tmp_path / "a.jpg")  # imports
    tracemalloc.start()
    try:
        image = read_image(tmp_path / "a.jpg")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1.5 * image.rgb.nbytes
