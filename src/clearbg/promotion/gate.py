"""The gate: what a challenger must show before it becomes the champion.

Every check is made, also after one has failed, so that a verdict gives all reasons at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clearbg import config, licenses
from clearbg.contract import Contract
from clearbg.data import leaks
from clearbg.errors import ClearBGError, SettingsError
from clearbg.metrics import bootstrap
from clearbg.metrics.baselines import Comparison
from clearbg.metrics.names import LOWER_IS_BETTER, label
from clearbg.metrics.paired import Gain
from clearbg.promotion import paired_test
from clearbg.promotion.paired_test import Slice
from clearbg.promotion.scoring import Measured, Split
from clearbg.system import dvc_lock
from clearbg.system.parsing import parse_json, read_text

BUDGETS = {"max_difference": "tolerance", "mae_loss": "mae_loss", "max_f_loss": "max_f_loss",
           "boundary_iou_loss": "boundary_iou_loss"}  # fmt: skip
"""Figure in parity.json -> the key of `export` that limits it."""

WITHDRAWN = (
    "it has been champion before and was rolled back: train another, or set the alias champion "
    "by hand in MLflow"
)


@dataclass(frozen=True)
class Check:
    """One thing that was asked for, whether it holds, and what was found."""

    name: str
    holds: bool
    found: str


@dataclass(frozen=True)
class Judgment:
    """Of one challenger.

    Attributes:
        metric: what the gain is measured in.
        gain, slices: against the champion; None and nothing where there is none yet.
    """

    metric: str
    checks: tuple[Check, ...]
    gain: Gain | None = None
    slices: tuple[Slice, ...] = ()

    @property
    def passed(self) -> bool:
        return all(check.holds for check in self.checks)

    @property
    def reasons(self) -> list[str]:
        """What did not hold."""
        return [check.found for check in self.checks if not check.holds]

    @property
    def sentence(self) -> str:
        """Why: what did not hold, or the gain."""
        return "; ".join(self.reasons or [self.checks[0].found])


def metric_of(settings: config.Settings) -> str:
    """The metric that a promotion is about: `promote.metric`, or `train.select_by`.

    Raises:
        SettingsError: it is the loss, of which an exported model has none.
    """
    metric = settings.promote.metric or settings.train.select_by
    if metric == "loss":
        raise SettingsError(
            "promote.metric: an exported model has no loss: name a metric that evaluate prints, "
            "such as mae."
        )
    return metric


def against_champion(
    champion: Measured,
    challenger: Measured,
    split: Split,
    slices: dict,
    metric: str,
    settings: config.Promote,
) -> tuple[Gain, list[Slice], list[Check]]:
    """Compare two models, image by image; see `paired_test.compare`."""
    models, draws = (champion.scored, challenger.scored), bootstrap.draw(split.rows["group"])
    lower = metric in LOWER_IS_BETTER
    found, parts = paired_test.compare(*models, draws, slices, lower, settings)
    return found, parts, [of_gain(found, metric, settings), of_slices(parts, metric)]


def of_gain(found: Gain, metric: str, settings: config.Promote) -> Check:
    """The gain's lower bound is above the margin, over enough images."""
    text = (
        f"{label(metric)} {found.before:.4f} → {found.after:.4f}, a gain of "
        f"{found.value:+.4f}; the lower end of its {settings.confidence:.0%} interval, "
        f"{found.low:+.4f}, "
    )
    if found.groups < settings.min_images:
        text = (
            f"only {found.groups} groups of test images have a {label(metric)}, and "
            f"promote.min_images = {settings.min_images} are needed to tell"
        )
        return Check("gain", False, text)
    holds = found.low > settings.margin
    text += f"{'is' if holds else 'is not'} above promote.margin = {settings.margin:g}"
    return Check("gain", holds, text)


def of_slices(parts: Sequence[Slice], metric: str) -> Check:
    """No slice with enough images has fallen below its floor by more than chance."""
    broken = [part for part in parts if not part.holds]
    if not broken:
        worst = min(parts, key=lambda part: part.gain.value - part.floor, default=None)
        text = f"none of {len(parts)} slices is surely below its floor"
        text += f"; the nearest is {worst.name} at {worst.gain.value:+.4f}" if worst else ""
        return Check("slices", True, text)
    told = "; ".join(
        f"{part.name}: {part.gain.before:.4f} → {part.gain.after:.4f} over {part.gain.images} "
        f"images, below the floor of {part.floor:+g} and not by chance ({part.gain.low:+.4f} to "
        f"{part.gain.high:+.4f})"
        for part in broken
    )
    return Check("slices", False, f"{label(metric)} falls on {told}")


def of_min_score(value: float | None, metric: str, min_score: float) -> Check:
    """There is no champion to compare with: the figure itself must be good enough."""
    lower = metric in LOWER_IS_BETTER
    holds = value is not None and (value <= min_score if lower else value >= min_score)
    shown = "no value" if value is None else f"{value:.4f}"
    side = "at most" if lower else "at least"
    wanted = f"a first champion needs {side} promote.min_score = {min_score:g}"
    text = f"{label(metric)} is {shown}; {wanted}"
    return Check("min_score", holds, text)


def of_baselines(compared: Comparison) -> Check:
    """The model is better than masks that have not looked at the image."""
    return Check("baselines", compared.beats_baselines, compared.sentence("test images"))


def of_leaks(who: str, folder: Path, contract: Contract, split: Split, allowed: float) -> Check:
    """The model has not seen the images that it is judged by.

    Args:
        who: "challenger" or "champion".
        folder: where the list of its training images lies.
        allowed: `evaluate.max_leaked`.
    """

    def look() -> str:
        seen = leaks.of_model(folder, contract.images_sha256, contract.trained_on)
        marks = leaks.mark(split.rows, seen)
        leaks.refuse_too_many(split.rows["id"], marks, allowed)
        return marks.sentence()

    return _check(f"leaks, {who}", look, f"{who}: ")


def of_parity(parity: Path, exports: Path, lock: Path, settings: config.Export) -> Check:
    """The exported file does what the trained network does, as the export stage found."""

    def look() -> str:
        again = "run `dvc repro export`"
        try:
            found = parse_json(read_text(parity))["fp32"]
            values = {name: float(found[name]) for name in BUDGETS}
        except (OSError, ArithmeticError, ValueError, KeyError, TypeError):
            raise ClearBGError(
                f"{parity} is missing or tells nothing of model.onnx: {again}."
            ) from None
        text = lock.read_text(encoding="utf-8") if lock.is_file() else ""
        stages = dvc_lock.stages(text)
        outs = {out.path: out.md5 for out in dvc_lock.outputs(stages)}
        other = outs.get(parity.as_posix()) != dvc_lock.file_md5(parity)
        if other and dvc_lock.names(stages, exports):
            raise ClearBGError(f"{parity} is not of this export: {again}.")
        for name, key in BUDGETS.items():
            if not values[name] <= getattr(settings, key):
                raise ClearBGError(
                    f"{parity}: {name} {values[name]:g} is above export.{key} = "
                    f"{getattr(settings, key):g}: {again}."
                )
        return f"alpha differs from the trained network's by {values['max_difference']:.0e} at most"

    return _check("export parity", look)


def of_license(contract: Contract, commercial_only: bool) -> Check:
    """With `promote.commercial_only` nothing it has learned from is closed to commercial use."""
    told = "; ".join(f"{origin.source}: {origin.license}" for origin in contract.trained_on)
    word = "open" if licenses.is_open(contract.trained_on) else "not known to be open"
    text = f"{told or 'nothing is known of its images'}, {word} to commercial use"
    holds = licenses.is_open(contract.trained_on) or not commercial_only
    return Check("license", holds, text if holds else f"{text}, and promote.commercial_only = true")


def _check(name: str, look: Callable[[], str], prefix: str = "") -> Check:
    try:
        return Check(name, True, prefix + look())
    except ClearBGError as error:
        return Check(name, False, prefix + str(error))
