"""How often who may try: authentications that succeed and those that fail, counted apart (R41).

Failures are counted by the address that they come from, whatever they claim to be, so that nobody locks out the owner
of a key by failing in their name; an IPv6 caller is its /64, of which one customer has all addresses. Successes are
counted by the credential that was proved, wherever it is used from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from durwan.credentials.identity import Identity
from durwan.credentials.refusals import Refusal, refuse
from durwan.model.address import format_address, parse_address
from durwan.state.store import LimitCharge, UsedUp

_NETWORK_BYTES: Final = 8


class Counter(Protocol):
    """What counts: any `durwan.state.store.StateStore` does. It raises where it cannot say."""

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """Charges all, or none and returns those that have no room."""
        ...

    def peek(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """What `charge` would return, charging nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLimits:
    """How many there may be in any window; the window is in milliseconds.

    Attributes:
        failures: by an address.
        failures_period: the window of failures.
        successes: by a credential.
        successes_period: the window of successes.
    """

    failures: int = 20
    failures_period: int = 60_000
    successes: int = 10_000
    successes_period: int = 60_000


class Attempts:
    """Counts attempts to authenticate. Whatever cannot be counted is refused.

    Args:
        counter: what counts, for all gateways that share it.
        limits: how many there may be.
    """

    def __init__(self, counter: Counter, limits: AttemptLimits | None = None) -> None:
        self._counter = counter
        self._limits = limits or AttemptLimits()

    def may_try(self, address: str, now: int) -> Refusal | None:
        """Why somebody from an address may not try now; None where too few failures came from there."""
        try:
            return _refused(self._counter.peek([self._failure(address)], now=now), now)
        except Exception:  # noqa: BLE001 - whatever a store raises, it has not said that there is room
            return refuse("state_unavailable")

    def failed(self, address: str, now: int) -> None:
        """An attempt from an address failed. A store that cannot be told will not say that there is room either."""
        try:
            self._counter.charge([self._failure(address)], now=now)
        except Exception:  # noqa: BLE001 - the attempt is refused in any case
            return

    def succeeded(self, found: Identity, now: int) -> Refusal | None:
        """Why a credential that was proved may not be used now; None where it may, and is counted."""
        try:
            return _refused(self._counter.charge([self._success(found)], now=now), now)
        except Exception:  # noqa: BLE001 - as above
            return refuse("state_unavailable")

    def _failure(self, address: str) -> LimitCharge:
        return _failure(place_of(address), self._limits)

    def _success(self, found: Identity) -> LimitCharge:
        if found.key is not None:
            return _success(("key", found.key), self._limits)
        if found.token is not None:
            token = found.token
            return _success(("token", token.issuer, token.subject or "", token.client_id or ""), self._limits)
        return _success(("address", place_of(found.address)), self._limits)


# The same callers come again and again: pure functions' results, the latest of them.
@lru_cache(maxsize=4_096)
def _failure(place: str, limits: AttemptLimits) -> LimitCharge:
    return LimitCharge(limit="failed attempts", per=(place,), count=limits.failures, period=limits.failures_period)


@lru_cache(maxsize=4_096)
def _success(who: tuple[str, ...], limits: AttemptLimits) -> LimitCharge:
    return LimitCharge(limit="successful attempts", per=who, count=limits.successes, period=limits.successes_period)


@lru_cache(maxsize=4_096)
def place_of(address: str) -> str:
    """Where an address belongs: an IPv4 address to itself, an IPv6 address to its /64."""
    packed = parse_address(address)
    if packed is None:
        return ""
    if len(packed) == 4:
        return format_address(packed)
    return f"{format_address(packed[:_NETWORK_BYTES] + bytes(_NETWORK_BYTES))}/64"


def _refused(used_up: Sequence[UsedUp], now: int) -> Refusal | None:
    if not used_up:
        return None
    at = used_up[0].retry_at
    return refuse("rate_limited", retry_after=None if at is None else max(at - now, 0) / 1000)


__all__ = ["AttemptLimits", "Attempts", "Counter", "place_of"]
