"""Running cases, and saying why one failed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from durwan.diagnostics.terminal import Style
from durwan.workshop.failures import draw_failure, reasons, summarize_failure
from durwan.workshop.mismatches import mismatches
from durwan.workshop.runner import CaseResult, ReferenceCheck
from durwan.workshop.verification import unknown_in_tests, verify
from tests.unit.workshop.policies import NOW, compiled, verified


def results_of(cases: str) -> tuple[CaseResult, ...]:
    found = verified(f"cases:\n{cases}")
    assert found.diagnostics == ()
    assert found.results is not None
    return found.results


def one_failure(case: str) -> CaseResult:
    [result] = results_of(f"  - {case}\n")
    assert result.verdict == "failed"
    return result


def test_verdicts() -> None:
    """A case passes, fails, or is skipped undecided."""
    results = results_of("""\
  - name: a
    with: [trader]
    expect: { effect: allow, rule: trade, obligations: { fee: "0.5", cap: 10, live: true, desk: a } }
  - { name: b, with: [trader], expect: deny }
  - { name: c, with: [trader], expect: deny, skip: later }
  - { name: d, with: [trader], matrix: { risk.score: [74, 75, 90] }, expect: allow }
""")
    assert [(each.case.name, each.verdict) for each in results] == [
        ("a", "passed"),
        ("b", "failed"),
        ("c", "skipped"),
        ("d [risk.score=74]", "failed"),
        ("d [risk.score=75]", "failed"),
        ("d [risk.score=90]", "failed"),
    ]
    assert results[2].decision is None
    assert results[1].differing == ("effect",)


def test_every_field_can_be_expected() -> None:
    """The whole decision can be pinned down."""
    [result] = results_of(
        """\
  - name: a challenge
    with: [trader]
    request: { risk: { score: 75 }, request: { notional: "250000" } }
    expect:
      effect: challenge
      rule: recent_mfa
      status: 401
      code: mfa_required
      reason: a second factor no older than 5m is required
      obligations: {}
      remedies: [{ kind: mfa, within: 5m }, { kind: approvals, count: 2, of: treasury }]
      unknowns: []
      shadows: [tighter_risk]
      allowed: false
      retry_after: null
      valid_until: 2026-03-02T09:00:20.001Z
      revision: REVISION
""".replace("REVISION", compiled().revision or "")
    )
    assert result.verdict == "passed"


def test_a_case_without_now_goes_by_the_clock() -> None:
    """The clock is given; nothing else is asked what time it is."""
    files = {
        "tests/a.yaml": "cases: [{ name: x, request: { action: orders.create, risk: { score: 1, as_of: "
        "2026-03-02T08:59:50Z } }, expect: { code: no_rule_allows } }]\n"
    }
    at = verify(compiled(files), lambda: NOW, linted=False)
    later = verify(compiled(files), lambda: NOW + 3_600_000, linted=False)
    assert at.results is not None
    assert later.results is not None
    assert [at.results[0].verdict, later.results[0].verdict] == ["passed", "failed"]


def test_reference_agrees() -> None:
    """What the generated evaluator decides, the reference evaluator decides too: then there is nothing to say."""
    [result] = results_of("  - { name: a, with: [trader], expect: allow }\n")
    assert result.decision is not None
    check = ReferenceCheck(compiled().finished(), lambda: NOW)
    assert check.otherwise(result.case, result.decision) is None


def test_reference_disagrees() -> None:
    """A decision that is not the reference evaluator's is found, and so is a deadline that is too late."""
    [result] = results_of("  - { name: a, with: [trader], expect: allow }\n")
    decision = result.decision
    assert decision is not None
    check = ReferenceCheck(compiled().finished(), lambda: NOW)
    wrong = replace(decision.outcome, effect="deny", rule="risky").until(decision.valid_until)
    found = check.otherwise(result.case, wrong)
    assert found is not None
    assert found.allowed
    late = decision.outcome.until(NOW + 86_400_000)
    found = check.otherwise(result.case, late)
    assert found is not None
    assert found.rule == "stale"


def test_limit_counts_on_top_of_the_rules() -> None:
    """A used-up limit is no disagreement where the rules alone allow, and one where they do not."""
    allowed, denied = results_of("""\
  - { name: a, with: [trader], expect: allow }
  - { name: b, request: { action: orders.create }, expect: deny }
""")
    assert allowed.decision is not None
    limited = replace(allowed.decision.outcome, effect="deny", rule="order_rate", status=429).until(None)
    check = ReferenceCheck(compiled().finished(), lambda: NOW)
    assert check.otherwise(allowed.case, limited) is None
    assert check.otherwise(denied.case, limited) is not None


def test_drawing_of_a_failure() -> None:
    """Where the case stands, what was expected and decided, the first condition that did not hold, and the request."""
    result = one_failure(
        "{ name: off site, with: [trader], request: { client: { ip: 198.51.100.1 } }, "
        "expect: { effect: allow, rule: trade } }"
    )
    assert draw_failure(result, Style(), root="sets/desk") == (
        "FAILED sets/desk/tests/cases.yaml:10:13 off site\n"
        "  expected  effect allow, rule trade\n"
        "  decided   effect deny, rule null, status 403, code no_rule_allows\n"
        "  because   `trade` did not apply:\n"
        "              when `client.ip in key.networks` is false\n"
        '                client.ip = "198.51.100.1"\n'
        '                key.networks = ["203.0.113.0/24"]\n'
        '  request   {"now": "2026-03-02T09:00:00Z",\n'
        '             "action": "orders.create",\n'
        '             "key": {"id": "desk-7", "scopes": ["orders.write"], "networks": ["203.0.113.0/24"], '
        '"labels": []},\n'
        '             "client": {"ip": "198.51.100.1"},\n'
        '             "risk": {"score": 12, "as_of": "2026-03-02T08:59:50Z"},\n'
        '             "request": {"notional": "2500"}}\n'
    )


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (
            "{ name: x, with: [trader], request: { risk: { score: null } }, expect: allow }",
            ["`risky` applied:", "  when `risk.score >= 90` is unknown", "    risk.score = unknown"],
        ),
        (
            "{ name: x, with: [trader], request: { risk: { score: 95, as_of: null } }, expect: { rule: stale } }",
            [
                "`stale` applied too, but `risky` decided before it",
                "`risky` applied:",
                "  when `risk.score >= 90` is true",
                "    risk.score = 95",
            ],
        ),
        (
            "{ name: x, with: [trader], request: { action: account.read }, expect: { effect: deny, rule: risky } }",
            ["`risky` is no rule about this action, or a limit that was not used up"],
        ),
        (
            "{ name: x, with: [trader], request: { action: account.read }, expect: allow }",
            ["no allow rule is about this action"],
        ),
        (
            "{ name: x, with: [trader], request: { key: { scopes: null } }, expect: allow }",
            ["`trade` did not apply:", "  when `key.scopes has orders.write` is unknown", "    key.scopes = unknown"],
        ),
        (
            "{ name: x, with: [trader], request: { action: nothing }, expect: { code: unknown_action, rule: risky } }",
            ["no policy declares this action"],
        ),
        (
            "{ name: x, with: [trader], request: { client: { ip: 198.51.100.1 } }, expect: { allowed: true } }",
            [
                "`trade` did not apply:",
                "  when `client.ip in key.networks` is false",
                '    client.ip = "198.51.100.1"',
                '    key.networks = ["203.0.113.0/24"]',
            ],
        ),
        (
            "{ name: x, with: [trader], request: { action: orders.cancel }, expect: { status: 403 } }",
            [
                "`trade` applied:",
                "  when `key.scopes has orders.write` is true",
                '    key.scopes = ["orders.write"]',
                "  when `client.ip in key.networks` is true",
                '    client.ip = "203.0.113.9"',
                '    key.networks = ["203.0.113.0/24"]',
            ],
        ),
        (
            "{ name: x, with: [trader], expect: { shadows: [tighter_risk] } }",
            ["`tighter_risk` did not apply:", "  when `risk.score >= 75` is false", "    risk.score = 12"],
        ),
        ("{ name: x, with: [trader], expect: { valid_until: null } }", []),
    ],
)
def test_reasons(case: str, why: list[str]) -> None:
    """Each way to differ is explained; one that needs no explanation has none."""
    assert list(reasons(one_failure(case))) == why


def test_unless_that_stopped_a_deny() -> None:
    """A deny that was expected is explained by the condition that disproved it, be it the `unless`."""
    case = (
        "{ name: x, with: [trader], request: { key: { labels: [patient] }, risk: { as_of: null } }, "
        "expect: { effect: deny, rule: stale } }"
    )
    assert list(reasons(one_failure(case)))[:3] == [
        "`stale` did not apply:",
        '  unless `key.labels has "patient"` is true',
        '    key.labels = ["patient"]',
    ]


def test_items_that_differ_are_named() -> None:
    """Of obligations, remedies, unknowns and shadows, each item that differs is named by itself."""
    result = one_failure("""{ name: x, with: [trader], request: { risk: { score: 75 } }, expect: {
      effect: challenge,
      obligations: { fee: 0.5 },
      remedies: [{ kind: mfa, within: 6m }],
      unknowns: [risk.score],
      shadows: [],
    } }""")
    drawn = draw_failure(result, Style()).splitlines()
    assert drawn[3:8] == [
        "  differs   obligations: fee expected 0.5, got nothing",
        '            remedies: number 1: expected {"kind": "mfa", "within": "6m"}, got {"kind": "mfa", "within": "5m"}',
        "            unknowns: risk.score is missing",
        "            shadows: got tighter_risk, which is not expected",
        '  request   {"now": "2026-03-02T09:00:00Z",',
    ]


def test_obligations_that_differ() -> None:
    """One that is missing, one too many, and one that looks alike but is of another type."""
    result = one_failure(
        '{ name: x, with: [trader], expect: { obligations: { fee: "0.50", cap: "10", live: 1, more: x } } }'
    )
    assert result.decision is not None
    [told] = mismatches(result.case.expected, result.differing, result.decision)
    assert told == (
        'obligations: cap expected "10", got 10; live expected 1, got true; more expected x, got nothing; '
        "desk got a, which is not expected"
    )


def test_remedies_that_differ() -> None:
    """By place: one that is missing, and one too many."""
    challenged = "name: x, with: [trader], request: { risk: { score: 75 } }, expect:"
    result = one_failure(f"{{ {challenged} {{ remedies: [{{ kind: mfa }}, {{ kind: login }}] }} }}")
    assert result.decision is not None
    assert list(mismatches(result.case.expected, result.differing, result.decision)) == [
        'remedies: number 2: expected {"kind": "login"}, got nothing'
    ]
    result = one_failure(f"{{ {challenged} {{ remedies: [] }} }}")
    assert result.decision is not None
    assert list(mismatches(result.case.expected, result.differing, result.decision)) == [
        'remedies: number 1: got {"kind": "mfa", "within": "5m"}, which is not expected'
    ]


def test_summary_of_a_failure() -> None:
    """One line says what differs and what decided."""
    result = one_failure("{ name: x, with: [trader], request: { risk: { score: 95 } }, expect: allow }")
    assert summarize_failure(result) == "effect: expected allow, got deny; decided by risky"
    result = one_failure("{ name: x, with: [trader], request: { action: account.read }, expect: { status: 404 } }")
    assert summarize_failure(result) == "status: expected 404, got 403; no rule allows it"


def test_disagreement_is_told() -> None:
    """Where the evaluators differ, the mistake is said to be ours."""
    result = one_failure("{ name: x, with: [trader], expect: { status: 403 } }")
    told = list(reasons(replace(result, reference=result.decision)))
    assert told == [
        "the reference evaluator decides effect allow, rule trade, status 200, code allowed:",
        "this is a mistake of durwan, not of the policy; please report it with the request",
    ]


def test_hostile_request_is_drawn_safely() -> None:
    """Nothing that a test file holds reaches the terminal as a control character (R60)."""
    result = one_failure(
        r'{ name: "a\e[2J\u202e", with: [trader], request: { risk: { score: "\e[31m\x9b\u2066" } }, expect: allow }'
    )
    drawn = draw_failure(result, Style())
    assert not set(drawn) & set("\x1b\x9b\u202e\u2066")
    assert "\\u{1b}[2J\\u{202e}" in drawn


def test_unknown_in_tests() -> None:
    """An attribute counts as tested unknown only where the case's action has a rule that reads it."""
    found = verified(
        "cases:\n"
        "  - { name: a, with: [trader], request: { action: account.read, risk: { score: null } }, expect: deny }\n"
        "  - { name: b, with: [trader], request: { risk: { as_of: soon } }, expect: deny }\n"
    )
    program = found.compilation.program
    assert program is not None
    unknown = unknown_in_tests(found.compilation, program, found.suite.cases)
    assert unknown == {"risk.as_of"}
