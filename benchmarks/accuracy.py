"""How accurate are models, ours and others', on sets of images with masks? One table.

    python benchmarks/accuracy.py MODELS... --on NAME=IMAGES,MASKS [--on ...] [--limit N]
        [--unseen] [--figures max_f,mae] [--robustness] [--json FILE]

A model is what `--model` takes elsewhere (clearbg-lite, champion, an exported file, a models folder
or an imported checkpoint), a project's folder, u2net:FILE, u2netp:FILE or isnet:FILE for an ONNX
file that rembg runs (through rembg's own preprocessing), a folder of maps, or mean-mask, the mean
of all masks, which looks at no image. LABEL= may stand before it.

IMAGES and MASKS are folders, paired by file name. All are scored at the images' own size: raw, and
as published tables do, with each prediction stretched to [0, 1] ("stretched"). In brackets are
95 % intervals of a bootstrap of the images. The seconds, from pixels to alpha, are the least of 20
images, which other programs disturb least. The table is Markdown; --json writes the same as rows.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_models import SMALL, Measured, open_one

from clearbg.data import leaks
from clearbg.data.checks.truths import Truths
from clearbg.data.pairs import FilePair
from clearbg.data.sources import by_stem
from clearbg.errors import ClearBGError, DataError, SettingsError
from clearbg.evaluation import robustness
from clearbg.images import resize
from clearbg.inference.sessions import cores
from clearbg.metrics import bootstrap, scoring
from clearbg.metrics.names import FAMILIES, family_of, label
from clearbg.system.files import write_json
from clearbg.system.progress import progress

FIGURES = "max_f,weighted_f,s_measure,mae,dice"
STRETCHED = {*FAMILIES["saliency"], "mae"}
"""Figures that a stretch of the prediction changes, and published tables have."""
TIMED, SEED = 20, 0
AT_ONCE = 64  # images looked at before it is asked whether they are enough
QIN_2020 = "Qin et al. 2020, U²-Net"
PUBLISHED: dict[tuple[str, str], tuple[str, dict[str, float]]] = {
    ("u2net", "DUTS-TE"): (
        QIN_2020, {"max_f": 0.873, "mae": 0.044, "weighted_f": 0.804, "s_measure": 0.861}),
    ("u2net", "ECSSD"): (
        QIN_2020, {"max_f": 0.951, "mae": 0.033, "weighted_f": 0.910, "s_measure": 0.928}),
    ("u2netp", "DUTS-TE"): (
        QIN_2020, {"max_f": 0.852, "mae": 0.054, "weighted_f": 0.763, "s_measure": 0.847}),
    ("u2netp", "ECSSD"): (
        QIN_2020, {"max_f": 0.943, "mae": 0.041, "weighted_f": 0.885, "s_measure": 0.918}),
    ("isnet", "DIS-VD"): (
        "Qin et al. 2022, DIS", {"max_f": 0.791, "mae": 0.074, "weighted_f": 0.717,
                                 "s_measure": 0.813}),
    ("PySODMetrics", "PySODMetrics"): (
        "PySODMetrics' own test images", {"max_f": 0.5887, "mae": 0.0371, "weighted_f": 0.5580,
                                          "s_measure": 0.9030}),
}  # fmt: skip
"""(network or label of maps, name of a set) -> source and figures, all of them stretched."""


@dataclass(frozen=True)
class Set:
    """Images with masks that the models are measured on."""

    name: str
    images: Path
    pairs: Sequence[FilePair]

    def mean_mask(self) -> np.ndarray:
        """The mean of all masks, small, float32 `(h,w)` in [0, 1]."""
        read, total = Truths(), np.zeros(SMALL, np.float64)
        for pair in self.pairs:
            total += resize(read.alone(pair).astype(np.float32) / 255, SMALL)
        return (total / len(self.pairs)).astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    option = parser.add_argument
    option("models", nargs="+", metavar="MODEL", help="see this file's first lines")
    option("--on", action="append", required=True, metavar="NAME=IMAGES,MASKS")
    option("--limit", type=int, help="at most so many images of each set, by chance")
    option("--seed", type=int, default=SEED, help="of that chance")
    option("--unseen", action="store_true", help="leave out images that any model learned from")
    option("--figures", default=FIGURES, help=f"by default {FIGURES}")
    option("--robustness", action="store_true", help="also what is lost on varied images")
    option("--json", type=Path, help="a file for the rows")
    options = parser.parse_args(arguments)
    try:
        rows = list(measured(options))
    except (ClearBGError, OSError) as error:
        sys.exit(f"accuracy: {error}")
    if options.json:
        write_json(options.json, rows)


def measured(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each model on each set; prints a set's table when all its rows are there."""
    figures = options.figures.split(",")
    for name in figures:
        try:
            family_of(name)
        except ValueError as error:
            raise SettingsError(f"--figures: {error}.") from error
    if options.limit is not None and options.limit < 1:
        raise SettingsError(f"--limit is {options.limit}: give at least 1.")
    for text in options.on:
        whole = read_set(text)
        models = [open_one(model, whole.images, whole.mean_mask) for model in options.models]
        chosen, marks, told = choose(whole, models, options)
        print(f"\n### {chosen.name}: {len(chosen.pairs)} images{told}\n", flush=True)
        rows = []
        for model, mark in zip(models, marks, strict=True):
            covered = [model.covers(pair) for pair in chosen.pairs]
            if not any(covered):
                print(f"{model.name} has no map of {chosen.name}.", file=sys.stderr)
                continue
            row = row_of(model, chosen, figures)
            row["seen"] = None if mark is None else sum(mark.counts().values())
            if options.robustness and model.looks:
                row["robustness"] = varied(model, chosen, figures)
            rows.append(row)
        print(table(rows, figures), flush=True)
        for row in rows:
            if found := row.pop("robustness", None):
                print(f"\n{row['model']}, what is lost (positive is worse):\n\n{found['text']}")
                row["robustness"] = found["rows"]
        yield from rows


def read_set(text: str) -> Set:
    name, mark, folders = text.partition("=")
    parts = folders.split(",")
    if not (mark and name) or len(parts) != 2 or not all(parts):
        raise SettingsError(f"--on {text!r} is not NAME=IMAGES,MASKS: give a name and two folders.")
    images, masks = map(Path, parts)
    pairs = by_stem(images, masks)
    for pair in pairs:
        if pair.image is None or pair.mask is None:
            raise DataError(
                f"{pair.image or pair.mask} has no partner of its name: add or remove one."
            )
    return Set(name, images, pairs)


def choose(
    whole: Set, models: Sequence[Measured], options: argparse.Namespace
) -> tuple[Set, list[leaks.Marks | None], str]:
    """The images to measure on, what each model has seen of them, and what to say of the choice.

    They are looked at in the order of a draw, and no further than `--limit` asks.
    """
    count = min(options.limit or len(whole.pairs), len(whole.pairs))
    order = np.random.default_rng(options.seed).permutation(len(whole.pairs))
    found: list[tuple[int, list[str]]] = []  # place, and for each model exact, near or nothing
    left_out = 0
    for first in range(0, len(order), AT_ONCE):
        places = order[first : first + AT_ONCE].tolist()
        hashes = leaks.hashes(whole.pairs[place].files()[0] for place in places)
        kinds = [() if m.seen is None else leaks.mark(hashes, m.seen).kinds for m in models]
        for number, place in enumerate(places):
            own = [kind[number] if kind else "" for kind in kinds]
            if options.unseen and any(own):
                left_out += 1
            elif len(found) < count:
                found.append((place, own))
        if len(found) == count:
            break
    if not found:
        raise DataError(f"{whole.name} has no image that none of the models has learned from: "
                        "leave --unseen out, or take another set.")  # fmt: skip
    found.sort()
    marks = [
        None if m.seen is None else leaks.Marks(tuple(own[k] for _, own in found), m.seen.complete)
        for k, m in enumerate(models)
    ]
    told = f" of {len(whole.pairs)}" if len(found) < len(whole.pairs) else ""
    if options.limit:
        told += f", drawn with --seed {options.seed}"
    if options.unseen:
        told += f", none of which resembles an image that a model learned from ({left_out} do)"
    return Set(whole.name, whole.images, [whole.pairs[place] for place, _ in found]), marks, told


def row_of(model: Measured, chosen: Set, figures: Sequence[str]) -> dict[str, Any]:
    """The figures of a model on a set; images are read one by one, and what stays is small."""
    seconds = seconds_of(model, chosen) if model.looks else None
    families = list(dict.fromkeys(family_of(name) for name in figures))
    protocols = ("raw", "min_max")
    wanted = {"raw": figures, "min_max": [f for f in figures if f in STRETCHED]}
    if "saliency" not in families:
        wanted.pop("min_max")
    read = Truths()

    def offered() -> Iterator[tuple[Any, ...]]:
        for pair in progress(chosen.pairs, what=model.name, unit="images"):
            image, truth = read.with_image(pair)
            yield model.alpha(image.srgb(), pair), truth, families, model.threshold, protocols

    values: dict[tuple[str, str], list[np.ndarray]] = {}
    for score in scoring.side_by_side(scoring.score, offered(), cores()):
        for protocol, names in wanted.items():
            for name in names:
                added = bootstrap.contribution(score, name, protocol).astype(np.float32)
                values.setdefault((protocol, name), []).append(added)
    source, published = PUBLISHED.get((model.published, chosen.name), ("", {}))
    return {
        "set": chosen.name,
        "model": model.name,
        "images": len(chosen.pairs),
        "megabytes": None if model.megabytes is None else round(model.megabytes, 2),
        "seconds": None if seconds is None else round(seconds, 4),
        **{
            protocol: {
                name: [round(v, 6) for v in bootstrap.estimate(np.stack(values[protocol, name]))]
                for name in names
            }
            for protocol, names in wanted.items()
        },
        "published": published,
        "source": source,
    }


def seconds_of(model: Measured, chosen: Set) -> float:
    """From an image's pixels to its alpha: the least of a few, after one to warm up."""
    read, times = Truths(), []
    for pair in [chosen.pairs[0], *chosen.pairs[:TIMED]]:
        rgb = read.with_image(pair)[0].srgb()
        started = time.perf_counter()
        model.alpha(rgb, pair)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def varied(model: Measured, chosen: Set, figures: Sequence[str]) -> dict[str, Any]:
    """What the model loses by each variation of the images, for people and for programs."""
    read = Truths()
    any_pair = chosen.pairs[0]

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for pair in progress(chosen.pairs, what=f"{model.name} varied", unit="images"):
            image, truth = read.with_image(pair)
            yield image.srgb(), truth

    found = robustness.measure(
        lambda rgb: model.alpha(rgb, any_pair), pairs(), figures, model.threshold, cores()
    )
    rows = [{k: v for k, v in row.items() if v == v} for row in found.to_dict("records")]
    return {"text": robustness.markdown(found), "rows": rows}


def table(rows: Sequence[dict[str, Any]], figures: Sequence[str]) -> str:
    """Markdown: a row a model, and one below it with the published figures where known."""
    stretched = [name for name in figures if rows and name in rows[0].get("min_max", {})]
    heads = ["model", "MB", "s an image", "seen", *(label(name) for name in figures)]
    heads += [f"stretched {label(name)}" for name in stretched]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in rows:
        plain = [
            shown(row["megabytes"], ".1f"),
            shown(row["seconds"], ".3f"),
            shown(row["seen"], "d"),
        ]
        cells = [row["model"], *plain]
        cells += [sure(*row["raw"][name]) for name in figures]
        cells += [f"{row['min_max'][name][0]:.3f}" for name in stretched]
        lines.append(f"| {' | '.join(cells)} |")
        if row["published"]:
            told = [shown(row["published"].get(name), ".3f") for name in stretched]
            blank = [""] * (3 + len(figures))
            lines.append(f"| {' | '.join(['published: ' + row['source'], *blank, *told])} |")
    return "\n".join(lines)


def sure(value: float, low: float, high: float) -> str:
    """A figure and its interval, which a single image does not have."""
    return f"{value:.3f}" + (f" ({low:.3f} to {high:.3f})" if np.isfinite(low) else "")


def shown(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


if __name__ == "__main__":
    main()
