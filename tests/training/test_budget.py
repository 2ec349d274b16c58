"""How long a training lasts, and which images make each of its steps."""

import pytest
from support.project import demo

from clearbg import config
from clearbg.errors import SettingsError
from clearbg.training.budget import Batches, Budget

SIZES = [[0.5, 32], [1.0, 64]]


def settings(**changes) -> config.Train:
    """None stays in the section here, which `demo` would leave out."""
    raw = demo()
    raw["train"] |= changes
    return config.parse(raw).train


def drawn(budget: Budget, epochs: int) -> list[list[tuple[int, int, int]]]:
    batches, steps = Batches(budget, seed=1), 0
    found = []
    for epoch in range(epochs):
        batches.epoch, batches.offset, batches.steps = epoch, 0, steps
        found += list(batches)
        steps = len(found)
    return found


def test_every_epoch_takes_each_image_once_in_a_new_order():
    budget = Budget(settings(epochs=2, batch_size=4), 12, 64)
    first, second = (
        [index for place in part for _, index, _ in place]
        for part in (drawn(budget, 1), drawn(budget, 2)[3:])
    )
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second
    assert budget.total == 6


def test_incomplete_last_batch_is_left_out_unless_it_is_the_only_one():
    assert [len(b) for b in drawn(Budget(settings(epochs=1, batch_size=4), 11, 64), 1)] == [4, 4]
    assert [len(b) for b in drawn(Budget(settings(epochs=1, batch_size=4), 3, 64), 1)] == [3]


@pytest.mark.slow
def test_sizes_grow_and_batches_shrink_with_the_share_of_the_training():
    budget = Budget(settings(epochs=4, batch_size=8, sizes=SIZES), 64, 64)
    batches = drawn(budget, 4)
    assert [(len(b), b[0][2]) for b in batches] == [(32, 32)] * 4 + [(8, 64)] * 16
    assert budget.total == len(batches)


def test_sizes_change_in_the_middle_of_an_epoch_of_a_training_by_steps():
    budget = Budget(settings(epochs=None, steps=6, batch_size=8, sizes=SIZES), 640, 64)
    sizes = [batch[0][2] for batch in drawn(budget, 1)]
    assert sizes[:7] == [32, 32, 32, 64, 64, 64, 64]
    assert [budget.over(0, steps) for steps in (5, 6)] == [False, True]


def test_training_by_the_clock_ends_and_grows_with_it(monkeypatch):
    budget = Budget(settings(epochs=None, minutes=1.0, batch_size=8, sizes=SIZES), 640, 64)
    monkeypatch.setattr(budget.clock, "seconds", lambda: 29.0)
    assert budget.stage(0, 0, 0).size == 32 and budget.done(5) == 29 and not budget.over(0, 9)
    monkeypatch.setattr(budget.clock, "seconds", lambda: 31.0)
    assert budget.stage(0, 0, 0).size == 64
    monkeypatch.setattr(budget.clock, "seconds", lambda: 60.0)
    assert budget.over(0, 0)


def test_clock_goes_on_after_a_restart():
    budget = Budget(settings(epochs=None, minutes=1.0), 64, 64)
    budget.clock.begin(40.0)
    assert 40 <= budget.clock.seconds() < 41


def test_processes_share_every_step_of_one_order():
    whole = drawn(Budget(settings(epochs=1, batch_size=8), 64, 64), 1)
    budget = Budget(settings(epochs=1, batch_size=4), 64, 64, processes=2)
    parts = [list(Batches(budget, seed=1, rank=rank)) for rank in (0, 1)]
    assert [first + second for first, second in zip(*parts)] == whole


def test_epoch_is_taken_up_in_its_middle():
    budget = Budget(settings(epochs=1, batch_size=4), 16, 64)
    batches = Batches(budget, seed=1)
    whole = list(batches)
    batches.offset, batches.steps = 8, 2
    assert list(batches) == whole[2:]


def test_accumulated_batches_are_drawn_together():
    assert len(drawn(Budget(settings(epochs=1, batch_size=4, accumulate=3), 24, 64), 1)[0]) == 12


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"epochs": None}, "none of them is set"),
        ({"steps": 5}, "epochs and steps are set"),
        ({"epochs": None, "minutes": 5.0, "schedule": "cyclic", "cycle": 2.0, "warmup": None},
         "counts epochs"),
        ({"sizes": [[0.5, 32]]}, "the last one 1.0"),
        ({"sizes": [[0.5, 32], [0.2, 48], [1.0, 64]]}, "growing shares"),
        ({"sizes": [[1.0, 20]]}, "from 32 to 4096"),
        ({"sizes": [[1.0, 96]]}, "more than transform.crop"),
        ({"batch_size": 1}, "model.norm to group or frozen"),
    ],
)  # fmt: skip
def test_length_or_sizes_that_cannot_be_are_a_sentence(changes, sentence):
    raw = demo()
    raw["train"] |= changes
    for key in [key for key, value in changes.items() if value is None and key == "warmup"]:
        del raw["train"][key]
    with pytest.raises(SettingsError, match=sentence):
        config.parse(raw)
