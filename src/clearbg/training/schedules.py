"""Learning rates over the steps of a whole training."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from clearbg import config


def schedule(optimizer: Optimizer, settings: config.Train, steps: int) -> LRScheduler:
    """The scheduler of `settings.schedule`; call its `step()` after every optimizer step.

    - constant: `lr` throughout.
    - cosine: a linear rise over the share `warmup` of the steps, then half a cosine to 0
      (Loshchilov and Hutter 2017, without restarts).
    - one_cycle: from `lr`/25 up over the share `warmup`, down to nearly 0, beta1 cycling
      0.95 → 0.85 → 0.95 (Smith and Topin 2018; torch's OneCycleLR).
    """
    match settings.schedule:
        case "constant":
            return LambdaLR(optimizer, lambda step: 1.0)
        case "cosine":
            rise = round(settings.warmup * steps)
            return LambdaLR(optimizer, lambda step: _cosine(step, rise, steps))
        case "one_cycle":
            return OneCycleLR(optimizer, settings.lr, total_steps=steps, pct_start=settings.warmup)
    raise ValueError(f"schedule {settings.schedule!r} is not known")


def _cosine(step: int, rise: int, steps: int) -> float:
    if step < rise:
        return (step + 1) / rise
    return (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise))) / 2
