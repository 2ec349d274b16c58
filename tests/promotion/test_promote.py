"""Who becomes champion, who does not, and what both are told."""

import json

import pytest
from support import contenders
from support.contenders import CANDIDATE, promoted, settings
from support.project import demo
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.errors import RegistryError
from clearbg.promotion.promote import judge, rollback
from clearbg.promotion.promotion_log import EVIDENCE, PromotionLog
from clearbg.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, fetch, find_registry


def test_dry_run_tells_and_changes_nothing(project):
    verdict = judge(CANDIDATE, settings()).verdict
    assert verdict.promoted
    assert CANDIDATE.report.is_file() and CANDIDATE.report.with_suffix(".jpg").is_file()
    assert not (project / "mlflow.db").exists()


@pytest.mark.slow
def test_champions_come_and_go(project):
    """One story, since registering takes its time: first, better, equal, worse, back."""
    contenders.export(project, 1.0, 0.0)
    assert not promoted(min_score=0.01).promoted
    registry = find_registry()
    assert registry.aliases() == {CHALLENGER: 1}
    assert "needs at most promote.min_score = 0.01" in CANDIDATE.report.read_text()

    assert promoted().promoted
    assert registry.aliases() == {CHAMPION: 1}  # the same content and evidence are the same version

    contenders.export(project, 8.0)
    assert promoted().promoted
    assert registry.aliases() == {CHAMPION: 2, PREVIOUS: 1}
    text = CANDIDATE.report.read_text()
    assert "exports/model.onnx becomes the champion in place of clearbg version 1" in text
    assert "| **gain** | **+0." in text
    evidence = json.loads(PromotionLog(registry).entries()[-1].tags[EVIDENCE])
    assert evidence["gain"]["low"] > evidence["margin"] == 0.005

    verdict = promoted()
    assert not verdict.promoted and "is the champion already" in verdict.sentence

    contenders.export(project, 8.001)
    assert not promoted().promoted
    contenders.export(project, -8.0, 0.55)
    assert not promoted().promoted
    assert registry.aliases() == {CHAMPION: 2, PREVIOUS: 1, CHALLENGER: 4}
    assert "keep the champion" in CANDIDATE.report.read_text()

    assert "clearbg version 1 is champion again" in rollback().sentence
    assert registry.aliases() == {CHAMPION: 1, CHALLENGER: 4}
    with pytest.raises(RegistryError, match="is the first champion: there is none to go back to"):
        rollback()
    contenders.export(project, 8.0)
    verdict = promoted()
    assert not verdict.promoted and "was rolled back" in verdict.sentence
    assert fetch().parent.name == registry.version(1).onnx


def test_rollback_without_a_champion_says_so(project):
    with pytest.raises(RegistryError, match="clearbg has no champion"):
        rollback()


@pytest.mark.slow
def test_exit_status_says_what_became_of_it(project):
    def run(**promote):
        wanted = {"metric": "mae", "margin": 0.005, "min_images": 3, **promote}
        (project / "params.yaml").write_text(json.dumps(demo(promote=wanted)))
        return CliRunner().invoke(app, ["promote", "--dry-run"])

    good = run(min_score=0.3)
    assert good.exit_code == 0, good.stderr
    assert "promote: dry run, promoted: MAE is 0.0" in good.stdout
    kept = run(min_score=0.0001)
    assert kept.exit_code == 3, kept.stderr
    assert "needs at most promote.min_score = 0.0001" in kept.stdout


def test_verdict_gives_the_same_bytes_again(project):
    judge(CANDIDATE, settings())
    first = CANDIDATE.report.read_bytes(), CANDIDATE.report.with_suffix(".jpg").read_bytes()
    judge(CANDIDATE, settings())
    assert first == (
        CANDIDATE.report.read_bytes(),
        CANDIDATE.report.with_suffix(".jpg").read_bytes(),
    )
