"""Charging, against a log that is kept whole and added up anew each time."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest

from durwan.state.amounts import counted
from durwan.state.memory import MemoryState
from durwan.state.sliding_log import EXACT, SlidingLog
from durwan.state.store import LimitCharge, StateStore, UsedUp
from tests.state.conftest import NOW

_Key = tuple[str, tuple[str, ...]]


class Whole:
    """The meaning of limits: every charge is kept, and counts in `[t, t + period)`."""

    def __init__(self) -> None:
        self.made: dict[_Key, list[tuple[int, Fraction]]] = {}

    def charge(self, charges: list[LimitCharge], now: int) -> tuple[UsedUp, ...]:
        """All, or none."""
        full = [each for each in charges if self._full(each, now)]
        used_up = tuple(UsedUp(charge=each, retry_at=self._retry(each, now)) for each in full)
        if not used_up:
            for each in charges:
                self.made.setdefault((each.limit, each.per), []).append((now, Fraction(each.cost)))
        return used_up

    def _full(self, charge: LimitCharge, now: int) -> bool:
        made = self.made.get((charge.limit, charge.per), [])
        used = sum((cost for instant, cost in made if instant <= now < instant + charge.period), Fraction(0))
        return used + Fraction(charge.cost) > charge.count

    def _retry(self, charge: LimitCharge, now: int) -> int | None:
        ends = [instant + charge.period for instant, _ in self.made.get((charge.limit, charge.per), [])]
        return next((end for end in sorted(ends) if end > now and not self._full(charge, end)), None)


# Name, count, period and the costs that are charged.
_LIMITS: tuple[tuple[str, int | Decimal, int, tuple[int | Decimal, ...]], ...] = (
    ("orders", 3, 50, (1, 2)),
    ("volume", Decimal("2.5"), 400, (Decimal("0.1"), Decimal("0.07"), Decimal(3), 0)),
    ("day", 7, 2_000, (1,)),
)


def _charges(random: Random) -> list[LimitCharge]:
    return [
        LimitCharge(limit=name, per=(random.choice("ab"),), count=count, period=period, cost=random.choice(costs))
        for name, count, period, costs in random.sample(_LIMITS, random.randint(1, 3))
    ]


def _agree(store: StateStore, seed: int, steps: int) -> set[int]:
    """Compares every answer of a store with that of the whole log; how many limits were found to be used up."""
    whole, random, now = Whole(), Random(seed), NOW
    answers: set[int] = set()
    for _ in range(steps):
        charges = _charges(random)
        expected = whole.charge(charges, now)
        looked = store.peek(charges, now=now)
        assert store.charge(charges, now=now) == looked == expected
        answers.add(len(expected))
        now += random.choice([0, 0, 1, 7, 49, 50, 51, 300])
    return answers


@pytest.mark.parametrize("seed", range(4))
def test_charges_are_those_of_the_whole_log(make_store: Callable[[], StateStore], seed: int) -> None:
    """Each answer, and the instant that it names, is what adding up the whole log says."""
    assert _agree(make_store(), seed, 250) >= {0, 1, 2}


def test_charges_in_memory_are_those_of_the_whole_log() -> None:
    """The same for many more runs, where that is quick."""
    for seed in range(100, 180):
        _agree(MemoryState(), seed, 150)


def test_many_charges_are_never_too_many(make_store: Callable[[], StateStore]) -> None:
    """With more charges in a window than are kept one by one, no window holds too much; room comes a little late."""
    store, random = make_store(), Random(7)
    count, period = 600, 100_000
    charge = LimitCharge(limit="many", per=(), count=count, period=period)
    grain = -(-period // EXACT)
    made: list[int] = []
    now = NOW
    refused = 0
    for _ in range(2_500):
        now += random.choice([0, 10, 100, 200])
        if store.charge([charge], now=now):
            refused += 1
            late = period + grain
            assert sum(instant > now - late for instant in made) >= count
        else:
            made.append(now)
            assert sum(instant > now - period for instant in made) <= count
    assert refused > 100
    assert len(made) >= 2 * count


def test_a_log_is_bounded() -> None:
    """However often a limit is charged, its log has at most 514 entries, and reads back as it was written."""
    log = SlidingLog()
    charge = counted(LimitCharge(limit="many", per=(), count=10**9, period=1_000_000))
    for number in range(20_000):
        assert log.has_room(charge, NOW + 200 * number)
        log.add(charge, NOW + 200 * number)
        assert len(log) <= 2 * EXACT + 2
    assert SlidingLog.from_bytes(log.to_bytes()).to_bytes() == log.to_bytes()


@pytest.mark.parametrize(
    ("count", "cost", "most", "amount"),
    [
        (100, 1, 10**14, 10**12),
        (Decimal("0.5"), Decimal("0.25"), 5 * 10**13, 25 * 10**12),
        (10**15, 1, 10**14, 1),
        (1, Decimal("1e-18"), 10**14, 1),
        (9, 10, 9 * 10**14, 9 * 10**14 + 1),
        (Decimal("999999999999999999.999999999999999999"), 1, 999_999_999_999_999, 1),
    ],
)
def test_units(count: int | Decimal, cost: int | Decimal, most: int, amount: int) -> None:
    """A count is rounded down and a cost up, to whole units of which there are fewer than 10**15."""
    found = counted(LimitCharge(limit="rate", per=(), count=count, period=1, cost=cost))
    assert (found.most, found.amount) == (most, amount)


@pytest.mark.parametrize(
    "wrong", [{"count": -1}, {"cost": -1}, {"period": 0}, {"period": 10**14}, {"cost": Decimal("NaN")}]
)
def test_what_is_no_charge(wrong: dict[str, int]) -> None:
    """Amounts below nothing and periods without a length are mistakes of the caller."""
    with pytest.raises((ValueError, ArithmeticError)):
        LimitCharge(**({"limit": "rate", "per": (), "count": 1, "period": 1} | wrong))  # type: ignore[arg-type]
