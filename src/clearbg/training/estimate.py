"""What a training will need, told before it starts: device, memory, seconds, disk and its end."""

import contextlib
import copy
import dataclasses
import datetime
import math
import os
import platform
import shutil
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from clearbg import config
from clearbg.data.batches import Drawn
from clearbg.data.cache import CHANNELS
from clearbg.data.dataset import Pairs, Place, loader
from clearbg.data.device_transforms import DeviceTransform
from clearbg.system import memory, project
from clearbg.training.batch_size import chosen_batch
from clearbg.training.budget import Budget, Stage, stages
from clearbg.training.image_counts import Counts
from clearbg.training.trial import RandomPairs, Trial
from clearbg.training.trouble import out_of_memory
from clearbg.training.validation import batches, validate

SHEET = 250_000  # bytes of a sample sheet
LESS = "lower train.batch_size, and raise train.accumulate by the same factor"
STATES = 3  # the last two, and one that is being written
SAMPLE = 8  # validation images on trial on a CPU
READING = 2.0  # seconds in which images are loaded on trial


@dataclass(frozen=True)
class Loading:
    """How the training's own loader keeps up."""

    images_per_second: float
    beside: bool  # while the network learns, and not between two steps

    def seconds(self, step: float, images: int) -> float:
        """Seconds of a step with its images, where the network alone takes `step`."""
        reading = images / self.images_per_second
        return max(step, reading) if self.beside else step + reading


@dataclass(frozen=True)
class Length:
    """Steps at each stage, epochs, and seconds with validation."""

    steps: dict[Stage, int]
    epochs: float
    seconds: float


def report(
    settings: config.Settings,
    counts: Counts,
    train: Pairs | None = None,
    validation: Pairs | None = None,
) -> str:
    """Lines for a person: what is used, how long it takes, how much it needs, when it ends.

    Training steps and a validation run on trial with random images, loading with the real ones
    where they are given. No file is written.

    Args:
        counts: images of the splits.
        train, validation: the splits, where they are there already.

    Raises:
        SettingsError: the device is not to be had.
        ClearBGError: a batch does not fit into the GPU's memory.
    """
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    if settings.train.batch_size == "auto":
        own = settings.train.model_copy(update={"batch_size": chosen_batch(settings, counts.train)})
        settings = dataclasses.replace(settings, train=own)
    trial = Trial(settings)
    processes = settings.train.devices * settings.train.nodes
    budget = Budget(settings.train, counts.train, settings.transform.crop, processes)
    steps = {phase: _timed(trial, settings, phase) for phase in budget.stages}
    loading = None if train is None else _loading(train, settings, trial)
    if loading is not None:
        steps = {phase: loading.seconds(s, phase.batch) for phase, s in steps.items()}
    validating = _validating(trial, settings, counts, validation)
    length = _length(budget, steps, validating)
    rows = [
        ("device", _device(trial, settings)),
        ("network", _network(trial, settings)),
        ("data", f"{counts.train:,} training and {counts.validation:,} validation "
                 f"images ({counts.origin})"),
        *((("step", _step(p, seconds, settings)) for p, seconds in steps.items())),
        ("loading", _keeping_up(loading, settings)),
        ("memory", _memory(trial)),
        ("epoch", _epoch(budget, steps, validating)),
        ("training", f"{sum(length.steps.values()):,} steps in {length.epochs:.3g} epochs: "
                     f"{_duration(length.seconds)}{_stops_early(settings)}"),
        ("disk", _disk(trial, settings, counts, length)),
        ("end", _end(length.seconds)),
    ]  # fmt: skip
    return "\n".join(f"{name:9} {text}" for name, text in rows)


def _timed(trial: Trial, settings: config.Settings, phase: Stage) -> float:
    try:
        return trial.seconds(phase.size, phase.batch)
    except (RuntimeError, MemoryError) as error:
        told = out_of_memory(error, settings, phase.batch, phase.size)
        if told is None:
            raise
        raise told from error


def _loading(pairs: Pairs, settings: config.Settings, trial: Trial) -> Loading:
    """Read batches as the training will, without learning from them."""
    workers, (*_, last) = settings.train.workers, stages(settings.train, settings.transform.crop)
    places: list[Place] = [(0, index, last.size) for index in range(len(pairs))]
    order = [places[i : i + last.batch] for i in range(0, len(places), last.batch)]
    source: Dataset = pairs
    if settings.train.augment_on == "device":
        source = Drawn(pairs, DeviceTransform(settings), reads=pairs.pixels is None)
    images, start = 0, time.monotonic()
    for number, batch in enumerate(loader(source, order, workers)):
        if workers and number <= min(workers, len(order) // 2):  # started together, before
            images, start = 0, time.monotonic()
            continue
        images += len(batch[0])
        if time.monotonic() - start > READING:
            break
    rate = max(images, 1) / max(time.monotonic() - start, 1e-9)
    cores = os.cpu_count() or 1
    free = workers > 0 and workers + settings.train.threads <= cores
    return Loading(rate, beside=trial.fabric.device.type == "cuda" or free)


def _validating(
    trial: Trial, settings: config.Settings, counts: Counts, pairs: Pairs | None
) -> float:
    """Seconds after each epoch; `train.hard_examples` measures the training images too."""
    cuda = trial.fabric.device.type == "cuda"
    images = min(counts.validation, settings.train.batch, 10**6 if cuda else SAMPLE)
    source: Any = RandomPairs(images, len(settings.model.mean), settings.augment.size)
    if pairs is not None:
        source = copy.copy(pairs)
        source.rows = pairs.rows[:images]
    split = batches(source, trial.settings.train, trial.fabric)
    for _ in range(1 + cuda):  # there the first images take longer
        start = time.monotonic()
        validate(trial.fabric, trial.method, split, trial.settings)
    measured = counts.validation + bool(settings.train.hard_examples) * counts.train
    processes = settings.train.devices * settings.train.nodes
    return (time.monotonic() - start) * measured / (images * processes)


def _length(budget: Budget, steps: dict[Stage, float], validating: float) -> Length:
    if minutes := budget.settings.minutes:
        shares = np.diff([0.0, *(stage.until for stage in budget.stages)])
        passes = 0.0
        done = {}
        for stage, share in zip(budget.stages, shares, strict=True):
            seconds = _of_epoch(stage, budget) * steps[stage] + validating
            here = 60 * minutes * float(share) / seconds
            done[stage] = round(here * _of_epoch(stage, budget))
            passes += here
        return Length(done, passes, 60 * minutes)
    found, epoch, offset = Counter[Stage](), 0, 0
    while not budget.over(epoch, found.total()):
        stage = budget.stage(epoch, offset, found.total())
        if budget.complete(offset, stage):
            found[stage] += 1
            offset += stage.batch * budget.processes
        else:
            epoch, offset = epoch + 1, 0
    passes = epoch + offset / budget.length
    seconds = sum(steps[s] * count for s, count in found.items()) + math.ceil(passes) * validating
    return Length(dict(found), passes, seconds)


def _of_epoch(stage: Stage, budget: Budget) -> int:
    return max(1, budget.length // (stage.batch * budget.processes))


def _device(trial: Trial, settings: config.Settings) -> str:
    train = settings.train
    if trial.fabric.device.type == "cuda":
        what = f"{torch.cuda.get_device_name(trial.fabric.device)} ({trial.fabric.device})"
        if (several := train.devices * train.nodes) > 1:
            what += f", the first of {several}, which should be alike"
    else:
        what = f"CPU, {_processor()}, {train.threads} threads on {os.cpu_count()} cores"
        if train.accelerator == "auto":
            what += "; no GPU is found here"
    return f"{what}; {train.precision}, determinism {train.determinism}"


def _processor(system: Path = Path("/")) -> str:
    with contextlib.suppress(OSError):
        for line in (system / "proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _network(trial: Trial, settings: config.Settings) -> str:
    parameters = list(trial.method.best_network.parameters())
    count = sum(parameter.numel() for parameter in parameters)
    text = f"{settings.model.name}, {count:,} parameters"
    if settings.train.freeze:
        known = dict(trial.method.best_network.named_children())
        frozen = sum(p.numel() for name in settings.train.freeze for p in known[name].parameters())
        text += f", {count - frozen:,} of them learn"
    return text


def _step(stage: Stage, seconds: float, settings: config.Settings) -> str:
    text = (
        f"{stage.batch} images of {stage.size}×{stage.size} in {seconds:.3g} s: "
        f"{stage.batch / seconds:.3g} images/s"
    )
    if settings.train.compile != "off":
        text += f", before train.compile = {settings.train.compile} makes it quicker"
    return text


def _keeping_up(loading: Loading | None, settings: config.Settings) -> str:
    if loading is None:
        return "not in these seconds: there are no augmented images of this recipe yet"
    workers = settings.train.workers
    how = f"with {workers} workers" if workers else "between the steps, with train.workers = 0"
    return f"{loading.images_per_second:.3g} images/s {how}"


def _memory(trial: Trial) -> str:
    used = trial.memory()
    if trial.fabric.device.type == "cuda":
        total = torch.cuda.get_device_properties(trial.fabric.device).total_memory
        return f"{_bytes(used)} of the GPU's {_bytes(total)}"
    free = memory.available()
    if free is None:
        return _bytes(used)
    held = memory.held() or 0
    text = f"{_bytes(used)}; this process can have {_bytes(free + held)}"
    return text + (f", which is TOO LITTLE: {LESS}" if used > free + held else "")


def _epoch(budget: Budget, steps: dict[Stage, float], validating: float) -> str:
    texts = [
        f"{_duration(_of_epoch(s, budget) * seconds)}" + f" at {s.size}" * (len(steps) > 1)
        for s, seconds in steps.items()
    ]
    return f"{', '.join(texts)}, and {_duration(validating)} of validation"


def _disk(trial: Trial, settings: config.Settings, counts: Counts, length: Length) -> str:
    method, train = trial.method, settings.train
    weights = _size(method.weights())
    parts = sum(_size(method.part_weights(part)) for part in method.parts)
    checkpoints = STATES * (_size(method.state_dict()) + weights + parts)
    sheets = 1 + (math.ceil(length.epochs) // train.samples_every if train.samples_every else 0)
    pixels = 0
    if train.cache != "off":
        pixels = (counts.train + counts.validation) * CHANNELS * settings.augment.size**2
    needed = checkpoints + weights + 2 * parts + 2 * sheets * SHEET + pixels
    free = shutil.disk_usage(project.root()).free
    text = (
        f"checkpoints {_bytes(checkpoints)} while it runs, models {_bytes(weights + 2 * parts)}, "
        f"reports {_bytes(sheets * SHEET)}"
        + (f", decoded images up to {_bytes(pixels)}" if pixels else "")
        + f"; {_bytes(free)} are free"
    )
    return text + (", which is TOO LITTLE: make room first" if needed > free else "")


def _size(state: Any) -> int:
    """Bytes of the tensors in nested dictionaries and lists."""
    if isinstance(state, torch.Tensor):
        return state.numel() * state.element_size()
    parts = state.values() if isinstance(state, dict) else state
    return sum(map(_size, parts)) if isinstance(state, dict | list | tuple) else 0


def _stops_early(settings: config.Settings) -> str:
    patience = settings.train.early_stopping
    return f", or less: train.early_stopping = {patience}" if patience else ""


def _end(seconds: float) -> str:
    # Added before it is a local time: the clocks may change meanwhile.
    end = datetime.datetime.fromtimestamp(time.time() + seconds)
    return f"{end:%A %d %B %Y, %H:%M}, if it starts now"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.2g} s"
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if minutes < 120:
        return f"{minutes} min"
    return f"{hours} h" if hours < 72 else f"{hours / 24:.1f} days"


def _bytes(count: float) -> str:
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e7 else f"{count / 1e6:.1f} MB"
