"""The words of expressions: as a person would write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from durwan.compilation import compile_sources
from durwan.model import types
from durwan.model.decision import Remedy
from durwan.program import nodes
from durwan.program.simplify import for_truth, negation, simplified
from durwan.program.wording import worded, worded_remedy, worded_value

VOCABULARY = """
actions { orders.create }
scopes { orders.write  orders.read }
context risk { score : int 0..100  flagged : bool  as_of : time }
context gateway { environment : "production" | "sandbox" }
network office = { 10.0.0.0/8 }
set people = { "alice", "bob" }
window hours = mon "UTC"
let fresh = now - risk.as_of <= 30s
"""


def read(text: str) -> nodes.Expression:
    policy = f"{VOCABULARY}deny it when {text}\n"
    return compile_sources({"a.policy": policy}).program.rules[0].body.when


@pytest.mark.parametrize(
    "text",
    [
        "key.scopes has orders.write and client.ip in key.networks",
        "client.ip not in { 10.0.0.0/8, 203.0.113.7, 2001:db8::/32 }",
        "client.ip in office or fresh",
        "(client.ip in office or fresh) and risk.flagged",
        "not (key.scopes has orders.write)",
        "not risk.flagged",
        "not (risk.flagged and fresh)",
        "key.owner is unknown and key.owner is known",
        'key.owner in people and key.owner not in { "a \\"b\\"", "\\u{202e}" }',
        "approvals.by has at least 2 of people",
        'approvals.by has any of { "alice", "bob" }',
        "now in hours and now not in hours",
        "now - session.mfa_at > 1h30m",
        "now >= 2026-12-24T00:00:00Z",
        "request.notional > 100_000 and request.price < 0.25",
        "request.weight default 1 <= 10",
        "request.weight default 1 * 2 + 3 <= 10",
        "request.weight - (request.weight - 1) > 0",
        "(request.weight + 1) * 3 > 0",
        'request.symbol like "BTC-*\\*"',
        "risk.flagged default false",
        "(risk.flagged or fresh) default true",
        "request.weight > -5",
    ],
)
def test_as_written(text: str) -> None:
    """What stands in a policy in the one layout is worded as it stands there."""
    assert worded(read(text)) == text


@pytest.mark.parametrize(
    ("text", "simple"),
    [
        ("not (risk.score >= 90)", "risk.score < 90"),
        ("not (not (client.ip in office))", "client.ip in office"),
        ("not (risk.flagged or risk.score >= 90)", "not risk.flagged and risk.score < 90"),
        ("now - 2026-01-15T00:00:00Z > 180d", "now > 2026-07-14T00:00:00Z"),
        ("2027-01-15T00:00:00Z - now < 1d", "now > 2027-01-14T00:00:00Z"),
        ("risk.as_of + 30s < 2026-01-01T00:00:30Z", "risk.as_of < 2026-01-01T00:00:00Z"),
        ("50 > risk.score", "risk.score < 50"),
        ("risk.flagged == true", "risk.flagged"),
        ("risk.flagged != true", "not risk.flagged"),
        ("risk.score < 50 and risk.score < 70", "risk.score < 50"),
        ("risk.score < 50 or risk.score < 70", "risk.score < 70"),
        ("fresh and (fresh or risk.flagged)", "fresh"),
        ("fresh and risk.flagged or fresh and risk.score < 5", "fresh and (risk.flagged or risk.score < 5)"),
        ("risk.score is known and (risk.score is unknown or fresh)", "risk.score is known and fresh"),
        ("risk.flagged and not risk.flagged", "risk.flagged and not risk.flagged"),
    ],
)
def test_simplified(text: str, simple: str) -> None:
    """What people would say instead."""
    assert worded(simplified(read(text))) == simple
    assert worded(negation(nodes.Not(operand=read(text)))) == simple


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("risk.flagged and not risk.flagged", "false"),
        ("risk.score < 50 and risk.score > 50", "false"),
        ("risk.score < 50 or risk.score >= 50", "risk.score is known"),
        ("risk.flagged and (not risk.flagged or fresh)", "risk.flagged and fresh"),
        ("risk.score in { } or fresh", "fresh"),
    ],
)
def test_for_truth(text: str, true: str) -> None:
    """Asked only where it is true, more can be left out."""
    assert worded(for_truth(read(text))) == true


def test_what_a_declared_type_decides() -> None:
    """A value outside a closed set or a range leaves only the question whether the attribute is known."""
    environment = nodes.Attribute(path="gateway.environment", type=types.String(("production", "sandbox")))
    other = nodes.Operation(operator="==", operands=(nodes.StringLiteral(value="test"), environment), type=types.Bool())
    assert for_truth(other) == nodes.FALSE
    assert worded(for_truth(nodes.Not(operand=other))) == "gateway.environment is known"
    score = nodes.Attribute(path="risk.score", type=types.Int(0, 100))
    within = nodes.Operation(operator="<=", operands=(score, nodes.IntLiteral(value=100)), type=types.Bool())
    assert worded(for_truth(within)) == "risk.score is known"


def test_a_set_that_is_fixed_stands_on_the_right() -> None:
    """What a fixed set holds is asked the other way round, without what the attribute can never be."""
    held = nodes.LiteralSet(members=frozenset({"production", "test"}), element=types.String())
    environment = nodes.Attribute(path="gateway.environment", type=types.String(("production", "sandbox")))
    test = nodes.Operation(operator="has", operands=(held, environment), type=types.Bool())
    assert worded(simplified(test)) == 'gateway.environment in { "production" }'


def test_values() -> None:
    """Values as literals: decimals with a point, long numbers in groups."""
    assert worded_value(Decimal("1234567.50"), types.Number()) == "1_234_567.5"
    assert worded_value(Decimal(-7), types.Number()) == "-7.0"
    assert worded_value(-1_000_000, types.Int()) == "-1_000_000"
    assert worded_value(frozenset({3, 1}), types.SetOf(types.Int())) == "{ 1, 3 }"
    assert worded_value(True, types.Bool()) == "true"
    assert worded_value(0, types.Duration()) == "0s"


@pytest.mark.parametrize(
    ("remedy", "words"),
    [
        (Remedy(kind="mfa", within=300_000), "mfa within 5m"),
        (Remedy(kind="mfa"), "mfa"),
        (Remedy(kind="login"), "login"),
        (Remedy(kind="step", name="call"), "step call"),
        (Remedy(kind="approvals", count=2, of="treasury"), "approvals 2 of treasury"),
    ],
)
def test_remedies(remedy: Remedy, words: str) -> None:
    """As they stand behind `require`."""
    assert worded_remedy(remedy) == words
