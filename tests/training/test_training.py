"""The loop: what it selects, and that a restart is the same run."""

import math
import sys

import pandas as pd
import pytest
import torch
from safetensors import safe_open
from support.images import disc
from support.project import TINY, demo
from support.training import Killed, KilledAt, fit, same

from clearbg import config
from clearbg.errors import ClearBGError, ModelError, SettingsError
from clearbg.images import write_image, write_mask
from clearbg.models import weights
from clearbg.training import checkpoints as recovery
from clearbg.training import launch, loop, supervised, tensorboard
from clearbg.training.averaging import AveragedWeights
from clearbg.training.fingerprint import fingerprint

any_network = pytest.mark.usefixtures("tiny_networks")


def settings(**train) -> config.Settings:
    return config.parse(demo(**{**TINY, "train": {**TINY["train"], **train}}))


def trained(folder, checkpoint, **train) -> recovery.Progress:
    return fit(folder, checkpoint, settings(**train))[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "schedule, warmup, ends", [("one_cycle", 0.2, (2, 4, 5)), ("constant", None, (4,))]
)
@any_network
def test_killed_run_goes_on_to_identical_weights(augmented, tmp_path, schedule, warmup, ends):
    recipe = {"schedule": schedule, "warmup": warmup, "ema": 0.9}
    whole = trained(augmented, recovery.Checkpoint(tmp_path / "whole"), **recipe)
    for checkpoints in ends:
        cut = tmp_path / f"cut{checkpoints}"
        with pytest.raises(Killed):
            trained(augmented, KilledAt(cut, checkpoints), **recipe)
        _, resumed, tables = fit(augmented, recovery.Checkpoint(cut), settings(**recipe))
        assert same(whole.best_weights, resumed.best_weights)
        assert whole.history == resumed.history
        pd.testing.assert_frame_equal(tables[-1], pd.DataFrame(whole.history))


@pytest.mark.slow
@any_network
def test_best_epoch_is_kept_not_the_last(augmented, tmp_path, monkeypatch):
    scores = iter([0.5, 0.9, 0.7])
    monkeypatch.setattr(loop, "validate", lambda *_: {"loss": 1.0, "max_f": next(scores)})
    progress = trained(augmented, recovery.Checkpoint(tmp_path / "c"), epochs=3)
    assert (progress.best_epoch, progress.best_score) == (2, 0.9)


@pytest.mark.slow
@any_network
def test_selection_by_mae_prefers_less(augmented, tmp_path, monkeypatch):
    scores = iter([0.2, 0.1])
    monkeypatch.setattr(loop, "validate", lambda *_: {"loss": 1.0, "mae": next(scores)})
    progress = trained(augmented, recovery.Checkpoint(tmp_path / "c"), select_by="mae")
    assert progress.best_epoch == 2


RECIPE = {"epochs": 1, "schedule": "constant", "warmup": None, "ema": 0.0}


@pytest.fixture
def usual(tiny_networks, augmented, tmp_path) -> recovery.Progress:
    return trained(augmented, recovery.Checkpoint(tmp_path / "usual"), **RECIPE)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [{"optimizer": "adamw", "weight_decay": 0.1}, {"weight_decay": 0.5}, {"lr": 0.03},
     {"clip_norm": 0.01}, {"seed": 7}, {"batch_size": 6}, {"precision": "bf16-mixed"},
     {"loss": "rmse"}, {"loss": "edge_rmse"}, {"loss": "mse"}, {"iou_weight": 1.0},
     {"ssim_weight": 1.0}, {"ema": 0.9}],
    ids=lambda c: "-".join(map(str, next(iter(c.items())))),
)  # fmt: skip
def test_setting_changes_the_weights(usual, augmented, tmp_path, change):
    changed = trained(augmented, recovery.Checkpoint(tmp_path / "c"), **{**RECIPE, **change})
    assert not same(usual.best_weights, changed.best_weights)


def test_loss_that_is_not_finite_stops_with_a_sentence(augmented, tmp_path, monkeypatch):
    monkeypatch.setattr(
        supervised.Supervised, "step", lambda *_: {"loss": torch.tensor(float("nan"))}
    )
    with pytest.raises(ClearBGError, match=r"lower train\.lr"):
        trained(augmented, recovery.Checkpoint(tmp_path / "c"))


def test_fingerprint_tells_settings_and_data_apart(tiny, augmented):
    names = {fingerprint(tiny, augmented), fingerprint(settings(lr=0.5), augmented)}
    write_mask(augmented / "masks/0.png", disc(0, (32, 32))[1][:, ::-1])
    names.add(fingerprint(tiny, augmented))  # a mirrored mask: same name, same coverage
    assert len(names) == 3


@pytest.mark.slow
def test_fingerprint_does_not_see_evaluation(tiny, augmented):
    other = config.parse(demo(**{**TINY, "evaluate": {"cases": 5}}))
    assert fingerprint(tiny, augmented) == fingerprint(other, augmented)


@pytest.mark.slow
def test_training_starts_from_given_weights(augmented, tmp_path):
    recipe = {"epochs": 1, "lr": 1e-6, "schedule": "constant", "warmup": None, "ema": 0.0}
    first = trained(augmented, recovery.Checkpoint(tmp_path / "a"), **{**recipe, "seed": 3})
    weights.save(first.best_weights, tmp_path / "start/weights.safetensors")
    second = trained(augmented, recovery.Checkpoint(tmp_path / "b"), **recipe,
                     init_from=str(tmp_path / "start"))  # fmt: skip
    name = "stage1.rebnconvin.conv_s1.weight"
    assert (first.best_weights[name] - second.best_weights[name]).abs().max() < 1e-4


def test_weights_to_start_from_must_be_the_ones_meant(augmented, tmp_path):
    weights.save({"a": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match=r"train\.init_sha256"):
        trained(augmented, recovery.Checkpoint(tmp_path / "c"),
                init_from=str(tmp_path / "w.safetensors"), init_sha256="0" * 64)  # fmt: skip


def test_weights_of_another_network_do_not_start_a_training(augmented, tmp_path):
    weights.save({"a": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="does not fit"):
        trained(augmented, recovery.Checkpoint(tmp_path / "c"),
                init_from=str(tmp_path / "w.safetensors"))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["group", "frozen"])
def test_batch_of_one_trains_with_other_norms(augmented, tmp_path, norm):
    chosen = config.parse(demo(**{**TINY, "train": {**TINY["train"], "batch_size": 1, "epochs": 1},
                                  "model": {"norm": norm}}))  # fmt: skip
    _, progress, _ = fit(augmented, recovery.Checkpoint(tmp_path / "c"), chosen)
    assert progress.best_epoch == 1


def test_tensorboard_gets_every_epoch_once(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    rows = [{"epoch": n, "train/loss": 1 / n} for n in (1, 2, 3)]
    sheet = tmp_path / "sheet.jpg"
    write_image(sheet, disc(0)[0])
    for known in (1, 2):  # the second is a restart
        logs = tensorboard.Board(tmp_path / "board", wanted=True)
        for count in range(known, 4):
            logs.history(rows[:count], sheet)
    events = EventAccumulator(str(tmp_path / "board")).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3]
    assert events.Tags()["images"] == ["samples"]


def test_tensorboard_that_is_not_installed_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(SettingsError, match="pip install tensorboard"):
        tensorboard.Board(tmp_path, wanted=True)
    tensorboard.Board(tmp_path, wanted=False).history([{"epoch": 1}], tmp_path / "none.jpg")


@pytest.mark.slow
@any_network
def test_accumulated_batches_are_one_large_batch(augmented, tmp_path):
    """Group norm sees every image alone, so that the parts of a batch add up to the whole."""
    chosen = {**TINY, "model": {"norm": "group"}}
    recipe = {**TINY["train"], "epochs": 1, "schedule": "constant", "warmup": None, "ema": 0.0}
    whole, parts = (
        fit(
            augmented,
            recovery.Checkpoint(tmp_path / str(batch)),
            config.parse(
                demo(**chosen | {"train": recipe | {"batch_size": batch, "accumulate": count}})
            ),
        )[1]
        for batch, count in ((4, 1), (2, 2))
    )
    # Adam makes whole steps of gradients that are nothing but rounding, so a few weights differ.
    one, other = (
        torch.cat([tensor.flatten() for tensor in done.best_weights.values()])
        for done in (whole, parts)
    )
    assert torch.isclose(one, other, atol=1e-3).float().mean() > 0.999
    assert whole.history[0]["train/loss"] == pytest.approx(parts.history[0]["train/loss"], 1e-4)


@pytest.mark.slow
@any_network
def test_growing_images_are_trained_at_each_size(augmented, tmp_path, monkeypatch):
    sizes, step = [], supervised.Supervised.step

    def watched(self, images, alpha):
        sizes.append((len(images), images.shape[-1]))
        return step(self, images, alpha)

    monkeypatch.setattr(supervised.Supervised, "step", watched)
    raw = demo(**{**TINY, "augment": {"size": 64}, "transform": {"crop": 64}})
    raw["train"] |= {"epochs": 2, "batch_size": 2, "sizes": [[0.5, 32], [1.0, 64]]}
    fit(augmented, recovery.Checkpoint(tmp_path / "c"), config.parse(raw))
    assert sizes == [(8, 32)] + [(2, 64)] * 6


@pytest.mark.slow
@pytest.mark.parametrize("length", [{"steps": 4}, {"minutes": 0.02}])
@any_network
def test_training_of_some_steps_or_minutes_ends_and_is_validated(augmented, tmp_path, length):
    progress = trained_for(augmented, tmp_path, **length)
    assert progress.history and progress.best_weights
    if "steps" in length:
        assert progress.steps == 4 and len(progress.history) == 2


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint", [2, 3])
@any_network
def test_training_killed_before_its_last_validation_is_validated(augmented, tmp_path, checkpoint):
    raw = demo(**TINY)
    raw["train"] |= {"epochs": None, "steps": 2, "checkpoint_seconds": 0}
    chosen = config.parse(raw)
    with pytest.raises(Killed):
        fit(augmented, KilledAt(tmp_path / "c", checkpoint), chosen)
    progress = fit(augmented, recovery.Checkpoint(tmp_path / "c"), chosen)[1]
    assert len(progress.history) == 1 and progress.best_weights and progress.steps == 2


def test_freezing_every_part_is_a_sentence():
    network = supervised.initial_network(settings())
    with pytest.raises(SettingsError, match="leave one to learn"):
        supervised.freeze(network, [name for name, _ in network.named_children()])


def trained_for(folder, tmp_path, **length) -> recovery.Progress:
    raw = demo(**TINY)
    raw["train"] |= {"epochs": None, **length}
    return fit(folder, recovery.Checkpoint(tmp_path / "c"), config.parse(raw))[1]


@pytest.mark.slow
@any_network
def test_early_stopping_ends_epochs_that_bring_nothing_better(augmented, tmp_path, monkeypatch):
    scores = iter([0.5, 0.9, 0.7, 0.8, 0.6, 0.6])
    monkeypatch.setattr(loop, "validate", lambda *_: {"loss": 1.0, "max_f": next(scores)})
    stopping = {"epochs": 6, "early_stopping": 2, "batch_size": 12}  # an epoch is one step
    progress = trained(augmented, recovery.Checkpoint(tmp_path / "c"), **stopping)
    assert (progress.best_epoch, len(progress.history)) == (2, 4)


@pytest.mark.slow
def test_frozen_parts_keep_weights_and_statistics(augmented, tmp_path):
    recipe = {"epochs": 1, "ema": 0.0, "freeze": ["stage1", "stage2"]}
    _, progress, _ = fit(augmented, recovery.Checkpoint(tmp_path / "c"), settings(**recipe))
    fresh = supervised.initial_network(settings()).state_dict()
    for name, tensor in progress.best_weights.items():
        kept = name.startswith(("stage1.", "stage2."))
        if kept or (name.startswith("stage6.") and name.endswith("conv_s1.weight")):
            assert torch.equal(tensor, fresh[name]) == kept, name


def test_frozen_part_that_the_network_lacks_is_a_sentence(augmented, tmp_path):
    with pytest.raises(SettingsError, match="it has stage1"):
        trained(augmented, recovery.Checkpoint(tmp_path / "c"), freeze=["encoder"])


def test_non_finite_loss_names_step_and_images_and_saves_the_batch(
    augmented, tmp_path, monkeypatch
):
    steps = iter(range(9))

    def poisoned(*arguments):
        loss = supervised_loss(*arguments)
        return loss * float("nan") if next(steps) == 1 else loss

    supervised_loss = supervised.supervised_loss
    monkeypatch.setattr(supervised, "supervised_loss", poisoned)
    with pytest.raises(ClearBGError, match=r"epoch 1, step 2, before the optimizer") as refusal:
        trained(augmented, recovery.Checkpoint(tmp_path / "c"))
    saved = tmp_path / "c/non_finite_batch.safetensors"
    assert str(saved) in str(refusal.value)
    with safe_open(saved, "pt") as file:
        ids = file.metadata()["ids"].split("\n")
        assert file.get_tensor("images").shape == (4, 3, 32, 32) and len(ids) == 4
    assert ids[0] in str(refusal.value)


def test_average_of_a_short_training_forgets_the_random_start():
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    average = AveragedWeights(network, 0.99)
    torch.nn.init.ones_(network.weight)
    decays = [min(0.99, (1 + n) / (10 + n)) for n in range(80)]
    for _ in range(80):
        average.update(network)
    assert 1 - average.module.weight.item() == pytest.approx(math.prod(decays), abs=1e-6)
    assert average.module.weight.item() > 0.999


@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
def test_compile_is_asked_for_with_its_mode(mode, monkeypatch):
    """What the compiler makes of it takes minutes on a CPU: benchmarks/train.py measures it."""
    asked = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **options: asked.append(options))
    monkeypatch.setattr(torch, "compile", lambda what, **options: asked.append(options) or what)
    chosen = settings(compile=mode)
    supervised.Supervised(launch.launch(chosen.train), chosen)
    expected = {"dynamic": False} | ({"mode": mode} if mode != "default" else {})
    assert asked == [expected, expected]
