"""Limits, counted by an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from durwan import Engine
from durwan.state.errors import StateUnavailableError
from durwan.state.memory import MemoryState
from durwan.state.outage import SharedCounter, SharedLimits
from durwan.state.store import LimitCharge, UsedUp

NOW = 1_772_442_000_000
POLICY = """\
actions { pay look }
deny frozen on pay when key.labels has "frozen"
allow pay on pay
allow look on look
shadow deny watched on pay

limit rate
  on pay
  to 3 per 10s
  per key.account
  because "slow down"
  respond 429 too_fast

limit amount
  on pay
  when request.symbol is unknown or request.symbol != "free"
  to 1_000 per 1d
  cost request.notional
  per key.account, client.ip
"""


class Clock:
    """An instant that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of the engine."""
    return Clock()


@pytest.fixture
def engine(clock: Clock) -> Engine:
    """An engine that counts by itself."""
    return Engine.from_sources({"a.policy": POLICY}, clock=clock)


def _pay(**changes: Any) -> dict[str, Any]:
    request: dict[str, Any] = {
        "action": "pay",
        "key": {"account": "acme", "labels": []},
        "client": {"ip": "203.0.113.9"},
        "request": {"notional": "10"},
    }
    return {**request, **changes}


def test_the_window_slides(engine: Engine, clock: Clock) -> None:
    """The fourth in a window waits until the first is just ten seconds old, and not a millisecond less."""
    for _ in range(3):
        assert engine.decide(_pay()).allowed
        clock.now += 1_000
    refused = engine.decide(_pay())
    assert (refused.effect, refused.rule, refused.status, refused.code) == ("deny", "rate", 429, "too_fast")
    assert refused.reason == "slow down"
    assert refused.retry_after == 7.0
    assert refused.shadows == ("watched",)
    assert refused.revision == engine.revision
    assert refused.valid_until == NOW + 10_000
    clock.now = NOW + 9_999
    assert not engine.decide(_pay()).allowed
    clock.now = NOW + 10_000
    assert engine.decide(_pay()).allowed


def test_what_is_refused_is_not_charged(engine: Engine) -> None:
    """A request that one limit refuses is charged to none, and what the rules refuse is not counted at all."""
    assert not engine.decide(_pay(request={"notional": "1000.01"})).allowed
    frozen = engine.decide(_pay(key={"account": "acme", "labels": ["frozen"]}))
    assert frozen.rule == "frozen"
    for _ in range(3):
        assert engine.decide(_pay()).allowed
    assert engine.decide(_pay()).rule == "rate"


def test_amounts_add_up_exactly(engine: Engine, clock: Clock) -> None:
    """The last cent of a day's amount is allowed, and the next one is not."""
    for amount in ("999.99", "0.01"):
        assert engine.decide(_pay(request={"notional": amount})).allowed
    clock.now += 20_000
    refused = engine.decide(_pay(request={"notional": "0.01"}))
    assert (refused.rule, refused.code) == ("amount", "amount")
    assert refused.retry_after == 86_400 - 20


def test_each_is_counted_by_itself(engine: Engine) -> None:
    """What one account used up, another one has."""
    for _ in range(3):
        assert engine.decide(_pay()).allowed
    assert not engine.decide(_pay()).allowed
    assert engine.decide(_pay(key={"account": "other", "labels": []})).allowed


@pytest.mark.parametrize(
    ("changes", "rule", "unknowns"),
    [
        ({"key": {"labels": []}}, "rate", ("key.account",)),
        ({"request": {}}, "amount", ("request.notional",)),
        ({"request": {"notional": "-5"}}, "amount", ("request.notional",)),
        ({"client": {}, "request": {}}, "amount", ("client.ip", "request.notional")),
    ],
)
def test_what_cannot_be_counted_is_refused(
    engine: Engine, changes: dict[str, Any], rule: str, unknowns: tuple[str, ...]
) -> None:
    """An unknown counter or cost, or a cost that would give back, denies with 400 and names what is missing."""
    refused = engine.decide(_pay(**changes))
    assert (refused.rule, refused.status, refused.code) == (rule, 400, "limit_unknown")
    assert refused.unknowns == unknowns


def test_a_limit_that_is_not_asked_is_not_charged(engine: Engine) -> None:
    """Its body has to be disproven, as a deny's."""
    assert engine.decide(_pay(request={"notional": "5000", "symbol": "free"})).allowed
    assert engine.decide(_pay(request={"notional": "5000", "symbol": 7})).rule == "amount"


def test_actions_without_limits_are_not_counted(engine: Engine) -> None:
    """They are allowed as often as one likes."""
    assert all(engine.decide({"action": "look"}).allowed for _ in range(10))


def test_counting_can_be_left_out(clock: Clock) -> None:
    """With `limits=None` what the rules allow is allowed."""
    engine = Engine.from_sources({"a.policy": POLICY}, clock=clock, limits=None)
    assert all(engine.decide(_pay()).allowed for _ in range(10))


def test_bound_engines_count_too(engine: Engine) -> None:
    """A connection and the engine draw on the same counters."""
    bound = engine.bind(key={"account": "acme", "labels": []}, client={"ip": "203.0.113.9"})
    rest = {"action": "pay", "request": {"notional": "10"}}
    assert [bound.decide(rest).allowed, engine.decide(_pay()).allowed, bound.decide(rest).allowed] == [True] * 3
    assert bound.decide(rest).rule == "rate"
    assert engine.decide(_pay()).rule == "rate"


def test_counters_outlive_a_reload(clock: Clock) -> None:
    """What was counted stays counted when the policy is read anew."""
    engine = Engine.from_sources({"a.policy": POLICY}, clock=clock)
    for _ in range(3):
        assert engine.decide(_pay()).allowed
    engine.reload()
    assert engine.decide(_pay()).rule == "rate"


def test_a_request_that_is_no_dict_is_counted(engine: Engine) -> None:
    """Whatever mapping a request is, it is charged."""

    class Foreign(dict[str, Any]):
        pass

    assert [engine.decide(Foreign(_pay())).allowed for _ in range(4)] == [True, True, True, False]


class Broken:
    """A counter that fails."""

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """Never."""
        raise OSError("gone")


def test_a_counter_that_fails_lets_nothing_through(clock: Clock) -> None:
    """The answer is 503, at once worth another try, and says nothing of what went wrong."""
    engine = Engine.from_sources({"a.policy": POLICY}, clock=clock, limits=Broken())
    refused = engine.decide(_pay())
    assert (refused.effect, refused.rule, refused.status, refused.code) == ("deny", None, 503, "limits_unavailable")
    assert "gone" not in refused.reason


def test_what_counters_are_told(clock: Clock) -> None:
    """Each limit with its own counter, whatever the form in which the values came."""
    told: list[tuple[LimitCharge, ...]] = []

    class Listening:
        """Remembers what it was told."""

        def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
            """Room for all."""
            assert now == NOW
            told.append(tuple(charges))
            return ()

    engine = Engine.from_sources({"a.policy": POLICY}, clock=clock, limits=Listening())
    forms: list[Mapping[str, Any]] = [{"ip": "::ffff:203.0.113.9"}, {"ip": "203.0.113.9"}]
    for client in forms:
        assert engine.decide(_pay(client=client)).allowed
    assert told[0] == told[1]
    rate, amount = told[0]
    assert (rate.limit, rate.per, rate.count, rate.period, rate.cost) == ("rate", ("acme",), 3, 10_000, 1)
    assert (amount.limit, amount.period, amount.cost) == ("amount", 86_400_000, Decimal(10))


class Gone(MemoryState):
    """A store that cannot be asked."""

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """Never."""
        raise StateUnavailableError("the store", "it is gone")


def test_without_the_store_a_gateway_counts_its_share(clock: Clock) -> None:
    """One of three gateways lets a third of each limit through while the store cannot be asked, and tells of it."""
    alone: list[bool] = []
    counter = SharedCounter(SharedLimits(Gone(), gateways=3), alone.append)
    engine = Engine.from_sources({"a.policy": POLICY}, clock=clock, limits=counter)
    decisions = [engine.decide(_pay()) for _ in range(2)]
    assert [each.allowed for each in decisions] == [True, False]
    assert decisions[1].rule == "rate"
    assert alone == [True, True]
