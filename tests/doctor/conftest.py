"""The set of faults that several files of tests examine."""

from pathlib import Path

import pytest
from support.faulty_sets import FAULTS, clean, copied


@pytest.fixture
def faulty(tmp_path) -> tuple[Path, dict[str, set[str]]]:
    """A set of two splits with one of each fault; id -> kinds that should be found."""
    train, test = clean(tmp_path / "own/train"), clean(tmp_path / "own/test", range(110, 113))
    expected = {}
    for number, fault in enumerate(FAULTS):
        fault.write(train, f"f{number:02d}", number)
        expected[f"train-f{number:02d}"] = {fault.kind}
    copied(train, "twin", train, "c100")
    copied(train, "alike", train, "c101", quality=60)
    copied(train, "leak", test, "c110")
    copied(train, "leakish", test, "c111", quality=60)
    expected |= {
        "train-c101": {"near-duplicate"},  # the later one, by name, is told of
        "train-twin": {"duplicate"},
        "train-leak": {"duplicate-across-splits"},
        "train-leakish": {"near-duplicate-across-splits"},
    }
    return tmp_path / "own", expected
