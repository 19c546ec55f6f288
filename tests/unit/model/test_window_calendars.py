"""Trading calendars: sessions from a package or a file, and windows over them."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime

import pytest

from durwan.model.calendar import (
    Calendar,
    CalendarNotFoundError,
    CalendarsNotInstalledError,
    exchange_calendar,
    format_calendar,
    parse_calendar,
)
from durwan.model.values import parse_instant
from durwan.model.window import CalendarSpan, DatesSpan, Window, build_window
from durwan.model.zone import DAY

HOUR = 3_600_000
# Two sessions; the second has a break.
SMALL = Calendar("SMALL", 0, 1_000, (((100, 200),), ((300, 400), (450, 500))))


def instant(text: str) -> int:
    found = parse_instant(text)
    assert found is not None
    return found


def over(calendar: Calendar, pre: int = 0, post: int = 0) -> Window:
    return build_window([CalendarSpan(calendar.name, pre, post)], calendars={calendar.name: calendar})


def walk(window: Window, start: int) -> list[tuple[int, bool | None]]:
    """The state at the start and at each change from there on."""
    found: list[tuple[int, bool | None]] = []
    moment: int | None = start
    while moment is not None:
        inside, change = window.at(moment)
        assert inside is window.contains(moment)
        found.append((moment, inside))
        moment = change
    return found


def test_sessions_are_half_open_and_breaks_are_outside() -> None:
    """The edges of a window over a calendar are its opens and closes; before and after its data all is unknown."""
    assert walk(over(SMALL), -5) == [
        (-5, None), (0, False), (100, True), (200, False), (300, True), (400, False), (450, True), (500, False),
        (1_000, None),
    ]  # fmt: skip


def test_pre_and_post_widen_sessions_not_breaks() -> None:
    """A session begins earlier and ends later; its break stays as it is; near the ends of the data nothing is known."""
    assert walk(over(SMALL, pre=20, post=30), -5) == [
        (-5, None), (30, False), (80, True), (230, False), (280, True), (400, False), (450, True), (530, False),
        (980, None),
    ]  # fmt: skip


def test_widened_sessions_may_touch_each_other() -> None:
    """Where `post` of one session meets `pre` of the next there is no edge."""
    assert walk(over(SMALL, pre=50, post=50), 60)[:3] == [(60, True), (400, False), (450, True)]


def test_every_instant_agrees_with_the_meaning() -> None:
    """Millisecond by millisecond, for several widenings."""
    for pre, post in ((0, 0), (1, 0), (0, 1), (60, 70), (200, 300), (2_000, 2_000)):
        window = over(SMALL, pre, post)
        for moment in range(-10, 1_010):
            assert window.at(moment)[0] is window.contains(moment)


def test_what_is_excepted_is_known_even_beyond_the_calendar() -> None:
    """False and unknown is false: an exception settles what the calendar does not know."""
    window = build_window(
        [CalendarSpan("SMALL")], [DatesSpan(date(2030, 1, 1), date(2030, 1, 1), "UTC")], {"SMALL": SMALL}
    )
    assert window.contains(instant("2030-01-01T12:00:00Z")) is False
    assert window.at(instant("2030-01-01T12:00:00Z")) == (False, instant("2030-01-02T00:00:00Z"))
    assert window.at(instant("2030-01-02T00:00:00Z")) == (None, None)


def test_an_exception_beyond_its_data_makes_the_rest_unknown() -> None:
    """`except calendar` cannot promise anything where the calendar ends."""
    window = build_window(
        [DatesSpan(date(1970, 1, 1), date(1970, 1, 2), "UTC")], [CalendarSpan("SMALL")], {"SMALL": SMALL}
    )
    assert walk(window, 0)[:3] == [(0, True), (100, False), (200, True)]
    assert window.contains(1_000) is None
    assert window.contains(2 * DAY) is False


@pytest.mark.parametrize(
    "sessions", [(((5, 5),),), (((5, 4),),), (((5, 8),), ((7, 9),)), (((-1, 3),),), (((90, 101),),), ((),)]
)
def test_sessions_out_of_order_are_refused(sessions: tuple[tuple[tuple[int, int], ...], ...]) -> None:
    """Empty, overlapping and uncovered sessions are a programming error."""
    with pytest.raises(ValueError, match="out of order"):
        Calendar("X", 0, 100, sessions)


XNYS = exchange_calendar("XNYS")


@pytest.mark.parametrize(
    ("opened", "closed"),
    [
        ("2025-03-07T09:30:00-05:00", "2025-03-07T16:00:00-05:00"),
        ("2025-03-10T09:30:00-04:00", "2025-03-10T16:00:00-04:00"),
        ("2024-11-29T09:30:00-05:00", "2024-11-29T13:00:00-05:00"),
        ("2024-12-24T09:30:00-05:00", "2024-12-24T13:00:00-05:00"),
    ],
)
def test_new_york_trades_its_regular_hours_and_closes_early(opened: str, closed: str) -> None:
    """Before and after a change of the clocks, and on the early closes of Thanksgiving and Christmas Eve."""
    window = over(XNYS)
    assert window.contains(instant(opened) - 1) is False
    assert window.at(instant(opened)) == (True, instant(closed))
    assert window.contains(instant(closed)) is False


@pytest.mark.parametrize("day", ["2025-07-04", "2024-12-25", "2025-01-09", "2024-11-28", "2024-11-30"])
def test_new_york_is_closed_on_holidays_and_at_weekends(day: str) -> None:
    """At no hour of such a day, a day of mourning among them."""
    window = over(XNYS)
    assert all(window.contains(instant(f"{day}T00:00:00-05:00") + hour * HOUR) is False for hour in range(24))


def test_new_york_may_be_widened() -> None:
    """`pre 30m post 15m` opens at 09:00 and closes at 16:15."""
    window = over(XNYS, pre=HOUR // 2, post=HOUR // 4)
    assert window.at(instant("2025-03-10T09:00:00-04:00")) == (True, instant("2025-03-10T16:15:00-04:00"))


def test_beyond_the_data_of_a_calendar_all_is_unknown() -> None:
    """An exchange's calendar reaches about one year ahead; after that neither answer is given."""
    window = over(XNYS)
    assert window.at(instant("2090-01-02T15:00:00Z")) == (None, None)
    assert window.contains(instant("1990-01-02T15:00:00Z")) is None
    assert window.at(XNYS.last - 1) == (True, XNYS.last)


def test_a_calendar_takes_whole_years_of_the_past_and_whole_months_of_the_future() -> None:
    """So that a policy set compiled tomorrow has the revision of today, on most days."""
    first = datetime.fromtimestamp(XNYS.first / 1_000, UTC)
    last = datetime.fromtimestamp(XNYS.last / 1_000, UTC)
    assert (first.month, first.day) in {(1, 2), (1, 3), (1, 4), (1, 5)}
    assert last.day >= 26
    assert XNYS.digest == exchange_calendar("XNYS").digest


def test_hong_kong_has_lunch() -> None:
    """A session with a break is one session of two parts."""
    session = next(each for each in exchange_calendar("XHKG").sessions if each[0][0] > instant("2025-03-10T00:00:00Z"))
    assert session == (
        (instant("2025-03-10T09:30:00+08:00"), instant("2025-03-10T12:00:00+08:00")),
        (instant("2025-03-10T13:00:00+08:00"), instant("2025-03-10T16:00:00+08:00")),
    )


def test_a_calendar_that_never_closes_is_open() -> None:
    """Sessions that touch have no edge between them."""
    window = over(exchange_calendar("24/7"))
    inside, change = window.at(instant("2025-03-07T12:00:00Z"))
    assert inside is True
    assert change is not None
    assert change > instant("2025-06-01T00:00:00Z")


def test_an_unknown_calendar_is_refused_with_a_suggestion() -> None:
    """The name of the exchange that was probably meant is given."""
    with pytest.raises(CalendarNotFoundError) as caught:
        exchange_calendar("XNYSE")
    assert "XNYS" in caught.value.suggestions
    assert "did you mean" in str(caught.value)


def test_without_the_extra_the_command_that_installs_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else of the engine needs the exchange calendars."""
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    exchange_calendar.cache_clear()
    with pytest.raises(CalendarsNotInstalledError, match=r"pip install 'durwan\[calendars\]'"):
        exchange_calendar("XNYS")


TEXT = """covers 2026-01-01T00:00:00Z..2026-02-01T00:00:00Z
# the first week

2026-01-02T14:30:00Z..2026-01-02T21:00:00Z
2026-01-05T01:30:00Z..2026-01-05T04:00:00Z, 2026-01-05T05:00:00Z..2026-01-05T08:00:00Z   # with a break
"""


def test_a_calendar_is_read_from_text() -> None:
    """The first line says what is covered, each further line is a session; comments and blank lines are none."""
    calendar, faults = parse_calendar("MINE", TEXT)
    assert faults == []
    assert calendar == Calendar(
        "MINE",
        instant("2026-01-01T00:00:00Z"),
        instant("2026-02-01T00:00:00Z"),
        (
            ((instant("2026-01-02T14:30:00Z"), instant("2026-01-02T21:00:00Z")),),
            (
                (instant("2026-01-05T01:30:00Z"), instant("2026-01-05T04:00:00Z")),
                (instant("2026-01-05T05:00:00Z"), instant("2026-01-05T08:00:00Z")),
            ),
        ),
    )


def test_the_text_of_a_calendar_reads_back_as_the_same_calendar() -> None:
    """Also that of an exchange with early closes, and with Windows line ends."""
    for calendar in (XNYS, exchange_calendar("XHKG"), SMALL):
        assert parse_calendar(calendar.name, format_calendar(calendar)) == (calendar, [])
        assert parse_calendar(calendar.name, format_calendar(calendar).replace("\n", "\r\n")) == (calendar, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("header", 1)]),
        ("# a comment\ncovers 1970-01-01T00:00:00Z..1971-01-01T00:00:00Z\n", [("header", 1)]),
        ("covers 1970-01-01T00:00:00Z..1970-01-01T00:00:00Z\n", [("header", 1)]),
        ("covers 1970-01-01..1971-01-01\n", [("header", 1)]),
        ("covers", [("header", 1)]),
        (TEXT + "2026-01-06T14:30:00Z\n", [("session", 6)]),
        (TEXT + "2026-01-06T14:30:00Z..2026-01-06T21:00:00Z,\n", [("session", 6)]),
        (TEXT + "2026-01-06T14:30:00..2026-01-06T21:00:00\nnonsense", [("session", 6), ("session", 7)]),
        (TEXT + "2026-01-06T21:00:00Z..2026-01-06T14:30:00Z\n", [("order", 6)]),
        (TEXT + "2026-01-05T07:00:00Z..2026-01-05T21:00:00Z\n", [("order", 6)]),
        (TEXT + "2026-01-31T20:00:00Z..2026-02-01T00:00:01Z\n", [("coverage", 6)]),
        (TEXT + "x\n" * 1_000, [("session", line) for line in range(6, 26)]),
    ],
)
def test_every_fault_of_a_calendar_s_text_is_named_by_its_line(text: str, expected: list[tuple[str, int]]) -> None:
    """The first twenty are told; nothing is guessed."""
    calendar, faults = parse_calendar("MINE", text)
    assert calendar is None
    assert [(fault.kind, fault.line) for fault in faults] == expected
