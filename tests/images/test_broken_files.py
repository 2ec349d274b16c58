"""Files that are not what they seem."""

import contextlib
import random
import struct
import sys
import zlib

import numpy as np
import pytest
from support.image_files import (
    FORMATS,
    encoded,
    made_image,
    png,
    reason,
    sixteen_bit_png,
    with_orientation,
)
from support.images import profile

from clearbg.errors import ImageError
from clearbg.images import decoding, read_image, read_mask


def test_missing_file(tmp_path):
    assert reason(tmp_path / "none.png") == "missing"


def test_folder_in_place_of_a_file(tmp_path):
    assert reason(tmp_path) == "unreadable"


def test_empty_file():
    assert reason(b"") == "empty-file"


def test_text_named_as_an_image(tmp_path):
    (tmp_path / "page.png").write_text("<html>not found</html>")
    assert reason(tmp_path / "page.png") == "not-an-image"


def test_message_names_the_file(tmp_path):
    (tmp_path / "page.png").write_text("<html>not found</html>")
    with pytest.raises(ImageError, match=r"page\.png"):
        read_image(tmp_path / "page.png")


def test_message_takes_the_given_name():
    with pytest.raises(ImageError, match="upload 3"):
        read_image(b"", name="upload 3")


def test_postscript_is_never_run():
    assert reason(encoded(made_image(), "EPS")) == "not-an-image"


def test_heic_without_its_reader_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    decoding._formats.cache_clear()
    with pytest.raises(ImageError, match=r"pip install pillow-heif"):
        read_image(encoded(made_image(), "HEIF"))
    decoding._formats.cache_clear()


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("format", FORMATS)
def test_cut_file_is_truncated(format, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(noise, format)
    assert reason(data[: int(len(data) * share)]) == "truncated"


@pytest.mark.parametrize("gray", [0, 85, 255])
@pytest.mark.parametrize("bits, color", [(1, 0), (8, 0), (8, 2), (8, 6), (16, 0), (16, 2)])
def test_png_whose_data_end_before_the_last_row_is_truncated(bits, color, gray):
    whole = png(bits, color, np.full((7, 48), gray, np.uint8))
    assert read_image(whole).height == 7
    header = whole[12:20] + struct.pack(">I", 8) + whole[24:29]
    taller = whole[:12] + header + struct.pack(">I", zlib.crc32(header)) + whole[33:]
    assert reason(taller) == "truncated"


@pytest.mark.parametrize("start", [b"P2 4 4 255\n1 2 3", b"P4 16 16\n\0", b"P5 4 4 65535\n\0"])
def test_portable_anymap_with_too_few_values_is_truncated(start):
    assert reason(start) == "truncated"


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_tiff_that_is_cut_before_its_list_of_tags_is_truncated(compression):
    data = encoded(made_image(), "TIFF", compression=compression)
    place = int.from_bytes(data[4:8], "little")
    assert reason(data[: place - 9]) == "truncated"


@pytest.mark.parametrize("format", FORMATS)
def test_cut_header_is_refused(format):
    data = encoded(made_image(), format)
    for length in range(1, 60):
        assert reason(data[:length]) in {"truncated", "unreadable", "not-an-image"}


def test_tolerance_switched_on_elsewhere_does_not_hide_a_cut(monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.LOAD_TRUNCATED_IMAGES", True)
    data = encoded(made_image(), "JPEG")
    assert reason(data[: len(data) * 3 // 4]) == "truncated"


@pytest.mark.parametrize("side", [20_000, 60_000])
def test_bomb_is_refused_from_its_header(side):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = png(8, 2, np.zeros((1, 3), np.uint8))
    data = data[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + data[33:]
    assert reason(data) == "too-large"


def test_own_limit_of_pixels_holds():
    assert reason(encoded(made_image()), max_pixels=24 * 36 - 1) == "too-large"
    assert read_image(encoded(made_image()), max_pixels=24 * 36).width == 36


def test_mutations_raise_nothing_but_image_errors(recwarn):
    rng = random.Random(0)
    sources = [encoded(made_image(), format) for format in FORMATS]
    sources.append(with_orientation(made_image(), 6, "JPEG", icc_profile=profile()))
    sources.append(with_orientation(made_image(), 6, "TIFF", icc_profile=profile()))
    sources.append(sixteen_bit_png(np.full((8, 8, 3), 4_000, np.uint16)))
    for data in sources:
        for _ in range(40):
            mutant = bytearray(data)
            for _ in range(rng.randint(1, 8)):
                mutant[rng.randrange(len(mutant))] = rng.randrange(256)
            for read in (read_image, read_mask):
                with contextlib.suppress(ImageError):
                    read(bytes(mutant))
    assert not recwarn.list


@pytest.mark.parametrize("length", [b"\x1f\x8b", b"\xff\x0a"])  # the signs of gzip and of JPEG XL
def test_cut_photograph_is_cut_short_whatever_its_lengths_spell(length):
    assert reason(b"\xff\xd8\xff\xe1" + length + b"Exif\0\0" + bytes(200)) == "truncated"
