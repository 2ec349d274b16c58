"""Two models on the same images, or two tables of figures: better, worse, or nobody can tell."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from clearbg.contract import Contract
from clearbg.data import manifest
from clearbg.data.checks.truths import Truths
from clearbg.errors import DataError, SettingsError
from clearbg.evaluation.one_metric import METRICS, score_by
from clearbg.evaluation.score_files import opened, partners
from clearbg.images import contact_sheet
from clearbg.inference.predict import Network, predict
from clearbg.metrics import bootstrap, image_facts, paired
from clearbg.metrics.names import LABELS, LOWER_IS_BETTER, SHOWN, heading
from clearbg.metrics.paired import Gain
from clearbg.metrics.slices import slices
from clearbg.system.files import write_text
from clearbg.system.overwriting import Kind, refuse_to_lose
from clearbg.templates import render

TITLE = "# Two models on the same images"
REPORT = Kind("a comparison of models", re.compile(TITLE.encode()))
COMMENT = "ClearBG comparison of models"
SHEET = Kind("a sheet of changed images", re.compile(COMMENT.encode()))
CELL = 180  # pixels of a view's longer side
CHANGED = 10
"""Images with the largest gains that are listed, and as many with the largest losses."""

Pair = tuple[np.ndarray, np.ndarray]
Opened = tuple[Network, Contract]


@dataclass(frozen=True)
class Images:
    """What two models are compared on.

    Attributes:
        ids: a name an image.
        groups: of images that are alike; see `clearbg.metrics.bootstrap`.
        sources: of the images, or the same for all.
        files: that are read, never written over.
        read: the image, uint8 `(H,W,3)`, and the truth, uint8 `(H,W)`, of that number.
    """

    ids: Sequence[str]
    groups: Sequence[str]
    sources: Sequence[str]
    files: Sequence[Path]
    read: Callable[[int], Pair]


@dataclass(frozen=True)
class Compared:
    """What the second model gains over the first.

    Attributes:
        metric: in which the gain is measured.
        grouped: whether the images' groups are known; else each image is a group of its own.
        gain: over all images.
        slices: name -> gain there.
        table: a row an image: `id`, `before`, `after`, each image's own value.
        changed: rows of the table, the largest gain first, the largest loss last.
    """

    metric: str
    gain: Gain
    slices: dict[str, Gain]
    table: pd.DataFrame
    changed: Sequence[int]
    grouped: bool = True

    def captions(self) -> list[str]:
        """A line of text for each of the images that changed most."""
        rows = self.table.iloc[list(self.changed)].itertuples()
        return [f"{row.id}: {self.metric} {row.before:.3f} to {row.after:.3f}" for row in rows]


def of_split(folder: Path) -> Images:
    """The test split of an ingested folder.

    Raises:
        DataError: it holds no test images.
    """
    frame = manifest.read(folder)
    rows = frame[frame.split == "test"].sort_values("id", ignore_index=True)
    if rows.empty:
        raise DataError(f"{folder} holds no test images: name a folder of images and one of masks.")
    files = [folder / name for column in ("image", "mask") for name in rows[column]]
    return Images(
        list(rows["id"]),
        list(rows["group"]),
        list(rows["source"]),
        files,
        lambda index: manifest.read_pair(folder, rows.iloc[index]),
    )


def of_folders(images: Path, masks: Path) -> Images:
    """A folder of images and one of masks of the same names; each image is a group of its own.

    Raises:
        DataError: a folder is missing, or an image has no partner.
    """
    pairs = partners(images, masks)
    truths = Truths()

    def read(index: int) -> Pair:
        image, truth = truths.with_image(pairs[index])
        return image.srgb(), truth

    names = [pair.id for pair in pairs]
    files = [file for pair in pairs for file in pair.files()]
    return Images(names, names, [""] * len(names), files, read)


def compare_models(
    first: Path, second: Path, images: Images, metric: str | None
) -> tuple[Compared, dict[str, Opened]]:
    """Score both models on every image, one after the other; memory does not grow with them.

    Args:
        first, second: models folders or exported files.
        metric: None: the headline of the first one's contract.

    Raises:
        DataError: an image cannot be read.
        ModelError: a model cannot be used.
        SettingsError: the metric is not known.
    """
    if metric not in (None, *METRICS):
        raise SettingsError(f"--metric {metric} is not known; known: {', '.join(METRICS)}.")
    models = [opened(path) for path in (first, second)]
    metric = metric or models[0][1].headline
    metric = "mae" if metric == "loss" else metric
    count = len(images.ids)
    before, after = (
        score_by(metric, *model, map(images.read, range(count)), count, what, facts=facts)
        for what, model, facts in zip(
            ("first model", "second model"), models, (True, False), strict=True
        )
    )
    table = pd.DataFrame({"id": images.ids, "before": before.own, "after": after.own})
    parts = slices(before.facts.assign(source=images.sources))
    found = _compared(metric, before.values, after.values, images.groups, parts, table)
    return found, dict(zip(("first", "second"), models, strict=True))


def compare_tables(first: Path, second: Path, metric: str | None) -> Compared:
    """Compare two `per_image.csv` files of the same images, by each image's own value.

    Raises:
        DataError: a file is no such table, or they share no image or metric.
        SettingsError: the metric is not in both.
    """
    tables = [_read_table(path) for path in (first, second)]
    tables = [t.add_suffix(end) for t, end in zip(tables, ("_before", "_after"), strict=True)]
    both = pd.concat(tables, axis=1, join="inner")
    if both.empty:
        raise DataError(f"{first} and {second} share no image: compare tables of the same images.")
    judged = [name for name, (_, arrow) in LABELS.items() if arrow]
    known = [
        name
        for name in dict.fromkeys([*SHOWN, *judged])
        if {f"{name}_before", f"{name}_after"} <= {*both}
    ]
    metric = metric or next(iter(known), None)
    if metric not in known:
        raise SettingsError(
            f"--metric {metric}: not in both tables; they share {', '.join(known) or 'no metric'}."
        )
    before, after = (both[f"{metric}_{end}"].to_numpy(float) for end in ("before", "after"))
    table = pd.DataFrame({"id": both.index, "before": before, "after": after})
    facts = {
        name: both[column]
        for name in ("empty", "source", "group", *image_facts.NAMES)
        # A table may have been written before a fact was known.
        for column in (f"{name}_after", f"{name}_before")
        if column in both
    }
    parts = slices(pd.DataFrame(facts)) if "empty" in facts else {}
    groups = list(facts.get("group", both.index))
    found = _compared(metric, before[:, None], after[:, None], groups, parts, table)
    return replace(found, grouped="group" in facts)


def write(compared: Compared, names: tuple[str, str], output: Path | None, sheet: str = "") -> str:
    """The comparison as Markdown, also written to `output`."""
    text = render(
        Path(__file__).with_name("compare_models.md.jinja"),
        {"heading": heading},
        title=TITLE,
        compared=compared,
        names=names,
        sheet=sheet,
        rows=[compared.table.iloc[index] for index in compared.changed],
    )
    if output is not None:
        write_text(output, text)
    return text


def refuse_outputs(output: Path | None, read: Sequence[Path], overwrite: bool) -> None:
    """Raise DataError where the report or its sheet would be written over anything else."""
    if output is not None:
        refuse_to_lose(output, REPORT, read, overwrite)
        refuse_to_lose(output.with_suffix(".jpg"), SHEET, read, overwrite)


def write_sheet(
    path: Path,
    pairs: Iterable[Pair],
    models: Mapping[str, Opened],
    captions: Sequence[str],
) -> None:
    """A sheet of images: input, truth, and the cutouts of models, by their titles."""
    rows = []
    for rgb, truth in pairs:
        alphas = [predict([rgb], *model)[0] for model in models.values()]
        views = [rgb, *(contact_sheet.on_checkerboard(rgb, alpha) for alpha in (truth, *alphas))]
        rows.append([contact_sheet.smaller(view, CELL) for view in views])
    titles = ["input", "truth", *models]
    contact_sheet.sheet(
        rows, path, titles=titles, captions=captions, per_line=2, cell=CELL, comment=COMMENT
    )


def _compared(metric, before, after, groups, parts, table) -> Compared:
    draws, lower = bootstrap.draw(groups), metric in LOWER_IS_BETTER
    whole = paired.gain(before, after, draws, lower)
    found = paired.by_slice(before, after, draws, lower, parts)
    values = (table["before"].to_numpy(), table["after"].to_numpy())
    changed = paired.most_changed(*values, -1 if lower else 1, CHANGED)
    return Compared(metric, whole, found, table, changed)


def _read_table(path: Path) -> pd.DataFrame:
    try:
        # An image may be called NA, null or None.
        table = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("id")
        if not table.index.is_unique:
            raise ValueError("an id stands in it twice")
        for name in table.columns.intersection([*LABELS, *image_facts.NAMES]):
            table[name] = _numbers(table[name])
        if "empty" in table:
            table["empty"] = _numbers(table["empty"].replace({"True": "1", "False": "0"})) == 1
        if "group" in table:
            named = table["group"] != ""
            table["group"] = table["group"].where(named, table.index)
            return table if named.any() else table.drop(columns="group")
        return table
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: check the path.") from None
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} is no table of figures with a row an image and a column `id` ({error}): name "
            "a per_image.csv, or what `clearbg score -o` writes."
        ) from None


def _numbers(column: pd.Series) -> pd.Series:
    try:
        numbers = pd.to_numeric(column.replace(["nan", "NaN", "NA"], "")).astype(float)
    except ValueError as error:
        raise ValueError(f"{column.name}: {error}") from None
    if np.isinf(numbers).any():
        raise ValueError(f"{column.name}: a value is infinite")
    return numbers
