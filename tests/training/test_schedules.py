"""Learning rates step by step."""

import io
import math
from types import SimpleNamespace

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from clearbg.training.schedules import schedule

EPOCH_STEPS, EPOCHS = 5, 8
STEPS = EPOCH_STEPS * EPOCHS
KEYS = {
    "constant": {},
    "step": {"step_every": 3, "gamma": 0.1},
    "one_cycle": {"warmup": 0.3},
    "cyclic": {"cycle": 4},
    "cosine": {"warmup": 0.25},
}


def training(name: str, steps: int = STEPS, **keys):
    """An optimizer and its scheduler."""
    settings = SimpleNamespace(**{"schedule": name, "lr": 0.1, **KEYS[name], **keys})
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=settings.lr)
    return optimizer, schedule(optimizer, settings, steps, EPOCH_STEPS)


def run(optimizer, scheduler, count: int) -> list[tuple[float, float]]:
    """(lr, beta1) of the next `count` steps."""
    values = []
    for _ in range(count):
        group = optimizer.param_groups[0]
        values.append((group["lr"], group["betas"][0]))
        optimizer.step()
        scheduler.step()
    return values


def test_constant_stays():
    assert run(*training("constant"), STEPS) == [(0.1, 0.9)] * STEPS


def test_step_falls_at_whole_epochs():
    rates = [lr for lr, _ in run(*training("step"), STEPS)]
    assert rates == pytest.approx([0.1] * 15 + [0.01] * 15 + [0.001] * 10)


def test_one_cycle_is_that_of_torch():
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    torchs = OneCycleLR(optimizer, max_lr=0.1, total_steps=STEPS, pct_start=0.3)
    assert run(*training("one_cycle"), STEPS) == run(optimizer, torchs, STEPS)


def test_one_cycle_peaks_after_the_warm_up():
    values = run(*training("one_cycle"), STEPS)
    assert values[0] == pytest.approx((0.1 / 25, 0.95))
    assert max(values)[0] == values[11][0] == pytest.approx(0.1)
    assert values[11][1] == pytest.approx(0.85)
    assert values[-1] == pytest.approx((0, 0.95), abs=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_one_cycle_of_very_few_steps_runs(steps):
    rates = [lr for lr, _ in run(*training("one_cycle", steps, warmup=0.25), steps)]
    assert all(math.isfinite(lr) and 0 <= lr <= 0.1 for lr in rates)


def test_cyclic_rises_and_falls_straight():
    """A cycle of four epochs is twenty steps."""
    values = run(*training("cyclic"), STEPS)
    for step, expected in ((0, 0.004), (5, 0.052), (10, 0.1), (15, 0.052), (20, 0.004), (30, 0.1)):
        assert values[step][0] == pytest.approx(expected)
    for step, expected in ((0, 0.95), (5, 0.9), (10, 0.85), (20, 0.95)):
        assert values[step][1] == pytest.approx(expected)


def test_cyclic_takes_parts_of_an_epoch():
    rates = [lr for lr, _ in run(*training("cyclic", cycle=0.8), 9)]
    assert rates == pytest.approx([0.004, 0.052, 0.1, 0.052, 0.004, 0.052, 0.1, 0.052, 0.004])


def test_cosine_warms_up_and_ends_near_zero():
    rates = [lr for lr, _ in run(*training("cosine"), STEPS)]
    assert rates[0] == pytest.approx(0.01) and rates[9] == rates[10] == pytest.approx(0.1)
    assert rates[25] == pytest.approx(0.05) and 0 < rates[-1] < 0.001


@pytest.mark.parametrize("name", KEYS)
def test_restart_continues_with_the_same_values(name):
    whole = run(*training(name), STEPS)
    optimizer, scheduler = training(name)
    run(optimizer, scheduler, 13)
    file = io.BytesIO()
    torch.save([optimizer.state_dict(), scheduler.state_dict()], file)

    optimizer, scheduler = training(name)
    file.seek(0)
    states = torch.load(file, weights_only=True)
    optimizer.load_state_dict(states[0])
    scheduler.load_state_dict(states[1])
    assert run(optimizer, scheduler, STEPS - 13) == whole[13:]


@pytest.mark.parametrize("name", KEYS)
def test_discriminator_of_another_lr_follows_its_own(name):
    """Two optimizers of one training share a schedule's shape, not its height."""
    high, low = training(name), training(name, lr=0.01)
    ratios = [a[0] / b[0] for a, b in zip(run(*high, STEPS), run(*low, STEPS))]
    assert ratios == pytest.approx([10] * STEPS)


def test_unknown_schedule_is_refused():
    settings = SimpleNamespace(schedule="linear", lr=0.1)
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
    with pytest.raises(ValueError, match="linear"):
        schedule(optimizer, settings, 10, 5)
