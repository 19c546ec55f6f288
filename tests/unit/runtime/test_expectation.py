"""Comparing a decision with what a case expects of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from durwan.model.decision import Decision, Outcome, Remedy
from durwan.runtime.expectation import differing_fields

DECISION = Decision(
    Outcome(
        effect="challenge",
        rule="recent_mfa",
        status=401,
        code="mfa_required",
        reason="prove that it is you",
        obligations={"fee": Decimal("0.50"), "cap": 10, "live": True, "desk": "a"},
        remedies=(Remedy(kind="mfa", within=300_000), Remedy(kind="approvals", count=2, of="treasury")),
        unknowns=("risk.as_of", "risk.score"),
        shadows=("tighter", "other"),
        retry_after=2.5,
        revision="ab12",
    ),
    1_772_442_000_000,
)


@pytest.mark.parametrize(
    "expected",
    [
        {},
        {"effect": "challenge"},
        {"rule": "recent_mfa", "status": 401, "code": "mfa_required", "reason": "prove that it is you"},
        {"obligations": {"fee": "0.5", "cap": 10, "live": True, "desk": "a"}},
        {"obligations": {"fee": 0.5, "cap": 10, "live": True, "desk": "a"}},
        {"remedies": [{"kind": "mfa", "within": "5m"}, {"kind": "approvals", "count": 2, "of": "treasury"}]},
        {"remedies": [{"kind": "mfa", "within": 300_000}, {"kind": "approvals"}]},
        {"unknowns": ["risk.score", "risk.as_of"]},
        {"shadows": ["other", "tighter"]},
        {"valid_until": "2026-03-02T09:00:00Z"},
        {"valid_until": "2026-03-02T10:00:00+01:00"},
        {"valid_until": 1_772_442_000_000},
        {"allowed": False, "revision": "ab12"},
        {"retry_after": 2.5},
        {"retry_after": "2s500ms"},
    ],
)
def test_fulfilled(expected: dict[str, Any]) -> None:
    """Only what is given is compared, each value in any form that the language knows for it."""
    assert differing_fields(expected, DECISION) == ()


@pytest.mark.parametrize(
    "expected",
    [
        {"effect": "allow"},
        {"rule": None},
        {"status": 403},
        {"obligations": {}},
        {"obligations": {"fee": "0.5", "cap": 10, "live": 1, "desk": "a"}},
        {"obligations": {"fee": "0.5", "cap": True, "live": True, "desk": "a"}},
        {"obligations": {"fee": "half", "cap": 10, "live": True, "desk": "a"}},
        {"remedies": []},
        {"remedies": [{"kind": "mfa"}]},
        {"remedies": [{"kind": "approvals"}, {"kind": "mfa"}]},
        {"remedies": [{"kind": "mfa", "within": None}, {"kind": "approvals"}]},
        {"remedies": [{"kind": "mfa", "name": "mfa"}, {"kind": "approvals"}]},
        {"unknowns": []},
        {"unknowns": ["risk.score"]},
        {"shadows": ["tighter"]},
        {"valid_until": None},
        {"valid_until": "2026-03-02T09:00:00.001Z"},
        {"allowed": True},
        {"revision": "ab"},
        {"retry_after": None},
        {"retry_after": 2},
        {"retry_after": "2s"},
        {"retry_after": "soon"},
    ],
)
def test_not_fulfilled(expected: dict[str, Any]) -> None:
    """Each of these differs, in the field that is given."""
    assert differing_fields(expected, DECISION) == tuple(expected)


def test_never_valid_until() -> None:
    """A decision that time never changes has the deadline null."""
    assert differing_fields({"valid_until": None}, Decision(DECISION.outcome, None)) == ()


def test_every_differing_field_is_named() -> None:
    """In the order in which they are expected."""
    assert differing_fields({"code": "x", "effect": "challenge", "rule": "y"}, DECISION) == ("code", "rule")
