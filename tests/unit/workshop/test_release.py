"""From a policy set to what may be loaded: the cases that must pass go along."""

from __future__ import annotations

import subprocess
import sys

import pytest

from durwan import PolicyError
from durwan.language.policy_set import read_mapping
from durwan.workshop.release import release

POLICY = """
actions { orders.create orders.cancel }
context risk { score : int 0..100 }
deny risky on orders.create when risk.score >= 90 respond 403 risk_block
allow anything on *
"""
TESTS = """
now: 2026-03-02T09:00:00Z
fixtures:
  calm: { risk: { score: 1 } }
cases:
  - name: high risk is refused
    with: [calm]
    matrix: { risk.score: [90, 100], action: [orders.create] }
    expect: { effect: deny, code: risk_block }
  - name: cancel always works
    request: { action: orders.cancel, risk: { score: 100 } }
    expect: allow
"""


def files(must_pass: str, **changes: str) -> dict[str, str]:
    """The set above with these cases named in its manifest."""
    return {"policy.yaml": f"must_pass: {must_pass}\n", "a.policy": POLICY, "tests/a.yaml": TESTS} | {
        name.replace("__", "/").replace("_", "."): text for name, text in changes.items()
    }


def test_the_named_cases_go_along_with_every_combination() -> None:
    """A matrix makes one self-test for each combination; fixtures and the frozen instant are part of the request."""
    compiled = release(read_mapping(files("[high risk is refused]")))
    assert [test.name for test in compiled.self_tests] == [
        "high risk is refused [risk.score=90, action=orders.create]",
        "high risk is refused [risk.score=100, action=orders.create]",
    ]
    assert compiled.self_tests[0].request == {
        "now": "2026-03-02T09:00:00Z", "risk": {"score": 90}, "action": "orders.create",
    }  # fmt: skip
    assert compiled.self_tests[0].expected == {"effect": "deny", "code": "risk_block"}


def test_a_set_that_names_none_has_none_and_reads_no_test_file() -> None:
    """Even test files that are broken do not matter then, and what reads them is not loaded."""
    assert release(read_mapping(files("[]", tests__a_yaml="cases: ["))).self_tests == ()
    script = (
        "import sys; from durwan import Engine\n"
        "Engine.from_sources({'a.policy': 'actions { a }'})\n"
        "assert 'durwan.workshop.release' in sys.modules\n"
        "assert 'durwan.workshop.test_files' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize(
    ("must_pass", "tests", "code"),
    [
        ("[high risc is refused]", TESTS, "P0815"),
        ("[cancel always works]", TESTS.replace("expect: allow", "expect: allow\n    skip: later"), "P0816"),
        ("[cancel always works]", "cases: [", "P0504"),
        ("[cancel always works]", TESTS.replace("expect: allow", "expect: perhaps"), "P0804"),
        ("[high risk is refused]", TESTS.replace("with: [calm]", "with: [clam]"), "P0805"),
    ],
)
def test_a_set_whose_cases_cannot_be_run_is_no_release(must_pass: str, tests: str, code: str) -> None:
    """A name that no case has, a skipped case, and test files with mistakes refuse the set, as `policy-check` does."""
    with pytest.raises(PolicyError) as caught:
        release(read_mapping(files(must_pass, tests__a_yaml=tests)))
    found = [item.code for item in caught.value.diagnostics if item.severity == "error"]
    assert code in found


def test_a_skipped_case_of_the_same_name_is_not_run() -> None:
    """Names are those of a file; another file may have a case of the same name, which waits for something."""
    other = "cases:\n  - {name: cancel always works, skip: later, request: {action: orders.cancel}, expect: deny}\n"
    compiled = release(read_mapping(files("[cancel always works]", tests__b_yaml=other)))
    assert [test.expected for test in compiled.self_tests] == [{"effect": "allow"}]
