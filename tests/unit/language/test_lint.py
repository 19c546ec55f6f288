"""Lint beyond what a text alone can show."""

from __future__ import annotations

import sys

import pytest

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.diagnostics.codes import mistake
from durwan.language.lint import apply_suppressions
from durwan.model import calendar
from tests.language.literate import check_files, render

POLICY = """
actions { orders.create }
context risk { score : int 0..100   as_of : time   level : int   other : int }
let fresh = now - risk.as_of < 30s

deny risky
  when risk.score > 90 or not fresh

deny guarded
  when risk.level is known and risk.level > 3 or (risk.other default 0) > 3

allow trade
  on orders.create
  when client.ip in key.networks and risk.score < 50

limit rate
  on orders.create
  to 5 per 1s
  cost request.weight
  per key.id
"""


def test_nothing_about_tests_without_tests() -> None:
    """Where nobody says what tests leave unknown, nothing is said about it."""
    assert check_files({"a.policy": POLICY}).warnings == []


def test_unguarded_attributes() -> None:
    """An attribute that is read unguarded, and is unknown in no test, is told of at its first use, through lets too."""
    found = check_files({"a.policy": POLICY}, observed={"key.networks", "request.weight"}).warnings
    assert render(found) == "\n".join(
        f"P0709 {path}\n  no test leaves `{path}` unknown, and nothing here guards it\n"
        f"  help: add a test without it, or say what an unknown means: `{path} is known`, `{path} default …`"
        for path in ("risk.as_of", "risk.score", "client.ip")
    )


def test_all_observed() -> None:
    """With a test for each, there is nothing to tell."""
    observed = {"risk.score", "risk.as_of", "client.ip", "key.networks", "request.weight"}
    assert check_files({"a.policy": POLICY}, observed=observed).warnings == []


def test_calendars_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package of exchanges the mistake says how to install it."""
    calendar.exchange_calendar.cache_clear()
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    found = check_files({"a.policy": 'window w = calendar "XNYS"'})
    calendar.exchange_calendar.cache_clear()
    assert render(found.errors) == (
        'P0603 "XNYS"\n'
        "  the sessions of `XNYS` are not installed\n"
        "  help: run `pip install 'durwan[calendars]'`, or give its sessions under `calendars` in `policy.yaml`"
    )


def test_suppression_in_a_list() -> None:
    """A list file may keep its own warnings quiet."""
    policy = 'actions { a } network n from "n.txt" allow x on a when client.ip in n'
    entries = "203.0.113.0/24\n203.0.113.7    # policy-check: ignore[P0704] the old office, until March\n"
    assert check_files({"a.policy": policy, "n.txt": entries}).warnings == []


def _warning(source: Source, text: str, code: str = "P0708") -> Diagnostic:
    start = source.text.index(text)
    return mistake(code, Span(source, start, start + len(text)), "something")


def test_errors_are_never_suppressed() -> None:
    """A suppression of an error's code is itself a mistake, and the error stays."""
    source = Source("a.policy", "deny x  # policy-check: ignore[P0212] no\n")
    found = apply_suppressions([source], [_warning(source, "x", "P0212")])
    assert [item.code for item in found] == ["P0212", "P0713"]


def test_a_suppression_counts_for_its_place_alone() -> None:
    """It silences one line of one file, once for each code."""
    first = Source("a.policy", "x  # policy-check: ignore[P0708] because\nx zz\n")
    second = Source("b.policy", "x\n")
    kept = [_warning(first, "zz"), _warning(second, "x")]
    assert apply_suppressions([first, second], [_warning(first, "x"), *kept]) == kept


def test_a_suppression_at_the_end_of_a_file() -> None:
    """With nothing below it, it suppresses nothing."""
    source = Source("a.policy", "x\n# policy-check: ignore[P0708] because")
    assert [item.code for item in apply_suppressions([source], [])] == ["P0714"]


def test_only_comments_are_read() -> None:
    """Text in strings, and in the middle of another comment, is no suppression."""
    source = Source("a.policy", 'set a = { "# policy-check: x" }\n# see # policy-check: y\n')
    assert apply_suppressions([source], []) == []


def test_many_networks_in_one() -> None:
    """Of the networks inside others the first twenty are told of one by one."""
    entries = "\n".join(["10.0.0.0/8", *(f"10.1.{number}.0/24" for number in range(30))])
    policy = 'actions { a } network n from "n.txt" allow x on a when client.ip in n'
    found = check_files({"a.policy": policy, "n.txt": entries}).warnings
    assert len(found) == 21
    assert found[-1].message == "10 more networks lie inside another one of this list"


def test_many_duplicates() -> None:
    """Of the entries that stand twice the first twenty are told of one by one."""
    policy = 'actions { a } set s from "s.txt" allow x on a when key.owner in s'
    found = check_files({"a.policy": policy, "s.txt": "bob\n" * 22}).warnings
    assert len(found) == 21
    assert found[-1].message == "1 more entry is already there"


def test_lint_sees_through_a_large_body() -> None:
    """A body with more conditions than can be looked at together is left alone."""
    condition = " and ".join(f'key.labels has "{number}"' for number in range(300))
    policy = f"actions {{ a }} allow x on a when {condition} allow y on a when {condition}"
    assert check_files({"a.policy": policy}).warnings == []
