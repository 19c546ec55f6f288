"""What a thief of a key could do: each key of the reference set by hand, and small sets for what stops an action."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from durwan.compilation import Compilation, compile_policy
from durwan.language.policy_set import read_directory
from durwan.model.values import parse_instant
from durwan.runtime.engine import Engine
from durwan.workshop.exposure import Exposure, Reach, exposures
from tests.unit.workshop.policies import NOW, compiled

POLICIES = Path(__file__).parents[3] / "policies"

# Derived from the files by hand. What is not named is stopped because no rule allows it: a key never has a token's
# scopes, so no key manages keys or addresses; and each key lacks the scopes of what is missing.
ORDERS = {"orders.create", "orders.amend", "orders.cancel", "orders.cancel_all", "orders.read"}
SOCKETS = {"sessions.create", "sessions.close"}
READING = {"account.read", "account.history", "orders.read", "withdrawals.read"}
POSSIBLE: Mapping[str, set[str]] = {
    # orders.write includes orders.cancel and orders.read.
    "desk-7": ORDERS | SOCKETS,
    "desk-7-sandbox": ORDERS | SOCKETS,
    "algo-3": ORDERS | SOCKETS,
    "panic-1": {"orders.cancel", "orders.cancel_all", "orders.read"} | SOCKETS,
    # account.read includes orders.read and withdrawals.read; a socket is opened with orders.read.
    "tracker-1": READING | SOCKETS,
    # withdrawals.write includes withdrawals.read; to withdraw takes a second factor, which only a session has.
    "payout-1": {"withdrawals.read"},
    # Revoked.
    "desk-6": set(),
}
STOPPED = {
    "payout-1": {"withdrawals.create": ("fresh_mfa",)},
    "desk-6": dict.fromkeys(ORDERS | SOCKETS, ("key_revoked",)),
}


@cache
def _reference_set() -> tuple[Compilation, Mapping[str | None, Exposure]]:
    compilation = compile_policy(read_directory(str(POLICIES)))
    assert compilation.program is not None
    found = exposures(compilation.program, list(compilation.keys.items()))
    return compilation, {each.key_id: each for each in found}


@pytest.mark.parametrize("key_id", POSSIBLE)
def test_each_key_of_the_reference_set(key_id: str) -> None:
    """What is possible with it, and what stops the rest, is what was derived by hand."""
    compilation, found = _reference_set()
    assert len(found) == len(POSSIBLE)
    exposure = found[key_id]
    assert {reach.action for reach in exposure.possible} == POSSIBLE[key_id]
    assert compilation.program is not None
    assert set(exposure.actions) == compilation.program.schema.actions
    for action in exposure.actions.keys() - POSSIBLE[key_id]:
        expected = STOPPED.get(key_id, {}).get(action, ("no_rule_allows",))
        assert exposure.actions[action].stopped_by == expected, action


@pytest.mark.parametrize("key_id", POSSIBLE)
def test_requests_are_allowed_by_the_engine(key_id: str) -> None:
    """Every request that is shown has the key by its id and nothing that a thief does not have, and is allowed."""
    compilation, found = _reference_set()
    with Engine(compilation.finished) as engine:
        for reach in found[key_id].possible:
            assert reach.request is not None
            assert reach.request["key"] == key_id
            assert reach.request.keys().isdisjoint({"session", "token", "approvals"})
            assert engine.decide(reach.request).allowed, reach.request


def test_from_where_and_for_how_long() -> None:
    """The one key without an allowlist is good from anywhere; all of them end on the day that the rules say."""
    _, found = _reference_set()
    elsewhere = {key_id for key_id, each in found.items() if any(reach.elsewhere for reach in each.possible)}
    assert elsewhere == {"tracker-1"}
    assert all(reach.elsewhere for reach in found["tracker-1"].possible)
    ends = {
        # Expiry: the last millisecond before it.
        ("panic-1", "orders.cancel"): "2027-01-14T23:59:59.999Z",
        # Rotation: 180 days after it.
        ("desk-7", "orders.create"): "2026-07-14T00:00:00Z",
        # Never rotated: 180 days after its creation.
        ("algo-3", "orders.amend"): "2026-07-31T00:00:00Z",
        # Unbound and idle: 14 days after its last use.
        ("tracker-1", "account.read"): "2026-03-15T18:00:00Z",
    }
    for (key_id, action), end in ends.items():
        assert found[key_id].actions[action].until == parse_instant(end), (key_id, action)


# ---------------------------------------------------------------------------------------------------- small sets

HEAD = """\
actions { orders.create }
context risk { score : int 0..100  limit : int 0..100 }
context approvals { count : int }
"""
KEY = {"id": "k", "networks": ["203.0.113.0/24"], "labels": ["a"], "created": "2026-01-01T00:00:00Z"}


def _reach(policy: str, key: Mapping[str, Any] = KEY, deadline: float = 30.0) -> Reach:
    program = compiled(policy=HEAD + policy).program
    assert program is not None
    [exposure] = exposures(program, [(None, key)], deadline, near=NOW)
    return exposure.actions["orders.create"]


def test_two_rules_that_cannot_both_be_avoided() -> None:
    """What stops an action may take several rules, none of which does it alone, and no others are named."""
    reach = _reach(
        """
deny low    when risk.score < 50 or risk.score is unknown
deny flag   when key.labels has "b"
deny high   when risk.score >= 40
deny banned when client.country == "XX"
allow trade on orders.create when key.id is known
"""
    )
    assert (reach.possible, reach.stopped_by, reach.also_stopped_by) == (False, ("low", "high"), ())


def test_rules_that_each_stop_it() -> None:
    """Where several rules each stop an action alone, the first is named, and the others beside it."""
    reach = _reach(
        """
allow trade on orders.create when key.id is known
challenge fresh on orders.create when not (now - session.mfa_at <= 5m) require mfa
deny labelled when key.labels has "a"
"""
    )
    assert (reach.stopped_by, reach.also_stopped_by) == (("labelled",), ("fresh",))


def test_an_allow_that_needs_what_is_denied() -> None:
    """A deny is named that only stops because the allow asks for just that."""
    reach = _reach(
        """
allow trade on orders.create when risk.score >= 80
deny risky when risk.score >= 70
deny other when risk.limit > 5
"""
    )
    assert reach.stopped_by == ("risky",)


def test_no_rule_allows() -> None:
    """Where no allow can apply to this key, that is what stops it, whatever else would."""
    assert _reach('allow trade on orders.create when key.labels has "b"\ndeny every').stopped_by == ("no_rule_allows",)
    assert _reach("allow trade on orders.create when token.subject is known").stopped_by == ("no_rule_allows",)


def test_a_limit_that_cannot_count_stops() -> None:
    """A limit by what is unknown for good is named; one by what the request may say stops nobody."""
    policy = "allow trade on orders.create when key.id is known\nlimit l on orders.create to 5 per 1s per "
    assert _reach(policy + "session.id").stopped_by == ("l",)
    reach = _reach(policy + "client.ip")
    assert reach.possible
    assert reach.request is not None
    assert "ip" in reach.request["client"]


@pytest.mark.parametrize(
    ("condition", "possible"),
    [
        ("approvals.by is unknown", True),
        ("approvals.by is known", True),
        ('approvals.by has "alice"', False),
        ("approvals.by has any of { " + ", ".join(f'"a{n}"' for n in range(100)) + " }", False),
        ('not (approvals.by has "alice")', True),
        ("approvals.count is known", False),
        ("session.id is known", False),
        ("session.id is unknown", True),
        ("token.subject is known", False),
        ("risk.score == 7 and client.country is known", True),
        ("now < 1990-01-01T00:00:00Z", True),
        ("not (client.ip in key.networks)", True),
    ],
)
def test_what_a_thief_has(condition: str, possible: bool) -> None:
    """No session and no token; of approvals nothing, or an empty set; everything else as it suits, at any time."""
    assert _reach(f"allow trade on orders.create when {condition}").possible is possible


def test_an_address_outside_the_allowlist() -> None:
    """Whether an action is possible from elsewhere is asked of addresses that the allowlist does not hold."""
    assert _reach("allow trade on orders.create when client.ip in key.networks").elsewhere is False
    assert _reach("allow trade on orders.create when client.ip in { 203.0.113.0/24 }").elsewhere is False
    assert _reach("allow trade on orders.create when client.ip in { 203.0.112.0/23 }").elsewhere is True


def test_without_end() -> None:
    """Where no instant ends what is possible there is no end, and windows that recur are none."""
    head = 'window mornings = mon..fri 08:00..12:00 "Europe/London"\n'
    assert _reach(head + "allow trade on orders.create when now in mornings").until is None
    reach = _reach(head + "allow trade on orders.create when now in mornings and now - key.created < 90d")
    assert reach.until == (parse_instant("2026-04-01T00:00:00Z") or 0) - 1


def test_what_takes_too_long_is_undecided() -> None:
    """With no time at all nothing is known, and it is said why."""
    reach = _reach("allow trade on orders.create when key.id is known", deadline=0.0)
    assert (reach.possible, reach.request, reach.because) == (None, None, "not decided within 0 s")
