"""The protocol of all stores: what they remember, each step of it atomic, with its own expiry.

Every instant is in milliseconds since the epoch and is the caller's; durations are in milliseconds. Each operation
raises `StateUnavailableError` where the store cannot be asked or cannot vouch for its answer, and then whoever asked
must be refused; `outage.py` has the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

# How many numbers of one scope are remembered inside a window of nonces that only rise.
MOST_RISING: Final = 1024
RISING_END: Final = 10**20
MOST_NEWS: Final = 1000
# Into how many parts a period is divided in which something is tallied; each is counted as a whole.
BUCKETS: Final = 6
MOST_MEMBERS: Final = 256
_LONGEST: Final = 10**13


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitCharge:
    """One limit that is charged: `limit` to `count` per `period`, counted for `per`, `cost` this time.

    Attributes:
        limit: the limit's name.
        per: what it is counted by, each value as its canonical text.
        count: how much the window holds.
        period: the length of the window in milliseconds, at least 1 and at most 10**13.
        cost: how much is charged, at least 0.

    Raises:
        ValueError: the period is out of range, or an amount is negative.
    """

    limit: str
    per: tuple[str, ...]
    count: int | Decimal
    period: int
    cost: int | Decimal = 1

    def __post_init__(self) -> None:
        if not (1 <= self.period <= _LONGEST and self.count >= 0 and self.cost >= 0):
            raise ValueError(f"limit {self.limit!r}: the period is out of range, or count or cost is negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedUp:
    """A limit that has no room for a charge; `retry_at` is the first instant that has, None where none ever will."""

    charge: LimitCharge
    retry_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Something kept for an owner until it expires, such as a session of a key. An id has one owner for ever."""

    kind: str
    id: str
    owner: str
    value: bytes = field(repr=False)
    expires: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Something that is not to be accepted any more, remembered until an instant at which it would be dead anyway."""

    kind: str
    id: str
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationNews:
    """What was revoked after a generation.

    Attributes:
        epoch: changes when the store may have forgotten something; then `revocations` are all that it knows.
        generation: that of the last revocation of which this tells.
        revocations: in the order in which they were made; at most 1,000 by SQLite and Redis.
        complete: whether these were all; otherwise, ask for what came after them.
    """

    epoch: str
    generation: int
    revocations: tuple[Revocation, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is kept an eye on: made once, and used for everybody.

    Attributes:
        name: what it is.
        period: how long something counts, in milliseconds, at least 1 and at most 10**13.
        most: of how many members it is known that they were seen, at least 1 and at most 256. Beyond that, those are
            forgotten that were not seen for the longest: then "at most as many" reads "at least as many".

    Raises:
        ValueError: the period or the bound is out of range.
    """

    name: str
    period: int
    most: int = 64

    def __post_init__(self) -> None:
        if not (1 <= self.period <= _LONGEST and 1 <= self.most <= MOST_MEMBERS):
            raise ValueError(f"{self.name!r} is watched for too short or long a time, or for too few or many members")

    @property
    def width(self) -> int:
        """The length of one part of the period."""
        return -(-self.period // BUCKETS)


class Tally(NamedTuple):
    """How often something happened: so many times more by now.

    Attributes:
        watch: what.
        who: to whom.
        add: how often, at least 0; with 0 it is only asked.
    """

    watch: Watch
    who: str
    add: int = 0


class Sighting(NamedTuple):
    """Which members somebody was seen with.

    Attributes:
        watch: what.
        who: somebody.
        member: with what.
        add: whether that happens now; otherwise it is only asked.
    """

    watch: Watch
    who: str
    member: str
    add: bool = False


class Sighted(NamedTuple):
    """What is known of a sighting.

    Attributes:
        members: how many different ones were seen in the period, the one that was added among them; where it is the
            watch's `most`, at least so many.
        since: when this member was first seen, if never more than a period passed without it; None if it was not.
    """

    members: int
    since: int | None


class Observed(NamedTuple):
    """What came of an observation: the answer to each tally and to each sighting, in their order.

    A tally is never too low: it counts what happened in the period, and some of what did in the sixth before it.
    """

    tallies: tuple[int, ...]
    sightings: tuple[Sighted, ...]


class StateStore(Protocol):
    """What gateways remember together. Safe from any thread; after a fork the child opens what it needs anew."""

    @property
    def durable(self) -> bool:
        """Whether it still knows everything after its process, or its server, was started again."""
        ...

    def accept_once(self, scope: str, nonce: str, *, expires: int, now: int, issued: int | None = None) -> bool:
        """Whether nobody has used this nonce before; it is used up from now on.

        Args:
            scope: whose nonces they are, such as the id of a key.
            nonce: the nonce.
            expires: how long to remember it: beyond the last instant at which its request is in time. It must follow
                from the request alone, so that the same request always brings the same one.
            now: the present instant.
            issued: the instant that the request claims. What a store cannot know to be new, because it may have been
                used before the store began to remember, is unavailable: what is less than `expires - issued` younger
                than that beginning. None: as if it were issued now.
        """
        ...

    def accept_rising(self, scope: str, number: int, *, window: int = 0) -> bool:
        """Whether this number is new and above all others of the scope, or at most `window` units below the highest.

        With a window of 0 each has to be above every one before. At most 1,024 numbers inside the window are
        remembered; where there are more, the window becomes smaller. They never expire: use a store that is durable.

        Args:
            scope: whose numbers they are.
            number: 0 <= number < 10**20.
            window: how far below `highest` one that comes late may be: `number > highest - window`.
        """
        ...

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """Charges all of the limits, or none of them and returns those that have no room.

        In no window of the length of its period is a limit charged more than its count; see `sliding_log.py` for how
        much too strict it may be.

        Raises:
            ValueError: the same limit, counted for the same, stands there twice.
        """
        ...

    def peek(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """What `charge` would return, charging nothing."""
        ...

    def observe(self, tallies: Sequence[Tally], sightings: Sequence[Sighting], *, now: int) -> Observed:
        """Notes all of it in one step, and says what is known by then.

        Of one who is watched there is at most a bounded amount, and what no longer counts is forgotten by itself. A
        store that was emptied begins again: then counts are those since, and nothing was seen before.
        """
        ...

    def put(self, record: Record, *, cap: int, now: int) -> tuple[str, ...]:
        """Keeps a record, and forgets the oldest of its kind and owner beyond `cap`, at least 1: their ids."""
        ...

    def keep_first(self, record: Record, *, now: int) -> Record:
        """Keeps a record unless there is one of its id, and returns the one that is kept now.

        It is not among its owner's: `newest_of` does not know of it, and no cap removes it.
        """
        ...

    def get(self, kind: str, record_id: str, *, now: int) -> Record | None:
        """The record of that id; None where there is none, or it has expired."""
        ...

    def update(self, record: Record, *, now: int) -> bool:
        """Replaces a record that is still there; never brings back one that was deleted. Whether it was there."""
        ...

    def delete(self, kind: str, record_id: str) -> None:
        """Forgets a record, if there is one."""
        ...

    def newest_of(self, kind: str, owner: str, *, now: int) -> tuple[Record, ...]:
        """The records of an owner, the newest first."""
        ...

    def revoke(self, revocation: Revocation, *, now: int) -> None:
        """From now on, `revoked_since` tells of it, in every process."""
        ...

    def revoked_since(self, known: RevocationNews | None, *, now: int) -> RevocationNews:
        """What was revoked after what is known already; everything where nothing is, or the epoch is another one."""
        ...

    def wait_for_news(self, seconds: float) -> None:
        """Returns when something may have been revoked, at the latest after that many seconds. Never raises."""
        ...

    def close(self) -> None:
        """Gives back connections and files. Whatever is asked later is unavailable."""
        ...


__all__ = [
    "BUCKETS",
    "MOST_MEMBERS",
    "MOST_NEWS",
    "MOST_RISING",
    "RISING_END",
    "LimitCharge",
    "Observed",
    "Record",
    "Revocation",
    "RevocationNews",
    "Sighted",
    "Sighting",
    "StateStore",
    "Tally",
    "UsedUp",
    "Watch",
]
