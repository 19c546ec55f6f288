"""A mapping whose entries expire, and which refuses rather than forget what has not."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Final, Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")
# How far the heap, which learns of removals late, may outgrow the entries.
_SLACK: Final = 64


class FullError(Exception):
    """There is no room for one more entry."""


class Expiring(Generic[Key, Value]):
    """Entries by key, each until an instant. Not safe from several threads: its owner has a lock.

    Attributes:
        horizon: the latest expiry of all entries that were forgotten because they expired.
    """

    __slots__ = ("_entries", "_heap", "_most", "horizon")

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[Key, tuple[int, Value]] = {}
        # (expiry, tie breaker, key): keys need no order. An entry's expiry may be later than its place here says.
        self._heap: list[tuple[int, int, Key]] = []
        self.horizon = -1

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def get(self, key: Key) -> Value | None:
        """The value of an entry, which may have expired but not been forgotten yet."""
        found = self._entries.get(key)
        return None if found is None else found[1]

    def has_room(self, count: int) -> bool:
        """Whether there is room for so many more."""
        return len(self._entries) + count <= self._most

    def newest_first(self) -> Iterator[Value]:
        """All values, the last one added before all others; some may have expired."""
        return (value for _, value in reversed(self._entries.values()))

    def put(self, key: Key, value: Value, *, expires: int, now: int) -> None:
        """Adds or replaces an entry, and forgets what has expired by now.

        Raises:
            FullError: it is new, and there is no room; nothing was added.
        """
        self.forget(now)
        known = self._entries.get(key)
        if known is None and len(self._entries) >= self._most:
            raise FullError
        self._entries[key] = (expires, value)
        if known is None or expires < known[0]:
            heappush(self._heap, (expires, id(key), key))
            self._tidy()

    def remove(self, key: Key) -> Value | None:
        """Takes an entry away, and returns its value."""
        found = self._entries.pop(key, None)
        return None if found is None else found[1]

    def forget(self, now: int) -> None:
        """Forgets all entries that have expired by now."""
        while self._heap and self._heap[0][0] <= now:
            _, order, key = heappop(self._heap)
            found = self._entries.get(key)
            if found is None:
                continue
            if found[0] > now:
                heappush(self._heap, (found[0], order, key))
            else:
                del self._entries[key]
                self.horizon = max(self.horizon, found[0])

    def _tidy(self) -> None:
        if len(self._heap) > 2 * len(self._entries) + _SLACK:
            self._heap = [(expires, id(key), key) for key, (expires, _) in self._entries.items()]
            heapify(self._heap)


__all__ = ["Expiring", "FullError"]
