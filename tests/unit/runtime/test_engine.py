"""The engine as gateways hold it."""

from __future__ import annotations

import pickle
import threading
from types import MappingProxyType
from typing import Any

import pytest

from durwan import Decision, Engine, PolicyError, StaticKeys

NOW = 1_772_442_000_000  # 2026-03-02T09:00:00Z

POLICY = """
actions { orders.create orders.cancel withdrawals.create }
scopes { orders.read  orders.write includes orders.read  withdrawals.write }
context risk { score : int 0..100 }
network office = { 203.0.113.0/24 }
set treasury = { "alice", "bob" }

deny expired on * when now >= key.expires because "the key has expired" respond 401 credential_expired
deny risky on orders.create when risk.score >= 90 respond 403 risk_block

challenge recent_mfa on withdrawals.create when now - session.mfa_at > 5m require mfa within 5m
challenge large on withdrawals.create when request.notional > 100_000 require approvals 2 of treasury

allow trade on orders.create, orders.cancel when key.scopes has orders.write and client.ip in office
  with { post_only: true }
allow withdraw on withdrawals.create when key.scopes has withdrawals.write
shadow deny tighter on orders.create when risk.score >= 50
"""

TRADER: dict[str, Any] = {
    "id": "desk-7",
    "scopes": ["orders.write"],
    "expires": "2027-01-01T00:00:00Z",
}


def request(**changes: Any) -> dict[str, Any]:
    """An order that is allowed, with changes."""
    order: dict[str, Any] = {
        "action": "orders.create",
        "key": TRADER,
        "client": {"ip": "203.0.113.9"},
        "risk": {"score": 12},
        "now": NOW,
    }
    return order | changes


@pytest.fixture(name="engine")
def engine_fixture() -> Engine:
    """An engine with one key of its own."""
    return Engine.from_sources({"a.policy": POLICY}, keys=StaticKeys({"desk-7": TRADER}), clock=lambda: NOW)


def test_an_order_is_allowed(engine: Engine) -> None:
    """An allow carries its obligations and the instant until which it holds."""
    decision = engine.decide(request())
    assert (decision.effect, decision.allowed, decision.status, decision.code) == ("allow", True, 200, "allowed")
    assert decision.rule == "trade"
    assert decision.obligations == {"post_only": True}
    assert decision.valid_until == 1_798_761_600_000
    assert decision.unknowns == ()
    assert decision.revision == engine.revision


def test_a_denied_order_says_why(engine: Engine) -> None:
    """A deny carries the rule's status, code and text."""
    decision = engine.decide(request(key=TRADER | {"expires": NOW}))
    assert (decision.effect, decision.status, decision.code) == ("deny", 401, "credential_expired")
    assert decision.reason == "the key has expired"
    assert decision.valid_until is None


def test_doubt_is_named(engine: Engine) -> None:
    """Denied because the score was missing is told from denied because it was high."""
    missing = engine.decide(request(risk={}))
    high = engine.decide(request(risk={"score": 95}))
    assert (missing.code, missing.unknowns) == ("risk_block", ("risk.score",))
    assert (high.code, high.unknowns) == ("risk_block", ())


def test_remedies_of_all_challenges_are_asked_at_once(engine: Engine) -> None:
    """A client is asked once for everything; status and code are those of the first challenge."""
    decision = engine.decide(
        request(
            action="withdrawals.create",
            key={"scopes": ["withdrawals.write"], "expires": NOW + 1},
            session={"mfa_at": NOW - 600_000},
            request={"notional": "100000.01"},
        )
    )
    assert (decision.effect, decision.status, decision.code) == ("challenge", 401, "mfa_required")
    assert [remedy.as_dict() for remedy in decision.remedies] == [
        {"kind": "mfa", "within": 300_000},
        {"kind": "approvals", "count": 2, "of": "treasury"},
    ]


def test_a_key_is_looked_up_by_its_id(engine: Engine) -> None:
    """A key given by id is decided like its attributes; an id that nobody has grants nothing."""
    assert engine.decide(request(key="desk-7")) == engine.decide(request())
    assert not engine.decide(request(key="nobody")).allowed


def test_shadow_rules_change_nothing(engine: Engine) -> None:
    """A shadow rule that applies is reported beside the decision."""
    decision = engine.decide(request(risk={"score": 60}))
    assert decision.allowed
    assert decision.shadows == ("tighter",)
    assert engine.decide(request()).shadows == ()


@pytest.mark.parametrize("action", [None, 1, "", "orders", "orders.create ", ["orders.create"], object()])
def test_an_unknown_action_is_denied(engine: Engine, action: object) -> None:
    """Whatever is not a declared action is denied with a code of its own."""
    decision = engine.decide(request(action=action))
    assert (decision.effect, decision.status, decision.code) == ("deny", 403, "unknown_action")


@pytest.mark.parametrize("now", ["soon", 1.5, True, 10**18, "2026-03-02T09:00:00"])
def test_an_instant_that_is_none_denies(engine: Engine, now: object) -> None:
    """A `now` that cannot be read denies instead of falling back to the clock."""
    decision = engine.decide(request(now=now))
    assert (decision.effect, decision.status, decision.code, decision.unknowns) == (
        "deny",
        400,
        "invalid_now",
        ("now",),
    )


def test_the_clock_serves_requests_without_an_instant(engine: Engine) -> None:
    """A request without `now`, or with null, is decided at the engine's clock."""
    order = request()
    del order["now"]
    assert engine.decide(order) == engine.decide(request()) == engine.decide(request(now=None))


@pytest.mark.parametrize("wrong", [None, [], "orders.create", 1])
def test_what_is_no_mapping_is_a_wrong_call(engine: Engine, wrong: Any) -> None:
    """A call with something else than a mapping is a mistake of the gateway, which must hear of it."""
    with pytest.raises(TypeError, match="a request is a mapping"):
        engine.decide(wrong)
    with pytest.raises(TypeError, match="a request is a mapping"):
        engine.explain(wrong)


def test_any_mapping_is_read(engine: Engine) -> None:
    """Mappings that are no dict are read like dicts, at every level."""
    contexts = {name: MappingProxyType[str, Any](request()[name]) for name in ("key", "client", "risk")}
    frozen = MappingProxyType[str, Any](request() | contexts)
    assert engine.decide(frozen) == engine.decide(request())


def test_a_mapping_that_makes_up_values_is_not_asked_to(engine: Engine) -> None:
    """A defaultdict neither gains entries nor supplies an attribute that is missing."""

    class Inventive(dict[str, Any]):
        def __missing__(self, key: str) -> int:
            self[key] = 0
            return 0

    risk = Inventive()
    decision = engine.decide(request(risk=risk))
    assert decision.unknowns == ("risk.score",)
    assert risk == {}


def test_a_decision_has_no_truth_value(engine: Engine) -> None:
    """`if engine.decide(request)` is a mistake that must not pass unnoticed."""
    with pytest.raises(TypeError, match=r"use decision\.allowed"):
        bool(engine.decide(request()))


def test_a_decision_is_immutable(engine: Engine) -> None:
    """No attribute of a decision can be set or deleted, nor its obligations changed."""
    decision = engine.decide(request())
    with pytest.raises(AttributeError, match="immutable"):
        decision.effect = "deny"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="immutable"):
        del decision.rule  # pyright: ignore[reportAttributeAccessIssue] - refused at run time as well
    with pytest.raises(TypeError):
        decision.obligations["post_only"] = False  # type: ignore[index]


def test_decisions_compare_and_travel(engine: Engine) -> None:
    """Equal decisions hash alike, and a decision survives pickling between worker processes."""
    decision = engine.decide(request(risk={}))
    again: Decision = pickle.loads(pickle.dumps(decision))  # noqa: S301 - our own bytes
    assert again == decision
    assert hash(again) == hash(decision)
    assert decision != engine.decide(request())
    assert decision != "deny"
    assert "risk_block" in repr(decision)


def test_a_broken_set_lists_every_mistake() -> None:
    """Loading a broken set raises one error that names each mistake with its place."""
    broken = "actions { orders.create }\nallow a on orders.create when risk.scor > 1\ndeny b on orders.delete\n"
    with pytest.raises(PolicyError) as caught:
        Engine.from_sources({"a.policy": broken})
    codes = [item.code for item in caught.value.diagnostics if item.severity == "error"]
    assert len(codes) == 2
    assert "a.policy:2:" in str(caught.value)
    assert "a.policy:3:" in str(caught.value)


def test_reload_follows_the_files(tmp_path: Any) -> None:
    """A changed set decides after reload; a broken one leaves the old policy in place."""
    path = tmp_path / "a.policy"
    path.write_text("actions { ping }\nallow ping on ping when client.ip in { 203.0.113.0/24 }\n")
    with Engine.load(tmp_path) as engine:
        ping = {"action": "ping", "client": {"ip": "203.0.113.9"}}
        first = engine.revision
        assert engine.decide(ping).allowed
        path.write_text("actions { ping }\nallow ping on ping when client.ip in { 198.51.100.0/24 }\n")
        assert engine.reload() == engine.revision != first
        assert not engine.decide(ping).allowed
        path.write_text("actions { ping }\nallow ping on pong\n")
        second = engine.revision
        with pytest.raises(PolicyError):
            engine.reload()
        assert engine.revision == second
        assert not engine.decide(ping).allowed


def test_the_revision_is_of_the_meaning() -> None:
    """Layout and comments leave the revision alone; a changed literal does not."""
    base = Engine.from_sources({"a.policy": POLICY}).revision
    assert Engine.from_sources({"a.policy": "# a comment\n" + POLICY.replace("\n", "\n\n")}).revision == base
    assert Engine.from_sources({"a.policy": POLICY.replace(">= 90", ">= 91")}).revision != base
    assert Engine.from_sources({"a.policy": POLICY.replace("203.0.113.0/24", "203.0.112.0/24")}).revision != base


def test_explain_shows_each_condition(engine: Engine) -> None:
    """An explanation gives the truth of every condition of every rule about the action, with the values read."""
    explanation = engine.explain(request(client={"ip": "198.51.100.1"}))
    assert explanation.decision.code == "no_rule_allows"
    rule = explanation.rule("trade")
    assert rule is not None
    assert not rule.applied
    assert rule.first_failure is not None
    assert rule.first_failure.text == "client.ip in office"
    assert rule.first_failure.truth is False
    assert rule.first_failure.values == {"client.ip": "198.51.100.1"}
    assert [each.name for each in explanation.rules] == ["expired", "risky", "trade", "tighter"]
    assert engine.explain({"action": "nothing"}).rules == ()


def test_many_threads_decide_alike(engine: Engine) -> None:
    """Threads that decide and reload at once see only right decisions."""
    expected = {60: ("allow", ("tighter",)), 95: ("deny", ("tighter",)), 12: ("allow", ())}
    wrong: list[Decision] = []

    def work() -> None:
        for index in range(2_000):
            score = (60, 95, 12)[index % 3]
            decision = engine.decide(request(risk={"score": score}))
            if (decision.effect, decision.shadows) != expected[score]:
                wrong.append(decision)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        engine.reload()
    for thread in threads:
        thread.join()
    assert wrong == []
