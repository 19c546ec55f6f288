"""P0561 to P0563: lists of networks and strings that are read from files."""

from __future__ import annotations

from durwan.diagnostics import Diagnostic, Fix, Span
from durwan.diagnostics.codes import mistake, quoted


def missing(span: Span, path: str, near: str | None) -> Diagnostic:
    """P0561. `span` is the string that names the file."""
    if near is None:
        return mistake(
            "P0561",
            span,
            f"the policy set has no file {quoted(path)}",
            help="paths begin at the directory of the policy set, such as `lists/tor.txt`",
        )
    return mistake(
        "P0561",
        span,
        f"the policy set has no file {quoted(path)}",
        help=f"did you mean {quoted(near)}?",
        fix=Fix(span=span, replacement=f'"{near}"'),
    )


def too_many_entries(span: Span, path: str, limit: int) -> Diagnostic:
    """P0562."""
    return mistake(
        "P0562",
        span,
        f"{quoted(path)} has more than {limit} entries",
        help="the limit is `limits.list_entries` of `policy.yaml`",
    )


def more_mistakes(span: Span, path: str, count: int) -> Diagnostic:
    """P0563."""
    entries = "entry" if count == 1 else "entries"
    return mistake("P0563", span, f"{quoted(path)} has {count} more bad {entries}", help="repair those above first")
