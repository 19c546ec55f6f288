"""`policy-check show`: what a policy set declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Call

INVARIANT = """
# Nobody trades without a key.
invariant keys_only
  never allow on orders.*
  when key.id is unknown
"""


@pytest.fixture(autouse=True)
def _invariant(directory: Path) -> None:
    path = directory / "desk.policy"
    path.write_text(path.read_text() + INVARIANT)


def test_tables(call: Call, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules by action, then rules, limits and invariants with where they stand."""
    monkeypatch.chdir(directory)
    ended = call("show")
    assert ended.code == 0
    name, revision, *lines = ended.out.splitlines()
    assert name == "desk"
    assert revision.startswith("revision ")
    assert lines == [
        "",
        "3 actions",
        "  account.read",
        "  orders.cancel",
        "    deny       stale",
        "    allow      trade",
        "  orders.create",
        "    deny       risky, stale",
        "    allow      trade",
        "    challenge  recent_mfa, large",
        "    shadow     tighter_risk",
        "    limit      order_rate",
        "",
        "6 rules",
        "  deny         risky         403 risk_block          1 action   desk.policy:6",
        "  deny         stale         403 stale               2 actions  desk.policy:11",
        "  challenge    recent_mfa    401 mfa_required        1 action   desk.policy:16",
        "  challenge    large         403 approvals_required  1 action   desk.policy:21",
        "  allow        trade         200 allowed             2 actions  desk.policy:26",
        "  shadow deny  tighter_risk  403 tighter_risk        1 action   desk.policy:32",
        "",
        "1 limit",
        "  order_rate  100 per 10s  per key.id  1 action  desk.policy:36",
        "",
        "1 invariant",
        "  keys_only  never allow  2 actions  desk.policy:42",
    ]


def test_json(call: Call, directory: Path) -> None:
    """The same for programs."""
    found = call("show", directory, "-f", "json").json
    assert (found["version"], found["command"], found["name"]) == (1, "show", "desk")
    assert found["actions"]["orders.create"] == {
        "deny": ["risky", "stale"],
        "allow": ["trade"],
        "challenge": ["recent_mfa", "large"],
        "shadow": ["tighter_risk"],
        "limit": ["order_rate"],
    }
    assert found["rules"][0] == {
        "effect": "deny",
        "shadow": False,
        "status": 403,
        "code": "risk_block",
        "reason": found["rules"][0]["reason"],
        "name": "risky",
        "actions": ["orders.create"],
        "documentation": "",
        "file": f"{directory}/desk.policy",
        "line": 6,
    }
    assert (found["limits"][0]["count"], found["limits"][0]["period"], found["limits"][0]["per"]) == (
        "100",
        10_000,
        ["key.id"],
    )
    assert found["invariants"][0]["documentation"] == "Nobody trades without a key."


def test_broken_set(call: Call, directory: Path) -> None:
    """A set that does not compile declares nothing."""
    (directory / "desk.policy").write_text("deny\n")
    assert call("show", directory).code == 3
