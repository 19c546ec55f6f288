"""Explanations: every kind of value in the form that a person would write."""

from __future__ import annotations

from typing import Any

import pytest

from durwan import Engine, StaticKeys
from durwan.model import types
from durwan.model.address import NetworkSet, parse_address, parse_network
from durwan.model.request import KeyLookup, no_keys
from durwan.program import nodes
from durwan.program.fingerprint import fingerprint
from durwan.program.program import Program

NOW = 1_772_442_000_000  # 2026-03-02T09:00:00Z

POLICY = """
actions { a }
scopes { read  write includes read }
context odd { lasts : duration  lots : set of int }
set readers = { read }
set lots = { 1, 2 }
let young = now - key.created < 1h
let calm = young and not key.revoked

allow most on a
  when calm
   and odd.lasts > 5m
   and request.notional >= 0.5
   and request.weight == 1
   and client.ip in key.networks
   and odd.lots has any of lots
   and key.scopes has any of readers
  unless client.country == "XX" or session.kind default "web" == "fix"
"""

GOOD: dict[str, Any] = {
    "action": "a",
    "now": NOW,
    "key": {
        "created": "2026-03-02T08:30:00Z",
        "revoked": False,
        "networks": ["10.0.0.0/24"],
        "scopes": ["write"],
    },
    "client": {"ip": "10.0.0.7", "country": "GB"},
    "odd": {"lasts": "10m", "lots": [2, 3]},
    "request": {"notional": "2.50", "weight": 1},
}


def test_values_are_shown_as_people_write_them() -> None:
    """Instants, durations, decimals, addresses, networks and sets are texts; other values are themselves."""
    engine = Engine.from_sources({"a.policy": POLICY})
    explanation = engine.explain(GOOD)
    assert explanation.decision.allowed
    rule = explanation.rule("most")
    assert rule is not None
    shown = {path: value for condition in rule.conditions for path, value in condition.values.items()}
    assert shown == {
        "now": "2026-03-02T09:00:00Z",
        "key.created": "2026-03-02T08:30:00Z",
        "key.revoked": False,
        "odd.lasts": "10m",
        "request.notional": "2.50",
        "request.weight": 1,
        "client.ip": "10.0.0.7",
        "key.networks": ["10.0.0.0/24"],
        "odd.lots": [2, 3],
        "key.scopes": ["read", "write"],
        "client.country": "GB",
        "session.kind": None,
    }
    assert [condition.clause for condition in rule.conditions] == ["when"] * 7 + ["unless"] * 2
    assert rule.first_failure is None


def test_an_exception_that_holds_is_the_failure() -> None:
    """A rule that only its `unless` stops names the part of it that is true."""
    rule = Engine.from_sources({"a.policy": POLICY}).explain(GOOD | {"session": {"kind": "fix"}}).rule("most")
    assert rule is not None
    assert rule.first_failure is not None
    assert rule.first_failure.text == 'session.kind default "web" == "fix"'


def test_a_request_without_a_readable_action_or_instant_has_no_rules_to_explain() -> None:
    """Nothing was evaluated, so nothing is shown."""
    engine = Engine.from_sources({"a.policy": POLICY})
    assert engine.explain({"action": 1}).rules == ()
    assert engine.explain(GOOD | {"now": "soon"}).rules == ()


def test_malformed_attributes_of_a_key_stay_unknown() -> None:
    """What of a key cannot be read when the engine is made is as unknown as if the request had brought it."""
    spoilt = {"created": "yesterday", "networks": ["10.0.0.1/8"], "scopes": [1], "symbols": [None], "revoked": False}
    engine = Engine.from_sources({"a.policy": POLICY}, keys=StaticKeys({"k": spoilt}))
    by_id, inline = engine.decide(GOOD | {"key": "k"}), engine.decide(GOOD | {"key": spoilt})
    assert by_id == inline
    assert not by_id.allowed
    lookup: KeyLookup = no_keys
    assert lookup("k") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", types.Bool()), ("1", types.Int()), ("0.5", types.Number()), ("now", types.Time()),
        ("5m", types.Duration()), ('"x"', types.String()), ("2026-03-02T09:00Z", types.Time()),
        ("10.0.0.1", types.Address()),
    ],
)  # fmt: skip
def test_every_value_has_a_type(text: str, expected: types.Type) -> None:
    """The type of a let is that of its expression."""
    source = f"actions {{ a }}\nlet x = {text}\nallow b on a when client.ip is known\n"
    program = Engine.from_sources({"a.policy": source}).compiled.program
    assert nodes.type_of(program.lets["x"]) == expected


def test_only_values_have_a_type() -> None:
    """A scope has one; a collection on the right of a test has none of its own."""
    assert nodes.type_of(nodes.ScopeLiteral(value="read")) == types.Scope()
    with pytest.raises(TypeError, match="only on the right of a test"):
        nodes.type_of(nodes.NamedNetwork(name="n"))


def test_a_program_holds_only_what_has_a_fingerprint() -> None:
    """Something foreign in a program is a defect, and no revision is made up for it."""
    program = Engine.from_sources({"a.policy": POLICY}).compiled.program
    foreign: Any = {"odd": object()}
    lets: dict[str, nodes.Expression] = foreign
    with pytest.raises(TypeError, match="cannot hold a object"):
        fingerprint(Program(name="x", schema=program.schema, lets=lets))


def test_ranges_that_reach_the_end_of_a_family_merge() -> None:
    """A network that runs to the last address swallows one that it overlaps."""
    found = [network for text in ("255.0.0.0/9", "255.0.0.0/8", "10.0.0.0/8") if (network := parse_network(text))]
    merged = NetworkSet(found)
    assert len(merged.ranges()) == 2
    last = parse_address("255.255.255.255")
    assert last is not None
    assert last in merged
