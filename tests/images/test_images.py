import contextlib
import io
import os
import random
import struct
import subprocess
import sys
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from clearbg.errors import ClearBGError, ImageError
from clearbg.images import (
    decoding,
    encode_image,
    find_images,
    read_image,
    read_mask,
    resize,
    write_image,
    write_mask,
)

FORMATS = ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "GIF", "BMP", "PPM", "JPEG2000", "HEIF"]

pillow_heif.register_heif_opener()


def made_image(height=24, width=36):
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], -1).astype(np.uint8)


def encoded(image, format="PNG", **options):
    buffer = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(
        buffer, format, **options
    )
    return buffer.getvalue()


def png(bits, color, rows, *extra):
    """A PNG with depths and color kinds that Pillow cannot write; rows is (H, bytes)."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    height, row_bytes = rows.shape
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    header = struct.pack(
        ">IIBBBBB", row_bytes * 8 // bits // channels, height, bits, color, 0, 0, 0
    )
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = [chunk(b"IHDR", header), *(chunk(*pair) for pair in extra)]
    chunks += [chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def sixteen_bit_png(values, *extra):
    color = {1: 0, 2: 4, 3: 2, 4: 6}[values.shape[2]]
    rows = values.astype(">u2").reshape(values.shape[0], -1).view(np.uint8)
    return png(16, color, rows, *extra)


def reason(source, **options):
    with pytest.raises(ImageError) as caught:
        read_image(source, **options)
    return caught.value.reason


# What read_image makes of formats and modes


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


def test_sixteen_bit_gray_with_alpha_says_that_it_was_reduced():
    got = read_image(sixteen_bit_png(np.full((3, 3, 2), 40_000, np.uint16)))
    assert got.deep is None
    assert "16-bit-as-8" in got.notes


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_sixteen_bit_gray_tiff_keeps_all_bits(compression):
    values = np.random.default_rng(0).integers(0, 65536, (5, 7), np.uint16)
    got = read_image(encoded(values, "TIFF", compression=compression))
    assert np.array_equal(got.deep[..., 0], values)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_color_tiff_keeps_all_bits(order):
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 3), np.uint16)
    data = values.astype(order + "u2").tobytes()
    offset = 8 + 2 + 12 * 9 + 4
    entries = [
        (256, 4, 7),
        (257, 4, 5),
        (258, 3, 16),
        (259, 3, 1),
        (262, 3, 2),
        (273, 4, offset + 6),
    ]
    entries += [(277, 3, 3), (278, 4, 5), (279, 4, len(data))]
    tiff = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, 8)
    tiff += struct.pack(order + "H", len(entries))
    for tag, kind, value in entries:
        if tag == 258:
            tiff += struct.pack(order + "HHII", tag, kind, 3, offset)
        else:
            packed = struct.pack(
                order + ("HH" if kind == 3 else "I"), *(value, 0)[: 4 // 2 if kind == 3 else 1]
            )
            tiff += struct.pack(order + "HHI", tag, kind, 1) + packed
    tiff += struct.pack(order + "I", 0) + struct.pack(order + "3H", 16, 16, 16) + data
    assert np.array_equal(read_image(tiff).deep, values)


def test_float_tiff_in_zero_to_one_is_read():
    got = read_image(encoded(np.array([[0, 0.5, 1]], np.float32), "TIFF"))
    assert got.rgb[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("values", [[[0.0, 2.0]], [[float("nan"), 1.0]]])
def test_float_tiff_outside_zero_to_one_is_refused(values):
    assert reason(encoded(np.array(values, np.float32), "TIFF")) == "unreadable"


def test_first_frame_of_an_animation_is_read():
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    got = read_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert got.rgb[0, 0].tolist() == [255, 0, 0]
    assert "first-frame" in got.notes


def test_dpi_is_carried():
    assert read_image(encoded(made_image(), "JPEG", dpi=(300, 300))).dpi == (300, 300)


# Color spaces


def profile(space="sRGB"):
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()


def swapped_profile():
    """sRGB with the red and blue primaries' tags renamed, hence a visibly different space."""
    data = profile()
    return data.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")


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


# EXIF


def with_orientation(array, orientation, format="JPEG", **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "maker"
    return encoded(array, format, exif=exif, **options)


TURNS = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: np.rot90,
}


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


def test_carried_exif_has_no_orientation():
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


# Files that are not what they seem


def test_missing_file(tmp_path):
    assert reason(tmp_path / "none.png") == "missing"


def test_folder_in_place_of_a_file(tmp_path):
    assert reason(tmp_path) == "unreadable"


def test_empty_file():
    assert reason(b"") == "empty-file"


def test_text_named_as_an_image(tmp_path):
    (tmp_path / "page.png").write_text("<html>not found</html>")
    assert reason(tmp_path / "page.png") == "not-a-image"


def test_message_names_the_file(tmp_path):
    (tmp_path / "page.png").write_text("<html>not found</html>")
    with pytest.raises(ImageError, match=r"page\.png"):
        read_image(tmp_path / "page.png")


def test_message_takes_the_given_name():
    with pytest.raises(ImageError, match="upload 3"):
        read_image(b"", name="upload 3")


def test_postscript_is_never_run():
    assert reason(encoded(made_image(), "EPS")) == "not-a-image"


def test_heic_without_its_reader_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    decoding._formats.cache_clear()
    with pytest.raises(ImageError, match=r"clearbg\[heic\]"):
        read_image(encoded(made_image(), "HEIF"))
    decoding._formats.cache_clear()


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("format", FORMATS)
def test_cut_file_is_truncated(format, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(noise, format)
    assert reason(data[: int(len(data) * share)]) == "truncated"


@pytest.mark.parametrize("format", FORMATS)
def test_cut_header_is_refused(format):
    data = encoded(made_image(), format)
    for length in range(1, 60):
        assert reason(data[:length]) in {"truncated", "unreadable", "not-a-image"}


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


# Masks


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


def test_sixteen_bit_mask_is_divided_by_257():
    alpha, notes = read_mask(encoded(np.array([[0, 257 * 100, 65535]], np.uint16)))
    assert alpha.tolist() == [[0, 100, 255]]
    assert notes == ("16-bit",)


# Resampling


@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_colors_are_resized_channel_by_channel(kernel):
    got = resize(made_image(), (11, 50), kernel)
    apart = [resize(made_image()[..., c], (11, 50), kernel) for c in range(3)]
    assert np.array_equal(got, np.stack(apart, -1))


def test_alpha_does_not_weigh_the_colors():
    rgba = np.dstack([made_image(), np.zeros((24, 36), np.uint8)])
    assert np.array_equal(resize(rgba, (10, 10))[..., :3], resize(made_image(), (10, 10)))


def test_same_size_changes_nothing():
    floats = made_image().astype(np.float32) / 255
    assert np.array_equal(resize(floats, (24, 36)), floats)


def test_reduction_is_antialiased():
    stripes = np.tile(np.array([0.0, 1.0], np.float32), (8, 32))
    assert np.allclose(resize(stripes, (4, 8))[:, 1:-1], 0.5, atol=0.05)


# Writing


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_written_image_reads_back_exactly(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    write_image(path, made_image(), made_image()[..., 0], quality=100)
    got = read_image(path)
    assert np.array_equal(got.rgb, made_image())
    assert np.array_equal(got.alpha, made_image()[..., 0])


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".jpg"])
def test_profile_and_exif_survive_a_round_trip(tmp_path, suffix):
    source = read_image(with_orientation(made_image(), 6, icc_profile=swapped_profile()))
    path = tmp_path / f"out{suffix}"
    write_image(path, source.rgb, icc_profile=source.icc_profile, exif=source.exif, dpi=(72, 72))
    got = read_image(path)
    assert got.icc_profile == source.icc_profile
    assert got.exif == source.exif or suffix == ".tif"
    assert (got.height, got.width) == (36, 24)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_same_image_gives_the_same_bytes(format):
    assert encode_image(made_image(), format=format) == encode_image(made_image(), format=format)


def test_jpeg_refuses_transparency(tmp_path):
    with pytest.raises(ImageError, match="no transparency"):
        write_image(tmp_path / "a.jpg", made_image(), made_image()[..., 0])
    assert not list(tmp_path.iterdir())


def test_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(ImageError, match="choose one of"):
        write_image(tmp_path / "a.xyz", made_image())


def test_image_too_wide_for_webp_is_refused():
    with pytest.raises(ImageError, match="16384"):
        encode_image(np.zeros((1, 16_384, 3), np.uint8), format="WEBP")


def test_unwritable_folder_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ClearBGError, match="could not be written"):
        write_image(tmp_path / "file" / "a.png", made_image())


def test_written_mask_is_gray(tmp_path):
    write_mask(tmp_path / "m.png", made_image()[..., 0])
    with Image.open(tmp_path / "m.png") as image:
        assert image.mode == "L"
    assert np.array_equal(read_mask(tmp_path / "m.png")[0], made_image()[..., 0])


# Folders


def test_images_are_found_sorted_and_hidden_ones_left_out(tmp_path):
    for name in ("b.PNG", "sub/a.jpg", "notes.txt", "._b.png", ".hidden/c.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert find_images(tmp_path) == [tmp_path / "b.PNG", tmp_path / "sub/a.jpg"]


def test_loop_of_links_is_walked_once(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.png").touch()
    os.symlink(tmp_path, tmp_path / "sub/loop")
    assert find_images(tmp_path) == [tmp_path / "sub/a.png"]


def test_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(ImageError, match="nowhere"):
        find_images(tmp_path / "nowhere")


def test_import_is_light():
    code = "import sys, clearbg.images; print({'torch', 'cv2', 'pandas'} & sys.modules.keys())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "set()\n"
