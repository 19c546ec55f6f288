"""R1 to R4 and R9: nothing falls through, an error never opens the door, and `decide` is total."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from durwan import Engine, PolicyError
from durwan.compilation import compile_policy, compile_sources
from durwan.language.policy_set import read_mapping
from durwan.workshop.verification import verify
from tests.conformance.evaluators import NOW, PlainMapping, engine_of
from tests.generators.programs import ACTIONS
from tests.generators.requests import generate_request
from tests.security.hostile import FAULTS, MAKERS, RaisingMapping
from tests.security.policies import compiled, decide

# ------------------------------------------------------------------------------------------------- R1, fall-through


@pytest.mark.parametrize("text", ["", "# nothing\n", "context risk { score : int }\n"])
def test_an_empty_policy_set_allows_nothing(text: str) -> None:
    """Of a thousand random requests, an empty policy set allows none and knows no action."""
    random = Random(1)
    with Engine.from_sources({"empty.policy": text}, clock=lambda: NOW) as engine:
        for _ in range(1_000):
            decision = engine.decide(generate_request(random))
            assert (decision.effect, decision.status, decision.code) == ("deny", 403, "unknown_action")


def test_a_policy_set_without_rules_allows_nothing() -> None:
    """Of a thousand random requests, a policy set that declares actions and has no rule allows none."""
    random = Random(2)
    with Engine.from_sources({"bare.policy": f"actions {{ {' '.join(ACTIONS)} }}\n"}, clock=lambda: NOW) as engine:
        found = {engine.decide(generate_request(random)).code for _ in range(1_000)}
    assert found == {"no_rule_allows", "unknown_action", "invalid_now"}


def test_refusals_alone_allow_nothing() -> None:
    """Denies that do not apply and challenges that would be met leave the default deny."""
    text = "actions { a }\ndeny d on a when false\nchallenge c on a when false require login\nshadow allow s on a\n"
    decision = decide(text, {"action": "a"})
    assert (decision.effect, decision.rule, decision.code) == ("deny", None, "no_rule_allows")


def test_there_is_no_engine_before_its_policy_is_loaded() -> None:
    """An engine whose policy set does not compile is never made, so nothing can be asked of it."""
    with pytest.raises(PolicyError):
        Engine.from_sources({"a.policy": "actions { a }\nallow x on b\n"})


def test_a_failed_reload_keeps_the_policy_that_was() -> None:
    """After a reload that failed, the engine decides by the policy set that it had, and still denies by default."""
    sets = iter([{"a.policy": "actions { a b }\nallow x on a\n"}, {"a.policy": "allow everything on *"}])
    engine = Engine(lambda: compile_sources(next(sets)), clock=lambda: NOW)
    before = engine.revision
    with pytest.raises(PolicyError):
        engine.reload()
    assert engine.revision == before
    assert engine.decide({"action": "a"}).allowed
    assert not engine.decide({"action": "b"}).allowed


@pytest.mark.parametrize("action", ["b", "", "a.b", "*", None, 1, True, ["a"], {"a": 1}, b"a", "A", "a ", "\uff41"])
def test_an_action_that_is_not_declared_is_denied(action: object) -> None:
    """Whatever else stands under `action` is denied with its own code, though a rule allows everything."""
    decision = decide("actions { a }\nallow everything on *\n", {"action": action})
    assert (decision.effect, decision.rule, decision.status) == ("deny", None, 403)
    assert decision.code == "unknown_action"


# ------------------------------------------------------------------------------------ R3, an error opens no door

_RISKY = """
context risk { score : int }
actions { a }
allow everything on a
deny risky on a when risk.score > 80
"""
_CALM = """
context risk { score : int }
actions { a }
allow calm on a when risk.score <= 80
"""
_ODD_SCORES: list[Any] = [
    "90", None, [], math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("sNaN"), "high", "", {}, b"90", True, (),
    10**400, "1e400", complex(90, 0),
]  # fmt: skip


@pytest.mark.parametrize("score", _ODD_SCORES)
def test_an_odd_value_in_a_deny_denies(score: object) -> None:
    """A deny whose condition cannot be decided denies, even though another rule allows."""
    decision = decide(_RISKY, {"action": "a", "risk": {"score": score}})
    assert (decision.effect, decision.rule) == ("deny", "risky")
    # "90" is the exact text of an int, so that one is a fact; all others are doubts, and named.
    assert decision.unknowns == (() if score == "90" else ("risk.score",))


@pytest.mark.parametrize("score", [each for each in _ODD_SCORES if each != "90"])
def test_an_odd_value_in_an_allow_does_not_allow(score: object) -> None:
    """An allow whose condition cannot be decided does not allow."""
    decision = decide(_CALM, {"action": "a", "risk": {"score": score}})
    assert (decision.effect, decision.code) == ("deny", "no_rule_allows")


@pytest.mark.parametrize("risk", [None, [], "risk", 1, {}, (("score", 1),), {"Score": 1}])
def test_a_context_that_cannot_be_read_denies(risk: object) -> None:
    """A context that is absent, or is something else than a mapping, leaves its attributes unknown."""
    decision = decide(_RISKY, {"action": "a", "risk": risk})
    assert (decision.rule, decision.unknowns) == ("risky", ("risk.score",))
    assert not decide(_CALM, {"action": "a", "risk": risk}).allowed


# --------------------------------------------------------------------------------------- R4, a missing attribute


def test_not_unknown_does_not_allow() -> None:
    """`allow when not (risk.score > 50)` without a score allows nothing."""
    text = "context risk { score : int }\nactions { a }\nallow calm on a when not (risk.score > 50)\n"
    assert decide(text, {"action": "a"}).code == "no_rule_allows"
    assert decide(text, {"action": "a", "risk": {"score": 50}}).allowed


def test_a_missing_attribute_fires_a_deny() -> None:
    """`deny when risk.kyc != "ok"` without kyc denies, and says why."""
    text = 'context risk { kyc : string }\nactions { a }\nallow x on a\ndeny unchecked on a when risk.kyc != "ok"\n'
    decision = decide(text, {"action": "a", "risk": {}})
    assert (decision.rule, decision.unknowns) == ("unchecked", ("risk.kyc",))
    assert decide(text, {"action": "a", "risk": {"kyc": "ok"}}).allowed


def test_a_missing_attribute_fires_an_exception_of_a_deny() -> None:
    """`deny unless client.ip in office` denies where there is no address."""
    text = (
        "network office = { 10.0.0.0/8 }\nactions { a }\nallow x on a\ndeny outside on a unless client.ip in office\n"
    )
    assert decide(text, {"action": "a"}).rule == "outside"
    assert decide(text, {"action": "a", "client": {"ip": "10.0.0.1"}}).allowed


_TESTS = [
    't.text == "a"', 't.text != "a"', 't.text in { "a" }', 't.text not in { "a" }', 't.text like "*"',
    "t.count < 1", "t.count <= 1", "t.count > 1", "t.count >= 1", "t.count + 1 == 2", "t.count - 1 != 2",
    "t.count * 2 == 2", "t.amount == 0.5", "t.flag", "not t.flag", "t.flag == true", "t.at < now", "now - t.at > 5m",
    "t.at + 1h > now", "t.age > 5m", "t.address in { 10.0.0.0/8 }", "t.address == 10.0.0.1", "t.at in office_hours",
    't.names has "a"', 't.names has any of { "a" }', 't.names has all of { "a" }', 't.names has at least 1 of { "a" }',
    "t.grants has s", "t.names has t.text", "client.ip in t.ranges", "t.count < 1 and true", "t.count < 1 or false",
]  # fmt: skip


@pytest.mark.parametrize("test", _TESTS)
def test_every_test_of_a_missing_attribute_is_unknown(test: str) -> None:
    """Whatever is asked of a missing attribute, and its negation, proves no allow and disproves no deny."""
    declarations = """
    context t {
      text : string  count : int  amount : decimal  flag : bool  at : time  age : duration  address : ip
      names : set of string  grants : set of scope  ranges : network
    }
    scopes { s }
    window office_hours = mon..fri 08:00..18:00 "Europe/London"
    actions { positive negative }
    """
    text = (
        f"{declarations}\nallow a1 on positive when {test}\nallow a2 on negative when not ({test})\n"
        f"shadow deny d1 on positive when {test}\nshadow deny d2 on negative when not ({test})\n"
        f"shadow challenge c on * when {test} require login\n"
    )
    for action, shadow in (("positive", "d1"), ("negative", "d2")):
        decision = decide(text, {"action": action})
        assert decision.code == "no_rule_allows"
        assert decision.shadows == (shadow, "c")


def test_an_unguarded_attribute_is_warned_of() -> None:
    """`policy-check` warns of an attribute that a rule reads and that no test ever leaves out."""
    tests = "cases:\n  - name: known\n    request: { action: a, risk: { score: 1 } }\n    expect: allow\n"
    files = {"a.policy": _RISKY, "tests/a.yaml": tests}
    found = verify(compile_policy(read_mapping(files)), lambda: NOW, linted=True)
    assert "P0709" in {item.code for item in found.diagnostics}, [item.message for item in found.diagnostics]


# -------------------------------------------------------------------------------------------- R9, decide is total

_READER = """
context t {
  text : string  side : "buy" | "sell"  count : int  amount : decimal  flag : bool  at : time  age : duration
  address : ip  ranges : network  names : set of string  grants : set of scope  lots : set of int
}
scopes { s }
actions { guarded open free }
network office = { 10.0.0.0/8 }

deny guarded
  on guarded
  unless t.text == "x" and t.side == "buy" and t.count in { 5 } and t.amount >= 0 and t.flag and t.at < now
     and t.age > 1s and t.address in office and client.ip in t.ranges and t.names has "x" and t.grants has s
     and t.lots has 5 and t.text like "x*" and key.id == "k"

allow guarded_and_read
  on guarded, open
  when t.text == "x" or t.side == "buy" or t.count in { 5 } or t.amount >= 0 or t.flag or t.at < now or t.age > 1s
    or t.address in office or client.ip in t.ranges or t.names has "x" or t.grants has any of { s } or t.lots has 5
    or t.text like "x*" or t.names has at least 1 of { "x", "y" } or key.id == "k"

allow without_reading
  on free
"""
_KNOWN: Mapping[str, Any] = {
    "text": "x", "side": "buy", "count": 5, "amount": "0.5", "flag": True, "at": NOW - 1, "age": "2s",
    "address": "10.0.0.1", "ranges": ["192.0.2.0/24"], "names": ["x"], "grants": ["s"], "lots": [5],
}  # fmt: skip


def _request(action: str) -> dict[str, Any]:
    return {"action": action, "t": dict(_KNOWN), "client": {"ip": "192.0.2.1"}, "key": {"id": "k"}}


def test_the_request_that_is_spoilt_below_is_allowed() -> None:
    """Without anything hostile in it, the request of the tests below is allowed."""
    assert decide(_READER, _request("guarded")).allowed


@pytest.mark.parametrize("attribute", _KNOWN)
def test_a_hostile_attribute_denies(attribute: str) -> None:
    """A hostile object in place of any attribute raises nothing and lets nothing through."""
    for name, make in MAKERS.items():
        request = _request("guarded")
        request["t"][attribute] = make()
        assert decide(_READER, request).rule == "guarded", name
        alone = {"action": "open", "t": {attribute: make()}}
        assert decide(_READER, alone).code == "no_rule_allows", name


@pytest.mark.parametrize("collection", [list, tuple])
@pytest.mark.parametrize("attribute", ["ranges", "names", "grants", "lots"])
def test_a_hostile_member_denies(attribute: str, collection: Callable[[list[Any]], Any]) -> None:
    """A hostile object among the members of a set makes the whole set unknown."""
    for name, make in MAKERS.items():
        request = _request("guarded")
        request["t"][attribute] = collection([*request["t"][attribute], make()])
        # A lone surrogate is a text, if an odd one.
        harmless = name == "lone surrogate" and attribute in ("names", "grants")
        assert decide(_READER, request).rule == ("guarded_and_read" if harmless else "guarded"), name


@pytest.mark.parametrize("context", ["t", "client", "key"])
def test_a_hostile_context_denies(context: str) -> None:
    """A hostile object in place of a context raises nothing and lets nothing through."""
    for name, make in MAKERS.items():
        assert decide(_READER, {**_request("guarded"), context: make()}).rule == "guarded", name


def test_a_hostile_action_denies() -> None:
    """A hostile object in place of the action is an unknown action."""
    for name, make in MAKERS.items():
        assert decide(_READER, {**_request("free"), "action": make()}).code == "unknown_action", name


def test_a_hostile_instant_denies() -> None:
    """A hostile object in place of `now` is an invalid instant, also for a rule that reads nothing."""
    for name in MAKERS.keys() - {"null"}:
        assert decide(_READER, {**_request("free"), "now": MAKERS[name]()}).code == "invalid_now", name


def test_hostile_extras_change_nothing() -> None:
    """What no policy declares is not even looked at."""
    for name, make in MAKERS.items():
        request = _request("guarded")
        request["undeclared"] = make()
        request["t"]["undeclared"] = make()
        assert decide(_READER, request).allowed, name


@pytest.mark.parametrize("fault", FAULTS)
def test_a_hostile_request_denies(fault: type[Exception]) -> None:
    """A request of which nothing can be read is denied, with a code of its own, and raises nothing."""
    engine = engine_of(compiled(_READER))
    decision = engine.decide(RaisingMapping(fault))
    assert (decision.effect, decision.status, decision.code) == ("deny", 503, "internal_error")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_key_source_that_fails_denies(fault: type[Exception]) -> None:
    """A key source that raises leaves the key unknown."""
    engine = Engine.from_sources({"a.policy": _READER}, keys=RaisingMapping(fault), clock=lambda: NOW)
    for request in ({**_request("guarded"), "key": "k"}, PlainMapping({**_request("guarded"), "key": "k"})):
        assert engine.decide(request).rule == "guarded"
        assert engine.decide({"action": "open", "key": "k"}).code == "no_rule_allows"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_clock_that_fails_denies(fault: type[Exception]) -> None:
    """A clock that raises lets nothing through, and says so by a code of its own."""

    def clock() -> int:
        raise fault

    engine = Engine.from_sources({"a.policy": _READER}, clock=clock)
    for _ in range(3):
        assert engine.decide({"action": "free"}).code == "internal_error"
    assert engine.decide({"action": "free", "now": NOW}).allowed


def test_a_key_record_may_hold_anything() -> None:
    """Hostile attributes of a key that was looked up leave these attributes unknown."""
    text = "scopes { s }\nactions { a }\nallow x on a when key.scopes has s and not key.revoked\n"
    for name, make in MAKERS.items():
        keys = {"k": {"id": "k", "scopes": make(), "revoked": make()}, "odd": make()}
        engine = Engine.from_sources({"a.policy": text}, keys=keys, clock=lambda: NOW)
        for _ in range(2):
            assert engine.decide({"action": "a", "key": "k"}).code == "no_rule_allows", name
            assert engine.decide({"action": "a", "key": "odd"}).code == "no_rule_allows", name


@pytest.mark.parametrize("request_", [None, [], "action", 5, [("action", "free")], b"{}", object(), {"action"}])
def test_a_request_that_is_no_mapping_is_a_wrong_call(request_: Any) -> None:
    """Something else than a mapping is a mistake of the caller, and raises TypeError."""
    engine = engine_of(compiled(_READER))
    with pytest.raises(TypeError, match="a request is a mapping"):
        engine.decide(request_)


def test_a_decision_has_no_truth_value() -> None:
    """`if engine.decide(request)` raises instead of letting everything through."""
    decision = decide(_READER, {"action": "nothing"})
    with pytest.raises(TypeError, match="allowed"):
        bool(decision)
