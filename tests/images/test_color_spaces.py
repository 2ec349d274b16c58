"""Profiles, CMYK and Lab."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms
from support.image_files import encoded, made_image, swapped_profile
from support.images import profile

from clearbg.images import read_image


def test_rgb_profile_is_kept_with_the_file_s_own_values():
    got = read_image(encoded(made_image(), icc_profile=swapped_profile()))
    assert np.array_equal(got.rgb, made_image())
    assert got.icc_profile == swapped_profile()


def test_srgb_version_is_converted_through_the_profile():
    got = read_image(encoded(made_image(), icc_profile=swapped_profile()))
    assert np.abs(got.srgb().astype(int) - made_image()[..., ::-1]).max() <= 2


def test_srgb_version_without_profile_is_the_image_itself():
    got = read_image(encoded(made_image()))
    assert got.srgb() is got.rgb


def test_damaged_profile_is_left_out_with_a_note():
    got = read_image(encoded(made_image(), icc_profile=b"no profile" * 20))
    assert got.icc_profile is None
    assert "bad-icc" in got.notes


def test_profile_of_another_space_is_left_out_with_a_note():
    got = read_image(encoded(made_image(), icc_profile=profile("LAB")))
    assert got.icc_profile is None
    assert "bad-icc" in got.notes


def test_lab_becomes_srgb():
    lab = ImageCms.profileToProfile(
        Image.fromarray(made_image()),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    lab.info.clear()
    got = read_image(encoded(lab, "TIFF"))
    assert np.abs(got.rgb.astype(int) - made_image()).mean() < 3


def test_cmyk_jpeg_keeps_its_colors():
    image = Image.new("RGB", (16, 16), (200, 40, 90)).convert("CMYK")
    got = read_image(encoded(image, "JPEG", quality=95))
    assert np.abs(got.rgb.astype(int) - (200, 40, 90)).max() <= 4
    assert got.notes == ("cmyk",)


def lookup_profile(space, color):
    """An ICC profile (ICC.1:2001, lut8Type) that maps every `space` value to one Lab color."""
    channels = {"CMYK": 4, "GRAY": 1}[space]
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    ramp = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([channels, 3, 2, 0]) + matrix + ramp * channels
    lut += bytes(color) * 2**channels + ramp * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags = [(b"A2B0", lut), (b"wtpt", white)]
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags:
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    body = struct.pack(">I", len(tags)) + table + body
    header = struct.pack(
        ">I4sI4s4s4s", 128 + len(body), b"", 0x02400000, b"prtr", space.encode(), b"Lab "
    )
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + body


@pytest.mark.parametrize("space", ["CMYK", "GRAY"])
def test_profile_of_ink_or_gray_is_applied(space):
    mode = {"CMYK": "CMYK", "GRAY": "L"}[space]
    data = encoded(
        Image.new(mode, (8, 8)), "TIFF", icc_profile=lookup_profile(space, (255, 128, 128))
    )
    got = read_image(data)
    assert got.rgb.min() >= 250
    assert got.icc_profile is None
    assert "icc-to-srgb" in got.notes
