"""What a limit was charged within its window: a log of instants and amounts, of bounded length.

A charge made at `t` counts in `[t, t + period)`. The first 256 charges in a window are kept one by one: until there are
more, the window is exact to the millisecond. Further ones are kept together with their neighbours of at most 1/256 of
a period before, and all of them count until the youngest has left the window: never too much is let through, and
a charge counts at most 1/256 of the period too long. So a log has at most 514 entries. The Redis script `charge.lua`
is the same in Lua.

Instants of different gateways differ, and clocks are set back: a charge is never entered before the last one. Only if
that one lies more than a period ahead, the clock was wrong; then all that was charged counts as charged now.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from typing import Final

from durwan.state.amounts import Counted

EXACT: Final = 256
_Entry = tuple[int, int, int]


class SlidingLog:
    """The charges of one limit: entries of first instant, last instant and amount, the oldest first."""

    __slots__ = ("_entries", "_used")

    def __init__(self, entries: Iterable[_Entry] = ()) -> None:
        self._entries = deque(entries)
        self._used = sum(amount for _, _, amount in self._entries)

    @classmethod
    def from_bytes(cls, octets: bytes) -> SlidingLog:
        """The log that `to_bytes` wrote."""
        numbers = array("q", octets)
        return cls(zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=True))

    def to_bytes(self) -> bytes:
        """The log in 24 bytes an entry."""
        return array("q", (number for entry in self._entries for number in entry)).tobytes()

    def __len__(self) -> int:
        return len(self._entries)

    def has_room(self, charge: Counted, now: int) -> bool:
        """Whether the window has room for it."""
        freed = 0
        if not self._is_ahead(charge, now):
            for _, last, amount in self._entries:
                if last + charge.period > now:
                    break
                freed += amount
        return self._used - freed + charge.amount <= charge.most

    def retry_at(self, charge: Counted, now: int) -> int | None:
        """The first instant at which there is room for it, if nothing else is charged; None if there never is."""
        missing = self._used + charge.amount - charge.most
        if charge.amount > charge.most:
            return None
        if self._is_ahead(charge, now):
            return now + charge.period
        for _, last, amount in self._entries:
            missing -= amount
            if missing <= 0:
                return last + charge.period
        return now

    def add(self, charge: Counted, now: int) -> int:
        """Enters a charge for which there is room; the instant from which on the log may be forgotten."""
        self._forget(charge, now)
        entries = self._entries
        first = last = now
        amount = charge.amount
        if entries:
            newest_first, newest_last, newest_amount = entries[-1]
            last = max(now, newest_last)
            grain = -(-charge.period // EXACT) if len(entries) >= EXACT else 1
            first = last
            if last - newest_first < grain:
                entries.pop()
                first, amount = newest_first, newest_amount + amount
        entries.append((first, last, amount))
        self._used += charge.amount
        return last + 2 * charge.period

    def _is_ahead(self, charge: Counted, now: int) -> bool:
        return bool(self._entries) and self._entries[-1][1] > now + charge.period

    def _forget(self, charge: Counted, now: int) -> None:
        if self._is_ahead(charge, now):
            self._entries = deque([(now, now, self._used)])
        while self._entries and self._entries[0][1] + charge.period <= now:
            self._used -= self._entries.popleft()[2]


__all__ = ["EXACT", "SlidingLog"]
