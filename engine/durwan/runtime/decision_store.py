"""The entries of the decision cache: how they come and go, and how many there may be.

Before deciding, whoever fills takes the generation, and the list of the key that the request names by its id;
afterwards the entry is stored only if both are still the ones in use (R19). So what was decided by something that has
changed meanwhile is never stored. A key that changes takes its own entries along (R18). A cache that is full begins
anew as a whole: nothing is swept.

Looking up takes no lock. Storing takes one, and where it is taken lets the entry be.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from durwan.backends.bytecode.cache_key import Entries
from durwan.model.decision import Decision
from durwan.runtime.forking import renew_lock_after_fork

CacheKey = tuple[Any, ...]
# Where the entries of one key are.
OfKey = list[tuple[Entries, CacheKey]]
# What an entry takes besides its cache key: its tuple, two instants, its places in the dict and in its key's list.
_ENTRY_BYTES: Final = 300
# An entry larger than this is not worth its memory.
_LARGEST_ENTRY: Final = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """How large a decision cache may become, and how long it trusts itself.

    Attributes:
        entries: at most so many decisions, of all actions together.
        entries_of_key: at most so many decisions of one key.
        bytes: at most so much memory, as estimated.
        recheck: milliseconds after which a decision is made again although it still holds.
        trial: decisions of an action that are watched before it is cached; 0 to cache every action at once, for good.
    """

    entries: int = 65_536
    entries_of_key: int = 8_192
    bytes: int = 64 << 20
    recheck: int = 10_000
    trial: int = 64


class Generation:
    """The entries between two beginnings."""

    def __init__(self) -> None:
        self.entries: dict[str, Entries] = {}
        # For each key that requests named by its id: where its entries are.
        self.of_key: dict[str, OfKey] = {}
        self.count = 0
        self.bytes = 0

    def of_action(self, action: str) -> Entries:
        """The entries of one action."""
        return self.entries.setdefault(action, Entries())


class DecisionStore:
    """All entries of one decision cache.

    Args:
        limits: how much is kept.
        begun_anew: told whenever a new generation took the place of the last one.
    """

    def __init__(self, limits: CacheLimits, begun_anew: Callable[[Generation], None]) -> None:
        self.generation = Generation()
        self.generations = 0
        self.closed = False
        self._limits = limits
        self._begun_anew = begun_anew
        self._lock = threading.Lock()
        renew_lock_after_fork(self)

    def begin(self, key: CacheKey) -> tuple[Generation, OfKey | None]:
        """What whoever fills takes before deciding, and gives to `store`."""
        generation = self.generation
        key_id: object = key[0] if key else None
        if type(key_id) is str:
            return generation, generation.of_key.setdefault(key_id, [])
        return generation, None

    def store(
        self, action: str, key: CacheKey, entry: tuple[int, int, Decision], begun: tuple[Generation, OfKey | None]
    ) -> None:
        """Keeps an entry, unless something changed since `begin`, or somebody else is storing at this moment."""
        generation, of_key = begun
        if not self._lock.acquire(blocking=False):
            return
        try:
            if generation is not self.generation or self.closed:
                return
            if of_key is not None and generation.of_key.get(key[0]) is not of_key:
                return
            entries = generation.of_action(action)
            if key in entries or self._makes_room(generation, entries, key, of_key):
                entries[key] = entry
        finally:
            self._lock.release()

    def _makes_room(self, generation: Generation, entries: Entries, key: CacheKey, of_key: OfKey | None) -> bool:
        size = _size(key)
        if size > _LARGEST_ENTRY:
            return False
        if of_key is not None and len(of_key) >= self._limits.entries_of_key:
            self._drop(generation, key[0])
            return False
        if generation.count >= self._limits.entries or generation.bytes + size > self._limits.bytes:
            self._begin_anew()
            return False
        if of_key is not None:
            of_key.append((entries, key))
        generation.count += 1
        generation.bytes += size
        return True

    def forget(self, ids: Collection[str] | None) -> None:
        """Drops the entries of these ids of keys, or all where None. When this returns, none of them is found."""
        with self._lock:
            if ids is None:
                self._begin_anew()
                return
            for key_id in ids:
                self._drop(self.generation, key_id)

    def close(self) -> None:
        """Drops everything, for good."""
        with self._lock:
            self.closed = True
            self._begin_anew()

    def _drop(self, generation: Generation, key_id: str) -> None:
        for entries, key in generation.of_key.pop(key_id, ()):
            if entries.pop(key, None) is not None:
                generation.count -= 1
                generation.bytes -= _size(key)

    def _begin_anew(self) -> None:
        self.generation = Generation()
        self.generations += 1
        self._begun_anew(self.generation)

    def renew_lock(self) -> None:
        """Takes a new lock, in a child process after a fork."""
        self._lock = threading.Lock()


def _size(key: CacheKey) -> int:
    return _ENTRY_BYTES + sys.getsizeof(key) + sum(map(sys.getsizeof, key))
