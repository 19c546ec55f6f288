"""What somebody did lately: counts by parts of a period, and which members were seen.

A count is a sum of whole parts: those that touch the period, so that it counts what happened in the period and at most
one part, a sixth of it, before; never too little. Members are kept one by one, each with its first and its last
instant. The Redis script `observe.lua` is the same in Lua.

Instants of different gateways differ, and clocks are set back: what lies ahead counts. Only what lies more than
a period ahead was entered by a wrong clock; it counts as if it had happened now.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable

from durwan.state.store import BUCKETS, Sighted, Watch


class Buckets:
    """How often something happened, by the number of the part of a period."""

    __slots__ = ("_counts",)

    def __init__(self, counts: Iterable[tuple[int, int]] = ()) -> None:
        self._counts = dict(counts)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Buckets:
        """What `to_bytes` wrote."""
        numbers = array("q", octets)
        return cls(zip(numbers[0::2], numbers[1::2], strict=True))

    def to_bytes(self) -> bytes:
        """All of it in 16 bytes a part."""
        return array("q", (number for pair in self._counts.items() for number in pair)).tobytes()

    def __len__(self) -> int:
        return len(self._counts)

    def step(self, watch: Watch, add: int, now: int) -> int:
        """Counts so many more, and says how many there are."""
        counts, current = self._counts, now // watch.width
        if counts and (min(counts) < current - BUCKETS or max(counts) > current + BUCKETS):
            counts = self._counts = _moved(counts, current)
        if add:
            counts[current] = counts.get(current, 0) + add
        return sum(counts.values())

    def expires(self, watch: Watch) -> int:
        """The instant from which on nothing of it counts."""
        return (max(self._counts, default=-BUCKETS - 1) + BUCKETS + 1) * watch.width


def _moved(counts: dict[int, int], current: int) -> dict[int, int]:
    """The parts that count, and what lies too far ahead in the current one."""
    left = {part: count for part, count in counts.items() if abs(part - current) <= BUCKETS}
    ahead = sum(count for part, count in counts.items() if part > current + BUCKETS)
    if ahead:
        left[current] = left.get(current, 0) + ahead
    return left


class Members:
    """The members that somebody was seen with, each with the first and the last instant."""

    __slots__ = ("_seen",)

    def __init__(self, seen: Iterable[tuple[str, tuple[int, int]]] = ()) -> None:
        self._seen = dict(seen)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Members:
        """What `to_bytes` wrote."""
        return cls((member, (first, last)) for member, first, last in json.loads(octets))

    def to_bytes(self) -> bytes:
        """All of it as ASCII JSON."""
        return json.dumps([(member, *instants) for member, instants in self._seen.items()]).encode("ascii")

    def __len__(self) -> int:
        return len(self._seen)

    def step(self, watch: Watch, member: str, now: int, *, add: bool) -> Sighted:
        """Notes that a member was seen, if it was, and says what is known."""
        seen, period = self._seen, watch.period
        for each, (first, last) in tuple(seen.items()):
            if last <= now - period:
                del seen[each]
            elif last > now + period:
                seen[each] = (min(first, now), now)
        known = seen.get(member)
        if add:
            seen[member] = (now, now) if known is None else (known[0], max(known[1], now))
            if len(seen) > watch.most:
                del seen[min((last, each) for each, (_, last) in seen.items() if each != member)[1]]
        return Sighted(len(seen), None if known is None else min(known[0], now))

    def expires(self, watch: Watch) -> int:
        """The instant from which on nothing of it counts."""
        return max((last for _, last in self._seen.values()), default=-watch.period) + watch.period


__all__ = ["Buckets", "Members"]
