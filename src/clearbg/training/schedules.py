"""Learning rates over the steps of a whole training."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, LambdaLR, LRScheduler, OneCycleLR, StepLR

from clearbg import config

LOWEST = 1 / 25  # of `lr`, where a cycle begins
BETA1 = {"base_momentum": 0.85, "max_momentum": 0.95}


def schedule(
    optimizer: Optimizer, settings: config.Train, steps: int, epoch_steps: int
) -> LRScheduler:
    """The scheduler of `settings.schedule`; call its `step()` after every optimizer step.

    - constant: `lr` throughout.
    - step: `lr` times `gamma` at every `step_every` epochs.
    - one_cycle: from `lr`/25 up over the share `warmup`, down to nearly 0, beta1 cycling
      0.95 → 0.85 → 0.95 (Smith and Topin 2018; torch's OneCycleLR).
    - cyclic: from `lr`/25 straight up to `lr` and straight down again within `cycle` epochs,
      over and over, beta1 0.95 → 0.85 → 0.95 (Smith 2017; torch's CyclicLR).
    - cosine: a linear rise over the share `warmup` of the steps, then half a cosine to 0
      (Loshchilov and Hutter 2017, without restarts).

    Args:
        optimizer: Adam or AdamW; its own learning rate must be `settings.lr`.
        settings: schedule, lr and the keys that the schedule uses.
        steps: optimizer steps of the whole training.
        epoch_steps: of one epoch.

    Raises:
        ValueError: the schedule is not known.
    """
    match settings.schedule:
        case "constant":
            return LambdaLR(optimizer, lambda step: 1.0)
        case "step":
            return StepLR(optimizer, settings.step_every * epoch_steps, settings.gamma)
        case "one_cycle":
            # torch divides by zero where the rise is one single step: start at the top instead.
            rise = 0.0 if settings.warmup * steps == 1 else settings.warmup
            return OneCycleLR(
                optimizer,
                settings.lr,
                total_steps=steps,
                pct_start=rise,
                div_factor=1 / LOWEST,
                **BETA1,
            )
        case "cyclic":
            rise = max(1, settings.cycle * epoch_steps / 2)
            return CyclicLR(optimizer, LOWEST * settings.lr, settings.lr, rise, **BETA1)
        case "cosine":
            rise = round(settings.warmup * steps)
            return LambdaLR(optimizer, lambda step: _cosine(step, rise, steps))
    raise ValueError(f"schedule {settings.schedule!r} is not known")


def _cosine(step: int, rise: int, steps: int) -> float:
    if step < rise:
        return (step + 1) / rise
    return (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise))) / 2
