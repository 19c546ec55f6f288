"""What a window holds, by examples."""

from __future__ import annotations

import pickle
import threading
from datetime import date

import pytest

from durwan.model.calendar import Calendar, CalendarNotFoundError
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.values import parse_instant
from durwan.model.window import CalendarSpan, DatesSpan, InstantSpan, Span, WeeklySpan, Window, build_window
from durwan.model.zone import DAY, ZoneNotFoundError

HOUR = 3_600_000
WORKDAYS = frozenset(range(5))
EVERY_DAY = frozenset(range(7))


def instant(text: str) -> int:
    found = parse_instant(text)
    assert found is not None
    return found


def window(*spans: Span, outside: tuple[Span, ...] = (), calendars: tuple[Calendar, ...] = ()) -> Window:
    return build_window(spans, outside, {calendar.name: calendar for calendar in calendars})


def assert_inside(asked: Window, *texts: str) -> None:
    for text in texts:
        assert asked.contains(instant(text)) is True, text
        assert asked.at(instant(text))[0] is True, text


def assert_outside(asked: Window, *texts: str) -> None:
    for text in texts:
        assert asked.contains(instant(text)) is False, text
        assert asked.at(instant(text))[0] is False, text


def test_a_weekly_span_is_half_open_and_follows_the_zone() -> None:
    """Working hours in London begin at 08:00 and end before 18:00 there, in winter and in summer time."""
    desk = window(WeeklySpan(WORKDAYS, 8 * HOUR, 18 * HOUR, "Europe/London"))
    assert_inside(desk, "2026-01-05T08:00:00Z", "2026-01-05T17:59:59.999Z", "2026-07-06T07:00:00Z")
    assert_outside(desk, "2026-01-05T07:59:59.999Z", "2026-01-05T18:00:00Z", "2026-07-06T17:00:00Z")
    assert_outside(desk, "2026-01-03T12:00:00Z", "2026-01-04T12:00:00Z")


def test_a_span_past_midnight_belongs_to_the_day_on_which_it_began() -> None:
    """Friday 22:00..06:00 ends on Saturday morning, and Friday morning is not in it."""
    night = window(WeeklySpan(frozenset({4}), 22 * HOUR, 6 * HOUR, "America/New_York"))
    assert_inside(night, "2026-01-10T03:00:00Z", "2026-01-10T10:59:59.999Z")
    assert_outside(night, "2026-01-09T04:00:00Z", "2026-01-10T11:00:00Z", "2026-01-11T03:00:00Z")


def test_a_day_that_ends_at_24_o_clock_holds_its_last_millisecond() -> None:
    """`24:00` as an end is the midnight after the day, and no later."""
    evening = window(WeeklySpan(frozenset({0}), 20 * HOUR, DAY, "UTC"))
    assert_inside(evening, "2026-01-05T23:59:59.999Z")
    assert_outside(evening, "2026-01-06T00:00:00Z")


def test_a_span_that_ends_as_it_begins_lasts_one_day() -> None:
    """`mon 06:00..06:00` runs until Tuesday, 06:00."""
    shift = window(WeeklySpan(frozenset({0}), 6 * HOUR, 6 * HOUR, "UTC"))
    assert_inside(shift, "2026-01-05T06:00:00Z", "2026-01-06T05:59:59.999Z")
    assert_outside(shift, "2026-01-05T05:59:59.999Z", "2026-01-06T06:00:00Z")


def test_both_passes_of_a_repeated_hour_count() -> None:
    """01:00..02:00 happens twice in New York on the day the clocks go back."""
    early = window(WeeklySpan(EVERY_DAY, HOUR, 2 * HOUR, "America/New_York"))
    assert_inside(early, "2024-11-03T05:30:00Z", "2024-11-03T06:30:00Z")
    assert_outside(early, "2024-11-03T04:59:59.999Z", "2024-11-03T07:00:00Z")
    assert early.at(instant("2024-11-03T05:00:00Z")) == (True, instant("2024-11-03T07:00:00Z"))


def test_a_skipped_hour_never_happens() -> None:
    """02:00..03:00 does not happen in New York on the day the clocks go forward; the next is a day later."""
    skipped = window(WeeklySpan(EVERY_DAY, 2 * HOUR, 3 * HOUR, "America/New_York"))
    before = instant("2024-03-10T00:00:00-05:00")
    assert skipped.at(before) == (False, instant("2024-03-11T02:00:00-04:00"))


def test_a_start_within_a_skipped_hour_moves_to_the_first_instant_that_exists() -> None:
    """02:30..04:00 begins at 03:00 in New York on the day the clocks go forward."""
    partly = window(WeeklySpan(EVERY_DAY, 5 * HOUR // 2, 4 * HOUR, "America/New_York"))
    assert partly.at(instant("2024-03-10T00:00:00-05:00")) == (False, instant("2024-03-10T03:00:00-04:00"))


def test_an_instant_span_is_half_open_and_then_never_comes_again() -> None:
    """The start is inside, the end is not; afterwards nothing changes until the end of the year 9999."""
    once = window(InstantSpan(1_000, 2_000))
    assert once.at(999) == (False, 1_000)
    assert once.at(1_000) == (True, 2_000)
    assert once.at(1_999) == (True, 2_000)
    assert once.at(2_000) == (False, TIME_MAX + 1)
    assert window(InstantSpan(2_000, 1_000)).at(1_500) == (False, TIME_MAX + 1)


def test_dates_hold_whole_local_days_both_ends_included() -> None:
    """The 24th to the 26th of December in Tokyo begins and ends at midnight there."""
    holidays = window(DatesSpan(date(2026, 12, 24), date(2026, 12, 26), "Asia/Tokyo"))
    start, end = instant("2026-12-24T00:00:00+09:00"), instant("2026-12-27T00:00:00+09:00")
    assert holidays.at(start - 1) == (False, start)
    assert holidays.at(start) == (True, end)
    assert holidays.at(end)[0] is False


def test_a_local_day_that_never_happened_is_empty() -> None:
    """Samoa went from the 29th to the 31st of December 2011."""
    lost = window(DatesSpan(date(2011, 12, 30), date(2011, 12, 30), "Pacific/Apia"))
    assert lost.at(instant("2011-12-01T00:00:00Z")) == (False, TIME_MAX + 1)


def test_a_local_day_may_begin_twice() -> None:
    """In Havana the clocks go back at 01:00: the first hour of the day happens twice, the day begins once."""
    day = window(DatesSpan(date(2024, 11, 3), date(2024, 11, 3), "America/Havana"))
    assert day.at(instant("2024-11-03T00:00:00-04:00")) == (True, instant("2024-11-04T00:00:00-05:00"))


def test_exceptions_are_taken_away() -> None:
    """Christmas is no working day."""
    desk = window(
        WeeklySpan(WORKDAYS, 8 * HOUR, 18 * HOUR, "Europe/London"),
        outside=(DatesSpan(date(2026, 12, 24), date(2026, 12, 25), "Europe/London"),),
    )
    assert desk.at(instant("2026-12-23T18:00:00Z")) == (False, instant("2026-12-28T08:00:00Z"))


def test_several_spans_are_joined() -> None:
    """Two touching spans have no edge between them."""
    joined = window(InstantSpan(0, 10), InstantSpan(10, 20), InstantSpan(5, 7))
    assert joined.at(0) == (True, 20)


def test_nothing_is_known_outside_the_years_1_to_9999() -> None:
    """Beyond the first and last representable millisecond membership is unknown."""
    always = window(WeeklySpan(EVERY_DAY, 0, DAY, "UTC"))
    assert always.contains(TIME_MIN - 1) is None
    assert always.contains(TIME_MAX + 1) is None
    assert always.at(TIME_MIN - 1) == (None, TIME_MIN)
    assert always.at(TIME_MIN) == (True, TIME_MAX + 1)
    assert always.at(TIME_MAX) == (True, TIME_MAX + 1)
    assert always.at(TIME_MAX + 1) == (None, None)
    assert always.at(-(2**63)) == (None, TIME_MIN)
    assert always.at(2**63) == (None, None)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York"])
def test_the_ends_of_time_are_inside_a_window_that_is_always_open(zone: str) -> None:
    """Where a local calendar would leave the years 1 to 9999, wall clocks still go on."""
    almost = window(WeeklySpan(EVERY_DAY, 0, DAY - 1, zone))
    for moment in (TIME_MIN, TIME_MIN + DAY, TIME_MAX - DAY, TIME_MAX):
        assert almost.contains(moment) is not None
        assert almost.at(moment)[0] is almost.contains(moment)


def test_a_change_that_is_far_away_may_be_promised_too_early() -> None:
    """A window that never opens, for a reason that only looking shows, says: ask again in two years."""
    never = window(
        WeeklySpan(WORKDAYS, 0, DAY, "UTC"), outside=(WeeklySpan(EVERY_DAY, 0, 12 * HOUR, "UTC"),
                                                      WeeklySpan(EVERY_DAY, 12 * HOUR, DAY, "UTC"))
    )  # fmt: skip
    now = instant("2026-01-01T00:00:00Z")
    inside, again = never.at(now)
    assert inside is False
    assert again is not None
    assert now + 700 * DAY < again < now + 1_200 * DAY


def test_far_away_dates_are_found_without_looking_at_every_day_between() -> None:
    """A single date a thousand years from now is the next change, exactly."""
    far = window(DatesSpan(date(3026, 1, 1), date(3026, 1, 1), "Asia/Tokyo"))
    assert far.at(instant("2026-01-01T00:00:00Z")) == (False, instant("3026-01-01T00:00:00+09:00"))


def test_a_change_at_the_very_border_of_two_chunks_is_not_lost() -> None:
    """What is remembered ends at instants such as the epoch; an edge may lie exactly there."""
    monday_to_wednesday = window(WeeklySpan(frozenset({0, 1, 2}), 0, DAY, "UTC"))
    assert monday_to_wednesday.at(-1) == (True, 0)
    assert window(InstantSpan(-5, 0)).at(-1) == (True, 0)
    assert window(InstantSpan(0, 1 << 33)).at(-1) == (False, 0)
    assert window(InstantSpan(0, 1 << 33)).at(0) == (True, 1 << 33)


def test_a_change_at_the_border_of_a_chunk_far_away_is_not_lost() -> None:
    """A span that begins where a chunk does, here with 1970, is promised in time however early one asks."""
    window = build_window([InstantSpan(0, DAY)])
    instant: int | None = TIME_MIN
    seen: list[tuple[int, bool | None]] = []
    while instant is not None and instant <= DAY:
        inside, change = window.at(instant)
        seen.append((instant, inside))
        instant = change
    assert (0, True) in seen
    assert all(inside is window.contains(instant) for instant, inside in seen)


def test_an_empty_window_holds_nothing() -> None:
    """Without spans, and with a span of no days, nothing is inside."""
    assert build_window([]).at(0) == (False, TIME_MAX + 1)
    assert window(WeeklySpan(frozenset(), 0, DAY, "UTC")).at(0) == (False, TIME_MAX + 1)


def test_windows_are_equal_by_content() -> None:
    """Spans, exceptions and calendar data make a window; it can be a key, and be pickled."""
    one = window(WeeklySpan(WORKDAYS, 0, HOUR, "UTC"))
    same = window(WeeklySpan(frozenset({4, 3, 2, 1, 0}), 0, HOUR, "UTC"))
    other = window(WeeklySpan(WORKDAYS, 0, HOUR, "Etc/UTC"))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != "window"
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - our own bytes
    assert "WeeklySpan" in repr(one)


def test_windows_over_different_calendar_data_differ() -> None:
    """The same declaration means something else when the exchange changes its hours."""
    first = window(CalendarSpan("X"), calendars=(Calendar("X", 0, 100, (((10, 20),),)),))
    second = window(CalendarSpan("X"), calendars=(Calendar("X", 0, 100, (((10, 21),),)),))
    assert first != second
    assert first.environment() != second.environment()


def test_the_environment_names_every_zone_and_calendar() -> None:
    """What the meaning depends on besides the declaration can be made part of a revision."""
    mixed = window(
        WeeklySpan(WORKDAYS, 0, HOUR, "UTC"),
        InstantSpan(0, 1),
        CalendarSpan("X"),
        outside=(DatesSpan(date(2026, 1, 1), date(2026, 1, 1), "Asia/Tokyo"),),
        calendars=(Calendar("X", 0, 100, ()), Calendar("UNUSED", 0, 100, ())),
    )
    assert sorted(mixed.environment()) == ["calendar X", "zone Asia/Tokyo", "zone UTC"]
    assert all(len(digest) == 64 for digest in mixed.environment().values())


def test_a_span_of_an_unknown_zone_or_calendar_makes_no_window() -> None:
    """What cannot be found is refused when the window is made, not when it is asked."""
    with pytest.raises(ZoneNotFoundError):
        window(WeeklySpan(WORKDAYS, 0, HOUR, "Europe/Atlantis"))
    with pytest.raises(CalendarNotFoundError):
        window(CalendarSpan("XXXX"))


def test_many_instants_of_many_years_stay_cheap_to_remember() -> None:
    """However far apart the instants asked about are, only some chunks are remembered, and all answers stay right."""
    desk = window(WeeklySpan(WORKDAYS, 8 * HOUR, 18 * HOUR, "Europe/London"))
    start = instant("1990-01-01T12:00:00Z")
    for step in range(80):
        moment = start + step * 200 * DAY
        assert desk.at(moment)[0] is desk.contains(moment)


def test_threads_may_ask_the_same_window() -> None:
    """Chunks that several threads make at once do no harm."""
    desk = window(WeeklySpan(WORKDAYS, 8 * HOUR, 18 * HOUR, "Europe/London"))
    start = instant("2020-01-01T12:00:00Z")
    expected = [desk.contains(start + step * 97 * DAY) for step in range(60)]
    found: list[list[bool | None]] = []

    def ask() -> None:
        found.append([desk.at(start + step * 97 * DAY)[0] for step in range(60)])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
