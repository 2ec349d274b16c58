import re

import pandas as pd
import pytest

from clearbg.data import manifest
from clearbg.errors import DataError


def rows(count: int) -> list[dict]:
    """Images that resemble one another in nothing."""
    hashes = [f"{i * 0x9E3779B97F4A7C15 % 2**64:016x}" for i in range(count)]
    return [
        {"id": f"p{i}", "group": f"p{i}", "own_group": f"p{i}", "split": "", "phash": phash}
        for i, phash in enumerate(hashes)
    ]


def splits(items: list[dict], seed: int = 1) -> dict[str, str]:
    manifest.assign_splits(items, seed, validation=0.2, test=0.2)
    return {row["id"]: row["split"] for row in items}


def test_added_images_move_no_others():
    before, after = splits(rows(50)), splits(rows(200))
    assert all(after[name] == split for name, split in before.items())


def test_shares_are_nearly_as_asked():
    counts = pd.Series(splits(rows(2000))).value_counts(normalize=True)
    assert counts["test"] == pytest.approx(0.2, abs=0.03)
    assert counts["validation"] == pytest.approx(0.2, abs=0.03)


def test_another_seed_splits_otherwise():
    assert splits(rows(50), seed=1) != splits(rows(50), seed=2)


def test_group_stays_in_one_split_and_draws_once_whatever_its_size():
    items = rows(1600)
    for row in items:
        row["group"] = row["own_group"] = f"car{int(row['id'][1:]) // 16}"
    splits(items)
    frame = pd.DataFrame(items)
    assert frame.groupby("group").split.nunique().max() == 1
    assert 0.05 < frame.split.eq("test").mean() < 0.4


def test_group_that_near_duplicates_join_never_leaves_the_test_split():
    lone = splits(rows(40))
    tested = next(name for name, split in lone.items() if split == "test")
    grown = rows(60)
    for row in grown:
        if row["id"] == tested or int(row["id"][1:]) >= 40:
            row["group"] = "joined"
    assert splits(grown)[tested] == "test"
    assert {row["split"] for row in grown if row["group"] == "joined"} == {"test"}


@pytest.mark.parametrize("shares", [(0.3, 0.01), (0.01, 0.3)])
def test_share_that_draws_no_image_is_a_sentence_with_one_that_does(shares):
    split = ("validation", "test")[shares.index(0.01)]
    with pytest.raises(DataError, match=f"12 groups .* none for {split}") as caught:
        manifest.assign_splits(rows(12), 1, *shares)
    enough = float(re.search(rf"data\.{split} to (0\.\d\d)", str(caught.value))[1])
    shares = [enough if share == 0.01 else share for share in shares]
    items = rows(12)
    manifest.assign_splits(items, 1, *shares)
    assert {row["split"] for row in items} == {"train", "validation", "test"}


def test_near_duplicate_of_an_official_test_image_is_quarantined():
    items = rows(4)
    items[0]["split"] = "test"
    items[2]["group"] = items[3]["group"] = items[0]["group"]
    items[3]["split"] = "train"
    (copy,) = manifest.quarantine_copies_of_test(items)
    assert copy is items[2] and copy["status"] == "quarantined" and "p0" in copy["detail"]


def test_official_split_is_kept():
    items = rows(20)
    for row in items[:5]:
        row["split"] = "test"
    manifest.assign_splits(items, 1, validation=0.3, test=0.0)
    assert [row["split"] for row in items[:5]] == ["test"] * 5
    assert {row["split"] for row in items[5:]} == {"train", "validation"}


def test_near_duplicates_form_one_group_and_strangers_do_not():
    items = rows(4)
    items[2]["phash"] = f"{int(items[0]['phash'], 16) ^ 0b101:016x}"
    manifest.group_near_duplicates(items)
    groups = [row["group"] for row in items]
    assert groups[0] == groups[2] and len(set(groups)) == 3


def test_missing_manifest_says_what_to_run(tmp_path):
    with pytest.raises(DataError, match="dvc repro"):
        manifest.read(tmp_path)
