"""State in the memory of one process: the default, for one gateway, and for tests."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from threading import Condition, Lock
from typing import Final, TypeVar

from durwan.forking import start_anew_after_fork
from durwan.state.amounts import Counted, all_counted
from durwan.state.errors import StateUnavailableError
from durwan.state.expiring import Expiring, FullError
from durwan.state.identity import identity
from durwan.state.memory_span import earliest_use, forgotten_text
from durwan.state.observations import Buckets, Members
from durwan.state.rising import RisingNumbers, check_rising
from durwan.state.sliding_log import SlidingLog
from durwan.state.store import (
    LimitCharge,
    Observed,
    Record,
    Revocation,
    RevocationNews,
    Sighted,
    Sighting,
    Tally,
    UsedUp,
)

_MOST: Final = 1_000_000
_SLACK: Final = 64
# Up to how many characters scope and nonce are kept as they are.
_SHORT: Final = 128
_NAME: Final = "the state in memory"

# Of what was never charged; nothing is ever entered into this one.
_EMPTY: Final = SlidingLog()

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass
class _Contents:
    """Everything that one process remembers."""

    most: int
    nonces: Expiring[tuple[str, str | None], None] = field(init=False)
    logs: Expiring[str, SlidingLog] = field(init=False)
    buckets: Expiring[tuple[str, str], Buckets] = field(init=False)
    members: Expiring[tuple[str, str], Members] = field(init=False)
    records: Expiring[str, Record] = field(init=False)
    # The keys of an owner's records, the oldest first; some may be gone.
    owned: dict[str, dict[str, None]] = field(default_factory=dict[str, dict[str, None]])
    rising: dict[str, RisingNumbers] = field(default_factory=dict[str, RisingNumbers])
    revoked: Expiring[tuple[str, str], tuple[int, Revocation]] = field(init=False)
    generation: int = 0
    epoch: str = field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        self.nonces = Expiring(self.most)
        self.logs = Expiring(self.most)
        self.buckets = Expiring(self.most)
        self.members = Expiring(self.most)
        self.records = Expiring(self.most)
        self.revoked = Expiring(self.most)


class MemoryState:
    """State of one process, lost with it. A child process begins with an empty one of its own.

    Each of the kinds of things that it remembers has room for `most`; where there is no more room, it is unavailable.

    Args:
        most: how many nonces, limits by what they are counted, tallies and sightings by whose they are, records,
            revocations, and scopes of rising numbers.
        since: the instant at which this process began. Given, nonces that may have been used before are refused, so
            that starting a process again opens no window for replays; None takes them.
    """

    def __init__(self, *, most: int = _MOST, since: int | None = None) -> None:
        self._most = most
        self._since = since
        self._closed = False
        self.start_anew()
        start_anew_after_fork(self)

    def start_anew(self) -> None:
        """Forgets everything: in a child process, whose parent may have been changing it."""
        self._lock = Lock()
        self._changed = Condition(self._lock)
        self._contents = _Contents(self._most)

    @property
    def durable(self) -> bool:
        """False."""
        return False

    def accept_once(self, scope: str, nonce: str, *, expires: int, now: int, issued: int | None = None) -> bool:
        """See `StateStore`."""
        # Two short texts need no digest, which would take longer than all the rest.
        short = len(scope) + len(nonce) <= _SHORT
        key = (scope, nonce) if short else (identity("nonce", scope, nonce), None)
        with self._lock:
            nonces = self._open().nonces
            if self._since is not None and (earliest := earliest_use(issued, expires, now)) < self._since:
                raise StateUnavailableError(_NAME, forgotten_text(earliest, self._since))
            # What expired is forgotten: if the clock was set back since, it would look new.
            if expires <= now or expires <= nonces.horizon or key in nonces:
                return False
            _put(nonces, key, None, expires, now)
            return True

    def accept_rising(self, scope: str, number: int, *, window: int = 0) -> bool:
        """See `StateStore`."""
        check_rising(number, window)
        key = identity("rising", scope)
        with self._lock:
            rising = self._open().rising
            if key not in rising and len(rising) >= self._most:
                raise StateUnavailableError(_NAME, "it is full")
            return rising.setdefault(key, RisingNumbers()).accept(number, window)

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """See `StateStore`."""
        found = all_counted(charges)
        with self._lock:
            contents = self._open()
            used_up = _used_up(contents, charges, found, now)
            if not used_up:
                _enter(contents, found, now)
            return used_up

    def peek(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """See `StateStore`."""
        found = all_counted(charges)
        with self._lock:
            return _used_up(self._open(), charges, found, now)

    def observe(self, tallies: Sequence[Tally], sightings: Sequence[Sighting], *, now: int) -> Observed:
        """See `StateStore`."""
        with self._lock:
            contents = self._open()
            _make_room(contents.buckets, tallies, now)
            _make_room(contents.members, sightings, now)
            return Observed(
                tuple([_tallied(contents.buckets, each, now) for each in tallies]),
                tuple([_sighted(contents.members, each, now) for each in sightings]),
            )

    def put(self, record: Record, *, cap: int, now: int) -> tuple[str, ...]:
        """See `StateStore`."""
        key = identity("record", record.kind, record.id)
        owner = identity("owner", record.kind, record.owner)
        with self._lock:
            contents = self._open()
            _put(contents.records, key, record, record.expires, now)
            owned = {each: None for each in contents.owned.get(owner, ()) if each in contents.records and each != key}
            contents.owned[owner] = owned
            owned[key] = None
            oldest = list(owned)[: max(len(owned) - cap, 0)]
            gone = [_take(contents, owned, each) for each in oldest]
            _tidy(contents)
            return tuple(each.id for each in gone if each is not None and each.expires > now)

    def keep_first(self, record: Record, *, now: int) -> Record:
        """See `StateStore`."""
        key = identity("record", record.kind, record.id)
        with self._lock:
            records = self._open().records
            found = records.get(key)
            if found is not None and found.expires > now:
                return found
            _put(records, key, record, record.expires, now)
            return record

    def get(self, kind: str, record_id: str, *, now: int) -> Record | None:
        """See `StateStore`."""
        with self._lock:
            found = self._open().records.get(identity("record", kind, record_id))
            return found if found is not None and found.expires > now else None

    def update(self, record: Record, *, now: int) -> bool:
        """See `StateStore`."""
        key = identity("record", record.kind, record.id)
        with self._lock:
            records = self._open().records
            found = records.get(key)
            if found is None or found.expires <= now:
                return False
            _put(records, key, record, record.expires, now)
            return True

    def delete(self, kind: str, record_id: str) -> None:
        """See `StateStore`."""
        with self._lock:
            self._open().records.remove(identity("record", kind, record_id))

    def newest_of(self, kind: str, owner: str, *, now: int) -> tuple[Record, ...]:
        """See `StateStore`."""
        with self._lock:
            contents = self._open()
            keys = reversed(contents.owned.get(identity("owner", kind, owner), {}))
            found = [contents.records.get(key) for key in keys]
            return tuple(each for each in found if each is not None and each.expires > now)

    def revoke(self, revocation: Revocation, *, now: int) -> None:
        """See `StateStore`."""
        key = (revocation.kind, revocation.id)
        with self._lock:
            contents = self._open()
            # Taken away first, so that it comes to stand behind all others.
            known = contents.revoked.remove(key)
            longest = revocation if known is None or known[1].until < revocation.until else known[1]
            contents.generation += 1
            _put(contents.revoked, key, (contents.generation, longest), longest.until, now)
            self._changed.notify_all()

    def revoked_since(self, known: RevocationNews | None, *, now: int) -> RevocationNews:
        """See `StateStore`."""
        with self._lock:
            contents = self._open()
            after = known.generation if known is not None and known.epoch == contents.epoch else 0
            news = takewhile(lambda entry: entry[0] > after, contents.revoked.newest_first())
            living = [revocation for _, revocation in news if revocation.until > now]
            return RevocationNews(
                epoch=contents.epoch, generation=contents.generation, revocations=tuple(reversed(living))
            )

    def wait_for_news(self, seconds: float) -> None:
        """See `StateStore`."""
        end = time.monotonic() + seconds
        with self._lock:
            before = self._contents.generation
            while not self._closed and self._contents.generation == before and time.monotonic() < end:
                self._changed.wait(max(end - time.monotonic(), 0))

    def close(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._closed = True
            self._contents = _Contents(self._most)
            self._changed.notify_all()

    def __repr__(self) -> str:
        return "<MemoryState>"

    def _open(self) -> _Contents:
        if self._closed:
            raise StateUnavailableError(_NAME, "it was closed")
        return self._contents


def _put(entries: Expiring[Key, Value], key: Key, value: Value, expires: int, now: int) -> None:
    try:
        entries.put(key, value, expires=expires, now=now)
    except FullError:
        raise StateUnavailableError(_NAME, "it is full") from None


def _used_up(contents: _Contents, charges: Sequence[LimitCharge], found: list[Counted], now: int) -> tuple[UsedUp, ...]:
    used_up: list[UsedUp] = []
    for charge, each in zip(charges, found, strict=True):
        log = contents.logs.get(each.key) or _EMPTY
        if not log.has_room(each, now):
            used_up.append(UsedUp(charge=charge, retry_at=log.retry_at(each, now)))
    return tuple(used_up)


def _enter(contents: _Contents, found: list[Counted], now: int) -> None:
    """Charges all of them; the room for new ones is made sure of before the first is charged."""
    contents.logs.forget(now)
    is_roomy = contents.logs.has_room(len(found))
    if not is_roomy and not contents.logs.has_room(sum(each.key not in contents.logs for each in found)):
        raise StateUnavailableError(_NAME, "it is full")
    for each in found:
        known = contents.logs.get(each.key)
        log = SlidingLog() if known is None else known
        _put(contents.logs, each.key, log, log.add(each, now), now)


def _make_room(entries: Expiring[tuple[str, str], Value], asked: Sequence[Tally | Sighting], now: int) -> None:
    """Makes sure of the room for all that are new, before the first is noted."""
    entries.forget(now)
    if entries.has_room(len(asked)):
        return
    names = {(each.watch.name, each.who) for each in asked if each.add}
    if not entries.has_room(sum(name not in entries for name in names)):
        raise StateUnavailableError(_NAME, "it is full")


def _tallied(entries: Expiring[tuple[str, str], Buckets], tally: Tally, now: int) -> int:
    watch, who, add = tally
    key = (watch.name, who)
    buckets = entries.get(key)
    if buckets is None:
        if not add:
            return 0
        buckets = Buckets()
    count = buckets.step(watch, add, now)
    entries.put(key, buckets, expires=buckets.expires(watch), now=now)
    return count


def _sighted(entries: Expiring[tuple[str, str], Members], sighting: Sighting, now: int) -> Sighted:
    watch, who, member, add = sighting
    key = (watch.name, who)
    members = entries.get(key)
    if members is None:
        if not add:
            return Sighted(0, None)
        members = Members()
    found = members.step(watch, member, now, add=add)
    entries.put(key, members, expires=members.expires(watch), now=now)
    return found


def _take(contents: _Contents, owned: dict[str, None], key: str) -> Record | None:
    del owned[key]
    return contents.records.remove(key)


def _tidy(contents: _Contents) -> None:
    """Forgets owners that have nothing left, once there are many more owners than records."""
    if len(contents.owned) > 2 * len(contents.records) + _SLACK:
        left = {owner: keys for owner, keys in contents.owned.items() if any(key in contents.records for key in keys)}
        contents.owned = left


__all__ = ["MemoryState"]
