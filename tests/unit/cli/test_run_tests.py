"""`policy-check test`: the test files alone."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.cli.conftest import Call


def test_passing(call: Call, directory: Path) -> None:
    """One line; warnings about the policies are not this command's."""
    ended = call("test", directory, "--fail-level", "warning")
    assert ended.code == 0
    assert re.fullmatch(r"3 passed, 1 skipped in \d+\.\d\d s\n", ended.out)


def test_verbose(call: Call, directory: Path) -> None:
    """Each case with its verdict."""
    assert call("test", directory, "-v").out.splitlines()[:-1] == [
        "passed  a trader trades",
        "passed  unknown scores [risk.score=null]",
        "passed  unknown scores [risk.score=101]",
        "skipped nobody knows how old the score is",
    ]


def test_run(call: Call, directory: Path) -> None:
    """Only cases in whose name the pattern is found."""
    assert call("test", directory, "--run", "null|trades$").out.startswith("2 passed in ")
    ended = call("test", directory, "--run", "[")
    assert ended.code == 2
    assert "--run [ is no regular expression" in ended.err


def test_no_case_at_all(call: Call, directory: Path) -> None:
    """Nothing that was run has not passed."""
    ended = call("test", directory, "--run", "nothing has this name")
    assert ended.code == 1
    assert ended.out.startswith("no cases in ")
    (directory / "tests" / "cases.yaml").unlink()
    assert call("test", directory).code == 1


def test_failing(call: Call, directory: Path) -> None:
    """The failure is drawn, and the exit code is 1."""
    tests = directory / "tests" / "cases.yaml"
    tests.write_text(tests.read_text().replace("[null, 101]", "[null, 5]"))
    ended = call("test", directory, "-q")
    assert ended.code == 1
    assert ended.out.startswith(f"FAILED {directory}/tests/cases.yaml:13:11 unknown scores [risk.score=5]\n")
    assert ended.out.count("FAILED") == 1


def test_mistakes(call: Call, directory: Path) -> None:
    """They are drawn and counted, and fail the call though every case passes."""
    (directory / "tests" / "more.yaml").write_text("cases: [{ name: x, with: [tradr], expect: deny }]\n")
    ended = call("test", directory)
    assert ended.code == 1
    assert "error[P0805]: undefined fixture `tradr`\n" in ended.out
    assert "3 passed, 1 skipped; 1 error in test files in " in ended.out


def test_broken_set(call: Call, broken: Path) -> None:
    """A set that does not compile has no tests to run."""
    ended = call("test", broken)
    assert ended.code == 3
    assert ended.out.endswith("does not compile: 1 error\n")
    found = call("test", broken, "-f", "json").json
    assert (found["revision"], found["passed"], found["cases"]) == (None, 0, [])
    assert [each["code"] for each in found["diagnostics"]] == ["P0201"]


def test_json(call: Call, directory: Path) -> None:
    """Counts, and each case with what it expects, what it got, and its complete request."""
    found = call("test", directory, "-f", "json").json
    assert (found["version"], found["command"]) == (1, "test")
    assert [found[each] for each in ("passed", "failed", "skipped")] == [3, 0, 1]
    first, second, _, last = found["cases"]
    assert (first["name"], first["file"], first["line"]) == ("a trader trades", f"{directory}/tests/cases.yaml", 10)
    assert first["result"] == "passed"
    assert first["expected"] == {"effect": "allow", "rule": "trade"}
    assert (first["got"]["effect"], first["got"]["rule"]) == ("allow", "trade")
    assert first["got"]["revision"] == found["revision"]
    assert first["request"] == {
        "now": "2026-03-02T09:00:00Z",
        "action": "orders.create",
        "key": {"id": "desk-7", "scopes": ["orders.write"], "networks": ["203.0.113.0/24"], "labels": []},
        "client": {"ip": "203.0.113.9"},
        "risk": {"score": 12, "as_of": "2026-03-02T08:59:50Z"},
        "request": {"notional": "2500"},
    }
    assert second["request"]["risk"]["score"] is None
    assert (last["result"], last["got"], last["skip"]) == ("skipped", None, "being discussed")


def test_reference_policies_pass(call: Call) -> None:
    """The policy set that the documentation shows passes its own tests on both evaluators."""
    policies = Path(__file__).parents[3] / "policies"
    ended = call("test", policies, "-q")
    assert (ended.code, ended.out) == (0, "")
