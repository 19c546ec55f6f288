"""What the gate remembers of keys and addresses, offered to policies as the context `activity`.

An address is the address that the gate established, and for IPv6 its /64, of which one customer has all. What is
counted by a key is counted only where the key was proved, so that nobody gets the owner of a key into trouble by
naming it. The counts are kept in a `StateStore`, so that all gateways that share one count together:

* A request counts, and its address is noted, in the same step in which its context is made; so of requests that come
  at once each sees all those before it. What became of it is noted once it is decided.
* A refusal is an answer that is not an allow, challenges included. What was too much (429) and what failed on our
  side (5xx) is none: a client that runs into a limit, or into our outage, did nothing to be watched for. So a rule
  that refuses by these counts with 429 ends by itself; with 403 it goes on for as long as the client goes on.
* Counts are by six parts of their time, so never too low, and at most a sixth of the time too old.
* An address of a key is new until a request with that key was allowed from there, and again after 30 days without one:
  whoever is challenged and comes back is challenged again. A key's first address is as new as any other, since it may
  be a thief who uses the key first. What becomes known by a harmless request is known for all, so a rule about
  something grave asks for `address_since`, how long it has been known, and not for `new_address`.
* Of a key 64 addresses are kept. With more of them in an hour the count stays at 64; with more in 30 days, those that
  were not used for the longest are new again.
* While the store cannot be asked all of it is unknown, which lets nothing through: a rule that would rather go on
  without says `activity.refusals_5m is known and`. What was forgotten with a store is counted anew from nothing, and
  every address is new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Protocol

from durwan.credentials.attempts import place_of
from durwan.state.store import Observed, Sighting, Tally, Watch

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
KEY_REQUESTS: Final = Watch(name="requests of a key", period=_MINUTE)
KEY_REFUSALS: Final = Watch(name="refusals of a key", period=5 * _MINUTE)
ADDRESS_REQUESTS: Final = Watch(name="requests from an address", period=_MINUTE)
ADDRESS_REFUSALS: Final = Watch(name="refusals of an address", period=5 * _MINUTE)
ADDRESSES: Final = Watch(name="addresses of a key", period=_HOUR, most=64)
KNOWN: Final = Watch(name="known addresses of a key", period=720 * _HOUR, most=64)
# For how long an address that was noted as known is not noted again, and how many are kept in mind for that.
_AGAIN: Final = _HOUR
_MOST: Final = 10_000
_UNKNOWN: Final[Mapping[str, Any]] = MappingProxyType({})
_place_of: Final = lru_cache(maxsize=4096)(place_of)


class Observer(Protocol):
    """What counts: any `durwan.state.store.StateStore` does."""

    def observe(self, tallies: Sequence[Tally], sightings: Sequence[Sighting], *, now: int) -> Observed:
        """Notes all of it in one step, and says what is known by then."""
        ...


class Activity:
    """Counts what keys and addresses do. Safe from any thread; never raises for what a request or the store does.

    Args:
        store: what counts.
        failed: called whenever the store could not be asked: for metrics and alarms.
    """

    def __init__(self, store: Observer, failed: Callable[[], object] = lambda: None) -> None:
        self._store = store
        self._failed = failed
        # When which address of which key was last noted as known by this process.
        self._noted: dict[tuple[str, str], int] = {}

    def context(self, key: str | None, address: str, now: int) -> Mapping[str, object]:
        """Counts a request, and gives the context `activity` for it; empty, so unknown, where nothing can be said.

        Args:
            key: the id of the key that was proved; None without one.
            address: where the request comes from.
            now: the present instant.
        """
        place = _place_of(address)
        if not place:
            return _UNKNOWN
        tallies, sightings = _request(key, place)
        tallies.append(Tally(ADDRESS_REFUSALS, place))
        if key is not None:
            tallies.append(Tally(KEY_REFUSALS, key))
            sightings.append(Sighting(KNOWN, key, place))
        found = self._observe(tallies, sightings, now)
        if found is None:
            return _UNKNOWN
        requests, refusals = found.tallies[0], found.tallies[-1]
        if key is None:
            return {
                "requests_1m": requests,
                "refusals_5m": refusals,
                "address_requests_1m": requests,
                "address_refusals_5m": refusals,
            }
        (addresses, _), (_, since) = found.sightings
        if since is None:
            # It may have been noted in a store that is no more.
            self._noted.pop((key, place), None)
        return {
            "requests_1m": found.tallies[1],
            "refusals_5m": refusals,
            "address_requests_1m": requests,
            "address_refusals_5m": found.tallies[2],
            "addresses_1h": addresses,
            "new_address": since is None,
            "address_since": now if since is None else since,
        }

    def settle(  # noqa: PLR0913 - what became of a request
        self, key: str | None, address: str, *, allowed: bool, now: int, status: int = 403, counted: bool = False
    ) -> None:
        """Notes what became of a request.

        Args:
            key: as for `context`.
            address: as for `context`.
            allowed: whether it was allowed.
            now: the instant at which it was decided.
            status: the status of a refusal; see above which are none.
            counted: whether `context` was asked for this request, and has counted it.
        """
        place = _place_of(address)
        if not place:
            return
        tallies, sightings = ([], []) if counted else _request(key, place)
        if allowed:
            if key is not None and self._is_to_be_noted(key, place, now):
                sightings.append(Sighting(KNOWN, key, place, add=True))
        elif is_refusal(status):
            tallies.append(Tally(ADDRESS_REFUSALS, place, 1))
            if key is not None:
                tallies.append(Tally(KEY_REFUSALS, key, 1))
        if (tallies or sightings) and self._observe(tallies, sightings, now) is None and key is not None:
            self._noted.pop((key, place), None)

    def _is_to_be_noted(self, key: str, place: str, now: int) -> bool:
        noted = self._noted
        if abs(now - noted.get((key, place), -_AGAIN)) < _AGAIN:
            return False
        if len(noted) >= _MOST:
            noted.clear()
        noted[key, place] = now
        return True

    def _observe(self, tallies: Sequence[Tally], sightings: Sequence[Sighting], now: int) -> Observed | None:
        try:
            return self._store.observe(tallies, sightings, now=now)
        except Exception:  # noqa: BLE001 - whatever a store raises, it has not said anything
            self._failed()
            return None


def is_refusal(status: int) -> bool:
    """Whether an answer of that status, which is not an allow, counts as a refusal."""
    return status != 429 and status < 500


def _request(key: str | None, place: str) -> tuple[list[Tally], list[Sighting]]:
    """One more request."""
    if key is None:
        return [Tally(ADDRESS_REQUESTS, place, 1)], []
    return (
        [Tally(ADDRESS_REQUESTS, place, 1), Tally(KEY_REQUESTS, key, 1)],
        [Sighting(ADDRESSES, key, place, add=True)],
    )


__all__ = ["Activity", "Observer", "is_refusal"]
