"""What is said about refused requests of the reference set, and of small sets for what that has not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from durwan import Engine
from durwan.backends.solver.nearest.answering import nearest
from durwan.backends.solver.nearest.situation import NOW, Situation
from durwan.model.request import Attributes, instant_of, no_keys
from durwan.program import reference
from durwan.program.nearest import Nearest
from durwan.program.program import Program
from tests.reference_set import altered, case_named, reference_cases, reference_program, reference_set

AT_NINE = 1_772_442_000_000  # 2026-03-02T09:00:00Z


def _situation(program: Program, request: Mapping[str, Any], may_change: tuple[str, ...] = ()) -> Situation:
    now = instant_of(request, lambda: AT_NINE)
    attributes = Attributes(program.schema, request, no_keys)
    values = {path: attributes.read(path) for path in program.schema.attributes}
    return Situation(program, request["action"], {**values, NOW: now}, may_change)


def _said(request: Mapping[str, Any], *may_change: str) -> list[str]:
    found = nearest(_situation(reference_program(), request, may_change), 5.0)
    assert not found.unanswered
    return [change.text for change in found.changes]


ORDER = case_named("the symbols a key is bound to [action=orders.create, request.symbol=BTC-PERP]")
WITHDRAWAL = case_named("AS-57 50,000 USD to a booked address")


def _order(**contexts: Any) -> dict[str, Any]:
    return altered(ORDER, **contexts)


def _withdrawal(**contexts: Any) -> dict[str, Any]:
    return altered(WITHDRAWAL, **contexts)


def test_an_address_of_the_key() -> None:
    """A key that is used from elsewhere may be used from its own networks."""
    assert _said(_order(client={"ip": "198.51.100.77"})) == ["from an address in 203.0.113.0/24 or 2001:db8:10::/48"]


def test_an_address_outside_a_list() -> None:
    """An address on a list of the policy is told to come from outside it, within the key's own networks."""
    removal = case_named(
        "no key is made and no address touched through Tor [action=addresses.remove, client.ip=198.51.100.7]"
    )
    assert _said(removal) == ["from an address outside tor_exits"]
    key = {"networks": ["198.51.100.0/24"]}
    withdrawal = _withdrawal(client={"ip": "198.51.100.7"}, key={**WITHDRAWAL["key"], **key})
    assert _said(withdrawal) == ["from an address in 198.51.100.0/24 outside tor_exits"]


def test_a_risk_score() -> None:
    """A bound on the score is exact, whichever of the rules sets it."""
    session = {"id": "s", "started": "2026-03-02T08:40:00Z", "last_seen": "2026-03-02T08:59:50Z"}
    found = _said(_order(risk={"score": 80}, session=session))
    assert "at a risk score of 69 or less" in found
    assert _said(_order(risk={"score": 95})) == ["at a risk score of 89 or less"]


def test_a_second_factor() -> None:
    """A second factor that is too old has to be repeated."""
    found = _said(_withdrawal(session={"mfa_at": "2026-03-02T08:41:00Z"}))
    assert found == ["with MFA in the last 5 minutes"]


def test_a_later_time() -> None:
    """A key that does not work yet works from its first day on."""
    key = {**ORDER["key"], "not_before": "2026-03-02T08:00:00Z"}
    early = {"now": "2026-03-02T07:59:55Z", "risk": {"as_of": "2026-03-02T07:59:54Z"}}
    market = {"as_of": "2026-03-02T07:59:54Z"}
    found = nearest(_situation(reference_program(), _order(key=key, market=market, **early)), 5.0)
    assert found.changes[0].text.startswith("on or after 2026-03-02T08:00:00Z")
    assert found.changes[0].changes[0].value == "2026-03-02T08:00:00Z"


def test_approvals() -> None:
    """Two of the treasury are needed, of whom the key's owner is not one; or a smaller amount."""
    found = _said(_withdrawal(request={"notional": "250000"}))
    assert found == ["with approval by at least 2 of alice, bob, carol", "at a notional below 100000"]


def test_what_is_in_a_set() -> None:
    """A method that is missing is named, with the set in which it is missed."""
    found = _said(_withdrawal(request={"notional": "20000"}, session={"mfa_methods": ["totp"]}))
    assert found[0] == "with `webauthn` among session.mfa_methods"


def test_a_window() -> None:
    """A window is named with the instant at which it opens next, and what is told of the past is as recent then."""
    (found, _) = _said(case_named("a large withdrawal on a Saturday"))
    assert found.startswith("within treasury_hours, next at 2026-03-09T08:00:00Z (with risk.as_of, ")
    (found,) = _said(case_named("the last millisecond of maintenance"))
    assert found == "outside weekly_maintenance, next at 2026-03-05T07:30:00Z"


def test_words() -> None:
    """Of a closed set those that would do are named, of an open one those that would not."""
    assert _said(_order(market={"mode": "halted"})) == ["with market.mode `open`"]
    assert _said(_order(client={"country": "KP"})) == ["with client.country outside restricted_countries"]


def test_truths() -> None:
    """A truth would have to be the other one."""
    assert _said(_order(risk={"flagged": True})) == ["with risk.flagged false"]


def test_a_price_within_its_collar() -> None:
    """A range has both bounds, without zeros that say nothing."""
    assert _said(_order(request={"price": "56000"}), "request.price") == ["at a price of 57000 to 63000"]


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("a sanctioned address does not get into the book", ("sanctioned_address",)),
        ("AS-26 a sandbox key on the production host", ("environment_mismatch",)),
        ("main_account_only", ("main_account_only",)),
    ],
)
def test_never(name: str, rules: tuple[str, ...]) -> None:
    """What neither time nor circumstances can help names the rules that stop it."""
    request = _withdrawal(key={**WITHDRAWAL["key"], "subaccount": "desk"}) if name == rules[0] else case_named(name)
    found = nearest(_situation(reference_program(), request), 5.0)
    assert (found.never, found.changes, found.unanswered) == (rules, (), "")


def test_never_for_want_of_an_allow() -> None:
    """Where no rule allows it, the conditions are named that nothing would meet."""
    request = _withdrawal(key={**WITHDRAWAL["key"], "owner": "mallory"})
    found = nearest(_situation(reference_program(), request), 5.0)
    assert found == Nearest(never=("no_rule_allows",), conditions=("key.owner in withdrawal_operators",))


def test_what_may_change_can_be_said() -> None:
    """The caller's patterns replace the table."""
    request = _order(risk={"score": 95}, client={"ip": "198.51.100.77"})
    assert _said(request) == ["from an address in 203.0.113.0/24 or 2001:db8:10::/48, at a risk score of 89 or less"]
    found = nearest(_situation(reference_program(), request, ("client.*",)), 5.0)
    assert found.never == ("risk_restricted",)
    sandbox = case_named("AS-26 a sandbox key on the production host")
    assert _said(sandbox, "gateway.environment") == ["with gateway.environment `sandbox`"]


def test_every_refusal_of_the_reference_set_is_answered() -> None:
    """Each refused request of its tests gets changes that are allowed, or is never allowed; none is left open."""
    program, keys = reference_program(), reference_set().keys
    answered = 0
    for case in reference_cases()[::3]:
        decision = reference.decide(program, case.request, clock=lambda: AT_NINE, keys=keys.get)
        if decision.allowed or decision.code in ("unknown_action", "invalid_now"):
            continue
        if isinstance(case.request.get("key"), str):
            continue  # the situations of these tests have no keys to look up
        found = nearest(_situation(program, case.request), 5.0)
        assert bool(found.changes) is not bool(found.never), case.name
        for change in found.changes:
            after = reference.decide(program, change.apply(case.request), clock=lambda: AT_NINE, keys=keys.get)
            assert after.allowed, (case.name, change)
        answered += 1
    assert answered > 80


SMALL = """
actions { a }
context odd { lots : set of int  ttl : duration  where : network  kind : string  since : time  deep : decimal }
"""


def _small(body: str, **contexts: Any) -> list[str]:
    program = Engine.from_sources({"a.policy": SMALL + body}).compiled.program
    found = nearest(_situation(program, {"action": "a", "now": AT_NINE, **contexts}), 5.0)
    assert not found.unanswered
    return [change.text for change in found.changes] or [f"never: {', '.join(found.never)}"]


@pytest.mark.parametrize(
    ("body", "contexts", "expected"),
    [
        ("odd.lots has any of { 1, 2 }", {}, ["with one of `1`, `2` among odd.lots"]),
        ("odd.lots has all of { 1, 2 }", {"odd": {"lots": [1]}}, ["with `1` and `2` among odd.lots"]),
        ("odd.lots has at least 2 of { 1, 2, 3 }", {}, ["with at least 2 of `1`, `2`, `3` among odd.lots"]),
        ("not (odd.lots has 1)", {"odd": {"lots": [1, 5]}}, ["without `1` among odd.lots"]),
        ("odd.deep > 0.5 and odd.deep < 0.75", {}, ["at an odd deep above 0.5 and below 0.75"]),
        ("odd.deep == 0.5", {}, ["at an odd deep of 0.5"]),
        ("odd.deep > 0.5", {}, ["at an odd deep above 0.5"]),
        ("request.weight is known", {}, ["at a weight that is known"]),
        ("request.weight >= 3", {}, ["at a weight of 3 or more"]),
        ("odd.since < now - 1h", {}, ["with odd.since more than 1 hour ago"]),
        ("odd.since <= now - 1h30m", {}, ["with odd.since at least 1 hour 30 minutes ago"]),
        ("odd.since > now", {}, ["with odd.since later than now"]),
        ("odd.since <= now", {}, ["with odd.since not later than now"]),
        ("odd.since >= now + 1h", {}, ["with odd.since at least 1 hour from now"]),
        ("odd.since < now + 1h", {}, ["with odd.since less than 1 hour from now"]),
        ("odd.since > now - 5m and odd.since <= now", {}, ["with odd.since less than 5 minutes ago"]),
        ("odd.since >= 2030-01-01T00:00Z", {}, ["with odd.since at or after 2030-01-01T00:00:00Z"]),
        ("odd.since is known", {}, ["with odd.since known"]),
        ("odd.kind is unknown", {"odd": {"kind": "x"}}, ["without odd.kind"]),
        ("odd.kind is known", {}, ["with odd.kind known"]),
        ('odd.kind != "x"', {"odd": {"kind": "x"}}, ["with odd.kind other than `x`"]),
        ('odd.kind in { "x", "y" }', {}, ["with odd.kind `x` or `y`"]),
        ("client.ip in { 10.0.0.0/8 }", {}, ["from an address in 10.0.0.0/8"]),
        ("not (client.ip in { 10.0.0.0/8 })", {"client": {"ip": "10.0.0.1"}}, ["from an address outside 10.0.0.0/8"]),
        ("client.ip is known", {}, ["from an address in 0.0.0.0/0 or ::/0"]),
        ("now >= 2027-01-01T00:00Z", {}, ["on or after 2027-01-01T00:00:00Z"]),
        ("now < 2026-01-01T00:00Z", {}, ["never: no_rule_allows"]),
        ("key.id is known", {}, ["never: no_rule_allows"]),
    ],
)  # fmt: skip
def test_sentences(body: str, contexts: dict[str, Any], expected: list[str]) -> None:
    """Each kind of condition has its own way to be said."""
    assert _small(f"allow b on a when {body}", **contexts) == expected


def test_a_pattern_gets_an_example() -> None:
    """What a pattern takes is no sentence, so one text that it takes is named."""
    (said,) = _small('allow b on a when odd.kind like "x-*" and odd.kind != "x-"')
    assert said.startswith("with odd.kind `x-")


def test_alternatives_are_no_parts_of_one_another() -> None:
    """Two attributes together are an alternative to a third, and are listed after it."""
    body = "allow b on a when odd.kind is known and odd.ttl is known\nallow c on a when request.weight is known"
    assert _small(body) == ["at a weight that is known", "with odd.kind known, with odd.ttl `0`"]


def test_rules_that_stop_it_only_together() -> None:
    """Where each could be met alone but not all at once, as few as do so together are named."""
    body = 'allow b on a\ndeny c when odd.deep < 1\ndeny d when odd.deep >= 1\ndeny e when odd.kind == "x"'
    assert _small(body) == ["never: c, d"]
