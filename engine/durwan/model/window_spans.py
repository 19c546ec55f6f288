"""The spans that windows of time are made of (language page, section 8), and what each of them holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from durwan.model.calendar import Calendar
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.zone import DAY, find_zone, stretches


@dataclass(frozen=True, slots=True)
class WeeklySpan:
    """Every week, on `days` (0 is Monday), while a wall clock in `zone` shows a time in `[start, end)`.

    Clocks are milliseconds since midnight, `end` up to 24:00. Where `start >= end` the span passes midnight and
    belongs to the day on which it began, the calendar's day before; with both the same it lasts until the same clock of
    the next day.
    """

    days: frozenset[int]
    start: int
    end: int
    zone: str


@dataclass(frozen=True, slots=True)
class InstantSpan:
    """`[start, end)`, in milliseconds since the epoch."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DatesSpan:
    """The whole local days from `first` to `last`, both included, in `zone`."""

    first: date
    last: date
    zone: str


@dataclass(frozen=True, slots=True)
class CalendarSpan:
    """The regular sessions of a trading calendar, each widened by `pre` and `post` milliseconds."""

    name: str
    pre: int = 0
    post: int = 0


Span = WeeklySpan | InstantSpan | DatesSpan | CalendarSpan

_EVERY_DAY = frozenset(range(7))
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Membership(ABC):
    """One span, with the time zone or calendar that it names at hand.

    Outside `[active[0], active[1])` the span never changes; where `active` is None, it never changes at all.
    """

    active: tuple[int, int] | None

    @abstractmethod
    def contains(self, instant: int) -> bool | None:
        """Whether the span holds the instant: the definition."""

    @abstractmethod
    def edges(self, first: int, last: int) -> Iterator[int]:
        """All instants in `[first, last)` at which `contains` might change, and some others; in no order."""


class _Weekly(Membership):
    def __init__(self, span: WeeklySpan) -> None:
        self._span = span
        self._zone = find_zone(span.zone)
        whole_days = span.start == span.end or (span.start == 0 and span.end == DAY)
        constant = not span.days or (whole_days and span.days == _EVERY_DAY)
        self.active = None if constant else (TIME_MIN, TIME_MAX + 1)

    def contains(self, instant: int) -> bool:
        span = self._span
        day, clock = self._zone.wall_clock(instant)
        if span.start < span.end:
            return _weekday(day) in span.days and span.start <= clock < span.end
        began_today = _weekday(day) in span.days and clock >= span.start
        began_yesterday = _weekday(day - 1) in span.days and clock < span.end
        return began_today or began_yesterday

    def edges(self, first: int, last: int) -> Iterator[int]:
        span = self._span
        length = (span.end - span.start - 1) % DAY + 1
        for start, end, offset in stretches(self._zone, first, last):
            yield start
            for day in range((start + offset) // DAY - 1, (end + offset) // DAY + 1):
                if _weekday(day) in span.days:
                    opening = day * DAY + span.start - offset
                    yield opening
                    yield opening + length


class _Instants(Membership):
    def __init__(self, span: InstantSpan) -> None:
        self._span = span
        self.active = (span.start, span.end + 1) if span.start < span.end else None

    def contains(self, instant: int) -> bool:
        return self._span.start <= instant < self._span.end

    def edges(self, first: int, last: int) -> Iterator[int]:  # noqa: ARG002 - both ends, wherever they lie
        yield self._span.start
        yield self._span.end


class _Dates(Membership):
    def __init__(self, span: DatesSpan) -> None:
        self._zone = find_zone(span.zone)
        self._first = span.first.toordinal() - _EPOCH_ORDINAL
        self._last = span.last.toordinal() - _EPOCH_ORDINAL
        # No zone is ever two days away from UTC.
        self.active = ((self._first - 2) * DAY, (self._last + 3) * DAY) if span.first <= span.last else None

    def contains(self, instant: int) -> bool:
        day, _ = self._zone.wall_clock(instant)
        return self._first <= day <= self._last

    def edges(self, first: int, last: int) -> Iterator[int]:
        for start, _, offset in stretches(self._zone, first, last):
            yield start
            yield self._first * DAY - offset
            yield (self._last + 1) * DAY - offset


class _Sessions(Membership):
    def __init__(self, span: CalendarSpan, calendar: Calendar) -> None:
        self._span = span
        self._calendar = calendar
        self.active = (calendar.first, calendar.last + 1)

    def contains(self, instant: int) -> bool | None:
        return self._calendar.contains(instant, self._span.pre, self._span.post)

    def edges(self, first: int, last: int) -> Iterator[int]:
        return self._calendar.edges(first, last, self._span.pre, self._span.post)


def _weekday(day: int) -> int:
    """The weekday, 0 for Monday, of a day counted from 1970-01-01, a Thursday."""
    return (day + 3) % 7


def membership(span: Span, calendars: Mapping[str, Calendar]) -> Membership:
    """What the span holds, by the time zones of this machine and the given calendars.

    Raises:
        ZoneNotFoundError: if it names a time zone that does not exist.
        KeyError: if it names a calendar that is not given.
    """
    match span:
        case WeeklySpan():
            return _Weekly(span)
        case InstantSpan():
            return _Instants(span)
        case DatesSpan():
            return _Dates(span)
        case CalendarSpan(name=name):  # pragma: no branch - every kind has its case
            return _Sessions(span, calendars[name])
