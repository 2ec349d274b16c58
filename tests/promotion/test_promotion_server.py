"""Promotions over a real server: it may be killed, and two promotions may meet there."""

import contextlib
import json
import subprocess
import sys
import time

import mlflow
import pytest
from support import contenders
from support.contenders import CANDIDATE, promoted
from support.mlflow_servers import local
from support.ports import free_port
from support.project import ROOT

from clearbg import Remover
from clearbg.errors import RegistryError
from clearbg.promotion import promotion_log
from clearbg.promotion.promotion_log import PromotionLog, counted
from clearbg.system.files import file_sha256
from clearbg.tracking.registry import CHAMPION, Registry, fetch, find_registry


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """An MLflow server that can be killed and started again, and where it is."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    with contextlib.ExitStack() as running:
        running.enter_context(local(folder, port))

        def restart():
            running.enter_context(local(folder, port))

        yield f"http://127.0.0.1:{port}", running.close, restart


@pytest.fixture
def project(service, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", service[0])
    monkeypatch.setenv("CLEARBG_REGISTERED_MODEL", tmp_path.name)
    return contenders.project(tmp_path)


@pytest.mark.slow
def test_server_killed_between_entry_and_alias_is_no_loss(project, service, monkeypatch):
    _, kill, restart = service
    contenders.export(project, 1.0, 0.0)
    assert promoted().promoted
    dull = file_sha256(fetch())
    contenders.export(project, 8.0)

    def cut_off(**options):
        raise ConnectionError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.pyfunc, "log_model", cut_off)
        with pytest.raises(RegistryError, match="MLflow did not take"):
            promoted()
    assert file_sha256(fetch()) == dull
    point = Registry.point

    def killed(self, alias, number):
        if alias == CHAMPION:
            kill()
        point(self, alias, number)

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "point", killed)
        with pytest.raises(RegistryError, match="The champion works as before"):
            promoted()
    start = time.monotonic()
    with pytest.raises(RegistryError, match="refused"):
        promoted()
    assert time.monotonic() - start < 60  # MLflow would try for minutes
    restart()
    assert file_sha256(fetch()) == dull
    verdict = promoted()
    assert verdict.promoted and "interrupted is now complete" in verdict.sentence
    assert Remover(fetch()).contract.headline == "mae"
    assert file_sha256(fetch()) == file_sha256(CANDIDATE.model)


TWIN = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/promotion"]
from support.contenders import promoted
from test_promotion_server import meet
from clearbg.promotion.promotion_log import PromotionLog
PromotionLog.switch = meet(PromotionLog.switch, Path(sys.argv[2]), "twin", "first")
print(promoted())
"""


def meet(switch, folder, me, other):
    """A `switch` that waits, the first time, until the other process has come as far."""

    def together(self, *arguments):
        PromotionLog.switch = switch
        (folder / me).touch()
        end = time.monotonic() + 240
        while not (folder / other).exists():
            assert time.monotonic() < end, f"the {other} one never came as far"
            time.sleep(0.01)
        return switch(self, *arguments)

    return together


@pytest.mark.slow
def test_of_two_promotions_at_once_one_wins(project, tmp_path, monkeypatch):
    """Two clones of the project, two equally good challengers, one server."""
    contenders.export(project, 1.0, 0.0)
    promoted()
    contenders.export(project, 8.0)
    clone = contenders.project(tmp_path / "clone")
    contenders.export(clone, 8.001)
    command = [sys.executable, "-c", TWIN, str(ROOT / "tests"), str(tmp_path)]
    twin = subprocess.Popen(command, cwd=clone, stdout=-1, stderr=-1, text=True)
    meeting = meet(PromotionLog.switch, tmp_path, "first", "twin")
    monkeypatch.setattr(PromotionLog, "switch", meeting)
    mine = promoted()
    said, complaints = twin.communicate(timeout=300)
    assert twin.returncode == 0, complaints
    assert ("promoted=True" in said) != mine.promoted
    registry = find_registry()
    entries = list(counted(PromotionLog(registry).entries()))
    assert [one.tags[promotion_log.OLD] for one in entries] == ["", "1"]
    assert str(registry.aliases()[CHAMPION]) == entries[1].tags[promotion_log.NEW]
    assert json.loads(entries[1].tags[promotion_log.EVIDENCE])["gain"]["low"] > 0
