"""What each section of the report says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from durwan.workshop.report import make_report, report_form
from durwan.workshop.report.keys import exposed_keys
from tests.unit.workshop.policies import NOW
from tests.unit.workshop.report.sets import CASES, REQUEST, evidence_of, report_of

DAY = 86_400_000


def test_summary_counts() -> None:
    """The summary counts rules by effect, verdicts of proofs and tests, and the keys."""
    summary = report_of().summary
    assert summary.rules == {"allow": 2, "deny": 3, "challenge": 2}
    assert summary.limits == 1
    assert summary.invariants == {"proved": 1, "refuted": 1, "undecided": 0}
    assert summary.tests == {"passed": 1, "failed": 1, "skipped": 3}
    assert (summary.keys, summary.actions) == (3, 3)
    assert summary.findings == {"high": 0, "medium": 7, "low": 0}


def test_what_is_worst_comes_first() -> None:
    """A refuted invariant and a failed case are named before what is only odd, each with its place."""
    remarks = report_of().summary.remarks
    assert [(each.tone, each.words, each.anchor) for each in remarks[:2]] == [
        ("bad", "the invariant `nobody_trades` is refuted", "invariant-nobody_trades"),
        ("bad", "1 test case failed", "tests"),
    ]
    assert {each.tone for each in remarks[2:]} == {"odd"}
    words = [each.words for each in remarks]
    assert "1 date in the policies: passed" in words
    assert "2 dates in the policies: within 90 days" in words
    assert "1 key in use: to expire within 90 days" in words
    assert "1 rule on trial" in words


def test_dates_in_the_policies() -> None:
    """Dated spans and exceptions of windows, and comparisons of now with an instant, with the days that are left."""
    found = report_of().exceptions.expiries
    assert [(each.kind, each.what, each.where, each.anchor, each.at, each.days, each.state) for each in found] == [
        (
            "exception of a window", "2026-02-01T00:00:00Z..2026-02-02T00:00:00Z", "hours", "window-hours",
            "2026-02-02T00:00:00Z", -28, "over",
        ),
        (
            "condition", "now < 2026-03-12T09:00:00Z", "setting_up", "rule-setting_up",
            "2026-03-12T09:00:00Z", 10, "soon",
        ),
        # London is an hour ahead of UTC by then: its first of April ends at 23:00 UTC.
        (
            "span of a window", 'dates 2026-03-30..2026-04-01 "Europe/London"', "freeze", "window-freeze",
            "2026-04-01T23:00:00Z", 30, "soon",
        ),
        ("key", "desk-1", "", "keys-1", "2026-05-01T00:00:00Z", 59, "soon"),
    ]  # fmt: skip


def test_later_is_told_of_policies_alone() -> None:
    """What the policies say of a far day is listed, a key that expires then is not."""
    early = report_of(now=NOW - 365 * DAY, cases="cases: []\n").exceptions.expiries
    assert {(each.kind, each.state) for each in early} == {
        ("exception of a window", "later"),
        ("condition", "later"),
        ("span of a window", "later"),
    }


def test_an_instant_has_passed_when_it_is_reached() -> None:
    """At its instant a date is over; a millisecond before it is still to come."""
    at = NOW + 10 * DAY
    states = {}
    for now in (at - 1, at, at - 90 * DAY, at - 90 * DAY - 1):
        found = report_of(now=now, cases="cases: []\n").exceptions.expiries
        states[now - at] = next(each.state for each in found if each.kind == "condition")
    assert states == {-1: "soon", 0: "over", -90 * DAY: "soon", -90 * DAY - 1: "later"}


def test_suppressions_with_their_reasons() -> None:
    """Each suppressed warning is listed with the reason that was given, and where."""
    more = "\nallow anything on account.read  # policy-check: ignore[P0708] everybody may read <this>\n"
    found = report_of(more).exceptions.suppressions
    assert [(each.code, each.reason, each.place.file) for each in found] == [
        ("P0708", "everybody may read <this>", "desk.policy")
    ]


def test_rules_in_words() -> None:
    """A rule has its documentation, where it stands, and its conditions one by one."""
    rule = next(each for each in report_of().rules if each.name == "setting_up")
    assert rule.documentation == "While the new desk is set up."
    assert rule.place.file == "desk.policy"
    assert rule.actions == ("orders.cancel",)
    assert rule.when == ("now < 2026-03-12T09:00:00Z", 'key.labels has "desk"')
    assert rule.unless == ("key.revoked", 'client.country == "KP"')
    trade = next(each for each in report_of().rules if each.name == "trade")
    assert set(trade.obligations) == {"fee: 0.5", "cap: 10", "live: true", 'desk: "a"'}


def test_windows_and_their_next_edges() -> None:
    """A window says whether the instant of the report is inside, and when it next begins and ends."""
    windows = {each.name: each for each in report_of().windows}
    assert windows["hours"].inside is True
    assert [(each.at, each.inside) for each in windows["hours"].edges] == [
        ("2026-03-02T18:00:00Z", False),
        ("2026-03-03T08:00:00Z", True),
        ("2026-03-03T18:00:00Z", False),
        ("2026-03-04T08:00:00Z", True),
    ]
    assert windows["freeze"].inside is False
    # In London the clocks go forward on 29 March.
    assert [each.at for each in windows["freeze"].edges][:2] == ["2026-03-29T23:00:00Z", "2026-04-01T23:00:00Z"]


def test_invariants_with_their_proofs() -> None:
    """An invariant has its text as written, its documentation, the verdict, and for a refuted one the request."""
    proved, refuted = report_of().invariants
    assert proved.text.startswith("invariant risky_never_trades\n  never allow on orders.create")
    assert proved.documentation == "What is refused stays refused."
    assert (proved.verdict, proved.request, proved.took) == ("proved", None, "under 1 s")
    assert (refuted.verdict, refuted.request) == ("refuted", REQUEST)


def test_cases_that_failed_and_that_were_not_run() -> None:
    """A failed case says why; what a matrix made of a skipped case is told once, with its count."""
    tests = report_of().tests
    assert [(each.file, each.passed, each.failed, each.skipped) for each in tests.files] == [
        ("tests/cases.yaml", 1, 1, 3)
    ]
    assert [each.name for each in tests.failed] == ["a trader is refused"]
    assert tests.failed[0].because
    assert [(each.name, each.count, each.because) for each in tests.skipped] == [("sizes", 3, ("not agreed upon",))]


def test_rows_that_depend_on_the_same() -> None:
    """A long list of conditions that stood in an earlier row is not told again, but looked up there."""
    record = {"scopes": ["orders.write"], "labels": []}
    keys = [(f"desk-{n}", {**record, "networks": [f"10.0.{n}.0/24"]}) for n in range(2)]
    first, second = report_of(keys=keys).access.rows
    again = {each.actions: each.like for each in second.conditional}
    for each in first.conditional:
        assert again[each.actions] == (each.anchor if len(each.wants) > 1 else None)
    assert any(again.values())


def test_ten_thousand_keys_have_bounds() -> None:
    """However many keys there are, the report stays readable, and counts what it leaves out."""
    record = {"scopes": ["orders.write"], "labels": []}
    keys: list[tuple[str, Mapping[str, object]]] = [
        (f"key-{n}", {**record, "networks": [f"10.0.{n % 200}.0/24"]}) for n in range(10_000)
    ]
    report = report_of(keys=keys)
    assert len(report.access.rows) + report.access.left_out == 200
    assert report.access.left_out > 0
    assert all(len(row.keys) + row.left_out == 50 for row in report.access.rows)
    for section in report.hygiene:
        assert len(section.findings) + section.left_out == section.total
    assert sum(section.total for section in report.hygiene) >= 10_000
    assert len(json.dumps(report_form(report))) < 2_000_000


def test_no_key_and_no_test() -> None:
    """A policy set without keys and tests has a report too, which says so."""
    report = report_of("", cases="cases: []\n", keys=[])
    assert report.access.rows == ()
    words = [each.words for each in report.summary.remarks]
    assert "no test case was run" in words
    assert "no invariant is declared: nothing is proved" in words


def exposure(key: str) -> dict[str, Any]:
    stopped = {"possible": False, "stopped_by": ["no_rule_allows"], "request": None}
    possible: dict[str, Any] = {
        "possible": True,
        "stopped_by": [],
        "request": REQUEST,
        "elsewhere": True,
        "until": None,
    }
    return {"key": key, "actions": {"orders.create": possible, "orders.cancel": stopped, "account.read": stopped}}


def test_exposures() -> None:
    """What a thief could do is told of one key of those that no rule tells apart, and counted for the others."""
    evidence = evidence_of()
    asked = exposed_keys(evidence.matrix.classes)
    assert asked == ["desk-1", "reader"]
    found = make_report(evidence_of(exposures=[exposure(key) for key in asked])).exposures
    assert found is not None
    assert [(each.key, each.stands_for, each.anchor) for each in found.keys] == [
        ("desk-1", 1, "keys-1"),
        ("reader", 0, "keys-2"),
    ]
    assert found.left_out == 0
    assert [each.action for each in found.keys[0].actions] == list(found.actions)
    assert [each.possible for each in found.keys[0].actions] == [False, False, True]


def test_the_form_is_json() -> None:
    """The report as data is JSON, and says the same each time."""
    first, second = (json.dumps(report_form(report_of(cases=CASES))) for _ in range(2))
    assert first == second
    assert json.loads(first)["summary"]["keys"] == 3
