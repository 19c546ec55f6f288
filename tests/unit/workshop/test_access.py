"""The cells of the matrix of keys and actions."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from durwan.compilation import compile_sources
from durwan.program.program import Program
from durwan.program.wording import worded
from durwan.workshop.access import Cell, OpenCell, access_of
from durwan.workshop.key_classes import KeyClass, each_by_itself, key_classes
from durwan.workshop.key_hygiene import hygiene

VOCABULARY = """
actions { orders.create }
scopes { orders.write }
context risk { score : int }
"""
ALLOW = "allow trade on orders.create when key.scopes has orders.write\n"
KEY: dict[str, Any] = {"id": "k", "scopes": ["orders.write"], "expires": "2027-01-01T00:00:00Z"}


def program_of(rules: str) -> Program:
    return compile_sources({"a.policy": VOCABULARY + rules}).program


def cell_of(rules: str, key: dict[str, Any] | None = None) -> Cell:
    program = program_of(rules)
    (row,) = access_of(program, each_by_itself([("k", KEY if key is None else key)]), ["orders.create"])
    return row.cells["orders.create"]


def test_allowed_whatever_the_request_says() -> None:
    """Nothing is left of the allow, and no deny is left at all."""
    assert cell_of(ALLOW + 'deny revoked when key.revoked and key.id == "x"\n') == Cell(verdict="allowed")


def test_a_deny_that_is_unknown_for_good_refuses() -> None:
    """A deny is not disproven by what the key does not say."""
    late = "deny expired when now >= key.expires\n"
    without = {name: value for name, value in KEY.items() if name != "expires"}
    assert cell_of(ALLOW + late, without) == Cell(verdict="refused", refused_by=("expired",))
    assert worded(cell_of(ALLOW + late).admitted) == "now < 2027-01-01T00:00:00Z"


def test_an_allow_that_is_unknown_for_good_never_allows() -> None:
    """An allow has to be proven."""
    assert cell_of("allow trade on orders.create when now < key.not_before\n").refused_by == ("no_rule_allows",)


def test_every_rule_that_refuses_is_named() -> None:
    """All denies that surely apply, in source order, and that nothing allows."""
    rules = 'deny one when key.id == "k"\ndeny two when key.id != "x"\ndeny three when risk.score > 5\n'
    assert cell_of(rules + ALLOW, {"id": "k"}).refused_by == ("one", "two", "no_rule_allows")


def test_conditions_that_exclude_each_other_refuse() -> None:
    """The two rules that cannot both be satisfied are named."""
    rules = (
        "deny early when now < 2028-01-01T00:00:00Z\ndeny expired when now >= key.expires\ndeny x when risk.score > 5\n"
    )
    assert cell_of(ALLOW + rules) == Cell(verdict="refused", refused_by=("early", "expired"))


def test_conditions_that_exclude_each_other_in_parts_refuse() -> None:
    """More than two that cannot all be satisfied are all named."""
    rules = "deny low when risk.score < 5 and now > 2026-01-01T00:00:00Z\n"
    rules += "deny high when risk.score >= 5\ndeny past when now <= 2026-01-01T00:00:00Z\n"
    assert cell_of(ALLOW + rules).refused_by == ("low", "high", "past")


def test_a_challenge_without_end_refuses() -> None:
    """What is asked for whatever the request says is never given, as far as the policies can tell."""
    assert cell_of(ALLOW + "challenge call on orders.create require step call\n").refused_by == ("call",)


def test_a_challenge_stands_apart() -> None:
    """A request is admitted although something is asked for first."""
    cell = cell_of(ALLOW + "challenge call on orders.create when risk.score > 5 require step call\n")
    assert (cell.verdict, cell.conditions) == ("conditional", ())
    assert worded(cell.admitted) == "true"
    assert worded(cell.allowed) == "risk.score <= 5"
    assert cell.demands[0].rule == "call"


def test_one_of_several_allows_is_enough() -> None:
    """What all of them want stands by itself, and each condition names the rules that want it."""
    rules = "allow a on orders.create when risk.score < 5 and key.scopes has orders.write and client.asn is known\n"
    rules += 'allow b on orders.create when client.country == "FR" and client.asn is known\n'
    cell = cell_of(rules + "deny c when client.asn is unknown\n")
    assert [(each.text, each.rules) for each in cell.conditions] == [
        ("client.asn is known", ("a", "b", "c")),
        ('risk.score < 5 or client.country == "FR"', ("a", "b")),
    ]


def test_shadow_rules_decide_nothing() -> None:
    """They are not in the matrix."""
    assert cell_of(ALLOW + "shadow deny trial\n").verdict == "allowed"


@pytest.mark.parametrize("verdict", ["allowed", "refused", None])
def test_who_knows_more_decides(verdict: Literal["allowed", "refused"] | None) -> None:
    """A conditional cell, and only such a one, is shown to whoever may know more of it, with all that is known."""
    program = program_of(ALLOW + "deny high when risk.score > 5 or now >= key.expires\n")
    asked: list[OpenCell] = []

    def decides(cell: OpenCell) -> Literal["allowed", "refused"] | None:
        asked.append(cell)
        return verdict

    keys = [("a", {**KEY, "id": "a"}), ("b", {**KEY, "expires": "2028-01-01T00:00:00Z"}), ("c", {"id": "c"})]
    rows = access_of(program, key_classes(program, keys), ["orders.create"], decides=decides)
    assert [row.cells["orders.create"].verdict for row in rows] == [verdict or "conditional", "refused"]
    (cell,) = asked
    assert (cell.program, cell.action, cell.kept) == (program, "orders.create", frozenset({"key.expires"}))
    assert cell.given["key"]["scopes"] == ["orders.write"]
    assert worded(cell.condition) == "risk.score <= 5 and now < key.expires"


@pytest.mark.parametrize(
    ("ids", "name"), [(("a",), "a"), (("a", "b"), "a, b"), (("a", "b", "c"), "a, b, c"), ("abcd", "a, b and 2 more")]
)
def test_names_of_classes(ids: tuple[str, ...], name: str) -> None:
    """The first members stand for all."""
    assert KeyClass(ids=tuple(ids), attributes={}).name == name


def test_hygiene_knows_the_scopes_of_the_set() -> None:
    """Scopes are unknown that the policies do not declare, and what they allow is told by their names."""
    found = hygiene(program_of(ALLOW), [("k", {"id": "k", "scopes": ["orders.write", "other"]})], 0)
    assert {each.code: each.severity for each in found} == {
        "no_allowlist": "high",
        "unknown_scopes": "medium",
        "rotation_unknown": "medium",
        "no_expiry": "medium",
    }
