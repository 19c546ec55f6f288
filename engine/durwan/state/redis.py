"""State in Redis or Valkey: for gateways on several machines."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from durwan.state.amounts import Counted, all_counted
from durwan.state.errors import StateSetupError, StateUnavailableError
from durwan.state.identity import DIGITS, identity
from durwan.state.memory_span import earliest_use, forgotten_text
from durwan.state.record_text import name_to_text, record_from_bytes, record_to_bytes, revocation_from
from durwan.state.redis_link import Address, Argument, Link
from durwan.state.redis_links import Links
from durwan.state.redis_news import NewsChannel
from durwan.state.redis_setup import check_address, open_fit_link
from durwan.state.rising import check_rising
from durwan.state.store import (
    MOST_NEWS,
    MOST_RISING,
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

_MAC: Final = 32
_ROUNDS_OF_BOOT: Final = 10


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000


class RedisState:
    """State in one Redis or Valkey server that all gateways use.

    Each operation has one deadline for all that it does. What the server may have forgotten, because it was started
    again, replaced or emptied, it does not vouch for: nonces that may be older than that are unavailable. Replicas take
    over with what reached them; the limits of what is charged, and numbers that only rise, may have fallen behind.

    Args:
        url: `redis://`, `rediss://` or `unix://`, with user and password. No other machine without TLS.
        mac_key: at least 32 octets that all gateways have and the server has not: records are bound to their ids by it.
        prefix: the beginning of all keys.
        deadline: how many seconds an operation may take.
        connections: how many connections at most.
        plain: speak to another machine without TLS, in a network that is trusted.
        clock: the present instant, for the moments at which a server is met.

    Raises:
        StateSetupError: the server is not fit: a replica, a cluster, one that evicts, one that is too old.
        StateUnavailableError: it does not answer.
        RedisNotInstalledError: the extra is missing.
    """

    def __init__(  # noqa: PLR0913 - keywords, each with a default that is right
        self,
        url: str,
        *,
        mac_key: bytes,
        prefix: str = "durwan:",
        deadline: float = 0.05,
        connections: int = 16,
        plain: bool = False,
        clock: Callable[[], int] = _wall_clock,
    ) -> None:
        if len(mac_key) < _MAC:
            raise StateSetupError(f"the MAC key has {len(mac_key)} octets: make one of at least {_MAC} random ones")
        address = Address(url)
        check_address(address, plain=plain)
        self._name = address.place
        self._mac_key = mac_key
        self._prefix = prefix
        self._deadline = deadline
        self._links = Links(
            self._name, lambda: open_fit_link(address, self._mark, clock, deadline)[0], most=connections
        )
        link, facts = open_fit_link(address, self._mark, clock, _ROUNDS_OF_BOOT * deadline)
        self._durable = facts.get("aof_enabled") == "1"
        self._links.add(link)
        self._news = NewsChannel(address, self._prefix + "news")

    @property
    def durable(self) -> bool:
        """Whether the server writes what it is told to an append-only file; by default once a second."""
        return self._durable

    def accept_once(self, scope: str, nonce: str, *, expires: int, now: int, issued: int | None = None) -> bool:
        """See `StateStore`."""
        if expires <= now:
            return False
        earliest = earliest_use(issued, expires, now)
        keys = (self._key("nonce", scope, nonce), self._mark)
        with self._link() as (link, end):
            reply = link.run("accept_once", keys, (*_meeting(link), now, earliest, expires - now), end)
        if reply[0] == -1:
            raise StateUnavailableError(self._name, forgotten_text(earliest, int(reply[1])))
        return bool(reply[0] == 1)

    def accept_rising(self, scope: str, number: int, *, window: int = 0) -> bool:
        """See `StateStore`."""
        check_rising(number, window)
        floor = f"{number - window:020d}" if number >= window else ""
        keys = (self._key("floor", scope), self._key("rising", scope))
        return bool(self._run("accept_rising", keys, f"{number:020d}", floor, MOST_RISING)[0] == 1)

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """See `StateStore`."""
        return self._charge(charges, all_counted(charges), now, commit=1)

    def peek(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """See `StateStore`."""
        return self._charge(charges, all_counted(charges), now, commit=0)

    def observe(self, tallies: Sequence[Tally], sightings: Sequence[Sighting], *, now: int) -> Observed:
        """See `StateStore`."""
        keys = [self._key("tally", each.watch.name, str(each.watch.period), each.who) for each in tallies]
        keys += [self._key("sighting", each.watch.name, str(each.watch.period), each.who) for each in sightings]
        arguments: list[Argument] = [now, len(tallies)]
        for tally in tallies:
            arguments += (tally.watch.width, tally.add)
        for watch, _, member, add in sightings:
            arguments += (watch.period, watch.most, identity("member", member), int(add))
        reply = self._run("observe", keys, *arguments) if keys else []
        counts, seen = map(int, reply[: len(tallies)]), list(map(int, reply[len(tallies) :]))
        pairs = zip(seen[::2], seen[1::2], strict=True)
        return Observed(tuple(counts), tuple(Sighted(count, None if since < 0 else since) for count, since in pairs))

    def put(self, record: Record, *, cap: int, now: int) -> tuple[str, ...]:
        """See `StateStore`."""
        member = identity("record", record.kind, record.id).encode() + record.id.encode("utf-8", "surrogatepass")
        life = max(record.expires - now, 1)
        reply = self._run("put", self._keys(record), self._sealed(record), life, cap, member, self._prefix, DIGITS)
        return tuple(each.decode("utf-8", "surrogatepass") for each in reply)

    def keep_first(self, record: Record, *, now: int) -> Record:
        """See `StateStore`."""
        life = max(record.expires - now, 1)
        key = self._key("record", record.kind, record.id)
        found = self._unsealed(self._run("keep_first", (key,), self._sealed(record), life)[0])
        if (found.kind, found.id) != (record.kind, record.id):
            raise StateUnavailableError(self._name, "it has a record under the id of another one")
        return found

    def get(self, kind: str, record_id: str, *, now: int) -> Record | None:
        """See `StateStore`."""
        content = self._run("get", (self._key("record", kind, record_id),))[0]
        if content is None:
            return None
        found = self._unsealed(content)
        if (found.kind, found.id) != (kind, record_id):
            raise StateUnavailableError(self._name, "it has a record under the id of another one")
        return found if found.expires > now else None

    def update(self, record: Record, *, now: int) -> bool:
        """See `StateStore`."""
        life = max(record.expires - now, 1)
        return bool(self._run("update", self._keys(record), self._sealed(record), life)[0] == 1)

    def delete(self, kind: str, record_id: str) -> None:
        """See `StateStore`."""
        self._run("delete", (self._key("record", kind, record_id),))

    def newest_of(self, kind: str, owner: str, *, now: int) -> tuple[Record, ...]:
        """See `StateStore`."""
        reply = self._run("newest_of", (self._key("owner", kind, owner),), self._prefix, DIGITS)
        found = [self._unsealed(each) for each in reply]
        return tuple(each for each in found if (each.kind, each.owner) == (kind, owner) and each.expires > now)

    def revoke(self, revocation: Revocation, *, now: int) -> None:
        """See `StateStore`."""
        arguments = (now, name_to_text(revocation), revocation.until, self._prefix + "news")
        with self._link() as (link, end):
            link.run("revoke", self._revocation_keys, (*_meeting(link), *arguments), end)

    def revoked_since(self, known: RevocationNews | None, *, now: int) -> RevocationNews:
        """See `StateStore`."""
        after = (known.epoch, known.generation) if known is not None else ("", 0)
        with self._link() as (link, end):
            reply = link.run("revoked_since", self._revocation_keys, (*_meeting(link), now, *after, MOST_NEWS), end)
        epoch, generation, last, *entries = reply
        revocations = [revocation_from(*pair) for pair in zip(entries[::2], map(int, entries[1::2]), strict=True)]
        return RevocationNews(
            epoch=epoch.decode(),
            generation=int(generation),
            revocations=tuple(revocations),
            complete=generation == last,
        )

    def wait_for_news(self, seconds: float) -> None:
        """See `StateStore`."""
        self._news.wait(seconds)

    def close(self) -> None:
        """Closes all connections."""
        self._links.close()
        self._news.close()

    def __repr__(self) -> str:
        return f"<RedisState: {self._name}>"

    @property
    def _mark(self) -> str:
        return self._prefix + "mark"

    @property
    def _revocation_keys(self) -> tuple[str, ...]:
        names = ("mark", "generation", "revoked", "revoked until")
        return tuple(self._prefix + name for name in names)

    def _key(self, kind: str, *parts: str) -> str:
        return self._prefix + identity(kind, *parts)

    def _keys(self, record: Record) -> tuple[str, str]:
        return self._key("record", record.kind, record.id), self._key("owner", record.kind, record.owner)

    @contextmanager
    def _link(self) -> Generator[tuple[Link, float], None, None]:
        """A link and the end of its time. It is given back only if it is sound: no late answer reaches another."""
        end = time.monotonic() + self._deadline
        link = self._links.take(end)
        try:
            yield link, end
        finally:
            if link.is_sound:
                self._links.give(link)
            else:
                self._links.drop(link)

    def _run(self, name: str, keys: Sequence[str], *arguments: Argument) -> list[Any]:
        with self._link() as (link, end):
            return link.run(name, keys, arguments, end)

    def _charge(
        self, charges: Sequence[LimitCharge], found: Sequence[Counted], now: int, *, commit: int
    ) -> tuple[UsedUp, ...]:
        if not charges:
            return ()
        numbers = [number for each in found for number in (each.most, each.amount, each.period)]
        keys = [self._prefix + each.key for each in found]
        reply = self._run("charge", keys, commit, now, *numbers)
        used_up = [(int(at), int(retry)) for at, retry in zip(reply[::2], reply[1::2], strict=True)]
        return tuple(UsedUp(charge=charges[at - 1], retry_at=retry if retry >= 0 else None) for at, retry in used_up)

    def _sealed(self, record: Record) -> bytes:
        content = record_to_bytes(record)
        return self._mac(content) + content

    def _unsealed(self, octets: bytes) -> Record:
        content = octets[_MAC:]
        if not hmac.compare_digest(octets[:_MAC], self._mac(content)):
            raise StateUnavailableError(self._name, "it has a record that no gateway with this MAC key wrote")
        return record_from_bytes(content)

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._mac_key, self._prefix.encode() + b"\0" + content, "sha256")


def _meeting(link: Link) -> tuple[str, str]:
    """What an emptied server is marked with: which one it is, and a new epoch."""
    return link.run_id, secrets.token_hex(8)


__all__ = ["RedisState"]
