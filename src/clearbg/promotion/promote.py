"""Champion against challenger: score, judge, tell, register, and move the champion last.

`judge` does everything that changes nothing in the registry, and `promote` the rest, so that a
retraining can push what it has made in between; the models are scored once for both.
"""

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from clearbg import config
from clearbg.errors import ClearBGError, RegistryError
from clearbg.inference.predict import predict
from clearbg.metrics.baselines import Comparison
from clearbg.promotion import gate, report, version_tags
from clearbg.promotion.gate import Check, Judgment
from clearbg.promotion.promotion_log import PROMOTE, ROLLBACK, PromotionLog, State
from clearbg.promotion.scoring import Measured, Split, beside, measure, read_split, slices_of
from clearbg.removal.remover import Remover
from clearbg.system import project
from clearbg.system.files import exclusive
from clearbg.tracking.registry import (
    CHALLENGER,
    CHAMPION,
    ONNX,
    Registry,
    Version,
    find_registry,
    model_name,
    open_registry,
)

ROUNDS = 5  # of judging again because another promotion was first


@dataclass(frozen=True)
class Candidate:
    """An export, and the files that the gate reads and writes; by default the pipeline's own.

    Attributes:
        model: the ONNX file; its contract's list of training images lies beside it.
        parity: how its alpha differs from the trained network's.
        data: the ingested folder, whose test split is scored.
        lock: dvc.lock, which may be missing.
        report: the Markdown file to write; a sheet of images lies beside it as .jpg.
    """

    model: Path = Path("exports/model.onnx")
    parity: Path = Path("reports/export/parity.json")
    data: Path = Path("data/ingested")
    lock: Path = Path("dvc.lock")
    report: Path = Path("reports/promotion.md")


@dataclass(frozen=True)
class Verdict:
    """What became of a candidate.

    Attributes:
        promoted: it is the champion now; until `promote` is called: it would be.
        sentence: why.
        report: the Markdown file with all figures; None: the candidate is the champion already,
            so that nothing was judged.
        version: its version in the registry; None: it is not registered.
    """

    promoted: bool
    sentence: str
    report: Path | None = None
    version: Version | None = None


@dataclass(frozen=True)
class Challenger:
    """A candidate that was scored on the test split.

    Attributes:
        metric: what the promotion is about.
        compared: it and masks that have not looked at the image.
        tags: of the version that it is, or will be, registered as.
    """

    candidate: Candidate
    settings: config.Settings
    metric: str
    split: Split
    measured: Measured
    compared: Comparison
    tags: dict[str, str]


@dataclass(frozen=True)
class Challenge:
    """A challenger that was judged against the champion of that moment.

    Attributes:
        champion: None: there was none.
        state: what the log of promotions said.
        judgment: None: the challenger is the champion already.
    """

    challenger: Challenger
    champion: Version | None
    state: State
    judgment: Judgment | None
    verdict: Verdict


def judge(candidate: Candidate, settings: config.Settings) -> Challenge:
    """Score a candidate and the champion, and write the report; the registry stays as it is.

    Raises:
        ClearBGError: it could not be judged.
    """
    metric = gate.metric_of(settings)
    find_registry()  # a server that does not answer is told before the work
    with exclusive(project.state() / "promotion"):
        split = read_split(candidate.data)
        measured = measure(split, candidate.model, metric, settings.evaluate.batch_size)
        contract, digest = measured.remover.contract, split.digest
        tags = version_tags.tags(
            candidate.model, contract, digest, measured.scored.figures, candidate.lock
        )
        compared = beside(split, measured, metric)
        challenger = Challenger(candidate, settings, metric, split, measured, compared, tags)
        return _judged(challenger, find_registry())


def promote(challenge: Challenge) -> Verdict:
    """Register a judged candidate, and make it the champion if the gate lets it through.

    If the champion is no longer the one that it was judged against, it is judged again.

    Raises:
        ClearBGError: it could not be registered or promoted; the champion stays usable.
    """
    with exclusive(project.state() / "promotion"):
        registry = open_registry()
        for _ in range(ROUNDS):
            verdict = _attempt(challenge, registry)
            if verdict is not None:
                return verdict
            print("promote: another promotion was first; judging against its champion")
            challenge = _judged(challenge.challenger, registry)
    raise RegistryError("other promotions keep being first: run again later.")


def rollback() -> Verdict:
    """Make the champion before the present one the champion again.

    Raises:
        RegistryError: there is none, or somebody else moves the champion just now.
    """
    registry = find_registry()
    if registry is None:
        raise RegistryError(f"{model_name()} has no champion: promote a model first.")
    with exclusive(project.state() / "promotion"):
        log = PromotionLog(registry)
        state, _ = log.settle()
        champion = registry.aliased(CHAMPION)
        if champion is None and not state.champions:
            raise RegistryError(f"{model_name()} has no champion: promote a model first.")
        earlier = [number for number in state.champions if number != _number(champion)]
        found = (registry.version(number) for number in reversed(earlier))
        target = next((version for version in found if version is not None), None)
        # Somebody may have deleted the champion's version by hand, and its alias with it.
        gone = str(champion or f"{model_name()} version {state.champions[-1]}, which was deleted,")
        if target is None:
            raise RegistryError(f"{gone} is the first champion: there is none to go back to.")
        _refuse_broken(registry, target)
        why = f"{target} is champion again; {gone.rstrip(',')} was rolled back."
        if not log.switch(ROLLBACK, target, state, registry.aliases().get(CHAMPION), why, {}):
            raise RegistryError(
                "somebody else moved the champion just now: see which one it is, then run again."
            )
    return Verdict(True, why, version=target)


def _attempt(challenge: Challenge, registry: Registry) -> Verdict | None:
    """Register and promote; None: the champion is not the one that was judged against."""
    challenger, judgment = challenge.challenger, challenge.judgment
    log = PromotionLog(registry)
    state, completed = log.settle()
    champion = registry.aliased(CHAMPION)
    if completed and _is(champion, challenger):
        return Verdict(
            True,
            f"{champion} is champion: a switch that was interrupted is now complete",
            challenge.verdict.report,
            champion,
        )
    number = _number(champion)
    if (state.last, number) != (challenge.state.last, _number(challenge.champion)):
        return None
    if judgment is None:
        return challenge.verdict
    version = version_tags.register(
        registry,
        challenger.candidate.model,
        challenger.measured.remover.contract,
        challenger.settings,
        challenger.tags,
    )
    registry.point(CHALLENGER, version.number)
    if not judgment.passed:
        return replace(challenge.verdict, version=version)
    _refuse_broken(registry, version)
    evidence = {
        "metric": challenger.metric,
        "margin": challenger.settings.promote.margin,
        "data": challenger.split.digest,
        "figure": challenger.measured.scored.figures[challenger.metric],
        "gain": judgment.gain and asdict(judgment.gain),
    }
    if not log.switch(PROMOTE, version, state, number, judgment.sentence, evidence):
        return None
    sentence = f"{version} is champion: {judgment.sentence}"
    return replace(challenge.verdict, sentence=sentence, version=version)


def _judged(challenger: Challenger, registry: Registry | None) -> Challenge:
    """Judge against the present champion, and write the report."""
    state = PromotionLog(registry).state() if registry else State()
    champion = registry.aliased(CHAMPION) if registry else None
    if _is(champion, challenger):
        sentence = f"the exported model is the champion already ({champion})"
        verdict = Verdict(False, sentence, version=champion)
        return Challenge(challenger, champion, state, None, verdict)
    opponent = None
    if champion is not None:
        size = challenger.settings.evaluate.batch_size
        file = registry.file(champion)
        opponent = measure(challenger.split, file, challenger.metric, size, facts=False)
    judgment = _judgment(challenger, opponent)
    if registry and _was_rolled_back(challenger, registry, state):
        refusal = Check("rollback", False, gate.WITHDRAWN)
        judgment = replace(judgment, checks=(*judgment.checks, refusal))
    path = challenger.candidate.report
    names = str(challenger.candidate.model), str(champion or "")
    report.write(
        path, judgment, challenger.measured, opponent, challenger.split, names, challenger.tags,
        challenger.settings.promote,
    )  # fmt: skip
    verdict = Verdict(judgment.passed, judgment.sentence, path)
    return Challenge(challenger, champion, state, judgment, verdict)


def _judgment(challenger: Challenger, champion: Measured | None) -> Judgment:
    """Make every check that needs no registry."""
    measured, split, settings = challenger.measured, challenger.split, challenger.settings
    gain, parts = None, []
    if champion is None:
        figure = measured.scored.figures.get(challenger.metric)
        checks = [gate.of_min_score(figure, challenger.metric, settings.promote.min_score)]
    else:
        shown = slices_of(split, measured)
        gain, parts, checks = gate.against_champion(
            champion, measured, split, shown, challenger.metric, settings.promote
        )
    checks.append(gate.of_baselines(challenger.compared))
    for who, model in {"challenger": measured, "champion": champion}.items():
        if model:
            folder, contract = model.model.parent, model.remover.contract
            allowed = settings.evaluate.max_leaked
            checks.append(gate.of_leaks(who, folder, contract, split, allowed))
    candidate = challenger.candidate
    exports = candidate.model.parent
    checks.append(gate.of_parity(candidate.parity, exports, candidate.lock, settings.export))
    checks.append(gate.of_license(measured.remover.contract, settings.promote.commercial_only))
    return Judgment(challenger.metric, tuple(checks), gain, tuple(parts))


def _was_rolled_back(challenger: Challenger, registry: Registry, state: State) -> bool:
    return any(_is(registry.version(number), challenger) for number in state.withdrawn)


def _is(version: Version | None, challenger: Challenger) -> bool:
    """Whether the version's ONNX file is the challenger's."""
    return version is not None and version.onnx == challenger.tags[ONNX]


def _number(version: Version | None) -> int | None:
    return None if version is None else version.number


def _refuse_broken(registry: Registry, version: Version) -> None:
    """Bring a version out of the registry and remove a background with it.

    Raises:
        RegistryError: what comes out is not whole, or gives no alpha.
    """
    ramp = np.linspace(0, 255, 96, dtype=np.uint8)
    image = np.broadcast_to(ramp[None, :, None], (64, 96, 3)).copy()
    with tempfile.TemporaryDirectory() as folder:
        try:
            remover = Remover(registry.download(version, Path(folder)))
            alpha = predict([image], remover.network, remover.contract)[0]
        except ClearBGError:
            raise
        except Exception as error:  # ONNX Runtime's own
            raise RegistryError(f"{version} cannot be run: export and promote again.") from error
    if not np.isfinite(alpha).all():
        raise RegistryError(f"{version} gives no alpha: export and promote again.")
