"""Files on disk -> figures: a model on images with masks, or anybody's predictions."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from clearbg.contract import Contract, read_contract
from clearbg.data import leaks
from clearbg.data.baselines import read_mean_mask
from clearbg.data.checks.truths import Truths
from clearbg.data.pairs import FilePair
from clearbg.data.sources import by_stem
from clearbg.errors import DataError, SettingsError
from clearbg.evaluation import evaluate
from clearbg.evaluation.evaluate import Evaluation
from clearbg.evaluation.one_image import Predicted, predicted
from clearbg.images import finding, read_mask
from clearbg.inference.predict import Network
from clearbg.metrics.calibration import best_threshold
from clearbg.metrics.names import FAMILIES
from clearbg.removal.remover import Remover
from clearbg.system.files import replacing_file
from clearbg.system.overwriting import Kind, refuse_to_lose

FIGURES = Kind("a table of figures", re.compile(rb"\Aid,.*\b(mae|leak)\b"))


def score_model(
    images: Path, masks: Path, model: Path, families: Sequence[str], inverted: bool
) -> Evaluation:
    """Measure an exported model or a models folder on images with masks.

    Raises:
        SettingsError: a family is not known.
        DataError: a folder is missing, an image has no partner, or ingest would refuse a pair.
        ModelError: the model cannot be used.
    """
    _check(families)
    pairs = partners(images, masks)
    network, contract = opened(model)
    marks = leaks.mark(leaks.hashes(pair.image for pair in pairs), _seen(model, contract))

    truths = Truths()

    def images_and_truths() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for pair in pairs:
            image, truth = truths.with_image(replace(pair, invert=inverted))
            yield image.srgb(), truth

    result = evaluate.score(
        [pair.id for pair in pairs],
        predicted(network, contract, images_and_truths()),
        families,
        contract.threshold,
        ["raw", "min_max"],
        contract.headline,
        marks,
        read_mean_mask(model if model.is_dir() else model.parent),
    )
    return replace(result, found=_told(truths, images, masks))


def opened(model: Path) -> tuple[Network, Contract]:
    """The network and the contract of a models folder or of an exported file.

    Raises:
        ModelError: the model cannot be used.
    """
    if model.is_dir():
        from clearbg.inference.torch_network import trained_network  # torch: over a second

        contract = read_contract(model)
        return trained_network(model, contract, "auto"), contract
    remover = Remover(model)
    return remover.network, remover.contract


def score_files(
    predictions: Path, masks: Path, families: Sequence[str], threshold: float, inverted: bool
) -> Evaluation:
    """Measure predictions that are images; white is foreground unless `inverted`.

    Raises:
        SettingsError: a family is not known.
        DataError: a folder is missing, an image has no partner or another size than its mask,
            or ingest would refuse a mask.
    """
    _check(families)
    pairs = partners(predictions, masks)
    truths = Truths()
    stretched = 0

    def alphas() -> Iterator[Predicted]:
        nonlocal stretched
        for pair in pairs:
            alpha = read_mask(pair.image)[0]
            alpha = 255 - alpha if inverted else alpha
            truth = truths.alone(replace(pair, invert=inverted))
            _refuse_sizes(pair, alpha, truth)
            low, high = int(alpha.min()), int(alpha.max())
            stretched += low < high and (low, high) != (0, 255)
            yield alpha / 255, truth, None

    headline = FAMILIES[families[0]][0]
    names = [pair.id for pair in pairs]
    result = evaluate.score(names, alphas(), families, threshold, ["raw", "min_max"], headline)
    notes = _explained(result, threshold, stretched)
    return replace(result, found=_told(truths, predictions, masks), notes=notes)


def refuse_output(
    output: Path | None, images: Path, masks: Path, model: Path | None, overwrite: bool
) -> None:
    """Raise DataError where the table of figures would be written over anything but its like."""
    if output is not None:
        read = [file for pair in by_stem(images, masks) for file in (pair.image, pair.mask)]
        refuse_to_lose(output, FIGURES, [*read, model], overwrite)


def table(result: Evaluation, output: Path | None) -> str:
    """All averages as text, a column a protocol, and what is known of images that the model
    has seen; every image's figures go to `output`."""
    if output is not None:
        with replacing_file(output) as aside:
            result.per_image.to_csv(aside, index=False, float_format="%.6f")
    first, *others = result.metrics
    ends = pd.DataFrame(result.intervals).T.reindex(columns=["low", "high"])
    columns = [pd.DataFrame(result.metrics)[[first]], ends.add_prefix("95% ")]
    averages = pd.concat([*columns, pd.DataFrame(result.metrics)[others]], axis=1)
    text = averages.to_string(na_rep="", float_format="{:.4f}".format)
    marks = "" if result.marks is None else result.marks.sentence()
    return "\n".join(filter(None, [text, marks, result.notes]))


def warning(result: Evaluation) -> str:
    """What to say on stderr: what was found in the masks, and that a model does not beat them."""
    return "\n".join(filter(None, [result.found, result.compared.warning("images")]))


def _explained(result: Evaluation, threshold: float, stretched: int) -> str:
    """How the figures of maps came about: the stretch, and the threshold of hard masks."""
    lines, count = [], len(result.per_image)
    if "min_max" in result.metrics:
        lines.append(
            "raw: each map as it is. min_max: each map stretched between its own smallest and "
            f"largest value, as published tables do; this changes {stretched} of {count} map"
            + ("." if count == 1 else "s.")
        )
    dice, f = result.calibration.dice, result.curves.get("raw", {}).get("f", np.full(1, np.nan))
    best, known = best_threshold(dice), np.isfinite(f).any()
    highest = f"; raw max F is at {best_threshold(f) / 255:.3f}" if known else ""
    lines.append(
        f"Dice, IoU, pixel accuracy, outlines and HCE cut each map at {threshold:g} (--threshold), "
        f"and the mask at half; these maps' own best threshold is {best / 255:.3f}, with Dice "
        f"{dice[best]:.4f}{highest}. F and E are averages over images at each of 256 thresholds."
    )
    lines.append(
        "The map was of its mask's size; it was not resized."
        if count == 1
        else f"All {count} maps were of their masks' size; none was resized."
    )
    return "\n".join(lines)


def _refuse_sizes(pair: FilePair, alpha: np.ndarray, truth: np.ndarray) -> None:
    if alpha.shape != truth.shape:
        sizes = [f"{one.shape[1]}×{one.shape[0]}" for one in (alpha, truth)]
        raise DataError(
            f"{pair.image} is {sizes[0]} pixels and its mask {sizes[1]}: published figures are of "
            "maps at the images' own size, and how a map is resized changes them; resize it "
            "to its mask's size (bilinear, in most papers' code), or write it again at that size."
        )


def _told(truths: Truths, *folders: Path) -> str:
    return "\n".join(filter(None, [finding.left_out_of(*folders), truths.sentence()]))


def _seen(model: Path, contract: Contract) -> leaks.Seen:
    """What the model has seen, by the list beside it; an exported file may have left its own."""
    folder = model if model.is_dir() else model.parent
    if not model.is_dir() and not leaks.listed(folder):
        return leaks.unlisted()
    return leaks.of_model(folder, contract.images_sha256, contract.trained_on)


def _check(families: Sequence[str]) -> None:
    for family in families:
        if family not in FAMILIES:
            raise SettingsError(
                f"--metrics {family!r} is not known; allowed: {', '.join(FAMILIES)}."
            )


def partners(images: Path, masks: Path) -> list[FilePair]:
    pairs = by_stem(images, masks)
    for pair in pairs:
        if pair.image is None or pair.mask is None:
            lonely, folder = (pair.image, masks) if pair.image else (pair.mask, images)
            raise DataError(
                f"{lonely} has no partner of the same name in {folder}: add or remove one."
            )
    return pairs
