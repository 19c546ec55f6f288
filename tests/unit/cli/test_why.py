"""`policy-check why`, and `explain` with a request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Call

POLICY = """
actions { a }
context risk { score : int 0..100 }
deny risky when risk.score >= 70 because "not now" respond 403 risk_block
deny banned when client.country == "XX"
allow b on a when client.ip in key.networks unless key.revoked default false
"""
REQUEST: dict[str, Any] = {
    "action": "a",
    "now": "2026-03-02T09:00:00Z",
    "risk": {"score": 80},
    "client": {"ip": "10.0.0.1", "country": "GB"},
    "key": {"id": "k", "networks": ["10.0.0.0/8"]},
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A policy set and a request."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.policy").write_text(POLICY)
    (tmp_path / "request.json").write_text(json.dumps(REQUEST))
    return tmp_path


def _asked(place: Path, request: object) -> Path:
    path = place / "request.json"
    path.write_text(json.dumps(request))
    return path


@pytest.mark.parametrize("command", ["why", "explain"])
def test_pretty(call: Call, place: Path, command: str) -> None:
    """The decision, the rule that decided with its conditions, and what would be allowed; the rest is folded."""
    ended = call(command, place / "set", "--request", place / "request.json")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "deny 403 risk_block",
        "  rule    risky",
        "  reason  not now",
        "",
        "deny risky applies",
        "  ✓ risk.score >= 70",
        "      risk.score = 80",
        "",
        "it would be allowed",
        "     at a risk score of 69 or less",
        "",
        "2 other rules about this action did not matter; -v shows all",
    ]


def test_every_rule(call: Call, place: Path) -> None:
    """`-v` shows all rules, the deciding one first, with a mark for each condition."""
    lines = call("why", place / "set", "-r", place / "request.json", "-v").out.splitlines()
    assert [line for line in lines if line.startswith(("deny ", "allow "))][1:] == [
        "deny risky applies",
        "deny banned does not apply",
        "allow b applies",
    ]
    assert '  ✗ client.country == "XX"' in lines
    assert "  ✗ unless key.revoked default false" in lines
    assert not any("did not matter" in line for line in lines)


def test_lines_fit(call: Call, place: Path) -> None:
    """No line is longer than 120 columns, whatever the key holds."""
    key = {"id": "k", "networks": [f"10.{number}.0.0/16" for number in range(0, 200, 2)]}
    request = _asked(
        place, {**REQUEST, "risk": {"score": 1}, "key": key, "client": {"ip": "192.0.2.1", "country": "GB"}}
    )
    ended = call("why", place / "set", "-r", request)
    assert ended.out.startswith("deny 403 no_rule_allows\n")
    assert max(map(len, ended.out.splitlines())) <= 120


def test_never(call: Call, place: Path) -> None:
    """What no change helps says so, with the conditions that nothing meets."""
    request = _asked(place, {**REQUEST, "risk": {"score": 1}, "key": {"id": "k"}})
    lines = call("why", place / "set", "-r", request).out.splitlines()
    assert lines[-4:-2] == ["never, whatever the request says: `no_rule_allows`", "  ✗ client.ip in key.networks"]


def test_json(call: Call, place: Path) -> None:
    """The decision, all rules, and the changes with their regions."""
    found = call("why", place / "set", "-r", place / "request.json", "-f", "json").json
    assert (found["version"], found["command"], found["decision"]["code"]) == (1, "why", "risk_block")
    assert [rule["name"] for rule in found["rules"]] == ["risky", "banned", "b"]
    assert found["rules"][0]["conditions"] == [
        {"clause": "when", "text": "risk.score >= 70", "truth": True, "values": {"risk.score": 80}}
    ]
    assert [each["text"] for each in found["nearest"]] == ["at a risk score of 69 or less"]
    assert found["nearest"][0]["changes"][0]["region"] == {"low": None, "high": 69}
    assert (found["never"], found["never_conditions"], found["unanswered"]) == ([], [], None)


def test_several_requests(call: Call, place: Path) -> None:
    """An array gives as many explanations, each with what it is about."""
    request = _asked(place, [REQUEST, {**REQUEST, "risk": {"score": 1}}])
    found = call("why", place / "set", "-r", request, "-f", "json").json
    assert [each["decision"]["effect"] for each in found["explanations"]] == ["deny", "allow"]
    assert "request   a, key k, from 10.0.0.1" in call("why", place / "set", "-r", request, "--client").out


def test_what_may_change(call: Call, place: Path) -> None:
    """Patterns say what may change."""
    ended = call("why", place / "set", "-r", place / "request.json", "--may-change", "client.*", "-f", "json")
    assert ended.json["never"] == ["risky"]


def test_client(call: Call, place: Path) -> None:
    """The client's form holds no rule, no bound and no value of others."""
    request = _asked(place, {**REQUEST, "client": {"ip": "192.0.2.1", "country": "GB"}, "risk": {"score": 1}})
    ended = call("why", place / "set", "-r", request, "--client")
    assert ended.out == "deny 403 no_rule_allows\n  reason    no rule allows this\n  networks  10.0.0.0/8\n"
    found = call("why", place / "set", "-r", request, "--client", "-f", "json").json
    assert found["networks"] == ["10.0.0.0/8"]
    assert "rules" not in found


def test_undecided(call: Call, place: Path) -> None:
    """Where the nearest change is not found in time the exit code is 4, and the rest is shown."""
    ended = call("why", place / "set", "-r", place / "request.json", "--timeout", "0.000001")
    assert ended.code == 4
    assert "what would be allowed is not known: it was not found in time" in ended.out


def test_wrong_calls(call: Call, place: Path) -> None:
    """A request is needed, and it must be there; a set with mistakes explains nothing."""
    assert call("why", place / "set").code == 2
    assert call("why", place / "set", "-r", place / "none.json").code == 2
    (place / "set" / "a.policy").write_text("allow")
    assert call("why", place / "set", "-r", place / "request.json").code == 3
