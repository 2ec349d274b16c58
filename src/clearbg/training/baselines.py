"""What masks that have not looked at the image reach on the validation split."""

from collections.abc import Mapping

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader

from clearbg import config
from clearbg.data.dataset import Pairs
from clearbg.metrics import baselines
from clearbg.metrics.baselines import NAMES, Comparison
from clearbg.training.validation import Tally


def measured(
    fabric: Fabric, train: Pairs, split: DataLoader, settings: config.Settings
) -> dict[str, float]:
    """The figures of `validate` but the losses, for each mask: `mean_mask/mae` and so on.

    Every process measures its part of the split, and all get the same figures.
    """
    mean_mask = train.mean_mask.astype(np.float32) / 255
    tallies = {name: Tally(settings) for name in NAMES}
    for _, alpha in split:
        alpha = alpha.to(fabric.device)
        for name, mask in baselines.masks(alpha.shape[-2:], mean_mask).items():
            tallies[name].add(torch.from_numpy(mask).to(alpha).expand_as(alpha), alpha)
    figures = {name: tally.figures(fabric) for name, tally in tallies.items()}
    return {f"{name}/{metric}": value for name in NAMES for metric, value in figures[name].items()}


def compare(row: Mapping[str, float], metric: str) -> Comparison:
    """The model of an epoch beside the masks, by `train.select_by` or what stands in for it.

    Args:
        row: of the training's history, with what `measured` gave.
    """
    tables: dict[str, dict[str, float]] = {name: {} for name in ("validation", *NAMES)}
    for key, value in row.items():
        table, _, name = key.partition("/")
        if table in tables:
            tables[table][name] = round(value, 6)
    return baselines.compare(metric, tables.pop("validation"), tables)
