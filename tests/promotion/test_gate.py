"""What the gate asks besides a gain: no leak, parity, license, and settings that fit."""

import json
from pathlib import Path

import pytest
from support import contenders
from support.contenders import CANDIDATE, settings
from support.project import ROOT, demo

from clearbg import config, licenses
from clearbg.data import leaks
from clearbg.data.baselines import mean, write_mean_mask
from clearbg.data.manifest import read_alpha
from clearbg.errors import SettingsError
from clearbg.metrics.names import FAMILIES, LOWER_IS_BETTER
from clearbg.promotion import gate, scoring
from clearbg.promotion.promote import judge
from clearbg.system import dvc_lock


def judged_leaks(folder):
    split = scoring.read_split(folder / "data/ingested")
    contract = scoring.Remover(folder / "exports/model.onnx").contract
    return gate.of_leaks("challenger", folder / "exports", contract, split, 0.0)


def test_test_image_that_was_trained_on_is_a_leak(project):
    assert judged_leaks(project).holds
    contenders.export(project, seen=["2"])
    check = judged_leaks(project)
    assert not check.holds
    assert "1 of 7 test images (2)" in check.found


def test_missing_list_of_training_images_is_no_clean_one(project):
    (project / "exports" / leaks.FILE).unlink()
    assert "does not exist" in judged_leaks(project).found
    assert not judged_leaks(project).holds


def test_model_that_does_not_beat_masks_is_refused_with_a_sentence(project):
    split = scoring.read_split(project / "data/ingested")

    def judged() -> gate.Check:
        measured = scoring.measure(split, CANDIDATE.model, "mae", 1)
        return gate.of_baselines(scoring.beside(split, measured, "mae"))

    assert judged().holds and "the model beats the" in judged().found
    truths = [read_alpha(split.folder, row) for _, row in split.rows.iterrows()]
    write_mean_mask(mean(truths[:1]), project / "exports")
    assert judged().holds
    contenders.export(project, 0.0, 0.0)  # alpha is 0 everywhere
    assert not judged().holds
    assert "the model does not beat the empty mask" in judged().found
    challenge = judge(CANDIDATE, settings(min_score=1.0))
    assert not challenge.verdict.promoted and "does not beat" in challenge.verdict.sentence
    assert "does not beat the empty mask" in CANDIDATE.report.read_text()


@pytest.mark.parametrize(
    ("figures", "holds"),
    [
        ({}, True),
        ({"max_difference": 0.1}, False),
        ({"mae_loss": 0.1}, False),
        ({"mae_loss": float("nan")}, False),
    ],
)
def test_parity_is_held_against_its_budgets(project, figures, holds):
    path = CANDIDATE.parity
    found = json.loads(path.read_text())
    found["fp32"] |= figures
    path.write_text(json.dumps(found))
    check = gate.of_parity(path, Path("exports"), CANDIDATE.lock, settings().export)
    assert check.holds == holds


def test_parity_of_another_export_is_refused(project):
    lock = {
        "stages": {
            "export": {
                "outs": [
                    {"path": "exports", "md5": dvc_lock.folder_md5(Path("exports"))},
                    {"path": str(CANDIDATE.parity), "md5": "0" * 32},
                ]
            }
        }
    }
    CANDIDATE.lock.write_text(json.dumps(lock))
    check = gate.of_parity(CANDIDATE.parity, Path("exports"), CANDIDATE.lock, settings().export)
    assert not check.holds
    assert "is not of this export: run `dvc repro export`" in check.found


@pytest.mark.parametrize(("source", "holds"), [("synthetic", True), ("duts", False)])
def test_closed_license_is_refused_only_on_request(prepared, source, holds):
    origin = licenses.origin(source, licenses.OFFICIAL[source], 9)
    contract = scoring.Remover(prepared / "exports/model.onnx").contract
    contract = contract.__class__(**{**vars(contract), "trained_on": (origin,)})
    assert gate.of_license(contract, commercial_only=True).holds == holds
    assert gate.of_license(contract, commercial_only=False).holds


def test_metric_is_the_one_that_training_selected_by():
    assert gate.metric_of(config.parse(demo())) == "max_f"
    assert gate.metric_of(settings(metric="dice")) == "dice"


def test_loss_is_no_metric_of_an_exported_model():
    raw = demo(train={"select_by": "loss"})
    with pytest.raises(SettingsError, match=r"promote\.metric: an exported model has no loss"):
        gate.metric_of(config.parse(raw))


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_margins_of_a_recipe_go_with_its_metric(path):
    asked = config.load(path)
    metric, promote = gate.metric_of(asked), asked.promote
    assert metric in {name for names in FAMILIES.values() for name in names}
    assert 0 < promote.margin <= promote.max_slice_drop
    if metric not in LOWER_IS_BETTER:
        assert promote.max_slice_drop < 0.1 and 0.5 < promote.min_score < 1
