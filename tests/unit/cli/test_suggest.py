"""`policy-check test --suggest`."""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.conftest import NOW, Call


def test_the_file_passes_and_covers(call: Call, directory: Path) -> None:
    """Written among the tests, what is suggested passes, and coverage is whole."""
    tests = directory / "tests"
    ended = call("test", directory, "--suggest", "-o", tests / "suggested.yaml")
    assert (ended.code, ended.out) == (0, "")
    assert call("test", directory, "--threshold", "100", "--now", NOW).code == 0
    assert call("test", directory, "--suggest").out.endswith("cases: []\n")


def test_json(call: Call, directory: Path) -> None:
    """For programs each case has its fields, the complete request, and what it shows, with the place."""
    found = call("test", directory, "--suggest", "-f", "json").json
    assert (found["unreachable"], found["undecided"]) == ([], [])
    case = next(each for each in found["cases"] if each["name"] == "deny risky: `risk.score` is `90`")
    assert case["complete"]["risk"]["score"] == 90
    assert case["expect"]["rule"] == "risky"
    assert case["shows"][0]["file"] == f"{directory}/desk.policy"


def test_a_set_that_does_not_compile(call: Call, broken: Path) -> None:
    """Nothing can be suggested for it."""
    assert call("test", broken, "--suggest").code == 3


def test_wrong_timeout(call: Call, directory: Path) -> None:
    """What is no number is refused in words."""
    ended = call("test", directory, "--suggest", "--timeout", "never")
    assert (ended.code, "is no number of seconds" in ended.err) == (2, True)


def test_formats(call: Call, directory: Path) -> None:
    """It is a test file or JSON, nothing else."""
    ended = call("test", directory, "--suggest", "-f", "junit")
    assert ended.code == 2
    assert "--suggest writes a test file, or a document with -f json" in ended.err


def test_undecided(call: Call, directory: Path) -> None:
    """With too little time the exit code is 4."""
    assert call("test", directory, "--suggest", "--timeout", "0.000001").code == 4
