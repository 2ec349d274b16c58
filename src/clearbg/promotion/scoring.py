"""The test split, and what a model scores on it.

Every image and mask that is scored must have the hash that the manifest holds, and a version in the
registry is tagged with the manifest's digest: two equal digests mean the same images.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from clearbg.data import manifest
from clearbg.data.baselines import read_mean_mask
from clearbg.errors import DataError
from clearbg.evaluation.one_metric import Scored, score_by
from clearbg.metrics import baselines, slices
from clearbg.metrics.baselines import Comparison
from clearbg.metrics.names import families_of
from clearbg.removal.remover import Remover
from clearbg.system.files import file_sha256


@dataclass(frozen=True)
class Split:
    """A test split.

    Attributes:
        folder: the ingested one.
        rows: of its manifest, ordered by id.
        digest: of the whole manifest, see `manifest.digest`.
    """

    folder: Path
    rows: pd.DataFrame
    digest: str


@dataclass(frozen=True)
class Measured:
    """What a model, by its ONNX file, scores on a test split."""

    model: Path
    remover: Remover
    scored: Scored


def read_split(folder: Path) -> Split:
    """The test split of an ingested folder.

    Raises:
        DataError: the manifest is missing, or it has no test images.
    """
    frame = manifest.read(folder)
    rows = frame[frame.split == "test"].sort_values("id", ignore_index=True)
    if rows.empty:
        raise DataError(f"{folder} holds no test images: run `dvc repro ingest`.")
    return Split(folder, rows, manifest.digest(frame))


def measure(split: Split, model: Path, metric: str, at_once: int, facts: bool = True) -> Measured:
    """Score an exported model on every image, `at_once` of them in a run of the network.

    Args:
        facts: whether `slices_of` will be asked for the images' slices.

    Raises:
        DataError: an image is not the one that was ingested.
        ModelError: the model cannot be used.
    """
    remover, count = Remover(model), len(split.rows)
    pairs = (_read(split.folder, row) for _, row in split.rows.iterrows())
    what = f"scoring {model.parent.name}/{model.name}"[-30:]
    network, contract = remover.network, remover.contract
    scored = score_by(metric, network, contract, pairs, count, what, at_once, facts)
    return Measured(model, remover, scored)


def beside(split: Split, measured: Measured, metric: str) -> Comparison:
    """The model and masks that have not looked at the image, on the test split.

    The mean mask lies beside the model; where it does not, it is left out.

    Raises:
        DataError: a mask cannot be read.
        ImageError: the mean mask cannot be read.
    """
    masks = baselines.score_all(
        (manifest.read_alpha(split.folder, row) for _, row in split.rows.iterrows()),
        families_of(metric),
        measured.remover.contract.threshold,
        read_mean_mask(measured.model.parent),
        processes=1 if len(split.rows) < 8 else None,
    )
    tables = {
        name: {key: round(value, 6) for key, value in table.items()}
        for name, table in masks.items()
    }
    return baselines.compare(metric, measured.scored.figures, tables)


def slices_of(split: Split, measured: Measured) -> dict[str, np.ndarray]:
    """Name -> which images, bool `(n,)`; see `clearbg.metrics.slices`."""
    sources = split.rows["source"].to_numpy()
    return slices.slices(measured.scored.facts.assign(source=sources))


def _read(folder: Path, row: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    for path, sha256 in ((row["image"], row["sha256"]), (row["mask"], row["mask_sha256"])):
        if (folder / path).is_file() and file_sha256(folder / path) != sha256:
            raise DataError(
                f"{folder / path} is not the file that {folder}/manifest.csv describes, so the "
                "test split has changed: run `dvc checkout` or `dvc repro -f ingest`."
            )
    return manifest.read_pair(folder, row)
