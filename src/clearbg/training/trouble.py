"""What goes wrong while a training runs, said so that a person can go on."""

import math

import torch
from safetensors.torch import save_file

from clearbg import config
from clearbg.data.dataset import Pairs
from clearbg.errors import ClearBGError
from clearbg.system.files import replacing_file
from clearbg.training.budget import Batches
from clearbg.training.checkpoints import Checkpoint, Progress

NAMED = 3  # images in a sentence


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
    images = [train.rows[index]["id"] for _, index, *_ in places]
    saved = ""
    if places:
        path = checkpoint.folder / "non_finite_batch.safetensors"
        _save_batch(path, train, places, images)
        saved = f" The batch is saved as {path}."
    named = ", ".join(images[:NAMED]) + (f" and {len(images) - NAMED} more" * (len(images) > NAMED))
    raise ClearBGError(
        f"the {name.replace('_', ' ')} became {losses[name]} in epoch {progress.epoch + 1}, step "
        f"{step + 1}, before the optimizer stepped on it (images {named}): lower train.lr or set "
        f"train.clip_norm.{saved}"
    )


def _save_batch(path, train: Pairs, places: list, ids: list[str]) -> None:
    images, alpha = (torch.stack(parts) for parts in zip(*(train[place] for place in places)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path) as aside:
        save_file(
            {"images": images.contiguous(), "alpha": alpha.contiguous()},
            aside,
            metadata={"ids": "\n".join(ids)},
        )


def out_of_memory(settings: config.Settings, batch: int, size: int) -> ClearBGError:
    """The sentence for a batch that does not fit into the GPU's memory."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    return ClearBGError(
        f"a batch of {batch} images of {size}×{size} does not fit into the GPU's "
        f"{total / 2**30:.0f} GB: set train.batch_size to {_fitting(settings, batch, size)} or to "
        "auto, and train.accumulate higher to keep the optimizer's step as it is."
    )


def _fitting(settings: config.Settings, batch: int, size: int) -> int:
    from clearbg.training.batch_size import largest_batch

    return largest_batch(settings, size, most=batch - 1)
