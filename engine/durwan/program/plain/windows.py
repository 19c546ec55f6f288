"""Windows, and the calendars and time zones that they hang on, as plain data.

The sessions of calendars come along. Time zones do not: the machine that reads has its own, possibly of another
version, and what matters is whether its clocks say the same. So a program names, for each zone, the digest of the
bytes that it was compiled with, and a digest of what they mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from durwan.model.calendar import Calendar
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.window import CalendarSpan, DatesSpan, InstantSpan, Span, WeeklySpan, Window, build_window
from durwan.model.zone import DAY, ZoneNotFoundError, find_zone, stretches
from durwan.program.plain import form
from durwan.program.plain.form import PlainProgramError, fields, items, whole

_WINDOW = frozenset({"except", "spans"})
_CALENDAR = frozenset({"covers", "sessions"})
# The years 2000 to 2099: over these, two versions of a time zone are compared.
_COMPARED: Final = (946_684_800_000, 4_102_444_800_000)
_END: Final = TIME_MAX + 1


# ------------------------------------------------------------------------------------------------------- windows


def write_window(window: Window) -> dict[str, Any]:
    """A window as plain data."""
    return {
        "spans": [_write_span(span) for span in window.spans],
        "except": [_write_span(span) for span in window.exceptions],
    }


def _write_span(span: Span) -> list[Any]:
    match span:
        case WeeklySpan(days, start, end, zone):
            return ["weekly", sorted(days), start, end, zone]
        case InstantSpan(start, end):
            return ["instants", start, end]
        case DatesSpan(first, last, zone):
            return ["dates", first.isoformat(), last.isoformat(), zone]
        case CalendarSpan(name, pre, post):
            return ["calendar", name, pre, post]


def read_window(plain: Any, what: str, calendars: Mapping[str, Calendar], zones: Iterable[str]) -> Window:
    """The window of plain data; the calendars and zones are those that the program brings or names."""
    found = fields(plain, what, _WINDOW)
    spans, exceptions = (
        [_read_span(each, what, calendars, zones) for each in items(found[part], f"the {part} of {what}")]
        for part in ("spans", "except")
    )
    return build_window(spans, exceptions, calendars)


def _read_span(plain: Any, what: str, calendars: Mapping[str, Calendar], zones: Iterable[str]) -> Span:
    match plain:
        case ["weekly", days, start, end, str(zone)] if zone in zones:
            found = form.ascending(
                [whole(day, f"a day of {what}", 0, 6) for day in items(days, "the days")], "the days"
            )
            return WeeklySpan(frozenset(found), whole(start, what, 0, DAY - 1), whole(end, what, 0, DAY), zone)
        case ["instants", start, end]:
            return InstantSpan(whole(start, what, TIME_MIN, _END), whole(end, what, TIME_MIN, _END))
        case ["dates", first, last, str(zone)] if zone in zones:
            return DatesSpan(_read_date(first, what), _read_date(last, what), zone)
        case ["calendar", str(name), pre, post] if name in calendars:
            return CalendarSpan(name, whole(pre, what, 0, DAY), whole(post, what, 0, DAY))
        case _:
            raise PlainProgramError(f"{what} has a span that is not known: {form.shown(plain)}")


def _read_date(plain: Any, what: str) -> date:
    try:
        found = date.fromisoformat(form.text(plain, what))
    except ValueError:
        found = None
    if found is None or found.isoformat() != plain:
        raise PlainProgramError(f"{what} has a date that is none: {form.shown(plain)}")
    return found


# ----------------------------------------------------------------------------------------------------- calendars


def write_calendars(windows: Iterable[Window]) -> dict[str, Any]:
    """The calendars of all windows, by name."""
    return {calendar.name: _write_calendar(calendar) for window in windows for calendar in window.calendars}


def _write_calendar(calendar: Calendar) -> dict[str, Any]:
    sessions = [[edge for part in session for edge in part] for session in calendar.sessions]
    return {"covers": [calendar.first, calendar.last], "sessions": sessions}


def read_calendar(name: str, plain: Any) -> Calendar:
    """The calendar of plain data."""
    what = f"the calendar `{name}`"
    found = fields(plain, what, _CALENDAR)
    first, last = (whole(each, what, TIME_MIN, _END) for each in items(found["covers"], f"what {what} covers", 2))
    sessions = [_read_session(each, what) for each in items(found["sessions"], f"the sessions of {what}")]
    try:
        return Calendar(name, first, last, tuple(sessions))
    except ValueError as error:
        raise PlainProgramError(str(error)) from None


def _read_session(plain: Any, what: str) -> tuple[tuple[int, int], ...]:
    edges = [whole(each, what) for each in items(plain, f"a session of {what}")]
    if len(edges) % 2:
        raise PlainProgramError(f"{what} has a session without an end: {form.shown(plain)}")
    return tuple(zip(edges[::2], edges[1::2], strict=True))


# --------------------------------------------------------------------------------------------------------- zones


def write_zones(windows: Iterable[Window]) -> dict[str, Any]:
    """For each time zone of all windows, the digest of its data here, and of what the data means."""
    spans = (span for window in windows for span in (*window.spans, *window.exceptions))
    names = {span.zone for span in spans if isinstance(span, WeeklySpan | DatesSpan)}
    return {name: [find_zone(name).digest, zone_meaning(name)] for name in names}


def check_zone(name: str, plain: Any) -> None:
    """Makes sure that a time zone says here what it said where the program was compiled.

    Raises:
        PlainProgramError: it does not, or does not exist.
    """
    digest, meaning = (form.text(each, f"the time zone `{name}`") for each in items(plain, f"the zone `{name}`", 2))
    try:
        zone = find_zone(name)
    except ZoneNotFoundError:
        advice = "install its time-zone data, such as by pip install tzdata"
        raise PlainProgramError(f"this machine does not know the time zone {name}: {advice}") from None
    if zone.digest != digest and zone_meaning(name) != meaning:
        advice = "bring the time-zone data of both to the same version, then build again"
        raise PlainProgramError(f"clocks in {name} go otherwise here than where this was compiled: {advice}")


@lru_cache(maxsize=64)
def zone_meaning(name: str) -> str:
    """The SHA-256, in hex, of when the clocks of a zone change in the years 2000 to 2099, and how far ahead they go.

    The same rules may be packed into different bytes; they still have the same meaning.
    """
    changes = ((start, offset) for start, _, offset in stretches(find_zone(name), *_COMPARED))
    return sha256(" ".join(f"{start}:{offset}" for start, offset in changes).encode()).hexdigest()
