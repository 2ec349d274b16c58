"""Parts of a set of images that a model may treat in another way: by size, softness and light."""

import numpy as np
import pandas as pd

from clearbg.metrics.names import LIGHT, OUTLINES, SUBJECT_SIZES

FACTS = ("coverage", "soft_fraction", "luma")
"""Columns that `slices` reads."""


def facts(rgb: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """What the slices look at in an image.

    Args:
        rgb: uint8 `(H,W,3)`.
        truth: uint8 `(H,W)`.
    """
    return {
        "coverage": float(truth.mean()) / 255,
        "soft_fraction": float(((truth > 0) & (truth < 255)).mean()),
        "luma": float(rgb.mean(axis=(0, 1)) @ [0.299, 0.587, 0.114]) / 255,
    }


def slices(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Name -> which images, bool `(n,)`: by size of the subject, softness, light, and source.

    Args:
        table: a row an image, with `empty`, whether it has no subject. Of the columns `FACTS` and
            `source`, those that are there count; a single source is no slice.
    """
    subject = ~table["empty"].to_numpy(bool)
    kinds = (
        ("subject ", "coverage", SUBJECT_SIZES),
        ("", "soft_fraction", OUTLINES),
        ("", "luma", LIGHT),
    )
    found = {
        f"{prefix}{name}": subject & table[column].between(*bounds, inclusive="left").to_numpy()
        for prefix, column, ranges in kinds
        if column in table
        for name, bounds in ranges.items()
    }
    sources = table["source"].unique() if "source" in table else ()
    if len(sources) > 1:
        found |= {f"source {name}": (table["source"] == name).to_numpy() for name in sources}
    return found
