"""What goes wrong while a training runs, said so that a person can go on."""

import contextlib
import errno
import math
import re
import statistics
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from clearbg import config
from clearbg.data.dataset import Pairs, Place
from clearbg.data.prefetch import Pair
from clearbg.errors import ClearBGError
from clearbg.system import signals
from clearbg.system.files import replacing_file
from clearbg.training.batch_size import largest_batch
from clearbg.training.budget import Batches
from clearbg.training.checkpoints import Checkpoint, Progress

NAMED = 3  # images in a sentence
WINDOW = 100  # steps that a loss is compared with
ENOUGH = 30  # of them, before any is called a spike
SPIKE, HIGHEST = 5, 3  # times the median, and times the highest loss
MOST_SPIKES = 3  # told of; more would hide what else is said
SHARED = re.compile(r"signal: Bus error|file </torch_|shared memory")
KILLED = re.compile(r"DataLoader worker \(pid.*(signal: Killed|exited unexpectedly)")
LACKING = re.compile(r"an't allocate memory|annot allocate memory|Insufficient memory|bad_alloc")


def refuse_non_finite(
    losses: dict[str, float],
    step: int,
    progress: Progress,
    batches: Batches,
    train: Pairs,
    again: Callable[[list[Place]], Pair],
    checkpoint: Checkpoint,
) -> None:
    """Stop a training whose loss is not a number, and save the batch that it happened on.

    Args:
        again: makes the batch of some places once more, as it was trained on.

    Raises:
        ClearBGError: names the loss, the step, the images and the saved batch.
    """
    name = next((name for name, value in losses.items() if not math.isfinite(value)), None)
    if name is None:
        return
    places = batches.drawn.get(step, [])
    saved = ""
    if places:
        path = checkpoint.folder / "non_finite_batch.safetensors"
        _save_batch(path, *again(places), _ids(places, train))
        saved = f" The batch is saved as {path}."
    raise ClearBGError(
        f"the {name.replace('_', ' ')} became {losses[name]} in epoch {progress.epoch + 1}, step "
        f"{step + 1}, before the optimizer stepped on it ({_named(places, train)}): lower train.lr "
        f"or set train.clip_norm.{saved}"
    )


def _ids(places: list[Place], train: Pairs) -> list[str]:
    return [train.rows[index]["id"] for _, index, *_ in places]


def _named(places: list[Place], train: Pairs) -> str:
    ids = _ids(places, train)
    return f"images {', '.join(ids[:NAMED])}" + f" and {len(ids) - NAMED} more" * (len(ids) > NAMED)


def _save_batch(path: Path, images: Tensor, alpha: Tensor, ids: list[str]) -> None:
    batch = {"images": images.cpu().contiguous(), "alpha": alpha.cpu().contiguous()}
    with replacing_file(path) as aside:
        save_file(batch, aside, metadata={"ids": "\n".join(ids)})


def out_of_memory(
    error: Exception, settings: config.Settings, batch: int, size: int
) -> ClearBGError | None:
    """The sentence for a batch that did not fit into memory; None: the error is another one."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        # What the failed step has made would count against the batches that are tried.
        traceback.clear_frames(error.__traceback__)
        torch.cuda.empty_cache()
        where, fits = f"the GPU's {_gigabytes()}", largest_batch(settings, size, most=batch - 1)
    elif _lacks_memory(error):
        where, fits = "memory", batch // 2
    else:
        return None
    return ClearBGError(
        f"a batch of {batch} images of {size}×{size} does not fit into {where}: "
        f"{_smaller(settings, fits, size)}."
    )


@contextlib.contextmanager
def memory_told(settings: config.Settings) -> Iterator[None]:
    """Say in a sentence that memory has run out inside, also that of a process that loads images.

    Raises:
        ClearBGError: it has; names the settings that help.
    """
    try:
        yield
    except Exception as error:
        told = _told(error, settings)
        if told is None:
            raise
        raise ClearBGError(told) from error


def _told(error: Exception, settings: config.Settings) -> str | None:
    text, workers = _with_causes(error), f"train.workers (now {settings.train.workers})"
    if isinstance(error, ClearBGError) or signals.stop_requested() is not None:
        return None
    if SHARED.search(text):
        return (
            f"a process that loads images found no room in shared memory: lower {workers} or "
            f"train.batch_size (now {settings.train.batch_size}), or let the container have more "
            "(docker run --shm-size 8g)."
        )
    if KILLED.search(text):
        return (
            "a process that loads images was killed, probably because memory had run out: lower "
            f"{workers}, and run it again to go on from the last checkpoint."
        )
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return f"the GPU's {_gigabytes()} have run out: {_sparing(settings, on_gpu=True)}."
    return f"memory has run out: {_sparing(settings)}." if _lacks_memory(error) else None


def _with_causes(error: BaseException | None) -> str:
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def _lacks_memory(error: Exception) -> bool:
    number = error.errno if isinstance(error, OSError) else None
    lacking = number == errno.ENOMEM or LACKING.search(str(error)) is not None
    return lacking or isinstance(error, MemoryError)


def _gigabytes() -> str:
    return f"{torch.cuda.get_device_properties(0).total_memory / 2**30:.0f} GB"


def _sparing(settings: config.Settings, on_gpu: bool = False) -> str:
    """What to set where it is not known how many images would fit."""
    train, ways = settings.train, []
    least = 2 if settings.model.norm == "batch" else 1
    if train.batch_size != "auto" and train.batch_size // 2 >= least:
        ways.append(f"set train.batch_size to {train.batch_size // 2}")
    if train.workers and not on_gpu:
        ways.append(f"lower train.workers (now {train.workers})")
    if train.cache != "off":
        ways.append('set train.cache to "off"')
    return ", or ".join(ways or ["lower augment.size and transform.crop"])


def _smaller(settings: config.Settings, fits: int, size: int) -> str:
    """What to set so that a step holds as many pixels as `fits` images of `size`×`size`."""
    train = settings.train
    largest = max((int(side) for _, side in train.sizes or ()), default=settings.transform.crop)
    batch = int(fits * (size / largest) ** 2) // train.accumulate
    least = 2 if settings.model.norm == "batch" else 1
    if least <= batch < train.batch:
        return (
            f"set train.batch_size to {batch}, and train.accumulate higher to keep the optimizer's "
            "step as it is"
        )
    if least > 1 and train.batch > 1:
        return "set train.batch_size to 1 and model.norm to group, or lower transform.crop"
    return "lower transform.crop, or take a smaller model"


class SpikeWatch:
    """Tells of losses that stand out from those before them.

    A spike is far above the running median, and far above the highest loss of the same window: so
    batches that differ by themselves raise none, and of a loss that stays high the first step is
    told.
    """

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._left = MOST_SPIKES

    def is_spike(self, loss: float) -> bool:
        """Whether the loss of the next step is one; False after `MOST_SPIKES` of them."""
        before = self._recent
        enough = len(before) >= ENOUGH and self._left > 0
        spike = enough and loss > SPIKE * statistics.median(before) and loss > HIGHEST * max(before)
        self._left -= spike
        before.append(loss)
        return spike

    def warning(self, step: int, places: list[Place], train: Pairs) -> str:
        """A line about the spike at a step, which was the last one that was asked about."""
        *before, loss = self._recent
        usual = statistics.median(before)
        last = "" if self._left else " Further spikes are not reported."
        return (
            f"warning: step {step + 1} had a loss of {loss:.4g}, {loss / usual:.0f} times the "
            f"median of the {len(before)} steps before ({_named(places, train)}): look at these "
            f"images, and if the loss stays high lower train.lr or set train.clip_norm.{last}"
        )
