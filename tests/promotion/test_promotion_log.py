"""The log of promotions: of two switches one wins, and whoever dies leaves a whole champion."""

import contextlib
import resource
import shutil

import mlflow
import pytest
from support import contenders

from clearbg.errors import RegistryError
from clearbg.promotion import promotion_log
from clearbg.promotion.promote import rollback
from clearbg.promotion.promotion_log import PROMOTE, ROLLBACK, PromotionLog, counted, replay
from clearbg.tracking.registry import (
    CHAMPION,
    PREVIOUS,
    Registry,
    Version,
    find_registry,
)

pytestmark = pytest.mark.slow  # the first store of MLflow takes seconds


def entry(number, over, new, old="", action=PROMOTE, done=True):
    tags = {promotion_log.OVER: str(over), promotion_log.NEW: str(new), promotion_log.OLD: str(old),
            promotion_log.ACTION: action, promotion_log.NONCE: f"n{number}"}  # fmt: skip
    return Version("log", number, tags | ({promotion_log.DONE: "true"} if done else {}), "", "", 0)


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


@pytest.mark.parametrize("tag", [promotion_log.OVER, promotion_log.NEW, promotion_log.ACTION])
@pytest.mark.parametrize("value", [None, "", "x", "²", "9" * 5000])
def test_entry_whose_tag_was_edited_by_hand_ends_no_log(tag, value):
    entries = [entry(1, 0, 1), entry(2, 1, 2, 1), entry(3, 2, 3, 2)]
    del entries[1].tags[tag]
    if value is not None:
        entries[1].tags[tag] = value
    state = replay(entries)
    assert (state.last, state.champions) == (3, (1, 2, 3))


def test_entry_that_was_deleted_ends_no_log():
    state = replay([entry(1, 0, 1), entry(3, 2, 3, 2)])
    assert (state.last, state.champions) == (3, (1, 2, 3))


def test_switch_without_its_mark_is_not_done():
    assert replay([]).done
    assert not replay([entry(1, 0, 1, done=False)]).done


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store with three versions of one logged model; nobody is champion."""
    return contenders.registered(tmp_path_factory.mktemp("a project"), versions=3)


@pytest.fixture
def registry(filled, tmp_path, monkeypatch):
    shutil.copy(filled / "mlflow.db", tmp_path / "mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return find_registry()


def switch(registry, number, seen=None, champion=None, action=PROMOTE):
    log = PromotionLog(registry)
    seen = seen or log.settle()[0]
    champion = champion or registry.aliases().get(CHAMPION)
    return log.switch(action, registry.version(number), seen, champion, "for a test", {})


def test_switch_moves_champion_and_previous(registry):
    assert switch(registry, 1) and switch(registry, 2)
    assert registry.aliases() == {CHAMPION: 2, PREVIOUS: 1}


def test_second_of_two_judged_against_the_same_champion_does_not_win(registry):
    switch(registry, 1)
    seen, _ = PromotionLog(registry).settle()
    assert switch(registry, 2, seen, 1)
    assert not switch(registry, 3, seen, 1)
    assert registry.aliases() == {CHAMPION: 2, PREVIOUS: 1}


def test_two_that_enter_at_the_same_time_have_one_winner(registry, monkeypatch):
    """The other one enters between this one's look at the log and its own entry."""
    switch(registry, 1)
    seen, _ = PromotionLog(registry).settle()
    rival = PromotionLog(find_registry())
    add, won = Registry.add, []

    def late(self, *arguments):
        monkeypatch.setattr(Registry, "add", add)
        won.append(rival.switch(PROMOTE, registry.version(2), seen, 1, "rival", {}))
        return add(self, *arguments)

    monkeypatch.setattr(Registry, "add", late)
    assert not switch(registry, 3, seen, 1)
    assert won == [True]
    assert [one.tags[promotion_log.NEW] for one in rival.entries()] == ["1", "2"]
    assert registry.aliases() == {CHAMPION: 2, PREVIOUS: 1}


def test_winner_that_slept_does_not_undo_a_later_promotion(registry, monkeypatch):
    switch(registry, 1)
    point = Registry.point

    def asleep(self, alias, number):
        monkeypatch.setattr(Registry, "point", point)
        assert switch(find_registry(), 3)  # completes the sleeper's switch, then its own
        assert registry.aliases() == {CHAMPION: 3, PREVIOUS: 2}
        point(self, CHAMPION, 2)  # what it was about to do

    monkeypatch.setattr(Registry, "point", asleep)
    assert switch(registry, 2)
    assert registry.aliases() == {CHAMPION: 3, PREVIOUS: 2}


def test_alias_that_a_person_moved_is_respected(registry):
    switch(registry, 1)
    registry.point(CHAMPION, 3)
    assert PromotionLog(registry).settle()[0].champions == (1,)
    assert registry.aliases()[CHAMPION] == 3
    assert switch(registry, 2)
    assert registry.aliases() == {CHAMPION: 2, PREVIOUS: 3}
    assert "clearbg version 3 is champion again" in rollback().sentence


def test_rollback_steps_over_a_deleted_version(registry):
    for number in (1, 2, 3):
        switch(registry, number)
    registry._client.delete_model_version("clearbg", "2")
    rollback()
    assert registry.aliases()[CHAMPION] == 1


def test_full_disk_leaves_the_champion(registry):
    switch(registry, 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(RegistryError, match="room on the disk"):
            switch(registry, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert registry.aliases() == {CHAMPION: 1}
    assert switch(registry, 2)


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
def test_store_that_dies_at_any_call_leaves_a_whole_champion(registry, monkeypatch, after):
    switch(registry, 1)
    with monkeypatch.context() as patch:
        calls = Dying(patch, at=0)
        switch(registry, 2)
    assert calls.count > 8
    for at in range(1, calls.count + 1):
        old = registry.aliases()[CHAMPION]
        new = {1: 2, 2: 1}[old]
        with monkeypatch.context() as patch:
            Dying(patch, at, after)
            with contextlib.suppress(RegistryError):
                switch(registry, new)
        assert registry.aliases()[CHAMPION] in (old, new)
        PromotionLog(registry).settle()
        if registry.aliases()[CHAMPION] == old:
            assert switch(registry, new)
        assert registry.aliases() == {CHAMPION: new, PREVIOUS: old}


def test_log_that_was_edited_by_hand_takes_the_next_switch(registry):
    assert switch(registry, 1) and switch(registry, 2, champion=1)
    log = PromotionLog(registry).log
    for tag in (promotion_log.OVER, promotion_log.NEW, promotion_log.NONCE, promotion_log.DONE):
        log._client.delete_model_version_tag(log.name, "2", tag)
    assert switch(registry, 3, champion=2)
    assert (registry.aliases()[CHAMPION], registry.aliases()[PREVIOUS]) == (3, 2)


def test_rollback_goes_back_from_a_champion_that_was_deleted(registry):
    assert switch(registry, 1) and switch(registry, 2, champion=1)
    registry._client.delete_model_version(registry.name, "2")
    assert "version 2, which was deleted was rolled back" in rollback().sentence
    assert registry.aliases()[CHAMPION] == 1
