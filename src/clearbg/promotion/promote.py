"""One promotion, whole: measure, register, judge, tell, and move the champion last."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from clearbg import config
from clearbg.errors import ClearBGError, RegistryError
from clearbg.inference.predict import predict
from clearbg.promotion import evidence, gate, verdict
from clearbg.promotion.frozen import Frozen, Measured, freeze, measure, slices
from clearbg.promotion.gate import Check, Judgment
from clearbg.promotion.ledger import PROMOTE, ROLLBACK, Ledger, State
from clearbg.removal.remover import Remover
from clearbg.system import project
from clearbg.system.files import exclusive
from clearbg.tracking import registry
from clearbg.tracking.registry import CHALLENGER, CHAMPION, ONNX, Registry, Version

ROUNDS = 5  # of judging again because another promotion was first


@dataclass(frozen=True)
class Candidate:
    """The pipeline's present export.

    Attributes:
        model: the ONNX file; its card and its list of training images lie beside it.
        parity: reports/export/parity.json.
        data: the ingested folder.
        lock: dvc.lock, which may be missing.
    """

    model: Path
    parity: Path
    data: Path
    lock: Path


@dataclass(frozen=True)
class Outcome:
    """What became of it, and the sentence for people."""

    promoted: bool
    sentence: str


@dataclass(frozen=True)
class _Trial:
    """A candidate that is measured."""

    candidate: Candidate
    settings: config.Settings
    metric: str
    frozen: Frozen
    measured: Measured
    tags: dict[str, str]

    def opponent(self, model: Path) -> Measured:
        return measure(self.frozen, model, self.metric, self.settings.evaluate.batch_size)


def promote(
    candidate: Candidate, settings: config.Settings, report: Path, dry_run: bool = False
) -> Outcome:
    """Make the export the champion if the gate lets it through.

    Args:
        report: the Markdown file to write.
        dry_run: judge and tell; register nothing and move no alias.

    Raises:
        ClearBGError: it could not be judged or not be switched; the champion is whole.
    """
    metric = gate.metric_of(settings)
    registry.existing()  # a server that does not answer is told before the work
    with exclusive(project.state() / "promotion"):
        frozen = freeze(candidate.data)
        measured = measure(frozen, candidate.model, metric, settings.evaluate.batch_size)
        tags = evidence.tags(
            candidate.model,
            measured.remover.contract,
            frozen.digest,
            measured.figures,
            candidate.lock,
        )
        trial = _Trial(candidate, settings, metric, frozen, measured, tags)
        if dry_run:
            return _rehearse(trial, report)
        desk = registry.opened()
        for _ in range(ROUNDS):
            outcome = _attempt(trial, report, desk)
            if outcome is not None:
                return outcome
            print("promote: another promotion was first; judging against its champion")
    raise RegistryError("other promotions keep being first: run again later.")


def rollback() -> Outcome:
    """Make the champion before the present one the champion again.

    Raises:
        RegistryError: there is none, or somebody else moves the champion just now.
    """
    desk = registry.existing()
    if desk is None or desk.aliased(CHAMPION) is None:
        raise RegistryError(f"{registry.name()} has no champion: promote a model first.")
    with exclusive(project.state() / "promotion"):
        ledger = Ledger(desk)
        state, _ = ledger.settle()
        champion = desk.aliased(CHAMPION)
        earlier = [number for number in state.champions if number != champion.number]
        found = (desk.version(number) for number in reversed(earlier))
        target = next((version for version in found if version is not None), None)
        if target is None:
            raise RegistryError(f"{champion} is the first champion: there is none to go back to.")
        _refuse_broken(desk, target)
        why = f"{target} is champion again; {champion} was rolled back."
        if not ledger.switch(ROLLBACK, target, state, champion.number, why, {}):
            raise RegistryError("somebody else moved the champion just now: look, then run again.")
    return Outcome(True, why)


def _rehearse(trial: _Trial, report: Path) -> Outcome:
    desk = registry.existing()
    state = Ledger(desk).state() if desk else State()
    champion = desk.aliased(CHAMPION) if desk else None
    if same := _same(trial, champion):
        return same
    judgment = _judge(trial, str(trial.candidate.model), report, desk, champion, state)
    return Outcome(judgment.passed, judgment.sentence)


def _attempt(trial: _Trial, report: Path, desk: Registry) -> Outcome | None:
    """Judge against the present champion, and switch; None: somebody else did meanwhile."""
    ledger = Ledger(desk)
    state, completed = ledger.settle()
    champion = desk.aliased(CHAMPION)
    if same := _same(trial, champion, completed):
        return same
    new = evidence.register(
        desk, trial.candidate.model, trial.measured.remover.contract, trial.settings, trial.tags
    )
    desk.point(CHALLENGER, new.number)
    judgment = _judge(trial, str(new), report, desk, champion, state)
    if not judgment.passed:
        return Outcome(False, judgment.sentence)
    _refuse_broken(desk, new)
    proof = {
        "metric": trial.metric,
        "margin": trial.settings.promote.margin,
        "data": trial.frozen.digest,
        "figure": trial.measured.figures[trial.metric],
        "gain": judgment.gain and asdict(judgment.gain),
    }
    number = champion and champion.number
    if not ledger.switch(PROMOTE, new, state, number, judgment.sentence, proof):
        return None
    return Outcome(True, f"{new} is champion: {judgment.sentence}")


def _same(trial: _Trial, champion: Version | None, completed: bool = False) -> Outcome | None:
    """What is to be said where the export is champion already."""
    if champion is None or champion.onnx != trial.tags[ONNX]:
        return None
    if completed:
        return Outcome(True, f"{champion} is champion: a switch that was cut short is complete")
    return Outcome(False, f"the exported model is the champion already ({champion})")


def _judge(
    trial: _Trial,
    name: str,
    report: Path,
    desk: Registry | None,
    champion: Version | None,
    state: State,
) -> Judgment:
    """Make all checks and write the verdict."""
    measured, frozen, settings = trial.measured, trial.frozen, trial.settings
    opponent, folder, gain, parts = None, None, None, []
    if champion is None:
        figure = measured.figures.get(trial.metric)
        checks = [gate.of_min_score(figure, trial.metric, settings.promote.min_score)]
    else:
        file = desk.file(champion)
        opponent, folder = trial.opponent(file), file.parent
        shown = slices(frozen, measured)
        gain, parts, checks = gate.against_champion(
            opponent, measured, frozen, shown, trial.metric, settings.promote
        )
    allowed, contract = settings.evaluate.max_leaked, measured.remover.contract
    exports = trial.candidate.model.parent
    checks.append(gate.of_leaks("challenger", exports, contract, frozen, allowed))
    if opponent:
        known = opponent.remover.contract
        checks.append(gate.of_leaks("champion", folder, known, frozen, allowed))
    parity, lock = trial.candidate.parity, trial.candidate.lock
    checks.append(gate.of_parity(parity, exports, lock, settings.export))
    checks.append(gate.of_license(contract, settings.promote.commercial_only))
    withdrawn = [desk.version(number) for number in state.withdrawn] if desk else []
    if any(version and version.onnx == trial.tags[ONNX] for version in withdrawn):
        checks.append(Check("rollback", False, gate.WITHDRAWN))
    judgment = Judgment(trial.metric, tuple(checks), gain, tuple(parts))
    names = name, str(champion or "")
    verdict.write(report, judgment, measured, opponent, frozen, names, trial.tags, settings.promote)
    return judgment


def _refuse_broken(desk: Registry, version: Version) -> None:
    """Bring a version out of the registry and remove a background with it.

    Raises:
        RegistryError: what comes out is not whole, or gives no alpha.
    """
    ramp = np.linspace(0, 255, 96, dtype=np.uint8)
    image = np.broadcast_to(ramp[None, :, None], (64, 96, 3)).copy()
    with tempfile.TemporaryDirectory() as folder:
        try:
            remover = Remover(desk.download(version, Path(folder)))
            alpha = predict([image], remover.network, remover.contract)[0]
        except ClearBGError:
            raise
        except Exception as error:  # ONNX Runtime's own
            raise RegistryError(f"{version} cannot be run: export and promote again.") from error
    if not np.isfinite(alpha).all():
        raise RegistryError(f"{version} gives no alpha: export and promote again.")
