"""Checkpoints: whatever happens to their files, a state is the one that was saved, or none."""

import os
import re
import shutil
import threading

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from support.project import TINY, demo
from support.training import Killed, KilledAt, fit, same

from clearbg import config
from clearbg.errors import ClearBGError
from clearbg.training import checkpoints
from clearbg.training.checkpoints import Checkpoint, Progress
from clearbg.training.supervised import Supervised


class Counting:
    """A method whose state is a few numbers; `at` of them all have its value."""

    def __init__(self, at: int = -1):
        self.tensors = {"weight": torch.full((7, 9), float(at)), "count": torch.tensor(at)}

    def state_dict(self) -> dict:
        return self.tensors

    def load_state_dict(self, state: dict) -> None:
        self.tensors = state

    @property
    def at(self) -> int:
        values = {float(v) for tensor in self.tensors.values() for v in tensor.flatten()}
        assert len(values) == 1
        return int(values.pop())


def saved(folder, *steps: int) -> Checkpoint:
    checkpoint = Checkpoint(folder)
    for step in steps:
        best = {"a": torch.full((3,), float(step))}
        parts = {"part": (0.5, {"b": torch.ones(2)})}
        progress = Progress(step=step, history=[{"epoch": 1, "loss": 0.25}], best_weights=best,
                            best_parts=parts)  # fmt: skip
        checkpoint.save(Counting(step), progress)
    return checkpoint


def loaded(folder) -> tuple[int, Progress]:
    method = Counting()
    progress = Checkpoint(folder).load(method)
    return method.at, progress


def test_state_comes_back_as_it_was_saved(tmp_path):
    saved(tmp_path, 3)
    at, progress = loaded(tmp_path)
    assert (at, progress.step, progress.history) == (3, 3, [{"epoch": 1, "loss": 0.25}])
    assert progress.best_weights["a"].tolist() == [3, 3, 3]
    assert progress.best_parts["part"][0] == 0.5
    assert loaded(tmp_path / "none") == (-1, Progress())


def test_last_two_states_are_there_and_no_more(tmp_path):
    saved(tmp_path, 1, 2, 3)
    assert sorted(os.listdir(tmp_path)) == ["earlier.pt", "state.pt"]
    (tmp_path / "state.pt").unlink()  # as between the two renames
    assert loaded(tmp_path)[0] == 2


def test_state_that_was_loaded_outlives_the_files(tmp_path):
    checkpoint = saved(tmp_path, 1, 2)
    method = Counting()
    progress = checkpoint.load(method)
    for _ in range(3):
        checkpoint.save(method, progress)
    checkpoint.remove()
    assert method.at == 2 and progress.best_weights["a"].tolist() == [2, 2, 2]
    assert not tmp_path.exists()


def damage(path, kind: str, rng: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    place = int(rng.integers(len(content)))
    if kind == "cut short":
        del content[place:]
    elif kind == "zeroed":
        end = place + 1 + int(rng.integers(4096))
        zeros = bytes(len(content[place:end]))
        if content[place:end] == zeros:  # that would be no damage
            place, end, zeros = 0, len(content), bytes(len(content))
        content[place:end] = zeros
    elif kind == "flipped":
        content[place] ^= int(rng.integers(1, 256))
    elif kind == "longer":
        content += b"\0" * (1 + place % 50)
    elif kind == "emptied":
        content.clear()
    path.write_bytes(content)


KINDS = ["cut short", "zeroed", "flipped", "flipped", "longer", "emptied"]


@pytest.mark.parametrize("number", range(200))
def test_damaged_state_gives_way_to_the_older_one_with_a_sentence(tmp_path, capfd, number):
    rng = np.random.default_rng(number)
    saved(tmp_path, 1, 2)
    damage(tmp_path / "state.pt", KINDS[number % len(KINDS)], rng)
    both = number % 5 == 0
    if both:
        damage(tmp_path / "earlier.pt", str(rng.choice(KINDS)), rng)
    at, progress = loaded(tmp_path)
    told = capfd.readouterr().err
    assert len(told.splitlines()) == 1 and str(tmp_path / "state.pt") in told
    if both:
        assert (at, progress) == (-1, Progress())
        assert re.search("earlier.pt are damaged: .*starts from the beginning", told)
    else:
        assert (at, progress.step) == (1, 1)
        assert re.search("state.pt is damaged: the older checkpoint .*earlier.pt is used", told)


def test_damaged_state_does_not_take_the_place_of_the_older_one(tmp_path):
    checkpoint = saved(tmp_path, 1, 2)
    damage(tmp_path / "state.pt", "flipped", np.random.default_rng(0))
    method = Counting()
    progress = checkpoint.load(method)
    checkpoint.save(method, progress)
    (tmp_path / "state.pt").write_bytes(b"")
    assert loaded(tmp_path)[0] == 1


def test_what_a_run_left_that_was_killed_while_it_saved_is_removed(tmp_path):
    saved(tmp_path, 1)
    (tmp_path / ".state.4711.pt").write_bytes(b"half")
    assert loaded(tmp_path)[0] == 1
    assert os.listdir(tmp_path) == ["state.pt"]


@pytest.mark.parametrize("room", [0, 10, 500, 1500, None])
def test_full_disk_is_a_sentence_and_the_older_states_stay(tmp_path, monkeypatch, room):
    saved(tmp_path, 1, 2)
    if room is None:  # all but the SHA-256
        room = saved(tmp_path / "probe", 3).path.stat().st_size - 20
        shutil.rmtree(tmp_path / "probe")

    class Full:
        def __init__(self, path, mode):
            self.file, self.left = open(path, mode), room  # noqa: SIM115

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            self.left -= len(data)
            if self.left < 0:
                raise OSError(28, "No space left on device")
            return self.file.write(data)

        def flush(self):
            self.file.flush()

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "open", Full, raising=False)
        with pytest.raises(ClearBGError, match=r"state\.pt .*No space left.* free disk space"):
            saved(tmp_path, 3)
    assert sorted(os.listdir(tmp_path)) == ["earlier.pt", "state.pt"]
    assert loaded(tmp_path)[0] == 2
    (tmp_path / "state.pt").unlink()
    assert loaded(tmp_path)[0] == 1


def test_disk_that_is_full_when_it_must_be_synced_leaves_a_whole_state(tmp_path, monkeypatch):
    checkpoint = saved(tmp_path, 1, 2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(ClearBGError, match="free disk space"):
            checkpoint.save(Counting(3), Progress(step=3))
    assert loaded(tmp_path)[0] == 2


def test_checkpoint_reaches_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, name=name, real=real: (calls.append(name), real(*a))[1]
        )
    saved(tmp_path, 1, 2)
    assert calls[-4:] == ["replace", "fsync", "replace", "fsync"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, files", [("flipped", ["state.pt"]), ("zeroed", ["state.pt", "earlier.pt"])]
)
@pytest.mark.usefixtures("tiny_networks")
def test_training_with_damaged_checkpoints_ends_with_the_same_weights(
    augmented, tmp_path, capfd, kind, files
):
    settings = config.parse(demo(**{**TINY, "train": {**TINY["train"], "checkpoint_seconds": 0}}))
    whole = fit(augmented, Checkpoint(tmp_path / "whole"), settings)[1]
    with pytest.raises(Killed):
        fit(augmented, KilledAt(tmp_path / "cut", 3), settings)
    for number, file in enumerate(files):
        damage(tmp_path / "cut" / file, kind, np.random.default_rng(number))
    capfd.readouterr()
    resumed = fit(augmented, Checkpoint(tmp_path / "cut"), settings)[1]
    assert "damaged: " in capfd.readouterr().err
    assert same(whole.best_weights, resumed.best_weights) and whole.history == resumed.history


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_networks")
def test_run_killed_after_the_last_step_of_an_epoch_writes_the_same_history(augmented, tmp_path):
    settings = config.parse(demo(**{**TINY, "train": {**TINY["train"], "checkpoint_seconds": 0}}))
    whole = fit(augmented, Checkpoint(tmp_path / "whole"), settings)[1]
    with pytest.raises(Killed):
        fit(augmented, KilledAt(tmp_path / "cut", 3), settings)
    resumed = fit(augmented, Checkpoint(tmp_path / "cut"), settings)[1]
    assert whole.history == resumed.history


def test_state_that_is_written_beside_the_training_is_that_of_its_moment(tmp_path, monkeypatch):
    begun, writing = threading.Event(), checkpoints._write

    def slow(*arguments):
        begun.wait(10)
        writing(*arguments)

    monkeypatch.setattr(checkpoints, "_write", slow)
    checkpoint, method, progress = Checkpoint(tmp_path), Counting(1), Progress(step=1)
    checkpoint.save(method, progress, wait=False)
    for tensor in method.tensors.values():
        tensor.fill_(2)
    progress.step = 2
    progress.history.append({"epoch": 1})
    begun.set()
    checkpoint.save(method, progress)
    assert loaded(tmp_path)[0] == 2
    (tmp_path / "state.pt").unlink()
    at, earlier = loaded(tmp_path)
    assert (at, earlier.step, earlier.history) == (1, 1, [])


def test_full_disk_that_is_found_beside_the_training_is_raised_at_the_next_save(
    tmp_path, monkeypatch
):
    checkpoint = saved(tmp_path, 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
        checkpoint.save(Counting(2), Progress(step=2), wait=False)
        with pytest.raises(ClearBGError, match="free disk space"):
            checkpoint.save(Counting(3), Progress(step=3), wait=False)
    assert loaded(tmp_path)[0] == 1


def test_scale_of_half_precision_gradients_goes_on(tiny):
    def half(scale: float) -> Supervised:
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        fabric = Fabric(accelerator="cpu", plugins=[MixedPrecision("16-mixed", "cpu", scaler)])
        return Supervised(fabric, tiny)

    first, second = half(4.0), half(1024.0)
    for method in (first, second):
        scaler = method.fabric.strategy.precision.scaler
        scaler.scale(torch.ones(1))  # it is made at its first use
    second.load_state_dict(first.state_dict())
    assert second.fabric.strategy.precision.scaler.get_scale() == 4.0
