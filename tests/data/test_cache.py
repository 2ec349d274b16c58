"""Pixels in memory are those of the files, and room is asked for first."""

import os
import pickle
import time

import pytest
import torch
from support.project import TINY, demo

from clearbg import config
from clearbg.data import cache, manifest
from clearbg.data.dataset import Pairs
from clearbg.errors import DataError
from clearbg.system import memory


@pytest.fixture
def settings():
    return config.parse(demo(**{**TINY, "transform": {"crop": 32, "color": 0.3, "rotate": 20.0}}))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A project's folder: its pixels."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path / ".clearbg/pixels"


@pytest.mark.parametrize("split", ["train", "validation"])
def test_items_are_the_same_with_and_without(augmented, settings, home, split):
    plain, held = (Pairs(augmented, split, settings, mode) for mode in ("off", "on"))
    assert plain.pixels is None and held.pixels is not None
    for index in range(len(plain)):
        assert all(torch.equal(*parts) for parts in zip(plain[1, index], held[1, index]))


def test_images_are_read_from_memory_alone(augmented, settings, home):
    held = Pairs(augmented, "train", settings, "on")
    before = held[0, 0]
    (augmented / held.rows[0]["image"]).unlink()
    assert torch.equal(before[0], held[0, 0][0])


def test_next_training_finds_them(augmented, settings, home, monkeypatch):
    Pairs(augmented, "train", settings, "on")
    monkeypatch.setattr(manifest, "read_pair", None)
    assert Pairs(augmented, "train", settings, "on")[0, 0]


def test_other_masks_are_other_pixels(augmented, settings, home):
    first = Pairs(augmented, "train", settings, "on")
    one, other = (augmented / row["mask"] for row in first.rows[:2])
    one.write_bytes(other.read_bytes())
    second = Pairs(augmented, "train", settings, "on")
    assert first.pixels.path != second.pixels.path
    assert (second.pixels.alpha[0] == second.pixels.alpha[1]).all()


def test_damaged_image_is_a_sentence_and_leaves_nothing(augmented, settings, home):
    row = Pairs(augmented, "train", settings).rows[0]
    (augmented / row["image"]).write_bytes(b"no image")
    with pytest.raises(DataError, match=os.path.basename(row["image"])):
        Pairs(augmented, "train", settings, "on")
    assert not any(home.iterdir())


def test_another_process_gets_the_place_and_not_the_pixels(augmented, settings, home):
    held = Pairs(augmented, "train", settings, "on")
    held.read(0)
    sent = pickle.dumps(held.pixels)
    assert len(sent) < 1000
    assert (pickle.loads(sent).images == held.pixels.images).all()


def test_auto_takes_half_of_the_free_memory_and_says_so(
    augmented, settings, home, monkeypatch, capsys
):
    monkeypatch.setattr(memory, "available", lambda: 90_000)
    count = len(Pairs(augmented, "train", settings))
    assert count * 32 * 32 * 4 > 45_000
    assert Pairs(augmented, "train", settings, "auto").pixels is None
    assert f"cache: {count} train images" in capsys.readouterr().out
    monkeypatch.setattr(memory, "available", lambda: 10**9)
    assert Pairs(augmented, "train", settings, "auto").pixels is not None
    assert "in memory" in capsys.readouterr().out


def test_pixels_that_nobody_asked_for_in_a_week_go(augmented, settings, home):
    home.mkdir(parents=True)
    for name, days in (("old", 8), ("new", 6)):
        (home / f"{name}.bin").write_bytes(b"")
        os.utime(home / f"{name}.bin", (time.time() - days * 86400,) * 2)
    Pairs(augmented, "train", settings, "on")
    names = {path.stem for path in home.iterdir()}
    assert "new" in names and "old" not in names


def test_sizes_that_differ_are_not_held(augmented, settings, home):
    rows = [{"height": 8, "width": 8}, {"height": 8, "width": 9}]
    assert cache.cached(augmented, rows, "train", "auto") is None
    with pytest.raises(DataError, match="2 sizes"):
        cache.cached(augmented, rows, "train", "on")


@pytest.mark.parametrize(
    "limit, stat, free",
    [("max", "inactive_file 0", 8_192_000), ("5000000", "anon 9\ninactive_file 500000", 3_500_000)],
)
def test_free_memory_respects_a_containers_limit(tmp_path, limit, stat, free):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    for name, text in (
        ("memory.max", limit), ("memory.current", "2000000"), ("memory.stat", stat)
    ):  # fmt: skip
        (group / name).write_text(text)
    assert memory.available(tmp_path) == free


def test_free_memory_of_an_unknown_system_is_unknown(tmp_path):
    assert memory.available(tmp_path) is None
    assert memory.available() is None or memory.available() > 0
