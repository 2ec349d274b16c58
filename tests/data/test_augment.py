from itertools import pairwise

import numpy as np
import pytest
from support.project import demo

from clearbg import config
from clearbg.data import manifest
from clearbg.data.augment import augment, tiles
from clearbg.images import write_image, write_mask
from clearbg.images.tiling import extend

TILE = {"fit": "tile", "overlap": 8, "size": 32, "mirror": False}


def settings(**changes) -> config.Augment:
    plain = demo()["augment"]
    del plain["kernel"]
    return config.Augment.model_validate(plain | TILE | changes)


@pytest.fixture
def page(tmp_path):
    """Makes an ingested folder of one page of noise, named p, and returns its two arrays."""

    def make(height: int, width: int, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        alpha = rng.integers(0, 256, (height, width), dtype=np.uint8)
        write_image(tmp_path / "ingested/images/p.png", rgb)
        write_mask(tmp_path / "ingested/masks/p.png", alpha)
        row = {**dict.fromkeys(manifest.COLUMNS, ""), "id": "p", "split": split, "group": "book",
               "image": "images/p.png", "mask": "masks/p.png", "width": width, "height": height,
               "status": "ok"}  # fmt: skip
        manifest.write([row], tmp_path / "ingested/manifest.csv")
        return rgb, alpha

    return make


def cut(folder, **changes) -> dict[str, tuple[dict, np.ndarray, np.ndarray]]:
    """id -> row, image and alpha of every tile of the ingested page."""
    made = augment(folder / "ingested", settings(**changes), folder / "augmented")
    return {
        row["id"]: (row, *manifest.read_pair(folder / "augmented", row))
        for row in made.to_dict("records")
    }


@pytest.mark.parametrize(
    "height, width, side, overlap",
    [(32, 32, 32, 0), (33, 90, 32, 8), (200, 77, 32, 15), (80, 56, 32, 8), (500, 41, 40, 19)],
)
def test_tiles_cover_every_pixel_and_share_the_overlap(height, width, side, overlap):
    seen = np.zeros((height, width), int)
    for _, _, top, left in tiles(height, width, side, overlap):
        assert 0 <= top <= height - side and 0 <= left <= width - side
        seen[top : top + side, left : left + side] += 1
    assert seen.min() == 1
    starts = sorted({top for _, _, top, _ in tiles(height, width, side, overlap)})
    assert all(below - above <= side - overlap for above, below in pairwise(starts))
    assert starts[-1] == height - side


def test_tiles_of_a_page_that_a_hand_can_count():
    places = list(tiles(56, 70, 32, 8))
    assert places == [
        (0, 0, 0, 0), (0, 1, 0, 24), (0, 2, 0, 38), (1, 0, 24, 0), (1, 1, 24, 24), (1, 2, 24, 38)
    ]  # fmt: skip


def test_tiles_put_back_together_give_the_page(page, tmp_path):
    rgb, alpha = page(75, 90)
    again, truth = np.zeros_like(rgb), np.zeros_like(alpha)
    pieces = cut(tmp_path)
    for row, column, top, left in tiles(75, 90, 32, 8):
        _, part, part_alpha = pieces.pop(f"p-r{row:02d}-c{column:02d}")
        again[top : top + 32, left : left + 32] = part
        truth[top : top + 32, left : left + 32] = part_alpha
    assert not pieces
    assert np.array_equal(again, rgb) and np.array_equal(truth, alpha)


def test_row_of_a_tile_tells_its_size_coverage_and_group(page, tmp_path):
    page(40, 64)
    for row, _, alpha in cut(tmp_path).values():
        assert (row["height"], row["width"], row["group"]) == (32, 32, "book")
        assert row["coverage"] == pytest.approx(alpha.mean() / 255, abs=1e-6)
        assert row["image"] == f"images/{row['id']}.png"


@pytest.mark.parametrize("height, width", [(20, 90), (90, 20), (5, 7), (1, 1)])
def test_page_smaller_than_a_tile_is_reflected(page, tmp_path, height, width):
    rgb, alpha = page(height, width)
    _, part, truth = cut(tmp_path)["p-r00-c00"]
    assert part.shape == (32, 32, 3) and truth.shape == (32, 32)
    high, wide = min(height, 32), min(width, 32)
    assert np.array_equal(part[:high, :wide], rgb[:high, :wide])
    assert np.array_equal(truth[:high, :wide], alpha[:high, :wide])
    assert set(truth.flat) <= set(alpha.flat)


def test_reflection_mirrors_at_the_last_pixel():
    assert extend(np.array([[1, 2, 3]]), 1, 5)[0].tolist() == [1, 2, 3, 2, 1]


def test_tiles_of_training_are_mirrored_too(page, tmp_path):
    page(32, 56)
    pieces = cut(tmp_path, mirror=True)
    assert sorted(pieces) == ["p-r00-c00", "p-r00-c00-mirrored", "p-r00-c01", "p-r00-c01-mirrored"]
    for name in ("p-r00-c00", "p-r00-c01"):
        for plain, mirrored in zip(pieces[name][1:], pieces[name + "-mirrored"][1:]):
            assert np.array_equal(plain, mirrored[:, ::-1])


def test_tiles_of_validation_are_not_mirrored(page, tmp_path):
    page(32, 56, split="validation")
    assert sorted(cut(tmp_path, mirror=True)) == ["p-r00-c00", "p-r00-c01"]


def test_stretch_brings_every_image_to_the_size(ingested, tmp_path):
    stretch = config.Augment.model_validate(demo()["augment"] | {"size": 48})
    made = augment(ingested, stretch, tmp_path / "augmented")
    for row in made.to_dict("records"):
        rgb, alpha = manifest.read_pair(tmp_path / "augmented", row)
        assert rgb.shape == (48, 48, 3) and alpha.shape == (48, 48)
        assert row["image"].endswith(".jpg") and (row["width"], row["height"]) == (48, 48)
