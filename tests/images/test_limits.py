"""How large an image may be, whoever reads it: refused beforehand, in one sentence."""

import numpy as np
import pytest
from PIL import Image
from support.images import disc
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.errors import ImageError, SettingsError
from clearbg.images import decoding, limits, read_image, read_mask, write_image
from clearbg.system import memory


@pytest.fixture
def bomb(tmp_path, monkeypatch):
    """A folder with an image of 169 megapixels in 21 kB, its mask, and a model."""
    monkeypatch.chdir(tmp_path)
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        Image.new("1", (13_000, 13_000)).save(tmp_path / part / "b.png")
    brightness_model(tmp_path / "m.onnx")
    return tmp_path


def test_image_of_169_megapixels_is_refused_with_its_size_and_the_way_out_by_every_command(bomb):
    before = memory.peak() or 0
    for line in (
        "remove images/b.png -o o.png --model m.onnx",
        "compare images --masks masks --model m.onnx -o c.png",
        "evaluate images masks --model m.onnx",
        "score images masks",
        "doctor images masks --html d.html --json",
    ):
        done = CliRunner().invoke(app, line.split())
        told = done.output
        assert done.exit_code, line
        assert "b.png has 13,000 × 13,000 pixels, which take up to 2.4 GB of memory" in told, line
        assert "set CLEARBG_MAX_PIXELS=169000000." in told, line
    assert (memory.peak() or 0) - before < 3e8


def test_environment_raises_and_lowers_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 89_478_485)
    write_image(tmp_path / "a.png", disc(0)[0])
    pixels = disc(0)[1].size
    for limit in (pixels, 400_000_000):
        monkeypatch.setenv(limits.VARIABLE, str(limit))
        read_image(tmp_path / "a.png")
    monkeypatch.setenv(limits.VARIABLE, str(pixels - 1))
    for read in (read_image, read_mask):
        with pytest.raises(ImageError, match=f"a.png has .*set CLEARBG_MAX_PIXELS={pixels}"):
            read(tmp_path / "a.png")
        read(tmp_path / "a.png", max_pixels=pixels)  # what a caller asks for goes first
    assert Image.MAX_IMAGE_PIXELS == 200_000_000


@pytest.mark.parametrize("text", ["many", "-1", "0", "1e9", "nan", "9" * 5000])
def test_limit_that_is_no_number_is_a_sentence(text, tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", disc(0)[0])
    monkeypatch.setenv(limits.VARIABLE, text)
    with pytest.raises(SettingsError, match="give a whole number above 0"):
        read_image(tmp_path / "a.png")


def test_image_with_more_than_eight_bits_counts_twice(tmp_path):
    deep = np.full((20, 30), 40_000, np.uint16)
    for name, values in (("a.png", deep), ("a.tif", deep), ("f.tif", deep / np.float32(65535))):
        Image.fromarray(values).save(tmp_path / name)
        assert decoding.weigh(tmp_path / name) == 2 * deep.size
        read_image(tmp_path / name, max_pixels=2 * deep.size)
        with pytest.raises(ImageError, match=r"with more than 8 bits.* raise max_pixels"):
            read_image(tmp_path / name, max_pixels=2 * deep.size - 1)


def test_want_of_memory_is_not_called_damage(tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", disc(0)[0])

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "convert", fail)
    monkeypatch.setattr(Image.Image, "load", fail)
    with pytest.raises(ImageError, match=r"a.png needs more memory than there is"):
        read_image(tmp_path / "a.png")


def test_images_are_grouped_by_number_and_by_memory():
    sized = [("a", 1), ("b", 1), ("c", limits.AT_ONCE), ("d", 2 * limits.AT_ONCE), ("e", 0)]
    assert list(limits.in_groups(sized, 8)) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert list(limits.in_groups(sized[:2], 1)) == [["a"], ["b"]]


def test_processes_are_fewer_where_memory_is_short(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    for free, count in ((None, 16), (10**12, 16), (5 * 10**9, 5), (0, 1)):
        monkeypatch.setattr(memory, "available", lambda free=free: free)
        assert memory.processes(10**9) == count
