"""Who was champion when: a log in the registry that lets one promotion win, and no second one.

MLflow moves an alias in one step, but not on the condition that nobody moved it meanwhile. What
it does promise is that two versions of a registered model never get the same number and that a
version appears with its tags or not at all. So the log is a registered model of its own,
`<name>-promotions`, whose versions are its entries: every entry says over which entry it was
decided, and of several over the same one the lowest number counts. Only after its entry counts
does a promotion move the aliases, and whoever moves them reads the log again afterwards until
both agree. A switch that was cut short is completed by whoever comes next.
"""

import getpass
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from clearbg.errors import CommandError, RegistryError
from clearbg.system.process import git
from clearbg.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry, Version

OVER, ACTION, NEW, OLD = (f"clearbg.{key}" for key in ("over", "action", "champion", "replaces"))
NONCE, BY, EVIDENCE, DONE = (f"clearbg.{key}" for key in ("nonce", "by", "evidence", "done"))
PROMOTE, ROLLBACK = "promote", "rollback"
ROUNDS = 9  # of moving aliases before something else must be moving them too


@dataclass(frozen=True)
class State:
    """What the log says.

    Attributes:
        last: number of the last entry that counts; 0: there is none.
        done: its aliases were moved.
        champions: versions by the time they became champion, without those rolled back; the
            last one is champion.
        withdrawn: versions that were rolled back.
    """

    last: int = 0
    done: bool = True
    champions: tuple[int, ...] = ()
    withdrawn: tuple[int, ...] = ()


def counted(entries: list[Version]) -> Iterator[Version]:
    """The entries that count, of all by rising number: those over the last one that counts.

    Where somebody has deleted an entry, or its tag, by hand, the entries after it still count.
    """
    there = {entry.number for entry in entries}
    trusted = {number_of(entry, OVER) for entry in entries}
    last = 0
    for entry in entries:
        over = number_of(entry, OVER)
        lost = over is None and entry.number in trusted
        if over == last or lost or (over is not None and over > last and over not in there):
            yield entry
            last = entry.number


def number_of(entry: Version, tag: str) -> int | None:
    """The number in a tag of an entry; None: the tag is missing, or holds something else."""
    text = entry.tags.get(tag, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def replay(entries: list[Version]) -> State:
    """The state after all entries; one whose tags were removed by hand has moved nothing."""
    state = State()
    for entry in counted(entries):
        tags = entry.tags
        new, replaced = number_of(entry, NEW), number_of(entry, OLD)
        if new is None:
            state = replace(state, last=entry.number, done=True)
            continue
        old = () if replaced is None else (replaced,)
        # An alias may be moved by hand between two entries.
        champions = state.champions if old == state.champions[-1:] else state.champions + old
        withdrawn = state.withdrawn
        if tags.get(ACTION) == ROLLBACK:
            champions, withdrawn = champions[:-1], withdrawn + old
        champions = champions if champions[-1:] == (new,) else champions + (new,)
        state = State(entry.number, DONE in tags, champions, withdrawn)
    return state


class PromotionLog:
    """The log beside a registered model, and the only way to move its champion."""

    def __init__(self, registry: Registry):
        self._registry = registry
        self.log = Registry(f"{registry.name}-promotions")

    def entries(self) -> list[Version]:
        return self.log.versions()

    def state(self) -> State:
        return replay(self.entries())

    def settle(self) -> tuple[State, bool]:
        """Complete a switch that was cut short; the state afterwards, and whether one was.

        Raises:
            RegistryError: the aliases do not come to rest.
        """
        moved = None
        for _ in range(ROUNDS):
            state = self.state()
            if state.done and moved in (None, state.last):
                return state, moved is not None
            self._point(state)
            moved = state.last  # what was written may be old already: look again
            if self.state().last == state.last:
                self.log.tag(state.last, DONE, "true")
        raise RegistryError(
            f"other promotions keep moving the aliases of {self._registry.name}: run again later."
        )

    def switch(
        self,
        action: str,
        new: Version,
        seen: State,
        champion: int | None,
        why: str,
        evidence: Mapping[str, Any],
    ) -> bool:
        """Make a version the champion, if the log and the champion are still those that were seen.

        Returns:
            False: somebody else was first; nothing was moved.
        """
        now = self.state()
        if (now.last, self._registry.aliases().get(CHAMPION)) != (seen.last, champion):
            return False
        nonce = uuid.uuid4().hex
        tags = {
            OVER: str(seen.last),
            ACTION: action,
            NEW: str(new.number),
            OLD: "" if champion is None else str(champion),
            NONCE: nonce,
            BY: person(),
            EVIDENCE: json.dumps(evidence, sort_keys=True),
        }
        try:
            mine = self.log.add(new.source, new.run_id, tags, why)
            counting = (one for one in counted(self.entries()) if one.number > seen.last)
            first = next(counting, None)
            # By the nonce: MLflow's client may have sent the entry twice.
            if first is None or first.tags.get(NONCE) != nonce:
                self.log.remove(mine.number)
                return False
            self.settle()
        except RegistryError as error:
            raise RegistryError(
                f"{error} The champion works as before. If {self.log.name} already holds the "
                f"switch to {new}, the next run completes it."
            ) from error
        return True

    def _point(self, state: State) -> None:
        """Move the aliases; champion goes last, in one step from one whole version to another.

        Versions that were deleted since are passed over.
        """
        *earlier, new = state.champions
        there = (n for n in reversed(earlier) if n != new and self._registry.version(n))
        old, aliases = next(there, None), self._registry.aliases()
        if aliases.get(PREVIOUS) != old:
            self._registry.point(PREVIOUS, old)
        if aliases.get(CHAMPION) != new and self._registry.version(new):
            self._registry.point(CHAMPION, new)
        if aliases.get(CHALLENGER) == new:
            self._registry.point(CHALLENGER, None)


def person() -> str:
    """Who is at work: GitHub's actor, git's user, or the system's."""
    if actor := os.getenv("GITHUB_ACTOR"):
        return actor
    try:
        return git("config", "user.name", accepted=(0, 1)) or getpass.getuser()
    except (CommandError, KeyError, OSError):
        return "unknown"
