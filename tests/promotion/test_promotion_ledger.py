"""One promotion wins, the other learns of it; whoever dies leaves a whole champion behind."""

import contextlib
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest
from support import contenders
from support.contenders import CANDIDATE, settings
from support.mlflow_servers import free_port, local
from support.project import ROOT

from clearbg import Remover
from clearbg.errors import RegistryError
from clearbg.promotion import ledger
from clearbg.promotion.ledger import PROMOTE, ROLLBACK, Ledger, counted, replay
from clearbg.promotion.promote import promote, rollback
from clearbg.system.files import file_sha256
from clearbg.tracking import registry, runs
from clearbg.tracking.registry import CHAMPION, ONNX, PREVIOUS, Version


def entry(number, over, new, old="", action=PROMOTE, done=True):
    tags = {ledger.OVER: str(over), ledger.NEW: str(new), ledger.OLD: str(old),
            ledger.ACTION: action, ledger.NONCE: f"n{number}"}  # fmt: skip
    return Version("log", number, tags | ({ledger.DONE: "true"} if done else {}), "", "", 0)


def test_of_entries_over_the_same_one_the_first_counts():
    entries = [entry(1, 0, 1), entry(2, 1, 5, 1), entry(3, 1, 6, 1), entry(4, 2, 7, 5)]
    assert [one.number for one in counted(entries)] == [1, 2, 4]
    assert replay(entries).champions == (1, 5, 7)


def test_rolled_back_champion_is_champion_no_more():
    entries = [entry(1, 0, 1), entry(2, 1, 2, 1), entry(3, 2, 1, 2, ROLLBACK)]
    state = replay(entries)
    assert (state.champions, state.withdrawn) == ((1,), (2,))


def test_champion_that_was_set_by_hand_is_known_from_the_next_entry():
    entries = [entry(1, 0, 1), entry(2, 1, 3, 2)]
    assert replay(entries).champions == (1, 2, 3)
    assert replay([*entries, entry(3, 2, 2, 3, ROLLBACK)]).champions == (1, 2)


def test_switch_without_its_mark_is_not_done():
    assert replay([]).done
    assert not replay([entry(1, 0, 1, done=False)]).done


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store with three versions of one logged model; nobody is champion."""
    folder = tmp_path_factory.mktemp("a project")
    with contenders.exporting(folder) as model:
        with runs.train_run("first", {}, "demo") as run:
            source = run.model(model)
        desk = registry.opened()
        for number in range(3):
            desk.add(source, run.id, {ONNX: file_sha256(model), "number": str(number)})
    return folder


@pytest.fixture
def desk(filled, tmp_path, monkeypatch):
    shutil.copy(filled / "mlflow.db", tmp_path / "mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return registry.existing()


def switch(desk, number, seen=None, champion=None, action=PROMOTE):
    log = Ledger(desk)
    seen = seen or log.settle()[0]
    champion = champion or desk.aliases().get(CHAMPION)
    return log.switch(action, desk.version(number), seen, champion, "for a test", {})


def test_switch_moves_champion_and_previous(desk):
    assert switch(desk, 1) and switch(desk, 2)
    assert desk.aliases() == {CHAMPION: 2, PREVIOUS: 1}


def test_second_of_two_judged_against_the_same_champion_does_not_win(desk):
    switch(desk, 1)
    seen, _ = Ledger(desk).settle()
    assert switch(desk, 2, seen, 1)
    assert not switch(desk, 3, seen, 1)
    assert desk.aliases() == {CHAMPION: 2, PREVIOUS: 1}


def test_two_that_enter_at_the_same_time_have_one_winner(desk, monkeypatch):
    """The other one enters between this one's look at the log and its own entry."""
    switch(desk, 1)
    seen, _ = Ledger(desk).settle()
    rival = Ledger(registry.existing())
    add, won = registry.Registry.add, []

    def late(self, *arguments):
        monkeypatch.setattr(registry.Registry, "add", add)
        won.append(rival.switch(PROMOTE, desk.version(2), seen, 1, "rival", {}))
        return add(self, *arguments)

    monkeypatch.setattr(registry.Registry, "add", late)
    assert not switch(desk, 3, seen, 1)
    assert won == [True]
    assert [one.tags[ledger.NEW] for one in rival.entries()] == ["1", "2"]
    assert desk.aliases() == {CHAMPION: 2, PREVIOUS: 1}


def test_winner_that_slept_does_not_undo_a_later_promotion(desk, monkeypatch):
    switch(desk, 1)
    point = registry.Registry.point

    def asleep(self, alias, number):
        monkeypatch.setattr(registry.Registry, "point", point)
        assert switch(registry.existing(), 3)  # completes the sleeper's switch, then its own
        assert desk.aliases() == {CHAMPION: 3, PREVIOUS: 2}
        point(self, CHAMPION, 2)  # what it was about to do

    monkeypatch.setattr(registry.Registry, "point", asleep)
    assert switch(desk, 2)
    assert desk.aliases() == {CHAMPION: 3, PREVIOUS: 2}


def test_alias_that_a_person_moved_is_respected(desk):
    switch(desk, 1)
    desk.point(CHAMPION, 3)
    assert Ledger(desk).settle()[0].champions == (1,)
    assert desk.aliases()[CHAMPION] == 3
    assert switch(desk, 2)
    assert desk.aliases() == {CHAMPION: 2, PREVIOUS: 3}
    assert "clearbg version 3 is champion again" in rollback().sentence


def test_rollback_steps_over_a_deleted_version(desk):
    for number in (1, 2, 3):
        switch(desk, number)
    desk._client.delete_model_version("clearbg", "2")
    rollback()
    assert desk.aliases()[CHAMPION] == 1


def test_full_disk_leaves_the_champion(desk):
    switch(desk, 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(RegistryError, match="room on the disk"):
            switch(desk, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert desk.aliases() == {CHAMPION: 1}
    assert switch(desk, 2)


CALLS = ("search_model_versions", "create_registered_model", "create_model_version",
         "set_registered_model_alias", "delete_registered_model_alias", "set_model_version_tag",
         "get_registered_model", "delete_model_version")  # fmt: skip


class Dying:
    """Lets the n-th call to the store fail, before or after it took effect."""

    def __init__(self, patch, at, after=False):
        self.count = 0
        for name in CALLS:
            self._wrap(patch, name, getattr(mlflow.MlflowClient, name), at, after)

    def _wrap(self, patch, name, method, at, after):
        def call(client, *arguments, **options):
            self.count += 1
            if self.count != at:
                return method(client, *arguments, **options)
            if after:
                method(client, *arguments, **options)
            raise ConnectionError("killed")

        patch.setattr(mlflow.MlflowClient, name, call)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_store_that_dies_at_any_call_leaves_a_whole_champion(desk, monkeypatch, after):
    switch(desk, 1)
    with monkeypatch.context() as patch:
        calls = Dying(patch, at=0)
        switch(desk, 2)
    assert calls.count > 8
    for at in range(1, calls.count + 1):
        old = desk.aliases()[CHAMPION]
        new = {1: 2, 2: 1}[old]
        with monkeypatch.context() as patch:
            Dying(patch, at, after)
            with contextlib.suppress(RegistryError):
                switch(desk, new)
        assert desk.aliases()[CHAMPION] in (old, new)
        Ledger(desk).settle()
        if desk.aliases()[CHAMPION] == old:
            assert switch(desk, new)
        assert desk.aliases() == {CHAMPION: new, PREVIOUS: old}


# A real server --------------------------------------------------------------------------------


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


REPORT = Path("reports/promotion.md")


@pytest.mark.slow
def test_server_killed_between_entry_and_alias_is_no_loss(project, service, monkeypatch):
    _, kill, restart = service
    contenders.export(project, 1.0, 0.0)
    assert promote(CANDIDATE, settings(), REPORT).promoted
    dull = file_sha256(registry.fetch())
    contenders.export(project, 8.0)

    def cut_off(**options):
        raise ConnectionError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.pyfunc, "log_model", cut_off)
        with pytest.raises(RegistryError, match="MLflow did not take"):
            promote(CANDIDATE, settings(), REPORT)
    assert file_sha256(registry.fetch()) == dull
    point = registry.Registry.point

    def killed(self, alias, number):
        if alias == CHAMPION:
            kill()
        point(self, alias, number)

    with monkeypatch.context() as patch:
        patch.setattr(registry.Registry, "point", killed)
        with pytest.raises(RegistryError, match="The champion is whole"):
            promote(CANDIDATE, settings(), REPORT)
    start = time.monotonic()
    with pytest.raises(RegistryError, match="refused"):
        promote(CANDIDATE, settings(), REPORT)
    assert time.monotonic() - start < 5
    restart()
    assert file_sha256(registry.fetch()) == dull
    outcome = promote(CANDIDATE, settings(), REPORT)
    assert outcome.promoted and "cut short is complete" in outcome.sentence
    assert Remover(registry.fetch()).contract.headline == "mae"
    assert file_sha256(registry.fetch()) == file_sha256(CANDIDATE.model)


TWIN = """
import sys, time
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/promotion"]
from support.contenders import CANDIDATE, settings
from test_promotion_ledger import REPORT, meet
from clearbg.promotion import ledger
from clearbg.promotion.promote import promote
ledger.Ledger.switch = meet(ledger.Ledger.switch, Path(sys.argv[2]), "twin", "first")
print(promote(CANDIDATE, settings(), REPORT))
"""


def meet(switch, folder, me, other):
    """A `switch` that waits, the first time, until the other process has come as far."""

    def together(self, *arguments):
        ledger.Ledger.switch = switch
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
    promote(CANDIDATE, settings(), REPORT)
    contenders.export(project, 8.0)
    clone = contenders.project(tmp_path / "clone")
    contenders.export(clone, 8.001)
    command = [sys.executable, "-c", TWIN, str(ROOT / "tests"), str(tmp_path)]
    twin = subprocess.Popen(command, cwd=clone, stdout=-1, stderr=-1, text=True)
    meeting = meet(ledger.Ledger.switch, tmp_path, "first", "twin")
    monkeypatch.setattr(ledger.Ledger, "switch", meeting)
    mine = promote(CANDIDATE, settings(), REPORT)
    said, complaints = twin.communicate(timeout=300)
    assert twin.returncode == 0, complaints
    assert ("promoted=True" in said) != mine.promoted
    desk = registry.existing()
    entries = list(counted(Ledger(desk).entries()))
    assert [one.tags[ledger.OLD] for one in entries] == ["", "1"]
    assert str(desk.aliases()[CHAMPION]) == entries[1].tags[ledger.NEW]
    assert json.loads(entries[1].tags[ledger.EVIDENCE])["gain"]["low"] > 0
