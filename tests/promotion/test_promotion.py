"""The gate: who becomes champion, who does not, and what both are told."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import contenders
from support.contenders import CANDIDATE, settings
from support.project import ROOT, demo

from clearbg import config, licenses
from clearbg.data import leaks
from clearbg.errors import DataError, RegistryError, SettingsError
from clearbg.evaluation import evaluate
from clearbg.metrics.names import FAMILIES, LOWER_IS_BETTER
from clearbg.promotion import frozen, gain, gate
from clearbg.promotion.ledger import EVIDENCE, Ledger
from clearbg.promotion.promote import promote, rollback
from clearbg.system import dvc_lock
from clearbg.tracking import registry
from clearbg.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS

REPORT = Path("reports/promotion.md")
SIMULATION = importlib.util.spec_from_file_location("s", ROOT / "benchmarks/promotion.py")
benchmark = importlib.util.module_from_spec(SIMULATION)
SIMULATION.loader.exec_module(benchmark)


# What the figures say -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "least", "most"), [("better", 0.9, 1.0), ("equal", 0.0, 0.05), ("broken", 0.0, 0.0)]
)
def test_of_200_retrainings_the_better_are_promoted_and_the_others_not(kind, least, most):
    share = benchmark.simulate(kind, 200, 250, 0.04, benchmark.DEFAULTS).mean()
    assert least <= share <= most


def scored(values, empty=None):
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    alphas = np.full(len(values), np.nan) if empty is None else np.asarray(empty, dtype=float)
    return gain.Scored(values, alphas)


def compared(before, after, *, lower=False, groups=None, slices=None, **promote):
    shown = gain.images(groups or [str(k) for k in range(len(before.values))], slices or {})
    return gain.compare(before, after, shown, lower, settings(**promote).promote)


def test_gain_is_positive_where_a_lower_metric_falls():
    found, _ = compared(scored([0.3, 0.4, 0.5]), scored([0.2, 0.3, 0.4]), lower=True)
    assert (found.value, found.low) == pytest.approx((0.1, 0.1))
    assert not compared(scored([0.3, 0.4]), scored([0.2, 0.3]))[0].value > 0


def test_interval_covers_the_true_gain_as_often_as_it_says():
    rng = np.random.default_rng(1)
    shown, asked = gain.images([str(k) for k in range(20)], {}), settings().promote
    hits = []
    for _ in range(300):
        before = rng.normal(0.8, 0.1, 20)
        after = before + rng.normal(0.02, 0.05, 20)
        found, _ = gain.compare(scored(before), scored(after), shown, False, asked)
        hits.append(found.low <= 0.02 <= found.high)
    assert 0.92 <= np.mean(hits) <= 0.99


def test_images_of_one_group_are_drawn_together():
    change = np.repeat([0.0, 0.1, 0.05, 0.02, 0.08, 0.01], 8)
    before = scored(np.full(48, 0.5))
    single, _ = compared(before, scored(0.5 + change))
    grouped, _ = compared(before, scored(0.5 + change), groups=[str(k // 8) for k in range(48)])
    assert grouped.groups == 6
    assert grouped.high - grouped.low > 2 * (single.high - single.low)


def test_same_scores_give_the_same_interval():
    rng = np.random.default_rng(2)
    models = [scored(rng.random(12)) for _ in range(2)]
    assert compared(*models) == compared(*models)


def test_image_without_a_value_is_left_out_of_both():
    found, _ = compared(scored([0.5, np.nan, 0.5, 0.5]), scored([0.6, 0.9, 0.6, np.nan]))
    assert found.images == 2
    assert found.value == pytest.approx(0.1)


def test_curve_counts_by_the_largest_of_its_averages():
    before = scored(np.array([[1.0, 0.0, 0.4], [0.0, 1.0, 0.4], [0.0, 1.0, 0.4]]))
    found, _ = compared(before, scored(np.full((3, 3), 0.9)))
    assert found.champion == pytest.approx(2 / 3)
    assert found.challenger == pytest.approx(0.9)


def test_too_few_images_promote_nobody():
    found, _ = compared(scored([0.1, 0.2]), scored([0.9, 0.9]), min_images=3)
    check = gate.of_gain(found, "dice", settings(min_images=3).promote)
    assert not check.holds
    assert "2 groups" in check.found and "min_images = 3" in check.found


@pytest.mark.parametrize(("size", "holds"), [(5, False), (2, True)])
def test_slice_below_its_floor_is_named_when_it_is_large_enough(size, holds):
    change = np.full(40, 0.1)
    change[:size] = -0.2
    rows = np.arange(40) < size
    before, after = scored(np.full(40, 0.7)), scored(0.7 + change)
    _, parts = compared(before, after, slices={"dark": rows}, max_slice_drop=0.05, min_images=3)
    check = gate.of_slices(parts, "dice")
    assert check.holds == holds
    assert ("dark: 0.7000 → 0.5000 over 5 images" in check.found) != holds


def test_alpha_where_there_is_no_subject_is_a_slice():
    values = [np.nan] * 4 + [0.5] * 10
    before = scored(values, [0.0] * 4 + [np.nan] * 10)
    after = scored([np.nan] * 4 + [0.9] * 10, [0.3] * 4 + [np.nan] * 10)
    _, parts = compared(before, after, max_empty_alpha_rise=0.02)
    assert "no subject" in gate.of_slices(parts, "dice").found
    assert not gate.of_slices(parts, "dice").holds


@pytest.mark.parametrize(
    ("metric", "value", "holds"),
    [("dice", 0.9, True), ("dice", 0.7, False), ("mae", 0.9, False), ("mae", 0.7, True)],
)
def test_first_champion_must_reach_the_min_score(metric, value, holds):
    assert gate.of_min_score(value, metric, 0.8).holds == holds


# What is measured -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = contenders.project(tmp_path_factory.mktemp("a project"))
    contenders.export(folder)
    return folder


@pytest.fixture
def project(prepared, tmp_path):
    """A project of its own, which is the current folder."""
    return Path(shutil.copytree(prepared, tmp_path, dirs_exist_ok=True))


@pytest.mark.parametrize("metric", ["max_f", "mean_f", "mean_e", "dice", "mae", "gradient"])
def test_figures_are_those_that_evaluate_prints(prepared, metric):
    asked = demo()["evaluate"] | {"metrics": ["saliency", "segmentation", "matting"]}
    asked["protocols"] = ["raw"]
    split = frozen.freeze(prepared / "data/ingested")
    found = frozen.measure(split, prepared / "exports/model.onnx", metric, 3)
    remover = found.remover
    printed = evaluate.evaluate(
        remover.network, remover.contract, split.folder, "test",
        config.Evaluate(**asked), leaks.unlisted(),
    )  # fmt: skip
    assert found.figures[metric] == printed.figures[metric]
    everything = np.ones((1, len(split.rows)))
    known = ~np.isnan(found.scored.values).any(axis=1)
    formed = gain.figures(found.scored.values, everything, known)
    assert formed == pytest.approx(printed.figures[metric], abs=1e-6)


def test_slices_divide_the_images_with_a_subject(prepared):
    split = frozen.freeze(prepared / "data/ingested")
    found = frozen.measure(split, prepared / "exports/model.onnx", "mae", 3)
    parts = frozen.slices(split, found)
    for kind in ("subject", "outlines", "luma"):
        rows = [part for name, part in parts.items() if kind in name or
                (kind == "luma" and "images" in name)]  # fmt: skip
        assert sum(rows).tolist() == [1] * (contenders.TEST - 1) + [0]


def test_exchanged_test_image_is_refused(project):
    path = project / "data/ingested/images/0.png"
    shutil.copy(path.with_name("1.png"), path)
    with pytest.raises(DataError, match="the test split is not frozen"):
        frozen.measure(
            frozen.freeze(project / "data/ingested"), project / "exports/model.onnx", "mae", 3
        )


# What else is asked ---------------------------------------------------------------------------


def judged_leaks(folder):
    split = frozen.freeze(folder / "data/ingested")
    contract = frozen.Remover(folder / "exports/model.onnx").contract
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
    contract = frozen.Remover(prepared / "exports/model.onnx").contract
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


# A promotion, whole ---------------------------------------------------------------------------


def test_dry_run_tells_and_changes_nothing(project):
    outcome = promote(CANDIDATE, settings(), REPORT, dry_run=True)
    assert outcome.promoted
    assert REPORT.is_file() and REPORT.with_suffix(".jpg").is_file()
    assert not (project / "mlflow.db").exists()


@pytest.mark.slow
def test_champions_come_and_go(project):
    """One story, since registering takes its time: first, better, equal, worse, back."""
    contenders.export(project, 1.0, 0.0)
    assert not promote(CANDIDATE, settings(min_score=0.01), REPORT).promoted
    desk = registry.existing()
    assert desk.aliases() == {CHALLENGER: 1}
    assert "needs at most promote.min_score = 0.01" in REPORT.read_text()

    assert promote(CANDIDATE, settings(), REPORT).promoted
    assert desk.aliases() == {CHAMPION: 1}  # the same content and evidence are the same version

    contenders.export(project, 8.0)
    assert promote(CANDIDATE, settings(), REPORT).promoted
    assert desk.aliases() == {CHAMPION: 2, PREVIOUS: 1}
    text = REPORT.read_text()
    assert "clearbg version 2 becomes the champion in place of clearbg version 1" in text
    assert "| **gain** | **+0." in text
    evidence = json.loads(Ledger(desk).entries()[-1].tags[EVIDENCE])
    assert evidence["gain"]["low"] > evidence["margin"] == 0.005

    outcome = promote(CANDIDATE, settings(), REPORT)
    assert not outcome.promoted and "is the champion already" in outcome.sentence

    contenders.export(project, 8.001)
    assert not promote(CANDIDATE, settings(), REPORT).promoted
    contenders.export(project, -8.0, 0.55)
    assert not promote(CANDIDATE, settings(), REPORT).promoted
    assert desk.aliases() == {CHAMPION: 2, PREVIOUS: 1, CHALLENGER: 4}
    assert "keep the champion" in REPORT.read_text()

    assert "clearbg version 1 is champion again" in rollback().sentence
    assert desk.aliases() == {CHAMPION: 1, CHALLENGER: 4}
    with pytest.raises(RegistryError, match="is the first champion: there is none to go back to"):
        rollback()
    contenders.export(project, 8.0)
    outcome = promote(CANDIDATE, settings(), REPORT)
    assert not outcome.promoted and "was rolled back" in outcome.sentence
    assert registry.fetch().parent.name == desk.version(1).onnx


def test_rollback_without_a_champion_says_so(project):
    with pytest.raises(RegistryError, match="clearbg has no champion"):
        rollback()


@pytest.mark.slow
def test_exit_status_says_what_became_of_it(prepared, tmp_path):
    folder = shutil.copytree(prepared, tmp_path / "it")
    (folder / "pipelines").mkdir()
    shutil.copy(ROOT / "pipelines/promote.py", folder / "pipelines")

    def run(**promote):
        wanted = {"metric": "mae", "margin": 0.005, "min_images": 3, **promote}
        (folder / "params.yaml").write_text(json.dumps(demo(promote=wanted)))
        command = [sys.executable, folder / "pipelines/promote.py", "--dry-run"]
        return subprocess.run(command, capture_output=True, text=True)

    good = run(min_score=0.3)
    assert good.returncode == 0, good.stderr
    assert "promote: dry run, promoted: MAE is 0.0" in good.stdout
    kept = run(min_score=0.0001)
    assert kept.returncode == 3, kept.stderr
    assert "needs at most promote.min_score = 0.0001" in kept.stdout


def test_verdict_gives_the_same_bytes_again(project):
    promote(CANDIDATE, settings(), REPORT, dry_run=True)
    first = REPORT.read_bytes(), REPORT.with_suffix(".jpg").read_bytes()
    promote(CANDIDATE, settings(), REPORT, dry_run=True)
    assert first == (REPORT.read_bytes(), REPORT.with_suffix(".jpg").read_bytes())
