"""Room for bytes that unknown visitors send, of which nobody may take everything."""

import collections
import threading

SHARE = 0.8
"""Part of the room left by all others that one visitor may take; so each finds some."""


class Room:
    """Counts the bytes that each visitor holds; several threads may share one.

    Args:
        size: most bytes of all visitors together.
    """

    def __init__(self, size: int):
        self._size, self._lock = size, threading.Lock()
        self._held: collections.Counter[str] = collections.Counter()

    @property
    def held(self) -> int:
        """Bytes that all visitors hold now."""
        with self._lock:
            return self._held.total()

    def fits(self, size: int, visitor: str) -> bool:
        """Whether a visitor may hold `size` more bytes now."""
        with self._lock:
            return self._fits(size, visitor)

    def take(self, size: int, visitor: str) -> bool:
        """Count `size` more bytes of a visitor; False, and nothing is counted: they do not fit."""
        with self._lock:
            if not self._fits(size, visitor):
                return False
            self._held[visitor] += size
            return True

    def add(self, size: int, visitor: str) -> None:
        """Count bytes that are there already, whether they fit or not."""
        with self._lock:
            self._held[visitor] += size

    def give_back(self, size: int, visitor: str) -> None:
        """Count `size` bytes of a visitor no more."""
        with self._lock:
            self._held[visitor] -= size
            if not self._held[visitor]:
                del self._held[visitor]

    def _fits(self, size: int, visitor: str) -> bool:
        own = self._held[visitor]
        others = self._held.total() - own
        return own + size <= SHARE * (self._size - others)
