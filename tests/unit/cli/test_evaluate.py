"""`policy-check eval`: decisions on requests."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from durwan import Engine
from tests.unit.cli.conftest import NOW, Call

FIELDS = [
    "effect",
    "allowed",
    "rule",
    "status",
    "code",
    "reason",
    "obligations",
    "remedies",
    "unknowns",
    "retry_after",
    "valid_until",
    "shadows",
    "revision",
]


def altered(path: Path, **contexts: object) -> Path:
    request = json.loads(path.read_text())
    path.write_text(json.dumps({**request, **contexts}))
    return path


def test_json_has_the_fields_of_a_decision(call: Call, directory: Path, request_file: Path) -> None:
    """Exactly those, with the version and the command before them."""
    ended = call("eval", directory, "--request", request_file, "-f", "json")
    assert ended.code == 0
    found = ended.json
    assert set(found) == {"version", "command", *FIELDS}
    assert (found.pop("version"), found.pop("command")) == (1, "eval")
    assert found == {
        "effect": "allow",
        "allowed": True,
        "rule": "trade",
        "status": 200,
        "code": "allowed",
        "reason": found["reason"],
        "obligations": {"fee": "0.5", "cap": 10, "live": True, "desk": "a"},
        "remedies": [],
        "unknowns": [],
        "retry_after": None,
        "valid_until": 1_772_442_020_001,
        "shadows": [],
        "revision": found["revision"],
    }


def test_verdict_is_that_of_the_engine(call: Call, directory: Path, request_file: Path) -> None:
    """The command line and a gateway decide alike (R64)."""
    found = call("eval", directory, "-r", request_file, "-f", "json").json
    decision = Engine.load(directory).decide(json.loads(request_file.read_text()))
    assert {name: found[name] for name in FIELDS} == decision.as_dict()


def test_pretty(call: Call, directory: Path, request_file: Path) -> None:
    """What was decided in one line, and below it what there is to say about it."""
    altered(request_file, risk={"score": 60, "as_of": "2026-03-02T08:59:50Z"}, request={"notional": "250000"})
    ended = call("eval", directory, "--request", request_file)
    assert ended.code == 0
    *lines, revision = ended.out.splitlines()
    assert lines == [
        "challenge 401 mfa_required",
        "  rule         recent_mfa",
        "  reason       a second factor no older than 5m is required",
        '  remedies     kind "mfa", within 300000; kind "approvals", count 2, of "treasury"',
        "  valid until  2026-03-02T09:00:20.001Z",
    ]
    assert revision.startswith("  revision     ")


def test_several_requests(call: Call, directory: Path, request_file: Path) -> None:
    """An array of requests gives as many decisions, in its order."""
    one = json.loads(request_file.read_text())
    request_file.write_text(json.dumps([one, {"action": "nothing"}]))
    found = call("eval", directory, "-r", request_file, "-f", "json").json
    assert [each["code"] for each in found["decisions"]] == ["allowed", "unknown_action"]
    assert found["revision"] == found["decisions"][0]["revision"]
    drawn = call("eval", directory, "-r", request_file).out.split("\n\n")
    subject = f"  request      {one['action']}, key {one['key']['id']}, from {one['client']['ip']}"
    assert [each.splitlines()[1] for each in drawn] == [subject, "  request      nothing"]


def test_standard_input(call: Call, directory: Path, request_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` is standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(request_file.read_bytes())))
    assert call("eval", directory, "--request", "-", "-f", "json").json["effect"] == "allow"


def test_now(call: Call, directory: Path, request_file: Path) -> None:
    """`--now` is the clock; a request that brings its own time keeps it."""
    later = "2026-03-02T10:00:00Z"
    assert call("eval", directory, "-r", request_file, "-f", "json", "--now", later).json["effect"] == "allow"
    altered(request_file, now=None)
    assert call("eval", directory, "-r", request_file, "-f", "json", "--now", later).json["rule"] == "stale"
    assert call("eval", directory, "-r", request_file, "-f", "json", "--now", NOW).json["effect"] == "allow"


def test_fail_on_deny(call: Call, directory: Path, request_file: Path) -> None:
    """The exit code is good whatever is decided, unless it is asked for; then a challenge is no allow either."""
    assert call("eval", directory, "-r", request_file, "--fail-on", "deny").code == 0
    altered(request_file, risk={"score": 60, "as_of": "2026-03-02T08:59:50Z"})
    assert call("eval", directory, "-r", request_file).code == 0
    assert call("eval", directory, "-r", request_file, "--fail-on", "deny").code == 1
    altered(request_file, risk={"score": 95})
    assert call("eval", directory, "-r", request_file).code == 0
    assert call("eval", directory, "-r", request_file, "--fail-on", "deny").code == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"action": "a", "action": "b"}', 'the key "action" stands twice in one object'),
        ('{"risk": {"score": NaN}}', "NaN is not JSON"),
        ("[" * 40, "nested deeper than 32"),
        ('{"action": "\\ud800"}', "half of a surrogate pair"),
        ("nonsense", "the request is not JSON"),
        ("5", "a request is a JSON object, not a number"),
    ],
)
def test_request_that_is_refused(call: Call, directory: Path, tmp_path: Path, text: str, message: str) -> None:
    """A request that could be read in two ways is a wrong call (R53)."""
    path = tmp_path / "bad.json"
    path.write_text(text)
    ended = call("eval", directory, "-r", path)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_request_that_is_not_there(call: Call, directory: Path, tmp_path: Path) -> None:
    """It is a wrong call."""
    ended = call("eval", directory, "-r", tmp_path / "none.json")
    assert ended.code == 2
    place = f"{tmp_path}/none.json"
    assert ended.err == f"policy-check: error: the request {place} cannot be read: No such file or directory\n"


def test_broken_set(call: Call, broken: Path, request_file: Path) -> None:
    """Without a policy there is no decision; the mistakes are printed."""
    ended = call("eval", broken, "-r", request_file)
    assert ended.code == 3
    assert ended.out.startswith("error[P0201]")
    found = call("eval", broken, "-r", request_file, "-f", "json").json
    assert "effect" not in found
    assert [each["code"] for each in found["diagnostics"]] == ["P0201"]


def test_requests_are_decided_each_by_itself(call: Call, tmp_path: Path) -> None:
    """Counters are untouched for each request of a file: what one costs, another one does not wait for."""
    policy = "actions { pay }\nallow pay on pay\nlimit rate on pay to 1 per 1d cost request.weight per key.account\n"
    (tmp_path / "a.policy").write_text(policy)
    one = {"action": "pay", "key": {"account": "acme"}, "request": {"weight": 1}}
    (tmp_path / "requests.json").write_text(json.dumps([one, one, {**one, "request": {"weight": 2}}]))
    ended = call("eval", str(tmp_path), "--request", str(tmp_path / "requests.json"), "-f", "json")
    assert [each["status"] for each in json.loads(ended.out)["decisions"]] == [200, 200, 429]
