"""The plugin of pytest: policy test files as tests, in runs of pytest of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.workshop.policies import POLICY, TRADER

pytest_plugins = ["pytester"]

CASES = """\
cases:
  - { name: a trader trades, with: [trader], expect: { effect: allow, rule: trade } }
  - { name: unknown scores, with: [trader], matrix: { risk.score: [null, 101] }, expect: { effect: deny, rule: risky } }
  - { name: later, with: [trader], expect: deny, skip: being discussed }
"""
OTHERS = "def test_other() -> None: pass\n"


@pytest.fixture(autouse=True)
def _plain_runs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with a policy set and one other test; warnings are errors, and no other plugin takes part."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    (pytester.path / "desk" / "tests").mkdir(parents=True)
    (pytester.path / "desk" / "desk.policy").write_text(POLICY)
    (pytester.path / "desk" / "tests" / "cases.yaml").write_text(TRADER + CASES)
    pytester.makepyfile(test_others=OTHERS)


def run(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "durwan.pytest_plugin", "-W", "error", *words)


def test_nothing_happens_unless_asked(pytester: pytest.Pytester) -> None:
    """Where it is installed and not asked for, the policy set's files are not touched."""
    run(pytester).assert_outcomes(passed=1)


def test_it_is_light() -> None:
    """Loading it loads nothing that reads policies."""
    script = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import durwan.pytest_plugin\n"
        "print(sorted(name for name in set(sys.modules) - before if name != 'durwan.pytest_plugin'))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout in ("['durwan']\n", "[]\n")


def test_option(pytester: pytest.Pytester) -> None:
    """The cases of the set are run beside the other tests, one item each."""
    ended = run(pytester, "--policy-set", "desk", "-v", "-rs")
    ended.assert_outcomes(passed=4, skipped=1)
    ended.stdout.fnmatch_lines(
        ["*cases.yaml::a trader trades PASSED*", "*cases.yaml::unknown scores [[]risk.score=null[]] PASSED*"],
    )
    ended.stdout.fnmatch_lines(["SKIPPED*being discussed"])


def test_ini(pytester: pytest.Pytester) -> None:
    """Named in the configuration, sets are collected with everything, and not with a single file."""
    pytester.makeini("[pytest]\npolicy_sets = desk\n")
    run(pytester).assert_outcomes(passed=4, skipped=1)
    run(pytester, "test_others.py").assert_outcomes(passed=1)
    run(pytester, "desk").assert_outcomes(passed=3, skipped=1)


@pytest.mark.parametrize("words", [("desk",), (".",), ("desk/tests/cases.yaml", "test_others.py")])
def test_no_case_runs_twice(pytester: pytest.Pytester, words: tuple[str, ...]) -> None:
    """However the set is named besides, each case is run once."""
    ended = run(pytester, "--policy-set", "desk", *words)
    assert ended.parseoutcomes()["passed"] in (3, 4)
    assert ended.parseoutcomes()["skipped"] == 1


def test_one_case(pytester: pytest.Pytester) -> None:
    """A single case can be named, and chosen by its keywords."""
    named = run(pytester, "--policy-set", "desk", "desk/tests/cases.yaml::unknown scores [risk.score=101]")
    named.assert_outcomes(passed=1)
    run(pytester, "--policy-set", "desk", "-k", "trader and trades").assert_outcomes(passed=1, deselected=4)


def test_failure(pytester: pytest.Pytester) -> None:
    """A failing case shows what `policy-check test` shows, and no traceback."""
    tests = pytester.path / "desk" / "tests" / "cases.yaml"
    tests.write_text(tests.read_text().replace("effect: allow, rule: trade", "effect: deny, rule: risky"))
    ended = run(pytester, "--policy-set", "desk")
    ended.assert_outcomes(passed=3, failed=1, skipped=1)
    ended.stdout.fnmatch_lines(
        [
            "FAILED desk/tests/cases.yaml:10:13 a trader trades",
            "  expected  effect deny, rule risky",
            "  because   `risky` did not apply:",
            "              when `risk.score >= 90` is false",
            '  request   {"now": "2026-03-02T09:00:00Z",',
            "FAILED desk/tests/cases.yaml::a trader trades - effect: expected deny*",
        ]
    )
    ended.stdout.no_fnmatch_line("*Traceback*")
    ended.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_set_that_does_not_compile(pytester: pytest.Pytester) -> None:
    """It is an error of the collection, told in full once."""
    (pytester.path / "desk" / "desk.policy").write_text(POLICY.replace("risk.score >= 90", "risk.scor >= 90"))
    (pytester.path / "desk" / "tests" / "more.yaml").write_text("cases: [{ name: x, expect: deny }]\n")
    ended = run(pytester, "--policy-set", "desk")
    ended.assert_outcomes(errors=2)
    assert str(ended.stdout).count("unknown attribute `risk.scor`") == 1
    ended.stdout.fnmatch_lines(["desk does not compile; see the first of its test files"])


def test_mistake_in_a_test_file(pytester: pytest.Pytester) -> None:
    """It is an error of that file alone."""
    (pytester.path / "desk" / "tests" / "more.yaml").write_text("cases: [{ name: x, with: [tradr], expect: deny }]\n")
    ended = run(pytester, "--policy-set", "desk", "--continue-on-collection-errors")
    ended.assert_outcomes(passed=4, skipped=1, errors=1)
    ended.stdout.fnmatch_lines(["error[[]P0805[]]: undefined fixture `tradr`", " --> desk/tests/more.yaml:1:27"])


def test_empty_file_is_an_error(pytester: pytest.Pytester) -> None:
    """A file without cases has not passed."""
    (pytester.path / "desk" / "tests" / "more.yaml").write_text("cases: []\n")
    run(pytester, "--policy-set", "desk").assert_outcomes(errors=1)


@pytest.mark.parametrize(
    ("path", "told"),
    [("nowhere", "nowhere"), (".", "no policy files"), ("bare", "has no test files in tests/")],
)
def test_wrong_path(pytester: pytest.Pytester, path: str, told: str) -> None:
    """A directory that holds no policy set, or one without tests, is a wrong call."""
    bare = Path(pytester.path / "bare")
    bare.mkdir()
    (bare / "a.policy").write_text(POLICY)
    if path == ".":
        (bare / "a.policy").unlink()
        path = "bare"
    ended = run(pytester, "--policy-set", path)
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    ended.stderr.fnmatch_lines([f"ERROR: --policy-set: *{told}*"])
