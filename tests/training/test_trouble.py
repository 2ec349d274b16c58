"""What a training says of spikes, of memory, and of a model that learned nothing."""

import multiprocessing
import os
import signal
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.project import TINY, demo
from support.training import fit

from clearbg import config
from clearbg.data.dataset import Pairs
from clearbg.errors import ClearBGError, SettingsError, Stopped
from clearbg.metrics.baselines import NAMES
from clearbg.system import signals
from clearbg.training import baselines, batch_size, checkpoints, loop, supervised, trouble
from clearbg.training.launch import launch
from clearbg.training.trouble import SpikeWatch
from clearbg.training.validation import batches


def spikes(losses) -> list[int]:
    watch = SpikeWatch()
    return [step for step, loss in enumerate(losses) if watch.is_spike(float(loss))]


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).lognormal(0, 0.4, count)


def test_spike_is_told_once_and_few_in_all():
    losses = 0.1 * noise(300)
    losses[150:160] = 5.0
    assert spikes(losses) == [150]
    losses[40::20] *= 10.0 ** np.arange(2, 15)
    assert len(spikes(losses)) == trouble.MOST_SPIKES


@pytest.mark.parametrize(
    "losses",
    [noise(20_000), noise(5000) * np.geomspace(2, 0.01, 5000), [7.0] * 20 + [900.0],
     np.random.default_rng(1).exponential(1, 20_000) + 0.2, np.zeros(200)],
    ids=["noise", "learning", "too early", "batches of one", "perfect"],
)  # fmt: skip
def test_losses_that_vary_by_themselves_raise_no_alarm(losses):
    assert spikes(losses) == []


def small(**train) -> config.Settings:
    raw = demo(**TINY)
    raw["train"] |= train
    return config.parse(raw)


@pytest.mark.slow
def test_training_tells_of_a_spike_in_one_line_and_of_masks_after_each_epoch(
    augmented, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(trouble, "ENOUGH", 3)
    steps, step = iter(range(99)), supervised.Supervised.step

    def spiked(self, images, alpha):
        losses = step(self, images, alpha)
        return {"loss": losses["loss"] * (1000 if next(steps) == 4 else 1)}

    monkeypatch.setattr(supervised.Supervised, "step", spiked)
    _, progress, _ = fit(augmented, checkpoints.Checkpoint(tmp_path / "c"), small(epochs=2))
    told = capsys.readouterr().err
    [line] = [line for line in told.split("\n") if "times the median" in line]
    assert "warning: step 5 had a loss of" in line
    assert "images " in line and "lower train.lr" in line

    masks = progress.baselines
    assert {f"{name}/{metric}" for name in NAMES for metric in ("max_f", "mae")} <= masks.keys()
    assert not [key for row in progress.history for key in row if key in masks]  # once in all
    assert told.count(f"mean mask {masks['mean_mask/max_f']:.3f}, all-subject mask 0.") == 2


@pytest.mark.parametrize("metric", ["mae", "s_measure", "sad"])
def test_masks_have_a_figure_of_every_metric_that_can_select(augmented, metric):
    chosen = small(select_by=metric)
    pairs = [Pairs(augmented, split, chosen) for split in ("train", "validation")]
    fabric = launch(chosen.train)
    split = batches(pairs[1], chosen.train, fabric)
    found = baselines.measured(fabric, pairs[0], split, chosen)
    assert {f"{name}/{metric}" for name in NAMES} <= found.keys()
    alphas = np.stack([pairs[1][0, index][1].numpy() for index in range(len(pairs[1]))])
    assert found["no_subject/alpha_mae"] == pytest.approx(alphas.mean(), abs=1e-6)


def test_validation_on_a_gpu_is_fed_by_the_workers(augmented):
    chosen = small(workers=3)
    pairs = Pairs(augmented, "validation", chosen)
    for kind, workers in (("cuda", 3), ("cpu", 0)):
        place = SimpleNamespace(device=torch.device(kind), global_rank=0, world_size=1)
        assert batches(pairs, chosen.train, place).num_workers == workers


def test_epoch_line_tells_of_a_metric_that_masks_have_where_the_loss_selects():
    row = {"epoch": 1, "train/loss": 2.0, "validation/loss": 1.0, "validation/max_f": 0.7}
    progress = checkpoints.Progress(history=[row], best_epoch=1, best_score=-1.0)
    progress.baselines = {"mean_mask/max_f": 0.4, "all_subject/max_f": 0.3}
    progress.pace = {"images_per_second": 9.0, "waiting_for_data": 0.1}
    assert (
        "validation loss 1.0000 (the best so far; max_f 0.7000, mean mask 0.400, "
        "all-subject mask 0.300), 9 images/s" in loop.epoch_line(progress, "loss")
    )


def memory(error: Exception, batch: int = 8, **train) -> str:
    return str(trouble.out_of_memory(error, small(**train), batch, 32))


def test_batch_that_does_not_fit_names_one_that_does(monkeypatch):
    monkeypatch.setattr(trouble, "largest_batch", lambda *_, most: min(5, most))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    total = type("", (), {"total_memory": 8 * 2**30})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: total)
    error = torch.cuda.OutOfMemoryError("out of memory")
    assert "the GPU's 8 GB: set train.batch_size to 5, and train.accumulate" in memory(
        error, batch_size=8
    )
    assert "set train.batch_size to 2," in memory(error, batch_size=4, accumulate=2)
    monkeypatch.setattr(trouble, "largest_batch", lambda *_, most: 1)
    assert "set train.batch_size to 1 and model.norm to group" in memory(error, batch_size=2)


def test_memory_of_the_cpu_is_told_too_and_other_errors_are_left_alone():
    error = RuntimeError(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    )
    assert "does not fit into memory: set train.batch_size to 4" in memory(error, batch_size=8)
    assert "set train.batch_size to 4" in memory(MemoryError(), batch_size=8)
    assert trouble.out_of_memory(RuntimeError("shapes"), small(), 8, 32) is None


def test_failed_step_leaves_nothing_in_memory_while_batches_are_tried(monkeypatch):
    alive = []

    def tried(*_, most):
        alive.append(held())
        return 4

    def step():
        nonlocal held
        activations = torch.zeros(9)
        held = weakref.ref(activations)
        raise torch.cuda.OutOfMemoryError("out of memory")

    held = None
    monkeypatch.setattr(trouble, "largest_batch", tried)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    total = type("", (), {"total_memory": 8 * 2**30})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: total)
    try:
        step()
    except torch.cuda.OutOfMemoryError as error:
        memory(error, batch_size=8)
    assert alive == [None]


def test_batch_of_one_is_refused_at_the_start_where_batch_norm_would_see_it(tmp_path, monkeypatch):
    fabric = launch(small().train)
    with pytest.raises(SettingsError, match=r"one image, .* set model\.norm to group"):
        batch_size.with_batch_size(small(), tmp_path, 1, fabric)
    monkeypatch.setattr(batch_size, "largest_batch", lambda *_: 1)
    with pytest.raises(SettingsError, match=r"auto finds room for one image, .* model\.norm"):
        batch_size.with_batch_size(small(batch_size="auto"), tmp_path, 9, fabric)
    with pytest.raises(SettingsError, match=r"train\.batch_size = 1 leaves batch norm nothing"):
        small(batch_size=1)
    many = small(batch_size=1, devices=2, sync_batch_norm=True)
    assert batch_size.with_batch_size(many, tmp_path, 9, fabric).train.batch == 1


def test_training_out_of_memory_ends_with_the_sentence(augmented, tmp_path, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(supervised.Supervised, "step", full)
    with pytest.raises(ClearBGError, match=r"a batch of 4 images of 32×32 does not fit"):
        fit(augmented, checkpoints.Checkpoint(tmp_path / "c"), small())


@pytest.mark.parametrize(
    "error, said",
    [
        (MemoryError("Caught MemoryError in DataLoader worker process 0."), "lower train.workers"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "to 4"),
        (OSError(12, "Cannot allocate memory"), 'set train.cache to "off"'),
        (RuntimeError("unable to mmap 64 bytes: Cannot allocate memory (12)"), "has run out: set"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. "), "--shm-size"),
        (RuntimeError("unable to write to file </torch_7>: No space left on device"), "--shm-size"),
        (RuntimeError("DataLoader worker (pid(s) 7, 9) exited unexpectedly"), "now 3"),
    ],
)
def test_memory_that_runs_out_beside_the_steps_is_a_sentence(error, said):
    settings = small(workers=3, cache="auto", batch_size=8)
    with pytest.raises(ClearBGError) as told, trouble.memory_told(settings):
        raise error
    assert said in str(told.value) and "\n" not in str(told.value)


def test_gpu_memory_that_runs_out_in_validation_names_half_the_batch(monkeypatch):
    total = type("", (), {"total_memory": 8 * 2**30})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: total)
    with (
        pytest.raises(ClearBGError, match=r"GPU's 8 GB have run out: set train.batch_size to 4"),
        trouble.memory_told(small(batch_size=8, workers=3)),
    ):
        raise torch.cuda.OutOfMemoryError("out of memory")


def test_other_errors_and_those_of_a_stopped_training_keep_their_words():
    killed = "DataLoader worker (pid 7) is killed by signal: "
    for text in ("shapes do not match", killed + "Segmentation fault"):
        with pytest.raises(RuntimeError, match=r"shapes|fault"), trouble.memory_told(small()):
            raise RuntimeError(text)
    with pytest.raises(Stopped, match="go on from the last"), signals.noted():
        os.kill(os.getpid(), signal.SIGTERM)
        with trouble.memory_told(small()):
            raise RuntimeError(killed + "Killed.")


@pytest.mark.slow
def test_loading_process_that_is_killed_ends_the_training_in_a_sentence(augmented, tmp_path):
    settings = small(workers=1, epochs=1000)

    def kill_one(_method, _progress):
        for worker in multiprocessing.active_children():
            if "Loky" not in worker.name:  # joblib's, of an earlier test
                worker.kill()

    pairs = [Pairs(augmented, split, settings) for split in ("train", "validation")]
    fabric, checkpoint = launch(settings.train), checkpoints.Checkpoint(tmp_path / "c")
    with (
        pytest.raises(ClearBGError, match=r"was killed, .*: lower train.workers \(now 1\)"),
        trouble.memory_told(settings),
    ):
        loop.fit(fabric, settings, *pairs, checkpoint, kill_one)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["cpu", "device"])
def test_batch_of_a_non_finite_loss_is_saved_as_it_was_trained_on(
    augmented, tmp_path, monkeypatch, place
):
    seen, step = [], supervised.Supervised.step

    def watched(self, images, alpha):
        seen.append((images.clone(), alpha.clone()))
        losses = step(self, images, alpha)
        return {"loss": losses["loss"] * float("nan")} if len(seen) == 5 else losses

    monkeypatch.setattr(supervised.Supervised, "step", watched)
    raw = demo(**TINY)
    raw["train"] |= {"augment_on": place}
    raw["transform"] |= {"bleed_through": 0.0, "tint": 0.0, "tone": 0.0}
    with pytest.raises(ClearBGError, match="epoch 2, step 5"):
        fit(augmented, checkpoints.Checkpoint(tmp_path / "c"), config.parse(raw))
    saved = load_file(tmp_path / "c/non_finite_batch.safetensors")
    assert torch.equal(saved["images"], seen[-1][0]) and torch.equal(saved["alpha"], seen[-1][1])


def test_epoch_without_a_figure_is_never_the_best():
    progress = checkpoints.Progress()
    method = type("", (), {"parts": {}, "weights": lambda _: {}})()
    for epoch, mae in enumerate((float("nan"), 0.4, float("nan"))):
        progress.epoch = epoch
        loop.keep_best(method, progress, {"mae": mae}, "mae")
    assert (progress.best_epoch, progress.best_score) == (2, -0.4)
