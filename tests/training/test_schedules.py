"""Learning rates step by step."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from clearbg.training.schedules import set_rate

EPOCH_STEPS, EPOCHS = 5, 8
STEPS = EPOCH_STEPS * EPOCHS
KEYS = {
    "constant": {},
    "step": {"step_every": 3, "gamma": 0.1},
    "one_cycle": {"warmup": 0.3},
    "cyclic": {"cycle": 4},
    "cosine": {"warmup": 0.25},
}


def run(name: str, steps: int = STEPS, count: int | None = None, lr: float = 0.1, **keys):
    """(lr, beta1) of the first `count` steps of a training of `steps`."""
    settings = SimpleNamespace(**{"schedule": name, **KEYS[name], **keys})
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    values = []
    for step in range(count or steps):
        set_rate(optimizer, settings, lr, step, steps, step / EPOCH_STEPS)
        values.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"][0]))
    return values


def test_constant_stays():
    assert run("constant") == [(0.1, 0.9)] * STEPS


def test_step_falls_at_whole_epochs():
    rates = [lr for lr, _ in run("step")]
    assert rates == pytest.approx([0.1] * 15 + [0.01] * 15 + [0.001] * 10)


def test_one_cycle_is_that_of_torch():
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    torchs = OneCycleLR(optimizer, max_lr=0.1, total_steps=STEPS, pct_start=0.3)
    expected = []
    for _ in range(STEPS):
        expected.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"][0]))
        optimizer.step()
        torchs.step()
    for ours, theirs in zip(run("one_cycle"), expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-12)


def test_one_cycle_peaks_after_the_warm_up():
    values = run("one_cycle")
    assert values[0] == pytest.approx((0.1 / 25, 0.95))
    assert max(values)[0] == values[11][0] == pytest.approx(0.1)
    assert values[11][1] == pytest.approx(0.85)
    assert values[-1] == pytest.approx((0, 0.95), abs=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_one_cycle_of_very_few_steps_runs(steps):
    rates = [lr for lr, _ in run("one_cycle", steps, warmup=0.25)]
    assert all(math.isfinite(lr) and 0 <= lr <= 0.1 for lr in rates)


def test_cyclic_rises_and_falls_straight():
    """A cycle of four epochs is twenty steps."""
    values = run("cyclic")
    for step, expected in ((0, 0.004), (5, 0.052), (10, 0.1), (15, 0.052), (20, 0.004), (30, 0.1)):
        assert values[step][0] == pytest.approx(expected)
    for step, expected in ((0, 0.95), (5, 0.9), (10, 0.85), (20, 0.95)):
        assert values[step][1] == pytest.approx(expected)


def test_cyclic_takes_parts_of_an_epoch():
    rates = [lr for lr, _ in run("cyclic", count=9, cycle=0.8)]
    assert rates == pytest.approx([0.004, 0.052, 0.1, 0.052, 0.004, 0.052, 0.1, 0.052, 0.004])


def test_cosine_warms_up_and_ends_near_zero():
    rates = [lr for lr, _ in run("cosine")]
    assert rates[0] == pytest.approx(0.01) and rates[9] == rates[10] == pytest.approx(0.1)
    assert rates[25] == pytest.approx(0.05) and 0 < rates[-1] < 0.001


@pytest.mark.parametrize("name", KEYS)
def test_discriminator_of_another_lr_follows_its_own(name):
    """Two optimizers of one training share a schedule's shape, not its height."""
    ratios = [a[0] / b[0] for a, b in zip(run(name), run(name, lr=0.01))]
    assert ratios == pytest.approx([10] * STEPS)


def test_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="linear"):
        set_rate(None, SimpleNamespace(schedule="linear"), 0.1, 0, 10, 0)
