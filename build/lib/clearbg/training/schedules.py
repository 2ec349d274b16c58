"""Learning rates over a whole training, by how much of its budget is used up."""

import math

from torch.optim import Optimizer

from clearbg import config

LOWEST = 1 / 25  # of `lr`, where a cycle begins
LAST = 1e-4  # of that, where one_cycle ends
BETA1 = (0.85, 0.95)  # at the top and at the ends of a cycle


def set_rate(
    optimizer: Optimizer, settings: config.Train, lr: float, done: float, total: float, epoch: float
) -> float:
    """Give the optimizer the learning rate of its next step, and return that.

    - constant: `lr` throughout.
    - step: `lr` times `gamma` at every `step_every` epochs.
    - one_cycle: from `lr`/25 up over the share `warmup`, down to nearly 0, beta1 cycling
      0.95 → 0.85 → 0.95 (Smith and Topin 2018; as torch's OneCycleLR).
    - cyclic: from `lr`/25 straight up to `lr` and straight down again within `cycle` epochs,
      over and over, beta1 0.95 → 0.85 → 0.95 (Smith 2017; as torch's CyclicLR).
    - cosine: a linear rise over the share `warmup`, then half a cosine to 0 (Loshchilov and
      Hutter 2017, without restarts).

    Args:
        optimizer: Adam or AdamW.
        settings: the schedule and the keys that it uses.
        lr: the highest learning rate.
        done, total: steps, or seconds where the training goes by the clock.
        epoch: passes over the data so far, with their fraction.

    Raises:
        ValueError: the schedule is not known.
    """
    beta1 = None
    match settings.schedule:
        case "constant":
            rate = lr
        case "step":
            rate = lr * settings.gamma ** math.floor(epoch / settings.step_every + 1e-9)
        case "one_cycle":
            rate, beta1 = _one_cycle(done, total, settings.warmup, lr)
        case "cyclic":
            place = (epoch % settings.cycle) / settings.cycle
            height = 1 - abs(2 * place - 1)
            rate = lr * (LOWEST + (1 - LOWEST) * height)
            beta1 = BETA1[1] - (BETA1[1] - BETA1[0]) * height
        case "cosine":
            rate = lr * _cosine(done, settings.warmup * total, total)
        case other:
            raise ValueError(f"schedule {other!r} is not known")
    for group in optimizer.param_groups:
        group["lr"] = rate
        if beta1 is not None:
            group["betas"] = (beta1, group["betas"][1])
    return rate


def _one_cycle(done: float, total: float, warmup: float, lr: float) -> tuple[float, float]:
    top, last = warmup * total - 1, max(1.0, total - 1)
    top = max(0.0, top)  # the rise of a single step starts at the top
    lowest, low, high = lr * LOWEST, *BETA1
    if done <= top and top > 0:
        part = done / top
        return _annealed(lowest, lr, part), _annealed(high, low, part)
    part = min(1.0, (done - top) / (last - top)) if last > top else 1.0
    return _annealed(lr, lowest * LAST, part), _annealed(low, high, part)


def _annealed(start: float, end: float, part: float) -> float:
    """Half a cosine from `start` to `end`."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)


def _cosine(done: float, rise: float, total: float) -> float:
    rise = round(rise)
    if done < rise:
        return (done + 1) / rise
    return (1 + math.cos(math.pi * min(1.0, (done - rise) / max(1.0, total - rise)))) / 2
