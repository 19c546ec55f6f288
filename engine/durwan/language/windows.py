"""Windows as written to windows as meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.language.mistakes import times
from durwan.language.suggestions import Suggestions
from durwan.language.syntax import (
    CalendarSpan,
    DatesSpan,
    InstantSpan,
    String,
    WeeklySpan,
    WindowDeclaration,
    WindowSpan,
)
from durwan.model import window as meant
from durwan.model.calendar import (
    Calendar,
    CalendarNotFoundError,
    CalendarsNotInstalledError,
    exchange_calendar,
    parse_calendar,
)
from durwan.model.zone import ZoneNotFoundError, find_zone

_WIDEST_MARGIN = 86_400_000


class WindowMaker:
    """Makes the windows of a set; what is wrong goes to `report`.

    `calendars` maps the names of calendars that the set brings along to the files that hold their sessions;
    `exchange_calendar` gives those of exchanges.
    """

    def __init__(
        self,
        calendars: Mapping[str, str],
        files: Mapping[str, bytes],
        report: list[Diagnostic],
        exchange_calendar: Callable[[str], Calendar] = exchange_calendar,
    ) -> None:
        self._exchange_calendar = exchange_calendar
        self._files_of_calendars = calendars
        self._files = files
        self._report = report
        self._zones: dict[str, ZoneNotFoundError | None] = {}
        self._calendars: dict[str, Calendar | None] = {}
        self.environment: dict[str, str] = {}

    def make(self, declaration: WindowDeclaration) -> meant.Window | None:
        """The window, or None where it is a mistake."""
        spans = [self._span(span) for span in declaration.spans]
        exceptions = [self._span(span) for span in declaration.exceptions]
        if None in spans or None in exceptions:
            return None
        window = meant.build_window(
            [span for span in spans if span is not None],
            [span for span in exceptions if span is not None],
            {name: calendar for name, calendar in self._calendars.items() if calendar is not None},
        )
        self.environment |= window.environment()
        return window

    def _span(self, written: WindowSpan) -> meant.Span | None:
        match written:
            case WeeklySpan():
                return self._weekly(written)
            case InstantSpan(start=start, end=end):
                if start.value >= end.value:
                    self._report.append(times.empty_span(written.span))
                    return None
                return meant.InstantSpan(start.value, end.value)
            case DatesSpan():
                return self._dates(written)
            case CalendarSpan():
                return self._sessions(written)

    def _weekly(self, written: WeeklySpan) -> meant.Span | None:
        zone = self._zone(written.zone)
        if written.start == written.end:
            self._report.append(times.empty_clocks(written.span))
            return None
        return None if zone is None else meant.WeeklySpan(written.days, written.start, written.end, zone)

    def _dates(self, written: DatesSpan) -> meant.Span | None:
        zone = self._zone(written.zone)
        first, last = self._date(written, written.first), self._date(written, written.last)
        if first is None or last is None or zone is None:
            return None
        if first > last:
            self._report.append(times.empty_span(written.span))
            return None
        return meant.DatesSpan(first, last, zone)

    def _date(self, written: DatesSpan, text: str) -> date | None:
        try:
            return date.fromisoformat(text)
        except ValueError:
            offset = written.span.text.find(text)
            start = written.span.start + max(offset, 0)
            end = start + len(text) if offset >= 0 else written.span.end
            self._report.append(times.bad_date(Span(written.span.source, start, end), text))
            return None

    def _zone(self, written: String) -> str | None:
        name = written.value
        if name not in self._zones:
            try:
                find_zone(name)
                self._zones[name] = None
            except ZoneNotFoundError as error:
                self._zones[name] = error
        wrong = self._zones[name]
        if wrong is None:
            return name
        self._report.append(times.unknown_zone(written, next(iter(wrong.suggestions), None)))
        return None

    # ------------------------------------------------------------------------------------------ calendars

    def _sessions(self, written: CalendarSpan) -> meant.Span | None:
        name = written.calendar.value
        if name not in self._calendars:
            self._calendars[name] = self._calendar(written.calendar)
        margins = [margin for margin in (written.pre, written.post) if margin is not None]
        wide = [margin for margin in margins if not 0 <= margin.value <= _WIDEST_MARGIN]
        self._report.extend(times.margin_too_wide(margin.span) for margin in wide)
        if wide or self._calendars[name] is None:
            return None
        pre = 0 if written.pre is None else written.pre.value
        return meant.CalendarSpan(name, pre, 0 if written.post is None else written.post.value)

    def _calendar(self, written: String) -> Calendar | None:
        """The calendar of a file of the set or else of an exchange. What is wrong with it is told at its first use."""
        path = self._files_of_calendars.get(written.value)
        if path is not None:
            return self._calendar_of_file(written, path)
        try:
            return self._exchange_calendar(written.value)
        except CalendarNotFoundError as error:
            own = Suggestions().nearest(written.value, self._files_of_calendars)
            near = own or next(iter(error.suggestions), None)
            self._report.append(times.unknown_calendar(written, near))
        except CalendarsNotInstalledError as error:
            self._report.append(times.calendars_not_installed(written, error.command))
        return None

    def _calendar_of_file(self, written: String, path: str) -> Calendar | None:
        content = self._files.get(path)
        if content is None:
            self._report.append(times.calendar_file_missing(written, path))
            return None
        try:
            source = Source(path, content.decode("utf-8"))
        except UnicodeDecodeError:
            self._report.append(times.calendar_file_not_text(written, path))
            return None
        calendar, faults = parse_calendar(written.value, source.text)
        for fault in faults:
            start = source.line_start(fault.line)
            span = Span(source, start, start + len(source.line(fault.line)))
            self._report.append(times.calendar_fault(span, fault.kind))
        return calendar
