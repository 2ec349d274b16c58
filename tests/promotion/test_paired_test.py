"""What paired scores say: the gain, its interval, and the slices."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
from support.contenders import settings
from support.project import ROOT

from clearbg.evaluation.one_metric import Scored
from clearbg.metrics import bootstrap
from clearbg.promotion import gate, paired_test

SIMULATION = importlib.util.spec_from_file_location("s", ROOT / "benchmarks/promotion.py")
benchmark = importlib.util.module_from_spec(SIMULATION)
SIMULATION.loader.exec_module(benchmark)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "least", "most"), [("better", 0.9, 1.0), ("equal", 0.0, 0.05), ("broken", 0.0, 0.0)]
)
def test_of_40_retrainings_the_better_are_promoted_and_the_others_not(kind, least, most):
    share = benchmark.simulate(kind, 40, 250, 0.04, benchmark.DEFAULTS).mean()
    assert least <= share <= most


def scored(values, empty=None):
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    alphas = np.full(len(values), np.nan) if empty is None else np.asarray(empty, dtype=float)
    return Scored(values, values.max(axis=1), alphas, pd.DataFrame(), {})


def compared(before, after, *, lower=False, groups=None, slices=None, **promote):
    draws = bootstrap.draw(groups or [str(k) for k in range(len(before.values))])
    return paired_test.compare(
        before, after, draws, slices or {}, lower, settings(**promote).promote
    )


def test_gain_is_positive_where_a_lower_metric_falls():
    found, _ = compared(scored([0.3, 0.4, 0.5]), scored([0.2, 0.3, 0.4]), lower=True)
    assert (found.value, found.low) == pytest.approx((0.1, 0.1))
    assert not compared(scored([0.3, 0.4]), scored([0.2, 0.3]))[0].value > 0


def test_interval_covers_the_true_gain_as_often_as_it_says():
    rng = np.random.default_rng(1)
    draws = bootstrap.draw([str(k) for k in range(20)])
    asked = settings().promote
    hits = []
    for _ in range(300):
        before = rng.normal(0.8, 0.1, 20)
        after = before + rng.normal(0.02, 0.05, 20)
        found, _ = paired_test.compare(scored(before), scored(after), draws, {}, False, asked)
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
    assert found.before == pytest.approx(2 / 3)
    assert found.after == pytest.approx(0.9)


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


def many_slices(rng, count: int) -> dict[str, np.ndarray]:
    """A slice of each ninth of the images, as facts may cut them."""
    thirds = [rng.integers(3, size=count) for _ in range(9)]
    return {f"fact {k}: {n}": third == n for k, third in enumerate(thirds) for n in range(3)}


def test_fall_on_thin_structures_is_found_among_many_slices_and_named():
    rng = np.random.default_rng(0)
    slices = many_slices(rng, 200) | {"thin structures": np.arange(200) < 20}
    before = rng.uniform(0.6, 0.9, 200)
    after = before + np.where(slices["thin structures"], -0.08, 0.03) + rng.normal(0, 0.04, 200)
    _, parts = compared(scored(before), scored(after), slices=slices, max_slice_drop=0.03)
    assert [part.name for part in parts if not part.holds] == ["thin structures"]
    assert "falls on thin structures: " in gate.of_slices(parts, "dice").found


@pytest.mark.slow
def test_noise_in_small_slices_refuses_hardly_any_equal_model():
    rng, refused, below = np.random.default_rng(0), 0, 0
    for _ in range(40):
        slices = {f"slice {k}": rng.permutation(100) < 8 for k in range(25)}
        before = rng.uniform(0.6, 0.9, 100)
        after = scored(before + rng.normal(0, 0.06, 100))
        _, parts = compared(scored(before), after, slices=slices, max_slice_drop=0.02)
        refused += not gate.of_slices(parts, "dice").holds
        below += any(part.gain.value < -0.02 for part in parts)
        assert refused or {part.mark for part in parts} <= {"✓", "?"}
    assert below > 35 and refused <= 2


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
