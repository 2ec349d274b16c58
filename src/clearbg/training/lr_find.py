"""Find a learning rate: raise it with every step and watch the loss (Smith 2017, section 3.3)."""

import dataclasses
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter1d

from clearbg import config
from clearbg.data.batches import batches as batches_of
from clearbg.data.dataset import Pairs
from clearbg.errors import ClearBGError, SettingsError
from clearbg.system.files import replacing_file
from clearbg.system.overwriting import Kind, refuse_to_lose
from clearbg.system.progress import progress as progress_bar
from clearbg.training.batch_size import chosen_batch
from clearbg.training.budget import Batches, Budget
from clearbg.training.descent import NonFiniteLossError
from clearbg.training.launch import launch
from clearbg.training.lr_curve import write_curve
from clearbg.training.supervised import Supervised
from clearbg.training.trial import ALONE

TABLE, IMAGE = "curve.csv", "curve.png"
CURVE = Kind("a curve of `clearbg lr-find`", re.compile(rb"\Alr,loss,smooth\b"))
BLOWN = 4.0  # times the lowest loss, where the sweep ends
WIDTH = 0.04  # share of the steps over which the curve is smoothed
BEFORE = 3.0  # factor that a suggestion keeps from the rate of the lowest loss
FEWEST = 10  # steps that make a curve
CONSTANT = {
    "epochs": None, "minutes": None, "schedule": "constant", "warmup": None, "ema": 0.0,
    "hard_examples": 0.0, "compile": "off",
}  # fmt: skip


@dataclass(frozen=True)
class Sweep:
    """Learning rates, rising, and the loss of the step at each; `(N,)` both."""

    rates: np.ndarray
    losses: np.ndarray

    @property
    def smooth(self) -> np.ndarray:
        """The losses without their noise; symmetrically, so that the curve is not shifted."""
        width = max(1.0, WIDTH * len(self.losses))
        return gaussian_filter1d(self.losses, width, mode="nearest")


@dataclass(frozen=True)
class Suggestion:
    rate: float
    reason: str


def sweep(
    settings: config.Settings, train: Pairs, lowest: float, highest: float, steps: int
) -> Sweep:
    """Train a network of the recipe that is thrown away, from `lowest` to `highest`.

    The data, the loss and the steps are the recipe's; of growing sizes the last one is taken, and
    a teacher is left out. The sweep ends early where the loss is not finite or far above its
    lowest value.

    Raises:
        SettingsError: the training is adversarial, or the rates do not rise.
        ClearBGError: the loss is lost before there is a curve.
    """
    if settings.train.method == "adversarial":
        raise SettingsError(
            "lr-find is for train.method = supervised: the two losses of an adversarial training "
            "answer each other, and a low one says nothing about the rate; start from the recipe's."
        )
    if lowest >= highest:
        raise SettingsError(f"--lowest {lowest:g} must be below --highest {highest:g}.")
    settings = _constant(settings, len(train), highest, steps)
    fabric = launch(settings.train)
    method = Supervised(fabric, settings)
    order = Batches(
        Budget(settings.train, len(train), settings.transform.crop), settings.train.seed
    )
    batches = batches_of(train, order, fabric.device, settings, settings.train.augment_on)
    rates = np.geomspace(lowest, highest, steps)
    losses: list[float] = []
    bar = progress_bar(what="lr-find", unit="steps", total=steps, leave=False)
    while len(losses) < steps:
        order.steps = len(losses)
        for images, alpha in batches:
            method.descent.lr = float(rates[len(losses)])
            method.set_rate(0, 1, 0)
            torch.manual_seed(len(losses))
            try:
                losses.append(float(method.step(images, alpha)["loss"]))
            except NonFiniteLossError:
                losses.append(math.nan)
            bar.update()
            if len(losses) == steps or _is_blown(losses):
                break
        order.epoch += 1
        if _is_blown(losses):
            losses.pop()
            break
    bar.close()
    if len(losses) < FEWEST:
        raise ClearBGError(
            f"the loss blew up after {len(losses)} steps, at the rate {rates[len(losses)]:.2g}: "
            "give a smaller --lowest, or more --steps."
        )
    return Sweep(rates[: len(losses)], np.array(losses))


def _constant(
    settings: config.Settings, images: int, highest: float, steps: int
) -> config.Settings:
    own = {**ALONE, **CONSTANT, "steps": steps, "lr": highest}
    if settings.train.sizes:
        own["sizes"] = [[1.0, settings.train.sizes[-1][1]]]
    if settings.train.batch_size == "auto":
        own["batch_size"] = chosen_batch(settings, images)
    return dataclasses.replace(settings, train=settings.train.model_copy(update=own))


def _is_blown(losses: list[float]) -> bool:
    lost = not math.isfinite(losses[-1])
    return lost or (len(losses) > FEWEST and losses[-1] > BLOWN * min(losses))


def suggest(found: Sweep) -> Suggestion | str:
    """A rate with its reason; or the sentence why there is none."""
    smooth, rates = found.smooth, found.rates
    low = int(np.argmin(smooth))
    fall = smooth[: low + 1].max() - smooth[low]
    if low < 2 or fall < 2 * np.std(found.losses - smooth):
        return (
            f"no suggestion: the loss does not fall clearly between {rates[0]:.2g} and "
            f"{rates[-1]:.2g}; take more --steps, or other rates."
        )
    slope = np.gradient(smooth, np.log10(rates))[: low + 1]
    steep = int(np.argmin(slope))
    where = f"it is lowest at {rates[low]:.2g}"
    where += " and rises from there" if low < len(rates) - 1 else ", where the sweep ends"
    if rates[steep] * BEFORE > rates[low]:
        return Suggestion(
            rates[low] / BEFORE,
            f"a third of the rate of the lowest loss: {where}, and falls fastest just below that",
        )
    return Suggestion(
        float(rates[steep]),
        f"the loss falls fastest here, by {-slope[steep]:.2g} for each factor of ten; {where}",
    )


def refuse_output(folder: Path, overwrite: bool) -> None:
    """Raise DataError where `write` would lose a file that is no curve of an earlier sweep."""
    table, image = folder / TABLE, folder / IMAGE
    refuse_to_lose(table, CURVE, overwrite=overwrite)
    if not table.exists():  # else the image is the table's
        refuse_to_lose(image, CURVE, overwrite=overwrite)


def write(found: Sweep, suggestion: Suggestion | str, folder: Path) -> tuple[Path, Path]:
    """The curve as curve.png and curve.csv in `folder`; their paths."""
    table, image = folder / TABLE, folder / IMAGE
    columns = {"lr": found.rates, "loss": found.losses, "smooth": found.smooth}
    with replacing_file(table) as aside:
        pd.DataFrame(columns).to_csv(aside, index=False, float_format="%.6g")
    marked = suggestion.rate if isinstance(suggestion, Suggestion) else None
    write_curve(image, found.rates, found.losses, found.smooth, marked)
    return image, table
