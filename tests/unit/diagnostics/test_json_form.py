"""Diagnostics as plain data for programs."""

from __future__ import annotations

import json

from durwan.diagnostics import Diagnostic, Fix, Note, Source, Span
from durwan.diagnostics.json_form import diagnostic_form

SOURCE = Source("a.policy", "deny risky\n  when risk.scor >= 90\n")
SPAN = Span(SOURCE, 18, 27)


def test_all_fields() -> None:
    """The fields of the interface page, one-based with exclusive ends, the repair as edits."""
    found = Diagnostic(
        code="P0201",
        severity="error",
        message="unknown attribute `risk.scor`",
        span=SPAN,
        help="did you mean `risk.score`?",
        fix=Fix(span=SPAN, replacement="risk.score"),
        notes=(Note(message="here", span=Span(SOURCE, 0, 10)),),
    )
    place = {"file": "sets/a.policy", "line": 2, "column": 8, "end_line": 2, "end_column": 17}
    assert diagnostic_form(found, root="sets") == {
        "code": "P0201",
        "severity": "error",
        "message": "unknown attribute `risk.scor`",
        "help": "did you mean `risk.score`?",
        **place,
        "page": "durwan/diagnostics/pages/P0201.md",
        "fix": {"edits": [{**place, "replacement": "risk.score"}]},
        "notes": [
            {"message": "here", "file": "sets/a.policy", "line": 1, "column": 1, "end_line": 1, "end_column": 11}
        ],
    }


def test_what_is_not_there_is_null() -> None:
    """Every field is always there; without help and repair they are null."""
    form = diagnostic_form(Diagnostic(code="P0101", severity="warning", message="m", span=Span(SOURCE, 34, 34)))
    assert form["help"] is None
    assert form["fix"] is None
    assert form["notes"] == []
    assert (form["line"], form["column"], form["end_line"], form["end_column"]) == (3, 1, 3, 1)


def test_span_over_lines() -> None:
    """The end has a line of its own."""
    form = diagnostic_form(Diagnostic(code="P0101", severity="error", message="m", span=Span(SOURCE, 5, 17)))
    assert (form["line"], form["column"], form["end_line"], form["end_column"]) == (1, 6, 2, 7)


def test_hostile_text_is_one_line_of_ascii() -> None:
    """What a source holds comes out of the JSON encoder without a control, bidirectional or C1 character (R60)."""
    message = "`\x1b[31m\u202e\x9b\u2028\n`"
    text = json.dumps(diagnostic_form(Diagnostic(code="P0101", severity="error", message=message, span=SPAN)))
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["message"] == message
