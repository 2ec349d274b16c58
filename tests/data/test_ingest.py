"""Own images with every usual fault: quarantined with a reason, or refused in a sentence."""

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.images import disc
from support.project import demo

from clearbg import config
from clearbg.data import manifest, sources
from clearbg.data.augment import augment
from clearbg.data.ingest.cache import Cache
from clearbg.data.ingest.ingest import ingest, summary
from clearbg.errors import DataError
from clearbg.images import read_image, read_mask, write_image, write_mask


def own(folder, **changes) -> config.FolderData:
    keys = {"source": "folder", "path": str(folder), "images": "images", "masks": "masks",
            "kind": None, "count": None, "max_quarantined": 0.5, "validation": 0.2,
            "test": 0.2}  # fmt: skip
    return config.parse(demo(data={**keys, **changes})).data


def run(data: config.Data, tmp_path) -> pd.DataFrame:
    target = tmp_path / "ingested"
    shutil.rmtree(target, ignore_errors=True)
    pairs = sources.pairs(data, tmp_path / "downloads")
    return ingest(pairs, data, target, tmp_path / "quarantine.csv", Cache(tmp_path / "cache"))


def reasons(frame: pd.DataFrame) -> dict[str, str]:
    bad = frame[frame.status == "quarantined"]
    return dict(zip(bad.id, bad.reason))


def test_plain_images_are_copied_byte_for_byte(pairs_folder, tmp_path):
    folder = pairs_folder()
    frame = run(own(folder), tmp_path)
    row = frame.iloc[0]
    original = (folder / "images/p00.jpg").read_bytes()
    assert (tmp_path / "ingested" / row["image"]).read_bytes() == original
    assert row.sha256 == hashlib.sha256(original).hexdigest()


def test_every_column_is_filled(pairs_folder, tmp_path):
    frame = run(own(pairs_folder()), tmp_path)
    row = frame.iloc[0]
    assert list(frame.columns)[: len(manifest.COLUMNS)] == list(manifest.COLUMNS)
    assert (row.width, row.height, row.status, row.license) == (80, 60, "ok", "CC0-1.0")
    assert 0 < row.coverage < 0.5 and 0 < row.soft_fraction < 0.2
    assert set(frame.split) == {"train", "validation", "test"}


def test_faults_are_quarantined_with_their_reason(pairs_folder, tmp_path):
    folder = pairs_folder(14)
    rgb, alpha = disc(50)
    write_image(folder / "images/lonely.jpg", rgb)
    write_mask(folder / "masks/orphan.png", alpha)
    (folder / "images/p00.jpg").write_bytes((folder / "images/p00.jpg").read_bytes()[:900])
    (folder / "masks/p01.png").write_text("this is no image")
    write_mask(folder / "masks/p02.png", alpha[:-5])
    (folder / "images/p03.jpg").write_bytes(b"")
    frame = run(own(folder), tmp_path)
    assert reasons(frame) == {
        "lonely": "no-mask",
        "orphan": "no-image",
        "p00": "truncated",
        "p01": "not-an-image",
        "p02": "size-mismatch",
        "p03": "empty-file",
    }
    listed = pd.read_csv(tmp_path / "quarantine.csv")
    assert "60" in listed.set_index("id").detail["p02"]


def test_too_many_bad_images_are_fatal_and_listed(pairs_folder, tmp_path):
    folder = pairs_folder(8)
    for index in range(4):
        (folder / f"masks/p{index:02d}.png").unlink()
    with pytest.raises(DataError, match=r"4 of 8 .* data\.max_quarantined = 0\.1 .*quarantine"):
        run(own(folder, max_quarantined=0.1), tmp_path)
    assert len(pd.read_csv(tmp_path / "quarantine.csv")) == 4


def test_image_over_the_pixel_limit_is_quarantined(pairs_folder, tmp_path):
    folder = pairs_folder()
    rgb, alpha = disc(1, (200, 200))
    write_image(folder / "images/big.jpg", rgb)
    write_mask(folder / "masks/big.png", alpha)
    assert reasons(run(own(folder, max_pixels=10_000), tmp_path)) == {"big": "too-large"}


def test_sideways_photograph_is_turned_upright(pairs_folder, tmp_path):
    folder = pairs_folder()
    rgb, alpha = disc(3)
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.rot90(rgb).copy()).save(folder / "images/turned.jpg", exif=exif, quality=98)
    write_mask(folder / "masks/turned.png", alpha)
    frame = run(own(folder), tmp_path).set_index("id")
    upright = read_image(tmp_path / "ingested" / frame.image["turned"]).rgb
    assert np.abs(upright.astype(int) - rgb).mean() < 4


def test_same_name_in_two_folders_stays_two_images(pairs_folder, tmp_path):
    folder = pairs_folder()
    for part, suffix in (("images", "jpg"), ("masks", "png")):
        (folder / part / "more").mkdir()
        shutil.copy(folder / part / f"p05.{suffix}", folder / part / "more" / f"p05.{suffix}")
    frame = run(own(folder), tmp_path)
    assert len(frame) == 13 and frame.id.is_unique
    twins = frame[frame.sha256 == frame[frame.id == "p05"].sha256.item()]
    assert len(twins) == 2 and twins.split.nunique() == 1


def test_folder_without_images_is_a_sentence(tmp_path):
    (tmp_path / "own/images").mkdir(parents=True)
    (tmp_path / "own/masks").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        run(own(tmp_path / "own"), tmp_path)


def test_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(
        DataError, match=r"nowhere/images is not a folder: check data\.path and data\.images"
    ):
        run(own(tmp_path / "nowhere"), tmp_path)


def test_summary_counts_what_the_manifest_holds(pairs_folder, tmp_path):
    frame = run(own(pairs_folder()), tmp_path)
    facts = summary(frame)
    assert sum(facts["images"].values()) == 12
    assert facts["quarantined"] == {"total": 0}
    json.dumps(facts)


def test_digest_follows_content_not_names_of_folders(pairs_folder, tmp_path):
    folder = pairs_folder()
    first = manifest.digest(run(own(folder), tmp_path))
    assert manifest.digest(run(own(folder), tmp_path)) == first
    rgb, _ = disc(99)
    write_image(folder / "images/p00.jpg", rgb)
    assert manifest.digest(run(own(folder), tmp_path)) != first


def test_mirrored_copies_are_made_of_the_training_split_only(pairs_folder, tmp_path, tiny):
    frame = run(own(pairs_folder()), tmp_path)
    made = augment(tmp_path / "ingested", tiny.augment, tmp_path / "augmented")
    mirrored = made[made.id.str.endswith("-mirrored")]
    assert set(mirrored.split) == {"train"}
    assert len(mirrored) == (frame.split == "train").sum()
    assert not (made.split == "test").any()
    row = mirrored.iloc[0]
    twin = made[made.id == row.id.removesuffix("-mirrored")].iloc[0]
    masks = [read_mask(tmp_path / "augmented" / r["mask"])[0] for r in (row, twin)]
    assert np.array_equal(masks[0], masks[1][:, ::-1]) and masks[0].shape == (32, 32)


def test_kernel_decides_how_images_are_reduced(pairs_folder, tmp_path, tiny):
    run(own(pairs_folder()), tmp_path)
    digests = set()
    for kernel in ("bilinear", "bicubic", "lanczos"):
        settings = tiny.augment.model_copy(update={"kernel": kernel})
        made = augment(tmp_path / "ingested", settings, tmp_path / kernel)
        digests.add(made.set_index("id").sha256["p05"])
    assert len(digests) == 3


def test_mirror_off_makes_no_copies(pairs_folder, tmp_path, tiny):
    frame = run(own(pairs_folder()), tmp_path)
    settings = tiny.augment.model_copy(update={"mirror": False})
    made = augment(tmp_path / "ingested", settings, tmp_path / "augmented")
    assert len(made) == (frame.split != "test").sum()


def test_second_ingest_reads_the_new_images_only(pairs_folder, tmp_path, capsys, monkeypatch):
    folder = pairs_folder(10)
    before = run(own(folder), tmp_path)
    first = tree(tmp_path / "ingested")
    rgb, alpha = disc(77)
    for name in ("a", "b"):
        write_image(folder / f"images/{name}.webp", rgb)
        write_mask(folder / f"masks/{name}.png", alpha)
        rgb = rgb[::-1]
        alpha = alpha[::-1]
    capsys.readouterr()
    after = run(own(folder), tmp_path)
    assert "10 of 12 images are from the cache" in capsys.readouterr().out
    old = after[after.id.isin(before.id)].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, before)
    second = tree(tmp_path / "ingested")
    assert all(second[name] == data for name, data in first.items() if name != "manifest.csv")


def test_what_is_cached_is_what_reading_again_gives(pairs_folder, tmp_path):
    folder = pairs_folder(10)
    write_image(folder / "images/deep.tif", disc(70)[0])
    write_mask(folder / "masks/deep.png", disc(70)[1])
    run(own(folder), tmp_path)
    cache = tree(tmp_path / "ingested")
    run(own(folder), tmp_path)
    assert tree(tmp_path / "ingested") == cache
    shutil.rmtree(tmp_path / "cache")
    run(own(folder), tmp_path)
    assert tree(tmp_path / "ingested") == cache


@pytest.mark.parametrize("which", ["images/p03.jpg", "masks/p03.png"])
def test_changed_file_is_read_again(pairs_folder, tmp_path, which, capsys):
    folder = pairs_folder(10)
    before = run(own(folder), tmp_path).set_index("id")
    rgb, alpha = disc(55)
    write = write_mask if "masks" in which else write_image
    write(folder / which, alpha if "masks" in which else rgb)
    capsys.readouterr()
    after = run(own(folder), tmp_path).set_index("id")
    assert "9 of 10 images" in capsys.readouterr().out
    changed = "mask_sha256" if "masks" in which else "sha256"
    assert before.loc["p03", changed] != after.loc["p03", changed]


def test_damaged_cache_entry_is_read_again(pairs_folder, tmp_path):
    folder = pairs_folder(10)
    run(own(folder), tmp_path)
    whole = tree(tmp_path / "ingested")
    rows = sorted((tmp_path / "cache").rglob("row.json"))
    rows[0].write_text("{")
    rows[1].write_text("{}")
    next(rows[2].parent.rglob("*.png")).unlink()
    run(own(folder), tmp_path)
    assert tree(tmp_path / "ingested") == whole


def test_what_other_code_has_cached_is_deleted(tmp_path):
    other = tmp_path / "cache/0123"
    other.mkdir(parents=True)
    Cache(tmp_path / "cache")
    assert not other.exists()


def test_mostly_inverted_masks_are_refused_in_a_sentence(pairs_folder, tmp_path):
    folder = pairs_folder(10)
    for path in (folder / "masks").iterdir():
        write_mask(path, 255 - read_mask(path)[0])
    with pytest.raises(DataError, match="doctor"):
        run(own(folder), tmp_path)


def test_findings_are_counted(pairs_folder, tmp_path):
    folder = pairs_folder(12)
    alpha = read_mask(folder / "masks/p04.png")[0]
    Image.fromarray(alpha // 255).save(folder / "masks/p04.png")
    frame = run(own(folder), tmp_path)
    assert frame.set_index("id").findings["p04"] == "mask-0/1"
    assert summary(frame)["findings"] == {"mask-0/1": 1}


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}
