"""What the gate remembers of keys and addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from durwan import Engine
from durwan.gateways.activity import Activity, is_refusal
from durwan.runtime.decision_store import CacheLimits
from durwan.state.errors import StateUnavailableError
from durwan.state.memory import MemoryState
from durwan.state.store import Observed, Sighting, StateStore, Tally
from tests.gates import POLICY as GATE_POLICY
from tests.gates import GateRig
from tests.state.conftest import NOW, make_store, servers, store

__all__ = ["make_store", "servers", "store"]

OFFICE, HOME = "203.0.113.9", "192.0.2.44"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def once(  # noqa: PLR0913 - what makes a request
    activity: Activity, key: str | None, address: str, now: int, *, allowed: bool = True, status: int = 403
) -> Mapping[str, Any]:
    """One request: what a policy is told of it, and then what became of it."""
    context = activity.context(key, address, now)
    activity.settle(key, address, allowed=allowed, now=now, status=status, counted=True)
    return context


def test_requests_are_counted_with_this_one(store: StateStore) -> None:
    """Each request finds itself and those before it, of its key and of its address; without a key, of its address."""
    activity = Activity(store)
    assert once(activity, "desk", OFFICE, NOW)["requests_1m"] == 1
    found = once(activity, "desk", HOME, NOW + 1)
    assert (found["requests_1m"], found["address_requests_1m"]) == (2, 1)
    found = once(activity, None, HOME, NOW + 2)
    assert (found["requests_1m"], found["address_requests_1m"]) == (2, 2)
    assert once(activity, "desk", OFFICE, NOW + 2 * MINUTE)["requests_1m"] == 1


def test_refusals_are_counted_of_key_and_address(store: StateStore) -> None:
    """A refusal counts for the key wherever it is used, and for the address whatever key is used; an allow does not."""
    activity = Activity(store)
    for number in range(3):
        assert once(activity, "desk", OFFICE, NOW + number, allowed=False)["refusals_5m"] == number
    once(activity, "desk", OFFICE, NOW + 3)
    once(activity, None, OFFICE, NOW + 4, allowed=False)
    found = once(activity, "desk", HOME, NOW + 5)
    assert (found["refusals_5m"], found["address_refusals_5m"]) == (3, 0)
    found = once(activity, "other", OFFICE, NOW + 6)
    assert (found["refusals_5m"], found["address_refusals_5m"]) == (0, 4)
    assert once(activity, None, OFFICE, NOW + 7)["refusals_5m"] == 4
    assert once(activity, "desk", OFFICE, NOW + 4 * MINUTE + 59_999)["refusals_5m"] == 3
    assert once(activity, "desk", OFFICE, NOW + 6 * MINUTE)["refusals_5m"] == 0


@pytest.mark.parametrize(
    ("status", "counts"), [(400, True), (401, True), (403, True), (422, True), (451, True), (429, False), (503, False)]
)
def test_what_is_a_refusal(status: int, counts: bool) -> None:
    """Limits that are used up and failures on our side are none."""
    activity = Activity(MemoryState())
    once(activity, "desk", OFFICE, NOW, allowed=False, status=status)
    assert once(activity, "desk", OFFICE, NOW)["refusals_5m"] == int(counts) == int(is_refusal(status))


def test_a_request_whose_context_nobody_asked_for_counts(store: StateStore) -> None:
    """Where no context was made, the request is counted when it is settled, with its address."""
    activity = Activity(store)
    for address in (OFFICE, HOME):
        activity.settle("desk", address, allowed=True, now=NOW)
    activity.settle(None, OFFICE, allowed=False, now=NOW)
    found = activity.context("desk", OFFICE, NOW + 1)
    assert found == {
        "requests_1m": 3,
        "refusals_5m": 0,
        "address_requests_1m": 3,
        "address_refusals_5m": 1,
        "addresses_1h": 2,
        "new_address": False,
        "address_since": NOW,
    }


def test_an_address_is_new_until_a_request_from_it_was_allowed(store: StateStore) -> None:
    """However often somebody is refused, the address stays new, a key's first one too; allowed once, it is known."""
    activity = Activity(store)
    for step in range(3):
        found = once(activity, "desk", OFFICE, NOW + step, allowed=False, status=401)
        assert (found["new_address"], found["address_since"]) == (True, NOW + step)
    once(activity, "desk", OFFICE, NOW + 10)
    found = once(activity, "desk", OFFICE, NOW + 11)
    assert (found["new_address"], found["address_since"]) == (False, NOW + 10)
    assert once(activity, "desk", HOME, NOW + 12)["new_address"]
    assert once(activity, "other", OFFICE, NOW + 13)["new_address"]


def test_an_address_that_is_used_stays_known(store: StateStore) -> None:
    """An address is known since its first allow for as long as it is used within 30 days, and no longer."""
    activity = Activity(store)
    now = NOW
    for step in (0, HOUR // 2, HOUR, 20 * DAY, 29 * DAY, 29 * DAY):
        now += step
        once(activity, "desk", OFFICE, now)
    assert once(activity, "desk", OFFICE, now + 29 * DAY)["address_since"] == NOW
    assert once(activity, "desk", OFFICE, now + 29 * DAY + 31 * DAY)["new_address"]


def test_what_is_refused_does_not_keep_an_address_known(store: StateStore) -> None:
    """Only what is allowed prolongs how long an address is known."""
    activity = Activity(store)
    once(activity, "desk", OFFICE, NOW)
    for day in range(1, 30):
        assert not once(activity, "desk", OFFICE, NOW + day * DAY, allowed=False)["new_address"]
    assert once(activity, "desk", OFFICE, NOW + 30 * DAY)["new_address"]


def test_addresses_in_an_hour(store: StateStore) -> None:
    """Different addresses of a key count for an hour, refused or not, and beyond 64 it stays at 64."""
    activity = Activity(store)
    assert once(activity, "desk", OFFICE, NOW)["addresses_1h"] == 1
    assert once(activity, "desk", OFFICE, NOW + 1)["addresses_1h"] == 1
    assert once(activity, "desk", HOME, NOW + 2, allowed=False)["addresses_1h"] == 2
    assert once(activity, "other", "192.0.2.1", NOW + 2)["addresses_1h"] == 1
    assert once(activity, "desk", HOME, NOW + HOUR + 1)["addresses_1h"] == 1
    found = [once(activity, "desk", f"198.51.100.{number}", NOW + 3 * HOUR)["addresses_1h"] for number in range(70)]
    assert found == [min(number + 1, 64) for number in range(70)]


def test_an_ipv6_caller_is_its_network() -> None:
    """All addresses of a /64 are one, and a mapped address is the IPv4 address that it stands for."""
    activity = Activity(MemoryState())
    once(activity, "desk", "2001:db8:1:2::1", NOW)
    found = once(activity, "desk", "2001:db8:1:2:ffff::9", NOW)
    assert (found["addresses_1h"], found["new_address"], found["address_requests_1m"]) == (1, False, 2)
    assert once(activity, "desk", "2001:db8:1:3::1", NOW)["addresses_1h"] == 2
    once(activity, "desk", OFFICE, NOW)
    assert once(activity, "desk", f"::ffff:{OFFICE}", NOW)["addresses_1h"] == 3


@pytest.mark.parametrize("address", ["", "nowhere", "203.0.113.9:80", "1.2.3", "\ud800"])
def test_what_is_no_address_is_not_counted(address: str) -> None:
    """Of what comes from nowhere nothing is known, and nothing is kept."""
    activity = Activity(MemoryState(most=1))
    assert once(activity, "desk", address, NOW, allowed=False) == {}
    assert activity.context(None, OFFICE, NOW)["requests_1m"] == 1


def test_a_key_that_looks_like_an_address_is_counted_apart() -> None:
    """What is counted by a key never meets what is counted by an address."""
    activity = Activity(MemoryState())
    once(activity, None, OFFICE, NOW, allowed=False)
    found = once(activity, OFFICE, HOME, NOW)
    assert (found["requests_1m"], found["refusals_5m"]) == (1, 0)


def test_requests_at_once_each_find_another_count(store: StateStore) -> None:
    """Of many requests that come at once, each finds all those before it: none slips through beside the others."""
    activity = Activity(store)

    def from_place(number: int) -> Mapping[str, Any]:
        return once(activity, "desk", f"198.51.100.{number}", NOW)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(from_place, range(40)))
    assert sorted(each["requests_1m"] for each in found) == list(range(1, 41))
    assert sorted(each["addresses_1h"] for each in found) == list(range(1, 41))


class Gone:
    """A store in memory that can be out of reach, and can lose everything."""

    def __init__(self) -> None:
        self.gone: Exception | None = None
        self.inner = MemoryState()

    def observe(self, tallies: Sequence[Tally], sightings: Sequence[Sighting], *, now: int) -> Observed:
        if self.gone is not None:
            raise self.gone
        return self.inner.observe(tallies, sightings, now=now)


@pytest.mark.parametrize("error", [StateUnavailableError("the store", "it is gone"), OSError(), MemoryError()])
def test_while_the_store_is_gone_all_is_unknown(error: Exception) -> None:
    """Whatever the store raises, nothing is known, nobody is told anything else, and the failure is told each time."""
    store, failures = Gone(), list[int]()
    activity = Activity(store, lambda: failures.append(1))
    once(activity, "desk", OFFICE, NOW)
    store.gone = error
    assert once(activity, "desk", OFFICE, NOW + 1, allowed=False) == {}
    assert once(activity, None, OFFICE, NOW + 1, allowed=True) == {}
    assert len(failures) == 3
    store.gone = None
    assert once(activity, "desk", OFFICE, NOW + 2)["requests_1m"] == 2


def test_an_address_is_noted_again_where_the_store_lost_it() -> None:
    """What a process remembers of its own notes never keeps an address new in a store that was emptied, or was gone."""
    store = Gone()
    activity = Activity(store)
    once(activity, "desk", OFFICE, NOW)
    store.inner = MemoryState()
    assert once(activity, "desk", OFFICE, NOW + 1)["new_address"]
    assert not once(activity, "desk", OFFICE, NOW + 2)["new_address"]
    store.inner, store.gone = MemoryState(), OSError()
    activity.settle("desk", HOME, allowed=True, now=NOW + 3, counted=True)
    store.gone = None
    activity.settle("desk", HOME, allowed=True, now=NOW + 4, counted=True)
    assert not activity.context("desk", HOME, NOW + 5)["new_address"]


def test_a_known_address_costs_one_step_a_request() -> None:
    """What is allowed from where it was allowed lately is written once, not twice; of many keys, too."""
    store = Gone()
    activity = Activity(store)
    for number in range(20_001):
        activity.settle(f"key{number}", OFFICE, allowed=True, now=NOW, counted=True)
    store.gone = OSError()
    failures = list[int]()
    activity._failed = lambda: failures.append(1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - to count steps
    activity.settle("key20000", OFFICE, allowed=True, now=NOW, counted=True)
    assert not failures


# ------------------------------------------------------------------------------------------------------------- policies

POLICY = """
actions { orders.create account.read }

allow all_of_it on *

deny too_many_refusals
  on orders.create
  when activity.refusals_5m >= 20
  respond 429 too_many_refusals

deny somewhere_new
  on orders.create
  when activity.new_address or now - activity.address_since < 1h
"""


def asked(activity: Activity, engine: Engine, action: str, now: int, address: str = OFFICE) -> str:
    context = activity.context("desk", address, now)
    decision = engine.decide({"action": action, "key": {"id": "desk"}, "activity": context, "now": now})
    activity.settle("desk", address, allowed=decision.allowed, now=now, status=decision.status, counted=True)
    return decision.code


@pytest.mark.parametrize("cache", [None, CacheLimits(trial=0)], ids=["fresh", "cached"])
def test_a_policy_reacts_to_activity(cache: CacheLimits | None) -> None:
    """Rules see each count as it is, cached or not: at the bound, beyond it, and again when the refusals are over."""
    activity = Activity(MemoryState())
    with Engine.from_sources({"a.policy": POLICY}, cache=cache, clock=lambda: NOW) as engine:
        assert asked(activity, engine, "orders.create", NOW) == "somewhere_new"
        assert asked(activity, engine, "account.read", NOW) == "allowed"
        assert asked(activity, engine, "orders.create", NOW + HOUR - 1) == "somewhere_new"
        assert asked(activity, engine, "orders.create", NOW + HOUR) == "allowed"
        now = NOW + 2 * HOUR
        for _ in range(20):
            assert asked(activity, engine, "orders.create", now) == "allowed"
            activity.settle("desk", OFFICE, allowed=False, now=now, counted=True)
        for step in range(0, 5 * MINUTE, 10_000):
            assert asked(activity, engine, "orders.create", now + step) == "too_many_refusals"
            assert asked(activity, engine, "account.read", now + step) == "allowed"
        assert asked(activity, engine, "orders.create", now + 6 * MINUTE) == "allowed"
        assert asked(activity, engine, "orders.create", now + 6 * MINUTE, HOME) == "somewhere_new"


def test_a_policy_denies_while_nothing_is_known() -> None:
    """In an outage the rules that read of activity deny and name what they miss; what reads nothing of it goes on."""
    store = Gone()
    store.gone = OSError()
    activity = Activity(store)
    with Engine.from_sources({"a.policy": POLICY}, clock=lambda: NOW) as engine:
        decision = engine.decide({"action": "orders.create", "activity": activity.context("desk", OFFICE, NOW)})
        assert (decision.allowed, decision.unknowns) == (False, ("activity.refusals_5m",))
        assert asked(activity, engine, "account.read", NOW) == "allowed"


Make = Callable[[], StateStore]


def test_two_gateways_count_together(make_store: Make) -> None:
    """Gateways that share a store see each other's requests, refusals and known addresses."""
    shared = make_store()
    one, other = Activity(shared), Activity(shared)
    once(one, "desk", OFFICE, NOW)
    once(one, "desk", OFFICE, NOW, allowed=False)
    found = once(other, "desk", OFFICE, NOW + 1)
    assert (found["requests_1m"], found["refusals_5m"], found["new_address"]) == (3, 1, False)


# ------------------------------------------------------------------------------------------------------------- the gate


def gated(tmp_path: Path, activity: Activity) -> GateRig:
    policy = (
        GATE_POLICY
        + """
deny too_many_refusals
  on orders.create
  when activity.refusals_5m >= 3
  because "too many refused requests"
  respond 429 too_many_refusals

challenge somewhere_new
  on account.close
  when activity.new_address
  require step confirm
"""
    )
    return GateRig(tmp_path, policy=policy, parts={"activity": activity})


def order(notional: str) -> bytes:
    return b'{"symbol": "BTC-PERP", "notional": "%s"}' % notional.encode()


def test_the_gate_counts_each_request_once(tmp_path: Path) -> None:
    """Every request counts once, whether its rules read of activity or not, and what is too much is no refusal."""
    activity = Activity(MemoryState())
    rig = gated(tmp_path, activity)

    def ask(method: str, path: str, body: bytes = b"") -> str:
        rig.clock.now += 1
        return rig.gate.admit(rig.signed(method, path, body)).code

    assert ask("DELETE", "/account") == "mfa_required"
    assert ask("GET", "/orders") == "allowed"
    assert [ask("POST", "/orders", order("250000")) for _ in range(2)] == ["too_large"] * 2
    assert [ask("POST", "/orders", order("1")) for _ in range(3)] == ["too_many_refusals"] * 3
    assert rig.gate.admit(rig.request("GET", "/orders")).code == "credential_missing"
    found = activity.context("desk-7", "203.0.113.9", rig.clock.now)
    assert (found["requests_1m"], found["address_requests_1m"]) == (8, 9)
    assert (found["refusals_5m"], found["address_refusals_5m"]) == (3, 4)
    assert not found["new_address"]
    rig.clock.now += 6 * MINUTE
    assert ask("POST", "/orders", order("1")) == "allowed"


def test_a_policy_that_reads_nothing_of_it_costs_nothing(tmp_path: Path) -> None:
    """Where no rule reads of activity, the store is asked for nothing."""
    store, failures = Gone(), list[int]()
    store.gone = OSError()
    rig = GateRig(tmp_path, parts={"activity": Activity(store, lambda: failures.append(1))})
    assert rig.gate.admit(rig.signed("GET", "/orders")).allowed
    assert rig.gate.admit(rig.request("GET", "/orders")).status == 401
    assert not failures


def test_in_an_outage_the_gate_denies_for_doubt(tmp_path: Path) -> None:
    """A rule that reads of activity denies and names what was missing; other actions go on."""
    store = Gone()
    store.gone = OSError()
    rig = gated(tmp_path, Activity(store))
    answer = rig.gate.admit(rig.signed("POST", "/orders", order("1")))
    assert answer.decision is not None
    assert (answer.code, answer.decision.unknowns) == ("too_many_refusals", ("activity.refusals_5m",))
    assert rig.gate.admit(rig.signed("GET", "/orders")).allowed
