"""A network, or anybody's predictions, over many images at the images' own size."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clearbg import config
from clearbg.contract import Contract
from clearbg.data import leaks, manifest
from clearbg.errors import DataError
from clearbg.evaluation.many_images import ManyImages
from clearbg.evaluation.one_image import Predicted, look_at, predicted
from clearbg.evaluation.report import Case
from clearbg.images import contact_sheet, luma
from clearbg.inference.predict import Network, predict
from clearbg.metrics import bootstrap, scoring
from clearbg.metrics.baselines import NAMES, Comparison, compare
from clearbg.metrics.calibration import Calibration
from clearbg.metrics.document import otsu
from clearbg.metrics.names import LOWER_IS_BETTER, SHOWN, label
from clearbg.metrics.slices import Weakness, slices, weakest
from clearbg.system import memory
from clearbg.system.progress import progress

CASE_SIDE = 400  # pixels of an image in the report
PROCESS, BYTES = 2**28, 100  # bytes of a process that scores, and of each pixel there


@dataclass(frozen=True)
class Evaluation:
    """What a set of images showed.

    Attributes:
        headline: the metric that counts most.
        metrics: protocol -> metric -> average over images; the first has every metric.
            Documents also have "otsu": what Otsu's threshold reaches on the same pages. "clean"
            is the first one without the images that leaked, when there are any. Then come the
            masks that have not looked at the image, see `clearbg.metrics.baselines`.
        curves: protocol -> threshold, f, precision, recall -> 256 values. Without saliency
            "pooled": over the pixels of all images together, f with β = 1.
        per_image: one row an image, worst first by the headline (by MAE where it has no value);
            its `leak` is "exact" or "near" where the model was trained on a duplicate, else "".
            After the id stand `group` and `source`, where they are known, and what the image is
            like, see `clearbg.metrics.image_facts`.
        marks: of all images, in the order they were scored; None where nothing was looked for.
        found: lines about what was found in the masks and left out of the folders, or empty.
        notes: lines on how the figures came about, for those who compare them with published ones.
        intervals: metric -> "low" and "high" of the 95 % interval of its average by the first
            protocol, see `clearbg.metrics.bootstrap`; of the metrics of a short list.
        weakness: the slice of images that is worst by the headline; None: none is, beyond chance.
        calibration: of alpha, and Dice over the threshold.
    """

    headline: str
    metrics: dict[str, dict[str, float]]
    curves: dict[str, dict[str, np.ndarray]]
    per_image: pd.DataFrame
    marks: leaks.Marks | None = None
    found: str = ""
    notes: str = ""
    intervals: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    weakness: Weakness | None = None
    calibration: Calibration | None = None

    @property
    def figures(self) -> dict[str, float]:
        """The averages of the first protocol."""
        return next(iter(self.metrics.values()))

    @property
    def compared(self) -> Comparison:
        """The model and the masks, by the headline."""
        masks = {name: table for name, table in self.metrics.items() if name in NAMES}
        return compare(self.headline, self.figures | self.metrics.get("raw", {}), masks)

    def nested(self) -> dict[str, Mapping[str, Any]]:
        """All but the first protocol for metrics.json; of the masks the headline and the MAE."""
        few = dict.fromkeys([self.compared.metric, "mae"])
        tables = {
            name: {key: table[key] for key in few if key in table} if name in NAMES else table
            for name, table in list(self.metrics.items())[1:]
        }
        return tables | {"interval": self.intervals}

    def shown(self, count: int) -> list[str]:
        """The headline and the names that follow it in a short list."""
        names = dict.fromkeys([self.headline, *SHOWN])
        return [name for name in names if name in self.figures][:count]

    def weakest(self) -> str:
        """A sentence about the slice that is worst; empty where chance explains each of them."""
        one = self.weakness
        if one is None:
            return ""
        return (
            f"Weakest: {one.name}: {label(self.headline)} of an image is {one.inside:.3f} there "
            f"and {one.outside:.3f} elsewhere ({one.images} images; worse by {one.low:.3f} to "
            f"{one.high:.3f})."
        )

    def told(self, metric: str) -> str:
        """A metric's name and average, with the ends of its interval where it has one."""
        ends = self.intervals.get(metric)
        span = f" ({ends['low']:.4f} to {ends['high']:.4f})" if ends else ""
        return f"{metric} {self.figures[metric]:.4f}{span}"

    def curve_table(self) -> pd.DataFrame:
        """One row a threshold; columns of all but the first protocol carry its name."""
        first, *others = (pd.DataFrame(values) for values in self.curves.values())
        named = [
            table.drop(columns="threshold").add_prefix(f"{protocol}_")
            for protocol, table in zip(list(self.curves)[1:], others, strict=True)
        ]
        return pd.concat([first, *named], axis=1)


def evaluate(
    network: Network,
    contract: Contract,
    folder: Path,
    split: str,
    settings: config.Evaluate,
    seen: leaks.Seen,
    mean_mask: np.ndarray | None = None,
) -> Evaluation:
    """Score every image of a split of an ingested folder; `seen` is what the model has seen.

    Args:
        mean_mask: of the model's training split, see `baselines.masks`.

    Raises:
        DataError: the split is empty, an image cannot be read any more, or the model was
            trained on more of them, or near-duplicates, than `evaluate.max_leaked` allows.
    """
    frame = manifest.read(folder)
    frame = frame[frame.split == split].reset_index(drop=True)
    if frame.empty:
        raise DataError(f"{folder} holds no {split} images: run `dvc repro ingest`.")
    marks = leaks.mark(frame, seen)
    leaks.refuse_too_many(frame["id"], marks, settings.max_leaked)
    result = score(
        frame["id"],
        predicted(network, contract, manifest.read_pairs(folder, frame), settings.batch_size),
        settings.metrics,
        contract.threshold,
        settings.protocols or ["raw"],
        contract.headline,
        marks,
        mean_mask,
        frame["group"],
        frame["source"],
    )
    if "document" in settings.metrics:
        pairs = manifest.read_pairs(folder, frame)
        by_otsu = ((otsu(luma(rgb)).astype(float), truth) for rgb, truth in pairs)
        scores = scoring.score_all(by_otsu, ["document"], contract.threshold)
        result.metrics["otsu"] = _rounded(scoring.summarize(scores))
    return result


def score(
    names: Sequence[str],
    pairs: Iterable[Predicted],
    families: Sequence[str],
    threshold: float,
    protocols: Sequence[str],
    headline: str,
    marks: leaks.Marks | None = None,
    mean_mask: np.ndarray | None = None,
    groups: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
) -> Evaluation:
    """Score predictions of the images called `names`.

    Args:
        groups: of the images that are alike, for the intervals; None: each image is one.
        sources: where each of the images comes from; None: nobody knows.
    """
    pairs = iter(pairs)
    first = list(itertools.islice(pairs, 1))
    each = PROCESS + BYTES * sum(truth.size for _, truth, _ in first)
    # Starting processes takes longer than scoring a handful of images.
    scored = scoring.side_by_side(
        look_at,
        (
            (*one, families, threshold, protocols, mean_mask)
            for one in itertools.chain(first, pairs)
        ),
        1 if len(names) < 8 else memory.processes(each),
    )
    found = ManyImages([headline, *SHOWN])
    kinds = marks.kinds if marks is not None else [""] * len(names)
    shown = progress(scored, what="evaluate", unit="images", total=len(names))
    for one, kind in zip(shown, kinds, strict=True):
        found.add(one, leaked=bool(kind))
    scores, alike = found.table(), found.calibration.calibration()
    if headline not in scores:
        headline = next(name for name in SHOWN if name in scores)
    averages = {name: _rounded(each) for name, each in found.own.by_protocol().items()}
    lead = next(iter(averages.values()))
    lead |= _rounded({"calibration_error": alike.error, **found.edges(scores)})
    if 0 < found.leaked < len(names):
        averages["clean"] = _rounded(next(iter(found.clean.by_protocol().values())))
    averages |= {name: _rounded(figures) for name, figures in found.masks.tables().items()}
    draws = bootstrap.draw(names if groups is None else groups)
    short = [name for name in dict.fromkeys([headline, *SHOWN]) if name in lead]
    ends = bootstrap.intervals({n: found.contributions(n, scores) for n in short}, draws)
    known = {"id": names, "leak": marks and marks.kinds, "group": groups, "source": sources}
    known = {name: list(values) for name, values in known.items() if values is not None}
    table = pd.concat([pd.DataFrame(known), scores], axis=1)
    lower = headline in LOWER_IS_BETTER
    better = -table[headline] if lower else table[headline]
    ranks = better.fillna(1 - table["mae"]).sort_values(kind="stable").index
    return Evaluation(
        headline,
        averages,
        found.curves(),
        table.loc[ranks].reset_index(drop=True),
        marks,
        intervals={name: _rounded(pair) for name, pair in ends.items()},
        weakness=weakest(table[headline].to_numpy(float), slices(table), draws, lower),
        calibration=alike,
    )


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in figures.items()}


def cases(
    result: Evaluation, network: Network, contract: Contract, folder: Path, count: int
) -> list[Case]:
    """The `count` worst images, and the best and middle with a subject; worst first."""
    rows = manifest.read(folder).set_index("id")
    names = [name for name in result.shown(6) if name in result.per_image][:5]
    subjects = result.per_image[~result.per_image["empty"]]
    middle = max(0, len(subjects) - count) // 2
    chosen = {
        "worst": result.per_image.head(count),
        "best": subjects.tail(count),
        "middle": subjects.iloc[middle : middle + count],
    }
    kinds: dict[str, str] = {}  # of few images each is shown once
    for kind, part in chosen.items():
        kinds |= {name: kind for name in part["id"] if name not in kinds}
    found = []
    for scores in result.per_image.to_dict("records"):
        name = scores["id"]
        if name not in kinds:
            continue
        rgb, truth = manifest.read_pair(folder, rows.loc[name])
        (alpha,) = predict([rgb], network, contract)
        gray = np.rint(alpha * 255).astype(np.uint8)
        image, truth, gray = (contact_sheet.smaller(view, CASE_SIDE) for view in (rgb, truth, gray))
        shown = {key: scores[key] for key in names}
        found.append(Case(name, kinds[name], shown, image, truth, gray))
    return found
