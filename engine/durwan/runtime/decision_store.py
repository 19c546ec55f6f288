"""The entries of the decision cache: how they come and go, and how many there may be.

Before deciding, whoever fills asks how many changes of keys there were; afterwards the entry is stored only if there
were no more (R19). So what was decided by something that has changed meanwhile is never stored. A key that changes
takes its own entries along (R18). A cache that is full begins anew as a whole: nothing is swept. The dicts in which
entries are looked up are emptied, and never exchanged for others: who holds one looks at what is kept now.

Looking up takes no lock. Storing takes one, and where it is taken lets the entry be.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, cast

from durwan.backends.bytecode.cache_key import Entries
from durwan.forking import start_anew_after_fork
from durwan.model.address import NetworkSet
from durwan.model.decision import Decision

CacheKey = tuple[Any, ...]
# What an entry takes besides its cache key: its tuple, two instants, its places in the dict and in its key's list.
_ENTRY_BYTES: Final = 300
# An entry larger than this is not worth its memory.
_LARGEST_ENTRY: Final = 8_192
# Seconds; no change of a key takes so long to be told.
_CHANGING: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """How large a decision cache may become, and how long it trusts itself.

    Attributes:
        entries: at most so many decisions, of all actions together.
        entries_of_key: at most so many decisions of one key.
        bytes: at most so much memory, as estimated.
        bytes_of_key: at most so much memory for the decisions of one key.
        recheck: milliseconds after which a decision is made again although it still holds.
        trial: decisions of an action that are watched before it is cached; 0 to cache every action at once, for good.
    """

    entries: int = 65_536
    entries_of_key: int = 8_192
    bytes: int = 64 << 20
    bytes_of_key: int = 8 << 20
    recheck: int = 10_000
    trial: int = 64


class _OfKey:
    """Where the entries of one key are, and what they take."""

    def __init__(self) -> None:
        self.places: list[tuple[Entries, CacheKey]] = []
        self.bytes = 0


class DecisionStore:
    """All entries of one decision cache.

    Args:
        limits: how much is kept.

    Attributes:
        count: how many entries there are.
        bytes: what they take, as estimated.
        generations: how often all were dropped.
    """

    def __init__(self, limits: CacheLimits) -> None:
        self.count = self.bytes = self.generations = 0
        self._limits = limits
        self._entries: dict[str, Entries] = {}
        # By the ids of keys, of requests that name a key by its id.
        self._of_key: dict[str, _OfKey] = {}
        # How often something was to be forgotten; and since when there was a wrong entry of a key.
        self._changes = 0
        self._suspected: dict[str, float] = {}
        self._closed = False
        # A signal's handler may change keys while its thread is storing: so a thread may take it twice.
        self._lock = threading.RLock()
        start_anew_after_fork(self)

    def of_action(self, action: str) -> Entries:
        """Where the entries of an action are, for as long as there is this store."""
        return self._entries.setdefault(action, Entries())

    def begin(self) -> int:
        """What whoever fills takes before deciding, and gives to `store`."""
        return self._changes

    def is_unchanged(self, begun: int) -> bool:
        """Whether nothing was to be forgotten since `begin`, and anything may be kept at all."""
        return begun == self._changes and not self._closed

    def store(self, action: str, key: CacheKey, entry: tuple[int, int, Decision], begun: int) -> None:
        """Keeps an entry, unless something changed since `begin`, or somebody else is storing at this moment."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            entries = self.of_action(action)
            if not self.is_unchanged(begun) or not (key in entries or self._makes_room(entries, key)):
                return
            # Asked again last of all, since a signal's handler may have changed something meanwhile: between this test
            # and what it allows, nothing else can happen.
            if begun == self._changes:
                entries[key] = entry
        finally:
            self._lock.release()

    def _makes_room(self, entries: Entries, key: CacheKey) -> bool:
        size = _size(key)
        if size > _LARGEST_ENTRY:
            return False
        key_id: object = key[0] if key else None
        if type(key_id) is str:
            of_key = self._of_key.setdefault(key_id, _OfKey())
            if len(of_key.places) >= self._limits.entries_of_key or of_key.bytes + size > self._limits.bytes_of_key:
                self._drop(key_id)
                return False
            of_key.places.append((entries, key))
            of_key.bytes += size
        if self.count >= self._limits.entries or self.bytes + size > self._limits.bytes:
            self._begin_anew()
            return False
        self.count += 1
        self.bytes += size
        return True

    def forget(self, ids: Collection[str] | None) -> None:
        """Drops the entries of these ids of keys, or all where None. When this returns, none of them is found."""
        with self._lock:
            self._changes += 1
            if ids is None:
                self._begin_anew()
                return
            for key_id in ids:
                self._suspected.pop(key_id, None)
                self._drop(key_id)

    def suspect(self, key: CacheKey) -> bool:
        """Whether an entry that was wrong is a defect, and no sign of a key that is changing at this moment.

        A key is found as it is now a moment before its entries are forgotten. If that was it, they are forgotten next,
        and the suspicion with them. Else it is a defect once it happens again.
        """
        key_id: object = key[0] if key else None
        with self._lock:
            if type(key_id) is not str:
                return True
            now = monotonic()
            self._drop(key_id)
            return now - self._suspected.setdefault(key_id, now) >= _CHANGING

    def close(self) -> None:
        """Drops everything, for good."""
        with self._lock:
            self._closed = True
            self._begin_anew()

    def _drop(self, key_id: str) -> None:
        of_key = self._of_key.pop(key_id, None)
        for entries, key in () if of_key is None else of_key.places:
            if entries.pop(key, None) is not None:
                self.count -= 1
                self.bytes -= _size(key)

    def _begin_anew(self) -> None:
        for entries in list(self._entries.values()):
            entries.clear()
        self._of_key.clear()
        self._suspected.clear()
        self.count = self.bytes = 0
        self.generations += 1

    def start_anew(self) -> None:
        """Takes a new lock and drops everything, in a child process after a fork."""
        self._lock = threading.RLock()
        self.forget(None)


def _size(key: CacheKey) -> int:
    return _ENTRY_BYTES + sys.getsizeof(key) + sum(map(_size_of, key))


def _size_of(position: object) -> int:
    """What one position of a cache key takes, with what it holds."""
    match position:
        case frozenset():
            members = cast("frozenset[object]", position)
            return sys.getsizeof(members) + sum(map(sys.getsizeof, members))
        case NetworkSet(breaks4=four, breaks6=six):
            return sum(sys.getsizeof(each) + sum(map(sys.getsizeof, each)) for each in (four, six))
        case _:
            return sys.getsizeof(position)
