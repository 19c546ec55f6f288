"""Diagnostics for programs: plain data, the same in every command that prints JSON."""

from __future__ import annotations

from typing import Any

from durwan.diagnostics.diagnostic import Diagnostic, Fix
from durwan.diagnostics.source import Span
from durwan.diagnostics.terminal import located


def diagnostic_form(diagnostic: Diagnostic, *, root: str = "") -> dict[str, Any]:
    """The fields of the interface page. Lines and columns count from one, in code points; ends are exclusive.

    `page` is where the code's page lies in the installed package. `fix` is None, or holds the `edits` that repair the
    mistake, each a range of the file and its replacement.

    Args:
        diagnostic: what to print.
        root: what to put before the paths of files, such as the directory of the policy set.
    """
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "help": diagnostic.help,
        **_place(diagnostic.span, root),
        "page": f"durwan/diagnostics/pages/{diagnostic.code}.md",
        "fix": None if diagnostic.fix is None else {"edits": [_edit(diagnostic.fix, root)]},
        "notes": [{"message": note.message, **_place(note.span, root)} for note in diagnostic.notes],
    }


def _place(span: Span, root: str) -> dict[str, Any]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {
        "file": located(span.source.path, root),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


def _edit(fix: Fix, root: str) -> dict[str, Any]:
    return {**_place(fix.span, root), "replacement": fix.replacement}
