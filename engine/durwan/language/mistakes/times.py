"""P06: time zones, trading calendars and spans of time."""

from __future__ import annotations

from calendar import monthrange

from durwan.diagnostics import Diagnostic, Fix, Span
from durwan.diagnostics.codes import mistake, quoted
from durwan.language.syntax import String


def unknown_zone(zone: String, near: str | None) -> Diagnostic:
    """P0601."""
    return mistake(
        "P0601",
        zone.span,
        f"unknown time zone {quoted(zone.value)}",
        help="name a zone of the IANA data, such as `Europe/London`"
        if near is None
        else f"did you mean {quoted(near)}?",
        fix=None if near is None else Fix(span=zone.span, replacement=f'"{near}"'),
    )


def unknown_calendar(calendar: String, near: str | None) -> Diagnostic:
    """P0602."""
    advice = (
        "name an exchange by its market code, such as `XNYS`, or give its sessions under `calendars` in `policy.yaml`"
    )
    return mistake(
        "P0602",
        calendar.span,
        f"unknown trading calendar {quoted(calendar.value)}",
        help=advice if near is None else f"did you mean {quoted(near)}?",
        fix=None if near is None else Fix(span=calendar.span, replacement=f'"{near}"'),
    )


def calendars_not_installed(calendar: String, command: str) -> Diagnostic:
    """P0603."""
    return mistake(
        "P0603",
        calendar.span,
        f"the sessions of {quoted(calendar.value)} are not installed",
        help=f"run {quoted(command)}, or give its sessions under `calendars` in `policy.yaml`",
    )


def empty_span(span: Span) -> Diagnostic:
    """P0604."""
    return mistake(
        "P0604", span, f"{quoted(span.text)} holds no instant: its end is not after its start", help="swap the two ends"
    )


def empty_clocks(span: Span) -> Diagnostic:
    """P0604."""
    return mistake(
        "P0604",
        span,
        f"{quoted(span.text)} begins and ends at the same clock",
        help="for the whole day leave the clocks out",
    )


def bad_date(span: Span, date: str) -> Diagnostic:
    """P0605."""
    year, month = int(date[:4]), int(date[5:7])
    if year == 0 or not 1 <= month <= 12:
        return mistake("P0605", span, f"there is no {quoted(date)}", help="months are 01 to 12, years 0001 to 9999")
    last = monthrange(year, month)[1]
    return mistake("P0605", span, f"there is no {quoted(date)}", help=f"that month ends with {date[:8]}{last}")


def margin_too_wide(span: Span) -> Diagnostic:
    """P0606."""
    return mistake(
        "P0606",
        span,
        f"{quoted(span.text)} is no time before or after a session",
        help="between 0 and 24 hours",
    )


def calendar_file_missing(calendar: String, path: str) -> Diagnostic:
    """P0607."""
    return mistake(
        "P0607",
        calendar.span,
        f"the sessions of {quoted(calendar.value)} should be in {quoted(path)}, which the policy set does not have",
        help="correct the path under `calendars` in `policy.yaml`",
    )


def calendar_file_not_text(calendar: String, path: str) -> Diagnostic:
    """P0607."""
    return mistake("P0607", calendar.span, f"{quoted(path)} is not UTF-8 text", help="save it as UTF-8")


_FAULTS = {
    "header": ("does not say what is covered", "begin with `covers INSTANT..INSTANT`"),
    "session": ("is not a session", "write `INSTANT..INSTANT`, with a comma between the parts of a divided session"),
    "order": ("is empty, or begins before the session above it has ended", "write sessions in their order"),
    "coverage": ("is not within what the calendar covers", "widen `covers` in the first line"),
}


def calendar_fault(span: Span, kind: str) -> Diagnostic:
    """P0607. `kind` is that of a `CalendarFault`."""
    what, advice = _FAULTS[kind]
    return mistake("P0607", span, f"{quoted(span.text) if span.text.strip() else 'this line'} {what}", help=advice)
