"""Coverage in `policy-check test` and `policy-check check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import NOW, Call


def test_table_and_what_is_missing(call: Call, directory: Path) -> None:
    """A line for each file and for all, then each place with something missing, and what."""
    ended = call("test", directory, "--coverage")
    assert ended.code == 0
    table, _, rest = ended.out.partition(" 47\n")
    assert table == f"{directory}/desk.policy   44.6 %     21 of"
    assert rest.startswith("all")
    risky = f"{directory}/desk.policy:8:8 deny risky: risk.score >= 90\n"
    assert f"{risky}  no case in which it is true\n  no case in which `risk.score` is `90`\n" in ended.out
    assert f"{directory}/desk.policy:6:6 deny risky\n" not in ended.out


def test_verbose(call: Call, directory: Path) -> None:
    """With `-v` also what was shown, and by which case."""
    ended = call("test", directory, "--coverage", "-v")
    assert (
        f"{directory}/desk.policy:6:6 deny risky\n  a case to which it applies: unknown scores [risk.score=null]\n"
        in (ended.out)
    )


def test_quiet(call: Call, directory: Path) -> None:
    """With `-q` nothing but the exit code."""
    ended = call("test", directory, "--coverage", "-q", "--threshold", "99")
    assert (ended.code, ended.out) == (5, "")


@pytest.mark.parametrize(("threshold", "code"), [("44.6", 0), ("44.7", 5), ("0", 0), ("100%", 5)])
@pytest.mark.parametrize("command", ["test", "check"])
def test_threshold(call: Call, directory: Path, command: str, threshold: str, code: int) -> None:
    """Less than the threshold is exit code 5, in both commands."""
    assert call(command, directory, "--threshold", threshold, "--now", NOW).code == code


def test_findings_come_first(call: Call, directory: Path) -> None:
    """A failed case is 1, however little is covered."""
    cases = directory / "tests" / "cases.yaml"
    cases.write_text(cases.read_text().replace("rule: trade", "rule: other"))
    assert call("test", directory, "--threshold", "100").code == 1


@pytest.mark.parametrize("threshold", ["101", "-1", "much", "", "1e1", "nan", ".", "٣"])
def test_wrong_threshold(call: Call, directory: Path, threshold: str) -> None:
    """What is no percentage is refused in words."""
    ended = call("test", directory, f"--threshold={threshold}")
    assert ended.code == 2
    assert "is no percentage: write a number from 0 to 100" in ended.err


def test_json(call: Call, directory: Path) -> None:
    """Figures of all, as counted by hand, by kind and by file; what is missing with its place, counted from one."""
    assert "coverage" not in call("test", directory, "-f", "json").json
    found = call("test", directory, "-f", "json", "--coverage").json["coverage"]
    assert (found["reached"], found["total"], found["percent"]) == (21, 47, 44.6)
    assert found["kinds"]["rule"] == {"reached": 10, "total": 13, "percent": 76.9}
    assert found["files"] == {f"{directory}/desk.policy": {"reached": 21, "total": 47, "percent": 44.6}}
    assert len(found["missing"]) == 26
    assert found["missing"][0] == {
        "kind": "condition",
        "owner": "deny risky",
        "text": "risk.score >= 90",
        "missing": "no case in which it is true",
        "actions": ["orders.create"],
        "file": f"{directory}/desk.policy",
        "line": 8,
        "column": 8,
        "end_line": 8,
        "end_column": 24,
    }
    assert call("check", directory, "-f", "json", "--now", NOW).json["coverage"] == found


def test_check_says_it_in_one_line(call: Call, directory: Path) -> None:
    """The summary of `check` has a line on coverage."""
    ended = call("check", directory, "--now", NOW)
    assert ended.out.endswith(
        "\ncovered   44.6 % of rules, conditions, thresholds and borders\nproved    no invariants\n"
    )


def test_page(call: Call, directory: Path, tmp_path: Path) -> None:
    """`--coverage-html` writes one page, and measures without being asked twice."""
    page = tmp_path / "page.html"
    ended = call("test", directory, "--coverage-html", page)
    assert ended.code == 0
    assert "<title>Coverage of desk</title>" in page.read_text("utf-8")
    nowhere = call("test", directory, "--coverage-html", tmp_path / "none" / "page.html")
    assert nowhere.code == 2
    assert "No such file or directory" in nowhere.err


def test_broken_set(call: Call, broken: Path) -> None:
    """Nothing is covered of a set that does not compile; that it does not is what counts."""
    assert call("test", broken, "--coverage", "--threshold", "50").code == 3
    ended = call("check", broken, "--threshold", "50", "-f", "json")
    assert (ended.code, ended.json["coverage"]) == (3, None)
