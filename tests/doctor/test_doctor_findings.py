"""`clearbg doctor` finds every fault and nothing else, in pairs and in the set as a whole."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from support.faulty_sets import (
    CLEAN,
    FAULTS,
    Fault,
    clean,
    copied,
    examined,
    found,
    hard,
    png,
    scene,
)

from clearbg.doctor import checkup, layouts
from clearbg.images import finding, read_mask, write_mask
from clearbg.system import progress

ODD_NAMES = 3 if sys.platform == "linux" else 2
JAPANESE, LINKED = 1, 2


def test_every_fault_is_found_and_nothing_else(faulty):
    folder, expected = faulty
    status, facts = examined(folder)
    assert found(facts) == expected
    assert status == facts["status"] == 2
    assert facts["statistics"]["splits"]["test"] == 3
    assert facts["statistics"]["pairs"] == len(FAULTS) + 4 + 4 + 3 + ODD_NAMES + JAPANESE + LINKED
    assert facts["unpaired"] == []
    assert {why: [Path(p).name for p in paths] for why, paths in facts["left_out"].items()} == {
        finding.SYSTEM: ["@eaDir"], finding.SPECIAL: ["pipe.jpg"], finding.OTHER_NAME: ["notes.txt"]
    }  # fmt: skip


def test_folder_that_may_not_be_read_is_left_out_and_said(tmp_path, monkeypatch):
    folder = clean(tmp_path / "own", range(2))
    (folder / "images/private").mkdir()
    real = os.scandir

    def scandir(path="."):
        if Path(os.fsdecode(path)).name == "private":  # root reads also what has no permissions
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    status, facts = examined(folder)
    assert (status, facts["statistics"]["pairs"]) == (0, 2)
    assert facts["left_out"] == {finding.FORBIDDEN: [str(folder / "images/private")]}


def test_set_of_inverted_masks_is_told_and_fixed(tmp_path):
    for number in range(6):
        Fault("x", mask=lambda a: png(255 - a)).write(tmp_path / "own", f"p{number}", number)
    Fault("x", mask=lambda a: png(a * 0 + 255)).write(tmp_path / "own", "nothing", 6)
    CLEAN.write(tmp_path / "own", "upright", 7)
    status, facts = examined("own", "--fix", "fixed")
    assert status == 1
    assert found(facts) == {f"p{n}": {"inverted"} for n in range(6)} | {
        "nothing": {"inverted", "empty"}  # white everywhere, in a set that is white on black
    }
    status, facts = examined("fixed")
    assert status == 0 and found(facts) == {"nothing": {"empty"}}
    for number, name in enumerate([*(f"p{n}" for n in range(6)), "upright"]):
        alpha = read_mask(f"fixed/masks/{name}.png")[0]
        assert np.array_equal(alpha, scene(number if name != "upright" else 7)[1])


def test_single_inverted_mask_stays_a_suspicion(tmp_path):
    folder = clean(tmp_path / "own")
    Fault("x", mask=lambda a: png(255 - a)).write(folder, "a", 1)
    status, facts = examined(folder)
    assert status == 0 and found(facts) == {"a": {"maybe-inverted"}}
    assert "along the frame" in facts["findings"][0]["detail"]  # the evidence


def test_twin_with_another_mask_is_told_of(tmp_path):
    folder = clean(tmp_path / "own")
    copied(folder, "twin", folder, "c100")
    write_mask(folder / "masks/twin.png", scene(55)[1])
    assert "different masks" in examined(folder)[1]["findings"][0]["detail"]


def test_copy_is_left_out_of_the_less_protected_split(tmp_path):
    for split in ("train", "validation", "test"):
        clean(tmp_path / "own" / split, [{"train": 1, "validation": 2, "test": 3}[split]])
    copied(tmp_path / "own/train", "a", tmp_path / "own/validation", "c2")
    copied(tmp_path / "own/validation", "b", tmp_path / "own/test", "c3")
    _, facts = examined("own", "--fix", "fixed")
    kind = "duplicate-across-splits"
    assert found(facts) == {"train-a": {kind}, "validation-b": {kind}}
    kept = {path.relative_to("fixed").as_posix() for path in Path("fixed").rglob("*.jpg")}
    assert kept == {"train/images/c1.jpg", "validation/images/c2.jpg", "test/images/c3.jpg"}


def test_statistics_describe_the_usable_pairs(tmp_path):
    folder = clean(tmp_path / "own", range(4))
    Fault("x", mask=lambda a: png(hard(a) // 255 * 3)).write(folder, "classes", 5)
    Fault("no-mask", mask=None).write(folder, "lonely", 6)
    facts = examined(folder)[1]["statistics"]
    assert (facts["pairs"], facts["usable"]) == (6, 5)
    assert facts["width"] == {"min": 80, "median": 80, "max": 80}
    cover = [scene(n)[1].mean() / 255 for n in range(4)] + [hard(scene(5)[1]).mean() / 255]
    assert facts["coverage"]["mean"] == pytest.approx(np.mean(cover), abs=1e-4)
    assert sum(facts["coverage_histogram"]) == 5
    assert facts["classes"]["3"] == {"masks": 1, "share": pytest.approx(cover[-1], abs=1e-4)}


@pytest.mark.slow
def test_many_pairs_are_examined_by_several_processes(tmp_path, monkeypatch):
    folder = clean(tmp_path / "own", range(3))
    pairs = layouts.find([folder]).pairs
    alone = checkup.check(pairs)
    monkeypatch.setattr(progress, "FEW", 1)
    assert [row.findings for row in checkup.check(pairs)] == [row.findings for row in alone]
