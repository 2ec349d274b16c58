"""What a model loses on the same images when they are dark, noisy, small, turned and the like.

A variation changes the image alone. The alpha that the model then gives is brought back to the
image's own size and place, and scored against the same truth. Chance plays no part: the noise is
the same for all images of one size.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter

from clearbg import config
from clearbg.contract import Contract
from clearbg.data import manifest
from clearbg.errors import DataError
from clearbg.images import encode_image, luma, read_image, resize
from clearbg.inference.predict import Network, predict, restore
from clearbg.metrics import bootstrap, paired, scoring
from clearbg.metrics.names import LOWER_IS_BETTER, families_of, label
from clearbg.system.progress import progress
from clearbg.system.tables import table_of

Predictor = Callable[[np.ndarray], np.ndarray]
"""An image, uint8 `(H,W,3)` sRGB -> its alpha, float32 `(H,W)` in [0, 1]."""

DIMMED = 0.3  # of the brightness
NOISE = 25.0  # of 255, the standard deviation in each channel
JPEG = 30  # quality, of 100
BLUR = 0.005  # standard deviation, of the longer side
TINY = 64  # pixels of the longer side


@dataclass(frozen=True)
class Variation:
    """One way to make an image harder.

    Attributes:
        label: what it does, in a few words.
        change: uint8 `(H,W,3)` -> uint8 `(h,w,3)`.
        turns: quarters that `change` turns the image, against the clock.
    """

    label: str
    change: Callable[[np.ndarray], np.ndarray]
    turns: int = 0


def _dimmed(rgb: np.ndarray) -> np.ndarray:
    return np.rint(rgb * np.float32(DIMMED)).astype(np.uint8)


def _gray(rgb: np.ndarray) -> np.ndarray:
    return np.repeat(luma(rgb)[..., None], 3, axis=2)


def _noisy(rgb: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(rgb.shape, np.float32)
    return np.rint(rgb + np.float32(NOISE) * noise).clip(0, 255).astype(np.uint8)


def _compressed(rgb: np.ndarray) -> np.ndarray:
    return read_image(encode_image(rgb, format="JPEG", quality=JPEG)).srgb()


def _blurred(rgb: np.ndarray) -> np.ndarray:
    blur = ImageFilter.GaussianBlur(BLUR * max(rgb.shape))
    return np.asarray(Image.fromarray(rgb).filter(blur))


def _scaled(rgb: np.ndarray, scale: float) -> np.ndarray:
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    return resize(rgb, (height, width))


VARIATIONS = {
    "dimmed": Variation(f"dimmed to {DIMMED:.0%}", _dimmed),
    "gray": Variation("gray", _gray),
    "noise": Variation(f"noise of {NOISE:g} in 255", _noisy),
    "jpeg": Variation(f"JPEG, quality {JPEG}", _compressed),
    "blur": Variation(f"blurred by {BLUR:.1%} of the longer side", _blurred),
    "half_size": Variation("half size", lambda rgb: _scaled(rgb, 0.5)),
    "tiny": Variation(
        f"{TINY} pixels long", lambda rgb: _scaled(rgb, min(1, TINY / max(rgb.shape[:2])))
    ),
    "upside_down": Variation("upside down", lambda rgb: np.rot90(rgb, 2), turns=2),
    "turned": Variation("turned by 90°", lambda rgb: np.rot90(rgb), turns=1),
}
"""Name in files -> variation, in the order of tables."""

ORIGINAL = "original"
"""The row of the images as they are."""

ENDS = ("", "_loss", "_loss_low", "_loss_high")
"""What follows a metric's name in the columns of a table."""

REMEDY = "write it again with `dvc repro -f evaluate`"


def vary(rgb: np.ndarray, name: str) -> np.ndarray:
    """The image, uint8 `(H,W,3)`, after the variation of that name; the same in every run."""
    return np.ascontiguousarray(VARIATIONS[name].change(rgb))


def predict_varied(rgb: np.ndarray, name: str, predictor: Predictor) -> np.ndarray:
    """The alpha, float32 `(H,W)` in [0, 1] at the image's own size, of the varied image."""
    alpha = np.rot90(predictor(vary(rgb, name)), -VARIATIONS[name].turns)
    same = alpha.shape == rgb.shape[:2]
    return alpha if same else restore(alpha, (rgb.shape[0], rgb.shape[1]))


def measure(
    predictor: Predictor,
    pairs: Iterable[tuple[np.ndarray, np.ndarray]],
    metrics: Sequence[str],
    threshold: float,
    processes: int | None = None,
    groups: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Score every image as it is and in all variations; one image is in memory at a time.

    Args:
        pairs: image, uint8 `(H,W,3)` sRGB, and truth, uint8 `(H,W)`.
        metrics: names that `clearbg.metrics.names` knows.
        threshold: alpha from which a pixel belongs to a hard mask.
        processes: that score side by side; None: all cores.
        groups: of the images that are alike, for the intervals; None: each image is one.

    Returns:
        A row for the images as they are and one a variation. Columns: `variation`, and for each
        metric its figure, and how much worse it is than that of the images as they are
        (`max_f_loss`), with the ends of the paired 95 % interval (`max_f_loss_low`,
        `max_f_loss_high`; NaN where fewer than two groups have a value). Positive is worse,
        whichever way the metric points.

    Raises:
        ValueError: there are no pairs, or a metric is not known.
    """
    names = [ORIGINAL, *VARIATIONS]
    families = list(dict.fromkeys(family for metric in metrics for family in families_of(metric)))

    def varied() -> Iterator[tuple]:
        for rgb, truth in pairs:
            for name in names:
                alpha = predictor(rgb) if name == ORIGINAL else predict_varied(rgb, name, predictor)
                yield alpha, truth, families, threshold

    values: dict[tuple[str, str], list[np.ndarray]] = {}
    for number, score in enumerate(scoring.side_by_side(scoring.score, varied(), processes)):
        for metric in metrics:
            key = names[number % len(names)], metric
            added = bootstrap.contribution(score, metric).astype(np.float32)
            values.setdefault(key, []).append(added)
    if not values:
        raise ValueError("there are no images to vary")
    stacked = {key: np.stack(found) for key, found in values.items()}
    count = len(next(iter(stacked.values())))
    draws = bootstrap.draw([str(k) for k in range(count)] if groups is None else groups)
    rows = []
    for name in names:
        row: dict[str, object] = {"variation": name}
        for metric in metrics:
            own, plain = stacked[name, metric], stacked[ORIGINAL, metric]
            row[metric] = bootstrap.figure(own)
            if name != ORIGINAL:
                lost = paired.gain(own, plain, draws, metric in LOWER_IS_BETTER)
                row |= {
                    f"{metric}_loss": lost.value + 0.0,  # no -0
                    f"{metric}_loss_low": lost.low,
                    f"{metric}_loss_high": lost.high,
                }
        rows.append(row)
    return pd.DataFrame(rows).round(6).replace([np.inf, -np.inf], np.nan)


def of_split(
    network: Network,
    contract: Contract,
    folder: Path,
    split: str,
    metrics: Sequence[str],
    settings: config.Evaluate,
) -> pd.DataFrame:
    """`measure` over a split of an ingested folder; without `evaluate.robustness` no rows.

    A column `weights` names the weights by their SHA-256.
    """
    if not settings.robustness:
        return empty()
    frame = manifest.read(folder)
    frame = frame[frame.split == split]
    pairs = manifest.read_pairs(folder, frame)
    return measure(
        lambda rgb: predict([rgb], network, contract)[0],
        progress(pairs, what="robustness", unit="images", total=len(frame)),
        metrics,
        contract.threshold,
        groups=list(frame["group"]),
    ).assign(weights=contract.weights_sha256)


def empty() -> pd.DataFrame:
    """The table of an evaluation that varies nothing."""
    return pd.DataFrame(columns=["variation", "weights"])


def markdown(table: pd.DataFrame) -> str:
    """A table of `measure` for people: the figures, and in the other rows what is lost of them."""
    metrics = metrics_of(table)
    lines = [
        f"| images | {' | '.join(label(metric) for metric in metrics)} |",
        f"|---|{'---|' * len(metrics)}",
    ]
    for row in table.to_dict("records"):
        cells = [_cell(row, metric) for metric in metrics]
        lines.append(f"| {title(row['variation'])} | {' | '.join(cells)} |")
    return "\n".join(lines)


def title(variation: str) -> str:
    """A row's name in words."""
    return "as they are" if variation == ORIGINAL else VARIATIONS[variation].label


def _cell(row: dict, metric: str) -> str:
    if row["variation"] == ORIGINAL:
        return "–" if np.isnan(row[metric]) else f"{row[metric]:.3f}"
    loss, low, high = (row[f"{metric}_loss{end}"] for end in ("", "_low", "_high"))
    if np.isnan(loss):
        return "–"
    return f"{loss:+.3f} ({f'{low:+.3f} to {high:+.3f}' if np.isfinite(low) else '–'})"


def metrics_of(table: pd.DataFrame) -> list[str]:
    """The metrics of a table of `measure`, the headline first."""
    return [name for name in table.columns if f"{name}_loss" in table.columns]


def read(path: Path) -> pd.DataFrame:
    """The table that the evaluate stage wrote: that of `measure`, with the weights' SHA-256.

    Raises:
        DataError: the file is missing or is no such table.
    """
    table = table_of(path, ["variation", "weights"], REMEDY)
    figures = table.columns.drop(["variation", "weights"])
    wanted = {f"{metric}{end}" for metric in metrics_of(table) for end in ENDS}
    if not set(table["variation"]) <= {ORIGINAL, *VARIATIONS} or set(figures) != wanted:
        raise DataError(f"{path} holds a variation or a column that nobody knows: {REMEDY}.")
    try:
        return table.astype(dict.fromkeys(figures, float))
    except ValueError as error:
        raise DataError(f"{path}: a figure is no number ({error}): {REMEDY}.") from None


def section(path: Path, weights_sha256: str) -> str:
    """What the model's card says of the table that the evaluate stage wrote.

    Empty where nothing was varied, where no file is, or where it tells of other weights.

    Raises:
        DataError: the file is no such table.
    """
    if not path.is_file():
        return ""
    table = read(path)
    if table.empty or set(table["weights"]) != {weights_sha256}:
        return ""
    return (
        "\n## Robustness\n\nThe figures of the test images as they are, and what is lost when all "
        "of them are varied (positive is worse; 95 % intervals in brackets):\n\n"
        f"{markdown(table)}\n"
    )
