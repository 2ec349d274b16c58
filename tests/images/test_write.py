"""Resampling and writing, and what is found in a folder."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support.image_files import made_image, swapped_profile, with_orientation

from clearbg.errors import ClearBGError, ImageError
from clearbg.images import (
    encode_image,
    find_images,
    read_image,
    read_mask,
    resize,
    write_image,
    write_mask,
)


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
