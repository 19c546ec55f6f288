"""Trading calendars as plain sessions: integers in, integers out, no data frames where decisions are made.

A calendar comes from the `exchange_calendars` package, read once when a policy set is compiled, or from a text file of
the policy set. The file's first line says which instants its data covers, every further line is one session, in order
of time; the parts of a session that a break divides are joined by commas. Blank lines and `#` comments may follow the
first line:

    covers 2026-01-01T00:00:00Z..2027-01-01T00:00:00Z
    2026-01-02T14:30:00Z..2026-01-02T21:00:00Z
    2026-01-05T01:30:00Z..2026-01-05T04:00:00Z, 2026-01-05T05:00:00Z..2026-01-05T08:00:00Z
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib import import_module
from itertools import pairwise
from typing import Any, Literal

from durwan.errors import DurwanError
from durwan.model.values import format_instant, parse_instant

# One session: its parts `[open, close)` in order; more than one where the exchange takes a break.
Session = tuple[tuple[int, int], ...]


class CalendarNotFoundError(DurwanError):
    """A calendar that neither the policy set nor `exchange_calendars` has.

    Attributes:
        name: the name asked for.
        suggestions: names that exist and look like it, best first.
    """

    def __init__(self, name: str, suggestions: tuple[str, ...] = ()) -> None:
        self.name = name
        self.suggestions = suggestions
        hint = f"; did you mean {suggestions[0]!r}?" if suggestions else ""
        super().__init__(f"there is no trading calendar {name!r}{hint}")


class CalendarsNotInstalledError(DurwanError):
    """A calendar is asked for, and the extra that knows the exchanges is not installed."""

    command = "pip install 'durwan[calendars]'"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the trading calendar {name!r} needs the exchange calendars: {self.command}")


@dataclass(frozen=True)
class Calendar:
    """The regular sessions of one exchange within `[first, last)`, the instants its data covers.

    Sessions ascend and do not overlap. All instants are milliseconds since the epoch.

    Raises:
        ValueError: if a session is empty, out of order or outside what is covered.
    """

    name: str
    first: int
    last: int
    sessions: tuple[Session, ...]

    def __post_init__(self) -> None:
        edges = [self.first, *(edge for session in self.sessions for part in session for edge in part), self.last]
        ordered = all(before <= after for before, after in pairwise(edges))
        if not ordered or not all(session and all(part[0] < part[1] for part in session) for session in self.sessions):
            raise ValueError(f"the sessions of the calendar {self.name!r} are empty, out of order or not covered")

    def contains(self, instant: int, pre: int, post: int) -> bool | None:
        """Whether a session is on; each begins `pre` milliseconds earlier and ends `post` milliseconds later.

        None beyond what the data covers, and near its ends where a session of which nothing is known might reach.
        """
        if not self.first <= instant < self.last:
            return None
        if any(_is_on(session, instant, pre, post) for session in self.between(instant - post, instant + pre + 1)):
            return True
        return False if self.first + post <= instant < self.last - pre else None

    def between(self, first: int, last: int) -> tuple[Session, ...]:
        """The sessions that have an instant in `[first, last)`."""
        start = bisect_right(self.sessions, first, key=lambda session: session[-1][1])
        end = bisect_right(self.sessions, last - 1, key=lambda session: session[0][0])
        return self.sessions[start:end]

    def edges(self, first: int, last: int, pre: int, post: int) -> Iterator[int]:
        """All instants of `[first, last)` at which `contains` might change, and some others; in no order."""
        yield from (self.first, self.last, self.first + post, self.last - pre)
        for session in self.between(first - post - 1, last + pre + 1):
            yield session[0][0] - pre
            yield session[-1][1] + post
            yield from (edge for part in session for edge in part)

    @cached_property
    def digest(self) -> str:
        """The SHA-256, in hex, of the calendar's canonical text."""
        return sha256(format_calendar(self).encode()).hexdigest()


def _is_on(session: Session, instant: int, pre: int, post: int) -> bool:
    last = len(session) - 1
    return any(
        opened - (pre if index == 0 else 0) <= instant < closed + (post if index == last else 0)
        for index, (opened, closed) in enumerate(session)
    )


def format_calendar(calendar: Calendar) -> str:
    """The canonical text of a calendar, as a file of a policy set may hold it."""
    covered = ((calendar.first, calendar.last),)
    lines = [f"covers {_format_session(covered)}", *map(_format_session, calendar.sessions)]
    return "\n".join(lines) + "\n"


def _format_session(session: Session) -> str:
    return ", ".join(f"{format_instant(opened)}..{format_instant(closed)}" for opened, closed in session)


FaultKind = Literal["header", "session", "order", "coverage"]
_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class CalendarFault:
    """What is wrong with a line (one-based) of a calendar's text.

    `header`: the first line does not say what is covered. `session`: the line is not a session. `order`: the session
    is empty, or begins before the one above it ended. `coverage`: the session is not within what is covered.
    """

    kind: FaultKind
    line: int


def parse_calendar(name: str, text: str) -> tuple[Calendar | None, list[CalendarFault]]:
    """The calendar that a text describes (the form is described at the head of this file), or its first 20 faults."""
    lines = text.split("\n")
    header = lines[0].removesuffix("\r")
    covered = _parse_session(header.removeprefix("covers ")) if header.startswith("covers ") else None
    if covered is None or len(covered) != 1 or covered[0][0] >= covered[0][1]:
        return None, [CalendarFault("header", 1)]
    sessions: list[Session] = []
    faults: list[CalendarFault] = []
    for number, line in enumerate(lines[1:], start=2):
        content = line.partition("#")[0].strip()
        session = _parse_session(content) if content else ()
        if session:
            kind = _fault(session, sessions, covered[0])
        elif not content:
            continue
        else:
            kind = "session"
        if kind is None and session:
            sessions.append(session)
        elif kind is not None and len(faults) < _MOST_FAULTS:
            faults.append(CalendarFault(kind, number))
    return (None, faults) if faults else (Calendar(name, *covered[0], tuple(sessions)), [])


def _fault(session: Session, earlier: list[Session], covered: tuple[int, int]) -> FaultKind | None:
    edges = [edge for part in session for edge in part]
    empty = any(opened >= closed for opened, closed in session)
    unordered = any(before > after for before, after in pairwise(edges))
    if empty or unordered or (earlier and edges[0] < earlier[-1][-1][1]):
        return "order"
    return None if covered[0] <= edges[0] and edges[-1] <= covered[1] else "coverage"


def _parse_session(text: str) -> Session | None:
    parts: list[tuple[int, int]] = []
    for part in text.split(","):
        opened, dots, closed = part.strip().partition("..")
        start, end = parse_instant(opened), parse_instant(closed)
        if not dots or start is None or end is None:
            return None
        parts.append((start, end))
    return tuple(parts)


@lru_cache(maxsize=64)
def exchange_calendar(name: str) -> Calendar:
    """The sessions of an exchange by its name in `exchange_calendars` (`XNYS`), early closes and breaks included.

    That package knows twenty years back and one ahead, counted from today. Only whole years of its past and whole
    months of its future are taken, so that the revision of a policy set does not change with every day.

    Raises:
        CalendarsNotInstalledError: if the package is not installed.
        CalendarNotFoundError: if it has no such calendar.
    """
    try:
        exchanges: Any = import_module("exchange_calendars")
        invalid_name: type[Exception] = import_module("exchange_calendars.errors").InvalidCalendarName
    except ImportError as error:
        raise CalendarsNotInstalledError(name) from error
    with warnings.catch_warnings():
        # What the package and its data frames deprecate of one another is not ours to repair.
        warnings.simplefilter("ignore")
        try:
            calendar = exchanges.get_calendar(name)
        except invalid_name as error:
            raise CalendarNotFoundError(name, _suggestions(name, exchanges.get_calendar_names())) from error
        schedule = calendar.schedule
    start, end = calendar.default_start(), calendar.default_end()
    first_year = start.year if (start.month, start.day) == (1, 1) else start.year + 1
    rows: list[Any] = [
        row for row in schedule.itertuples() if row.Index.year >= first_year and row.Index < end.replace(day=1)
    ]
    sessions = tuple(_session(row) for row in rows)
    return Calendar(name, sessions[0][0][0], sessions[-1][-1][1], sessions)


def exchange_zone(name: str) -> str:
    """The time zone of an exchange whose calendar was read."""
    return str(import_module("exchange_calendars").get_calendar(name).tz)


def _session(row: Any) -> Session:
    """One row of a schedule: time stamps in nanoseconds, of which the break's are "not a time" where there is none."""
    opened, closed = row.open.value // 1_000_000, row.close.value // 1_000_000
    if row.break_start != row.break_start:  # like NaN, "not a time" is not equal to itself
        return ((opened, closed),)
    return ((opened, row.break_start.value // 1_000_000), (row.break_end.value // 1_000_000, closed))


def _suggestions(name: str, known: list[str]) -> tuple[str, ...]:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    return tuple(get_close_matches(name.strip().upper()[:40], known, n=3, cutoff=0.6))


__all__ = [
    "Calendar",
    "CalendarFault",
    "CalendarNotFoundError",
    "CalendarsNotInstalledError",
    "Session",
    "exchange_calendar",
    "exchange_zone",
    "format_calendar",
    "parse_calendar",
]
