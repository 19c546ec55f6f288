"""What is done while the store cannot be asked: who is refused, and what a gateway can go on doing alone (R59)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal

from durwan.state.errors import StateUnavailableError
from durwan.state.memory import MemoryState
from durwan.state.store import LimitCharge, StateStore, UsedUp

Answer = Literal["deny", "count alone", "unknown"]

# What an outage does to each thing that is asked of the store. Nothing here is ever allowed because nobody could say.
OUTAGE: Final[Mapping[str, Answer]] = MappingProxyType(
    {
        "nonce": "deny",
        "rising number": "deny",
        "revocation": "deny",
        "session": "deny",
        "key lookup": "deny",
        "idempotency key": "deny",
        "limit": "count alone",
        # A policy is told of nothing then, and what is unknown lets nothing through.
        "activity": "unknown",
        "strict audit": "deny",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """What came of charging limits; `alone` where this gateway counted for itself, by its share of each limit."""

    used_up: tuple[UsedUp, ...]
    alone: bool


class SharedLimits:
    """Limits that gateways count together, and each by itself while the store cannot be asked.

    Alone, a gateway lets its share of each limit through: the count divided by the number of gateways, so that all of
    them stay within the limit as counted from the beginning of the outage. A window that holds both the last charges in
    the store and the first ones alone, or the other way round, may hold up to twice the limit.

    Args:
        store: the store.
        gateways: how many gateways there are at most, at least 1.

    Raises:
        ValueError: there are no gateways.
    """

    def __init__(self, store: StateStore, *, gateways: int) -> None:
        if gateways < 1:
            raise ValueError("there is at least one gateway")
        self._store = store
        self._gateways = gateways
        self._alone = MemoryState()

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> Charged:
        """Charges all of the limits, or none; see `StateStore.charge`.

        Raises:
            StateUnavailableError: not even this gateway can count, because too much is counted.
            ValueError: the same limit, counted for the same, stands there twice.
        """
        try:
            return Charged(used_up=self._store.charge(charges, now=now), alone=False)
        except StateUnavailableError:
            return Charged(used_up=self._count_alone(charges, now), alone=True)

    def _count_alone(self, charges: Sequence[LimitCharge], now: int) -> tuple[UsedUp, ...]:
        shares = [self._share(each) for each in charges]
        whole = {id(share): charge for share, charge in zip(shares, charges, strict=True)}
        used_up = self._alone.charge(shares, now=now)
        return tuple(UsedUp(charge=whole[id(each.charge)], retry_at=each.retry_at) for each in used_up)

    def _share(self, charge: LimitCharge) -> LimitCharge:
        # Cut off to a whole number: never more than its part.
        return replace(charge, count=Decimal(charge.count) // self._gateways)


class SharedCounter:
    """Shared limits as an engine takes them: `Engine.load(..., limits=SharedCounter(SharedLimits(store, gateways=3)))`.

    Args:
        limits: what counts.
        told: is told after each charge whether this gateway counted alone: for metrics and alarms.
    """

    def __init__(self, limits: SharedLimits, told: Callable[[bool], object] = lambda _: None) -> None:
        self._limits = limits
        self._told = told

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """See `SharedLimits.charge`."""
        found = self._limits.charge(charges, now=now)
        self._told(found.alone)
        return found.used_up


__all__ = ["OUTAGE", "Answer", "Charged", "SharedCounter", "SharedLimits"]
