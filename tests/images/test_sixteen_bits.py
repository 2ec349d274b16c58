"""Images and masks with 16 bits a channel keep them all."""

import struct

import numpy as np
import pytest
from support.image_files import encoded, reason, sixteen_bit_png, sixteen_bit_tiff

from clearbg.errors import ImageError
from clearbg.images import read_image, read_mask
from clearbg.images.decoding import upright


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_png_keeps_all_bits(channels):
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, channels), np.uint16)
    got = read_image(sixteen_bit_png(values))
    assert np.array_equal(got.deep, np.repeat(values, 3, -1) if channels == 1 else values[..., :3])
    assert np.array_equal(got.rgb, np.rint(got.deep / 257).astype(np.uint8))
    assert "16-bit" in got.notes


def test_sixteen_bit_alpha_becomes_eight_bit():
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 4), np.uint16)
    assert np.array_equal(read_image(sixteen_bit_png(values)).alpha, np.rint(values[..., 3] / 257))


def test_sixteen_bit_transparent_color_becomes_alpha():
    values = np.full((3, 3, 3), 40_000, np.uint16)
    values[1, 1] = (1, 2, 3)
    got = read_image(sixteen_bit_png(values, (b"tRNS", struct.pack(">3H", 1, 2, 3))))
    assert np.argwhere(got.alpha == 0).tolist() == [[1, 1]]


def test_sixteen_bit_gray_with_alpha_keeps_all_bits():
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 2), np.uint16)
    got = read_image(sixteen_bit_png(values))
    assert np.array_equal(got.deep, np.repeat(values[..., :1], 3, -1))
    assert np.array_equal(got.alpha, np.rint(values[..., 1] / 257))


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_sixteen_bit_tiff_keeps_all_bits(planar, compression, byteorder):
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 4), np.uint16)
    for channels in (3, 4):
        data = sixteen_bit_tiff(
            values[..., :channels], planar, compression=compression, byteorder=byteorder
        )
        got = read_image(data)
        assert np.array_equal(got.deep, values[..., :3])
        assert np.array_equal(got.rgb, np.rint(got.deep / 257).astype(np.uint8))
    assert np.array_equal(got.alpha, np.rint(values[..., 3] / 257))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_sixteen_bit_tiff_is_turned_upright(planar, orientation):
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 3), np.uint16)
    got = read_image(sixteen_bit_tiff(values, planar, orientation))
    assert np.array_equal(got.deep, upright(values, orientation))


def test_sixteen_bit_ink_says_that_it_was_reduced():
    values = np.full((3, 3, 4), 40_000, np.uint16)
    got = read_image(sixteen_bit_tiff(values, photometric="separated"))
    assert got.deep is None
    assert "16-bit-as-8" in got.notes


def test_sixteen_bit_ink_in_planes_is_refused():
    values = np.full((3, 3, 4), 40_000, np.uint16)
    with pytest.raises(ImageError, match="interleaved"):
        read_image(sixteen_bit_tiff(values, "separate", photometric="separated"))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_sixteen_bit_gray_tiff_keeps_all_bits(compression):
    values = np.random.default_rng(0).integers(0, 65536, (5, 7), np.uint16)
    got = read_image(encoded(values, "TIFF", compression=compression))
    assert np.array_equal(got.deep[..., 0], values)


def test_float_tiff_in_zero_to_one_is_read():
    got = read_image(encoded(np.array([[0, 0.5, 1]], np.float32), "TIFF"))
    assert got.rgb[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("values", [[[0.0, 2.0]], [[float("nan"), 1.0]]])
def test_float_tiff_outside_zero_to_one_is_refused(values):
    assert reason(encoded(np.array(values, np.float32), "TIFF")) == "unreadable"


def test_sixteen_bit_mask_is_divided_by_257():
    alpha, notes = read_mask(encoded(np.array([[0, 257 * 100, 65535]], np.uint16)))
    assert alpha.tolist() == [[0, 100, 255]]
    assert notes == ("16-bit",)
