"""Rules and conditions: which truths are wanted, and which requests show them."""

from __future__ import annotations

import pytest

from durwan.workshop.coverage import measure, plan
from tests.unit.workshop.coverage.sets import NOW, assert_each_is_needed, case, compiled, covered, wanted

TRUE, FALSE, UNKNOWN = (f"in which it is {word}" for word in ("true", "false", "unknown"))
APPLIES, NOT = "to which it applies", "to which it does not apply"


def test_a_deny_applies_to_what_is_unknown_too() -> None:
    """A condition is wanted true, false and unknown; a deny applies to two of these."""
    assert_each_is_needed(
        "deny revoked on orders.create when key.revoked",
        {"yes": {"key": {"revoked": True}}, "no": {"key": {"revoked": False}}, "absent": {}},
        {"yes": {TRUE}, "no": {FALSE, NOT}, "absent": {UNKNOWN}},
    )


def test_an_allow_does_not_apply_to_what_is_unknown() -> None:
    """An allow applies to what is true alone."""
    assert_each_is_needed(
        "allow live on orders.create unless key.revoked",
        {"yes": {"key": {"revoked": True}}, "no": {"key": {"revoked": False}}, "absent": {}},
        {"yes": {TRUE}, "no": {FALSE, APPLIES}, "absent": {UNKNOWN}},
    )


def test_a_limit_is_like_a_deny() -> None:
    """The body of a limit is wanted as that of a deny is."""
    assert_each_is_needed(
        "limit rate on orders.create when key.revoked to 5 per 1s per key.id",
        {"yes": {"key": {"revoked": True}}, "no": {"key": {"revoked": False}}, "absent": {}},
        {"yes": {TRUE}, "no": {FALSE, NOT}, "absent": {UNKNOWN}},
    )


def test_every_operand_is_looked_at() -> None:
    """A condition is seen though another one had settled the decision, and whichever side of `unless` it is on."""
    policy = 'deny a on orders.create when key.revoked and client.country == "GB" unless key.owner like "x*"'
    requests = {
        "settled at once": {"key": {"revoked": False, "owner": "xy"}, "client": {"country": "GB"}},
        "all unknown": {},
        "the other way": {"key": {"revoked": True, "owner": "y"}, "client": {"country": "FR"}},
    }
    assert wanted(covered(policy, requests)) == set()


@pytest.mark.parametrize(
    "condition",
    ["key.owner is known", "key.owner is unknown", 'key.owner default "x" == "x"', "not (key.revoked default true)"],
)
def test_what_is_never_unknown(condition: str) -> None:
    """What cannot be unknown by its form is not wanted unknown."""
    assert wanted(covered(f"deny a on orders.create when {condition}", {})) == {TRUE, FALSE, APPLIES, NOT}


def test_negated_words_are_seen_as_they_are_written() -> None:
    """`is unknown` and `not in` are true where they say so, not where what they negate is."""
    policy = 'deny a on orders.create when key.id is unknown or client.country not in { "GB" }'
    coverage = covered(policy, {"x": {"client": {"country": "FR"}}})
    shown = {(each.span.text, each.wanted) for each in coverage.targets if each.reached and each.kind == "condition"}
    assert shown == {("key.id is unknown", TRUE), ('client.country not in { "GB" }', TRUE)}


def test_a_rule_without_a_condition_always_applies() -> None:
    """It is not asked to be shown not applying."""
    assert wanted(covered("deny everyone on orders.create", {})) == {APPLIES}


def test_only_requests_about_a_rules_actions_count() -> None:
    """A request about another action shows nothing, nor does one whose action or instant cannot be read."""
    policy = "deny a on orders.create when key.revoked"
    nothing = wanted(covered(policy, {}))
    for request in ({"action": "orders.cancel"}, {"action": "no.such"}, {"action": 5}, {"now": "soon"}):
        assert wanted(covered(policy, {"x": {"key": {"revoked": True}, **request}})) == nothing


def test_a_let_is_shown_once() -> None:
    """A let's conditions stand where it is declared, and requests about any action that uses it show them."""
    policy = """
        let inner = key.revoked
        let outer = not inner
        let unused = client.ip is known
        deny a on orders.create when outer
        deny b on orders.cancel when outer
    """
    coverage = covered(policy, {"x": {"action": "orders.cancel", "key": {"revoked": True}}})
    conditions = [(each.owner, each.wanted, each.reached) for each in coverage.targets if each.kind == "condition"]
    assert conditions == [
        ("let inner", TRUE, True),
        ("let inner", FALSE, False),
        ("let inner", UNKNOWN, False),
    ]
    assert coverage.targets[1].span.text == "key.revoked"


def test_conditions_within_a_comparison() -> None:
    """Where truths are compared, what they are made of is looked at as well."""
    coverage = covered("deny a on orders.create when (key.revoked and key.id is known) == true", {})
    texts = {each.span.text for each in coverage.targets if each.kind == "condition"}
    assert texts == {"(key.revoked and key.id is known) == true", "key.revoked", "key.id is known"}


def test_skipped_cases_show_nothing() -> None:
    """What is not run does not count, and what counts names the first case that showed it."""
    found = compiled("deny a on orders.create when key.revoked")
    assert found.program is not None
    planned = plan(found.program, found.modules)
    request = {"key": {"revoked": True}}
    skipped = measure(planned, [case("x", request, skip="later")], lambda: NOW, found.keys.get)
    assert skipped.figure.reached == 0
    twice = measure(planned, [case("x", request), case("y", request)], lambda: NOW, found.keys.get)
    assert {each.reached_by for each in twice.targets} == {"x", None}


def test_keys_are_looked_up() -> None:
    """A case may name a key of the set."""
    keys = {"keys/a.yaml": "keys: [{ id: desk-7, owner: ann }]\n"}
    policy = 'deny a on orders.create when key.owner == "ann"'
    assert wanted(covered(policy, {"x": {"key": "desk-7"}}, keys)) == {FALSE, UNKNOWN, NOT}


def test_figures() -> None:
    """Percentages are rounded down, so that 100 is all, and of nothing all is reached."""
    coverage = covered("deny a on orders.create when key.revoked", {"x": {"key": {"revoked": True}}})
    assert coverage.figure == (2, 6)
    assert coverage.figure.percent == 33.3
    assert (coverage.figure.is_under(33.3), coverage.figure.is_under(33.4)) == (False, True)
    assert coverage.by_kind()["rule"] == (1, 3)
    assert coverage.by_kind()["window"].percent == 100.0
    assert coverage.file_figures() == {"a.policy": (2, 6)}
