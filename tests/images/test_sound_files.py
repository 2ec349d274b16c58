"""Sound files of rare kinds: read where a library can, else named; no field hides another."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin
from support.image_files import encoded, made_image, reason, with_orientation
from support.images import profile

from clearbg.errors import ImageError
from clearbg.images import read_image
from clearbg.images.decoding import weigh

RGB = made_image(80, 120)


def entry(tag: int, kind: int, number: int, value: bytes) -> bytes:
    return struct.pack("<HHI", tag, kind, number) + value


def exif(*entries: bytes, behind: bytes = b"") -> bytes:
    """An EXIF block; what stands behind its fields begins at `after(number of fields)`."""
    count = struct.pack("<H", len(entries))
    return b"Exif\0\0II*\0\x08\0\0\0" + count + b"".join(entries) + b"\0\0\0\0" + behind


def after(number: int) -> bytes:
    return struct.pack("<I", 14 + 12 * number)


TURN = entry(274, 3, 1, b"\6\0\0\0")
BAD_FIELDS = {
    "a negative resolution by zero": exif(
        TURN, entry(282, 10, 1, after(2)), behind=struct.pack("<ii", -1, 0)
    ),
    "zero by zero": exif(TURN, entry(282, 5, 1, after(2)), behind=bytes(8)),
    "a resolution in text": exif(TURN, entry(282, 2, 3, b"72\0\0")),
    "a unit in text": exif(TURN, entry(296, 2, 2, b"2\0\0\0")),
    "a resolution that is no number": exif(
        TURN, entry(282, 11, 1, struct.pack("<f", float("nan")))
    ),
    "a place beyond the end": exif(TURN, entry(282, 5, 1, struct.pack("<I", 99_999))),
    "an unknown type": exif(TURN, entry(282, 99, 1, bytes(4))),
    "a part that is no number": exif(TURN, entry(0x8769, 2, 3, b"ab\0\0")),
    "more fields than there are": exif(TURN).replace(b"\1\0\x12\1", b"\x28\0\x12\1"),
    "the orientation as a long": exif(entry(274, 4, 1, b"\6\0\0\0")),
    "the orientation as a byte": exif(entry(274, 1, 1, b"\6\0\0\0")),
    "the orientation as text": exif(entry(274, 2, 2, b"6\0\0\0")),
    "the orientation twice": exif(entry(274, 3, 2, b"\6\0\6\0")),
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("block", BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_no_field_of_exif_hides_the_orientation(block, format):
    got = read_image(encoded(RGB, format, exif=block))
    assert (got.height, got.width) == (120, 80)
    assert "exif-orientation" in got.notes


def png_with(profile: bytes) -> bytes:
    chunk = b"iCCP" + b"wide\0\0" + zlib.compress(profile)
    plain = encoded(RGB)
    length, check = struct.pack(">I", len(chunk) - 4), struct.pack(">I", zlib.crc32(chunk))
    return plain[:33] + length + chunk + check + plain[33:]


@pytest.mark.parametrize("compressed", [False, True])
def test_png_with_much_text_is_read(compressed):
    text = PngImagePlugin.PngInfo()
    text.add_text("history", "x" * (3 << 20), zip=compressed)
    text.add_itxt("xmp", "y" * (3 << 20), zip=compressed)
    data = encoded(RGB, pnginfo=text, icc_profile=profile())
    got = read_image(data)
    assert np.array_equal(got.rgb, RGB) and got.icc_profile == profile()


def test_large_profile_of_a_png_is_read():
    short = profile()
    size = len(short) + (2 << 20)
    large = struct.pack(">I", size) + short[4:] + bytes(2 << 20)
    assert read_image(png_with(large)).icc_profile == large


def test_profile_without_end_is_left_out_with_a_note():
    got = read_image(png_with(bytes(100 << 20)))
    assert got.icc_profile is None and "bad-icc" in got.notes and np.array_equal(got.rgb, RGB)


def tiff(*pages) -> bytes:
    """Pages as (values, options of `tifffile`)."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for values, options in pages:
            writer.write(values, metadata=None, **options)
    return buffer.getvalue()


FULL = {"photometric": "rgb", "subfiletype": 0}
THUMBNAIL = (RGB[::4, ::4], {"photometric": "rgb", "subfiletype": 1})


def test_thumbnail_that_comes_first_is_not_the_image(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(THUMBNAIL, (RGB, FULL)))
    got = read_image(tmp_path / "a.tif")
    assert np.array_equal(got.rgb, RGB) and got.notes == ()
    assert weigh(tmp_path / "a.tif") == 80 * 120
    deep = RGB.astype(np.uint16) * 250
    assert np.array_equal(read_image(tiff(THUMBNAIL, (deep, FULL))).deep, deep)


def test_image_in_a_sub_file_is_found():
    first = (THUMBNAIL[0], THUMBNAIL[1] | {"subifds": 1})
    assert np.array_equal(read_image(tiff(first, (RGB, FULL))).rgb, RGB)
    sensor = (RGB[..., 0].astype(np.uint16), {"photometric": 32803, "subfiletype": 0,
              "extratags": [(33421, "H", 2, (2, 2), True)]})  # fmt: skip
    with pytest.raises(ImageError, match=r"raw file.*export") as caught:
        read_image(tiff(first, sensor))
    assert caught.value.reason == "unsupported"


def test_only_a_second_image_makes_a_file_of_several():
    mask = (RGB[..., 0] > 9, {"subfiletype": 4})
    assert "first-frame" not in read_image(tiff((RGB, FULL), THUMBNAIL, mask)).notes
    assert "first-frame" in read_image(tiff((RGB, FULL), (RGB, FULL))).notes


INK = np.dstack([255 - RGB, RGB[..., 0] * 0])


@pytest.mark.parametrize("premultiplied", [False, True])
def test_ink_with_alpha_is_read(premultiplied):
    alpha = np.where(RGB[..., :1] > 99, 255, 128).astype(np.uint8)
    ink = np.rint(INK * (alpha / 255)).astype(np.uint8) if premultiplied else INK
    options = {"photometric": "separated",
               "extrasamples": ["assocalpha" if premultiplied else "unassalpha"]}  # fmt: skip
    got = read_image(tiff((np.dstack([ink, alpha]), options)))
    assert np.array_equal(got.alpha, alpha[..., 0]) and "cmyk" in got.notes
    assert np.abs(got.rgb.astype(int) - RGB).max() <= 1 + premultiplied


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_floats_from_0_to_1_are_read(kind, channels):
    values = np.dstack([RGB, RGB[..., :1]])[..., :channels]
    options = {"photometric": "rgb" if channels > 1 else "minisblack"}
    options |= {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    got = read_image(tiff((np.squeeze(values / 255).astype(kind), options)))
    assert np.abs(got.rgb.astype(int) - values[..., : min(channels, 3)]).max() <= 1
    assert "float" in got.notes and (got.alpha is not None) == (channels == 4)
    with pytest.raises(ImageError, match=r"outside 0\.\.1"):
        read_image(tiff((np.squeeze(values).astype(np.float32), options)))


def test_thirty_two_bits_a_channel_are_read_upright():
    turned = {"photometric": "rgb", "extratags": [(274, "H", 1, 6, True)]}
    got = read_image(tiff((RGB.astype(np.uint32) << 24, turned)))
    assert np.abs(got.rgb.astype(int) - np.rot90(RGB, -1)).max() <= 1


NAMED = {
    b"8BPS\0\1": "Photoshop",
    b"\xff\x0a\xfa\x7f": "JPEG XL",
    b"\0\0\0\x18ftypcrx ": "raw file",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"%PDF-1.4": "PDF",
    b"<svg xmlns=''>": "SVG",
    b"<?xml version='1.0'?><svg/>": "an XML file, perhaps an SVG drawing",
    b"<!DOCTYPE html><html>": "is a web page and no image: download the image itself",
    b"version https://git-lfs.github.com/spec/v1": "git lfs pull",
    encoded(RGB, "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"): "12 bits",
    encoded(RGB, "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc3\0\x11\x08"): "lossless",
    tiff((np.dstack([RGB, RGB]), {"photometric": "minisblack", "planarconfig": "contig"})): "6 ch",
    tiff((RGB.astype(np.uint16), {"photometric": "rgb"})).replace(
        b"\x10\0" * 3, b"\x0c\0" * 3
    ): "12 bits",
}


@pytest.mark.parametrize("content", NAMED, ids=NAMED.values())
def test_sound_file_of_another_kind_is_named_and_not_called_damaged(content):
    with pytest.raises(ImageError, match=NAMED[content]) as caught:
        read_image(content + bytes(40))
    assert caught.value.reason in ("unsupported", "not-an-image")


def test_photograph_of_a_phone_stays_a_jpeg():
    buffer = io.BytesIO()
    extra = [Image.fromarray(RGB[::2, ::2])]
    Image.fromarray(RGB).save(buffer, "MPO", save_all=True, append_images=extra)
    got = read_image(buffer.getvalue())
    assert got.format == "JPEG" and got.notes == () and got.rgb.shape == RGB.shape


def test_type_of_the_orientation_does_not_matter_in_a_tiff():
    data = bytearray(with_orientation(RGB, 6, "TIFF"))
    place = data.index(struct.pack("<HH", 274, 3))
    data[place + 2 : place + 12] = struct.pack("<HI", 1, 1) + b"\6\0\0\0"
    got = read_image(bytes(data))
    assert np.array_equal(got.rgb, np.rot90(RGB, -1)) and got.notes == ("exif-orientation",)
    assert reason(b"%!PS-Adobe") == "not-an-image"
