"""The tests that a policy has to pass before it may decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from durwan import StaticKeys
from durwan.compilation import compile_sources
from durwan.runtime.policy import Compiled, SelfTest
from durwan.runtime.self_test import SelfTestError, run_self_tests

NOW = 1_772_442_000_000

POLICY = """
actions { ping }
context risk { score : int 0..100 }
deny risky on ping when risk.score >= 90 respond 403 risk_block
allow ours on ping when key.environment == "production" with { cap: 10 }
"""
KEYS = "keys:\n  - id: desk-7\n    environment: production\n"


def with_tests(**tests: tuple[Mapping[str, Any], Mapping[str, Any]]) -> Compiled:
    """The policy above and its own keys, with tests by name."""
    found = tuple(
        SelfTest(name=name, request=request, expected=expected) for name, (request, expected) in tests.items()
    )
    return replace(compile_sources({"a.policy": POLICY, "keys/a.yaml": KEYS}), self_tests=found)


ASKED = {"action": "ping", "key": "desk-7", "risk": {"score": 1}, "now": "2026-03-02T09:00:00Z"}


def test_what_is_expected_is_compared_with_the_keys_of_the_set() -> None:
    """Tests that hold pass, with the instant as text, as a number or left to the clock."""
    allowed = {"effect": "allow", "rule": "ours", "obligations": {"cap": 10}}
    run_self_tests(
        with_tests(
            text=(ASKED, allowed),
            number=(ASKED | {"now": NOW}, allowed),
            clock=({name: value for name, value in ASKED.items() if name != "now"}, allowed),
            risky=(ASKED | {"risk": {}}, {"effect": "deny", "unknowns": ["risk.score"]}),
        ),
        lambda: NOW,
    )


def test_a_failure_says_what_was_expected_and_what_came() -> None:
    """Every failing test is named, with the fields that differ and no others."""
    compiled = with_tests(
        one=(ASKED, {"effect": "deny", "rule": "ours", "code": "risk_block"}),
        two=(ASKED, {"effect": "allow"}),
        three=(ASKED | {"risk": {"score": 90}}, {"allowed": True}),
    )
    with pytest.raises(SelfTestError) as caught:
        run_self_tests(compiled, lambda: NOW)
    assert str(caught.value).splitlines() == [
        "the policy set fails 2 of the 3 tests that it must pass",
        "one: effect 'allow' instead of 'deny', code 'allowed' instead of 'risk_block'",
        "three: allowed False instead of True",
    ]
    assert [failure.name for failure in caught.value.failures] == ["one", "three"]


def test_an_expectation_that_no_decision_can_fulfil_fails() -> None:
    """A field that decisions do not have is no reason to let a policy pass."""
    with pytest.raises(SelfTestError, match="mood None instead of 'good'"):
        run_self_tests(with_tests(one=(ASKED, {"mood": "good"})), lambda: NOW)


def test_only_the_sets_own_keys_count() -> None:
    """A test that names a key which the set does not have is decided without it."""
    compiled = replace(with_tests(one=(ASKED, {"effect": "allow"})), keys=StaticKeys())
    with pytest.raises(SelfTestError):
        run_self_tests(compiled, lambda: NOW)


def test_a_policy_without_tests_passes() -> None:
    """There is nothing to run."""
    run_self_tests(with_tests(), lambda: NOW)
