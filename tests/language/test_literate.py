"""The literate specification of the language: every case of every Markdown file beside this one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from durwan import Engine
from durwan.diagnostics.codes import CODES
from tests.language.literate import Case, check_files, decisions_of, read_cases, render

_HERE = Path(__file__).parent
_CASES = {f"{path.stem}:{case.line}": case for path in sorted(_HERE.glob("*.md")) for case in read_cases(path)}
_DECISIONS = {name: case for name, case in _CASES.items() if "decisions" in case.expected}


@pytest.mark.parametrize("case", _CASES.values(), ids=_CASES)
def test_case(case: Case) -> None:
    """A policy set gives exactly the errors and warnings that its section writes down."""
    found = check_files(case.files)
    assert render(found.errors) == case.expected.get("errors", ""), case.title
    if "warnings" in case.expected:
        assert render(found.warnings) == case.expected["warnings"], case.title


@pytest.mark.parametrize("case", _DECISIONS.values(), ids=_DECISIONS)
def test_decisions(case: Case) -> None:
    """A policy set decides each request as its section writes down."""
    with Engine.from_sources(case.files) as engine:
        for request, expected in decisions_of(case.expected["decisions"]):
            assert _shown(engine.decide(request)) == expected, request


def _shown(decision: Any) -> str:
    return f"{decision.effect} {decision.rule or '-'} {decision.status} {decision.code}"


@pytest.mark.parametrize("case", _CASES.values(), ids=_CASES)
def test_fixes_repair(case: Case) -> None:
    """A repair that is offered can be applied, and takes its mistake away."""
    found = check_files(case.files)
    for item in (*found.errors, *found.warnings):
        if item.fix is None:
            continue
        path, span = item.fix.span.source.path, item.fix.span
        text = case.files[path]
        repaired = case.files | {path: text[: span.start] + item.fix.replacement + text[span.end :]}
        after = check_files(repaired)
        left = [(each.code, each.span.source.path, each.span.start) for each in (*after.errors, *after.warnings)]
        assert (item.code, path, item.span.start) not in left, item


# Made by this part of the language and by nobody else; the text's own codes are tested beside the parser.
_SECTIONS = ("P02", "P03", "P04", "P056", "P06", "P07")
# Cannot be brought about by a text alone, or are found by proof; each has a test of its own in tests/unit.
_ELSEWHERE = {"P0603", "P0709", "P0751", "P0752", "P0753"}


def test_every_code_has_a_case() -> None:
    """Each code of the checker and of lint is reported by some case."""
    blocks = [text for case in _CASES.values() for kind, text in case.expected.items() if kind != "decisions"]
    reported = set(re.findall(r"^(P[0-9]{4}) ", "\n".join(blocks), re.MULTILINE))
    wanted = {code for code in CODES if code.startswith(_SECTIONS)}
    assert wanted - reported - _ELSEWHERE == set()
