"""The card of an exported model tells what it reached on the test split, and how sure that is."""

import json
from pathlib import Path

import pytest

from clearbg.errors import DataError
from clearbg.evaluation.card_section import section

FACTS = {
    "max_f": 0.93341, "mae": 0.0385, "weights": "a", 
    "leaks": {"exact": 0, "near": 0, "complete": True},
    "interval": {"max_f": {"low": 0.9151, "high": 0.9474}, "mae": {"low": 0.03, "high": 0.04}},
}  # fmt: skip


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "metrics.json"


def write(path: Path, **changes) -> Path:
    path.write_text(json.dumps(FACTS | changes))
    return path


def test_each_figure_stands_beside_its_interval(path):
    lines = section(write(path), "a").splitlines()
    assert lines[1] == "## Test" and "| max Fβ ↑ | 0.9334 | 0.9151 to 0.9474 |" in lines
    assert lines[-1] == "| MAE ↓ | 0.0385 | 0.0300 to 0.0400 |"
    assert "has seen" not in "\n".join(lines)


def test_images_that_training_has_seen_are_told(path):
    leaked = {"exact": 1, "near": 2, "complete": True}
    assert "seen 3 of them" in section(write(path, leaks=leaked), "a")
    assert "is not complete" not in section(path, "a")


def test_a_list_of_training_images_that_lacks_some_is_told(path):
    text = section(write(path, leaks={"exact": 0, "near": 0, "complete": False}), "a")
    assert "alike. The list of this model's training images is not complete: more may" in text


def test_nothing_is_said_without_an_evaluation_of_these_weights(path):
    assert section(path, "a") == ""
    assert section(write(path), "b") == ""
    assert section(write(path, interval={}), "a") == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"interval": {"mae": None}}, {"interval": {"mae": {"low": 0.1}}}, {"mae": None},
        {"interval": None}, {"interval": {"dice": {"low": 0.1, "high": 0.2}}},
        {"leaks": {"exact": 0, "near": 0}}, {"leaks": None}, {"mae": "0.1"},
    ],
)  # fmt: skip
def test_figures_of_another_form_are_a_sentence(path, changes):
    with pytest.raises(DataError, match=r"metrics.json lacks .*dvc repro -f evaluate`\.$"):
        section(write(path, **changes), "a")


def test_broken_figures_are_a_sentence(path):
    path.write_text("{")
    with pytest.raises(DataError, match="dvc repro -f evaluate"):
        section(path, "a")
