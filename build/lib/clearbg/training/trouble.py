"""What goes wrong while a training runs, said so that a person can go on."""

import math
import statistics
import traceback
from collections import deque
from pathlib import Path

import torch
from safetensors.torch import save_file

from clearbg import config
from clearbg.data.dataset import Pairs, Place
from clearbg.errors import ClearBGError
from clearbg.system.files import replacing_file
from clearbg.training.budget import Batches
from clearbg.training.checkpoints import Checkpoint, Progress

NAMED = 3  # images in a sentence
WINDOW = 100  # steps that a loss is compared with
ENOUGH = 30  # of them, before any is called a spike
SPIKE, HIGHEST = 5, 3  # times the median, and times the highest loss
MOST_SPIKES = 3  # told of; more would hide what else is said


def refuse_non_finite(
    losses: dict[str, float],
    step: int,
    progress: Progress,
    batches: Batches,
    train: Pairs,
    checkpoint: Checkpoint,
) -> None:
    """Stop a training whose loss is not a number, and save the batch that it happened on.

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
        _save_batch(path, train, places)
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


def _save_batch(path: Path, train: Pairs, places: list[Place]) -> None:
    images, alpha = (torch.stack(parts) for parts in zip(*(train[place] for place in places)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path) as aside:
        save_file(
            {"images": images.contiguous(), "alpha": alpha.contiguous()},
            aside,
            metadata={"ids": "\n".join(_ids(places, train))},
        )


def out_of_memory(
    error: Exception, settings: config.Settings, batch: int, size: int
) -> ClearBGError | None:
    """The sentence for a batch that did not fit into memory; None: the error is another one."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        from clearbg.training.batch_size import largest_batch

        # What the failed step has made would count against the batches that are tried.
        traceback.clear_frames(error.__traceback__)
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory
        where = f"the GPU's {total / 2**30:.0f} GB"
        fits = largest_batch(settings, size, most=batch - 1)
    elif isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error):
        where, fits = "memory", batch // 2
    else:
        return None
    return ClearBGError(
        f"a batch of {batch} images of {size}×{size} does not fit into {where}: "
        f"{_smaller(settings, fits, size)}."
    )


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
        last = "" if self._left else " Further spikes are not told."
        return (
            f"warning: step {step + 1} had a loss of {loss:.4g}, {loss / usual:.0f} times the "
            f"median of the {len(before)} steps before ({_named(places, train)}): look at these "
            f"images, and if the loss stays high lower train.lr or set train.clip_norm.{last}"
        )
