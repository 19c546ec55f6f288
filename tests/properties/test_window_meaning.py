"""Windows against an independent reading of the language page, second by second and at random."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.window import DatesSpan, InstantSpan, Span, WeeklySpan, Window, build_window
from durwan.model.zone import DAY, find_zone, stretches

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "corpora" / "time_cases.json").read_text(encoding="utf-8")
)
CASE_IDS = [f"{case['tz']}-{case['local']}-{case['fold']}" for case in CASES]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3_600_000
CHUNK = 1 << 33


def milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def clock_of(moment: datetime) -> int:
    return (moment.hour * 3_600 + moment.minute * 60 + moment.second) * 1_000


def by_wall_clock(spans: Iterable[Span], instant: int) -> bool:
    """The language page, section 8, written with the standard library's dates and times."""
    moment = EPOCH + timedelta(milliseconds=instant)
    return any(_holds(span, instant, moment) for span in spans)


def _holds(span: Span, instant: int, moment: datetime) -> bool:
    if isinstance(span, InstantSpan):
        return span.start <= instant < span.end
    assert isinstance(span, WeeklySpan | DatesSpan)
    local = moment.astimezone(ZoneInfo(span.zone))
    if isinstance(span, DatesSpan):
        return span.first <= local.date() <= span.last
    shown = local.time()
    start = (EPOCH + timedelta(milliseconds=span.start)).time()
    end = time.max if span.end == DAY else (EPOCH + timedelta(milliseconds=span.end)).time()
    if span.start < span.end:
        return local.weekday() in span.days and start <= shown and (shown < end or span.end == DAY)
    yesterday = local.date() - timedelta(days=1)
    return (local.weekday() in span.days and shown >= start) or (yesterday.weekday() in span.days and shown < end)


@pytest.mark.parametrize("case", CASES, ids=CASE_IDS)
def test_each_local_time_of_the_corpus_is_where_it_is_said_to_be(case: dict[str, Any]) -> None:
    """The second that begins at the local time holds its instant exactly where the local time exists."""
    local = datetime.fromisoformat(case["local"])
    instant = milliseconds(datetime.fromisoformat(case["utc"]))
    start = clock_of(local)
    second = build_window([WeeklySpan(frozenset({local.weekday()}), start, start + 1_000, case["tz"])])
    if case["exists"]:
        assert second.contains(instant) is True
        assert second.at(instant) == (True, instant + 1_000)
        assert second.contains(instant - 1) is False
        assert second.at(instant - 1) == (False, instant)
        assert second.contains(instant + 1_000) is False
    else:
        assert second.contains(instant) is False
        inside, change = second.at(instant - DAY)
        assert inside is False
        assert change is not None
        assert change > instant + DAY


def transitions_near(zone: str, instant: int) -> list[int]:
    found = stretches(find_zone(zone), instant - 2 * DAY, instant + 2 * DAY)
    return [start for start, _, _ in found[1:]] or [instant]


def windows_around(case: dict[str, Any]) -> list[list[Span]]:
    local = datetime.fromisoformat(case["local"])
    clock, days = clock_of(local), frozenset({local.weekday()})
    zone: str = case["tz"]
    end = min(clock + HOUR // 2, DAY)
    tomorrow = local.date() + timedelta(days=1)
    return [
        [WeeklySpan(days, clock, end, zone)],
        [WeeklySpan(frozenset(range(7)), end % DAY, clock, zone)],
        [WeeklySpan(days, 22 * HOUR, clock, zone), WeeklySpan(days, 0, DAY, zone)],
        [DatesSpan(local.date(), local.date(), zone), DatesSpan(tomorrow, tomorrow, zone)],
    ]


@pytest.mark.parametrize("case", CASES, ids=CASE_IDS)
def test_every_second_around_a_transition_is_as_the_wall_clock_says(case: dict[str, Any]) -> None:
    """For 80 minutes before and after each change of the clocks: meaning, fast answer and brute force agree."""
    for transition in transitions_near(case["tz"], milliseconds(datetime.fromisoformat(case["utc"]))):
        for spans in windows_around(case):
            asked = build_window(spans)
            promised, known = transition - 4_800_000, None
            for instant in range(transition - 4_800_000, transition + 4_800_000, 1_000):
                inside, change = asked.at(instant)
                assert inside is by_wall_clock(spans, instant)
                assert inside is asked.contains(instant)
                assert inside is known or instant >= promised
                assert change is not None
                assert change > instant
                promised, known = change, inside


ZONES = st.sampled_from(
    [
        *sorted({case["tz"] for case in CASES}), "America/Havana", "America/St_Johns", "Asia/Gaza", "Pacific/Chatham",
        "Pacific/Kiritimati", "Etc/GMT+12", "Africa/Monrovia", "America/Scoresbysund",
    ]
)  # fmt: skip
CLOCKS = st.integers(0, 47).map(lambda half_hours: half_hours * HOUR // 2) | st.integers(0, DAY - 1)
YEARS = st.datetimes(datetime(1971, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)).map(milliseconds)  # noqa: DTZ001
DATES = st.dates(date(1971, 1, 1), date(2060, 1, 1))
WEEKLY = st.builds(WeeklySpan, st.frozensets(st.integers(0, 6)), CLOCKS, CLOCKS.filter(bool) | st.just(DAY), ZONES)


def instants_from(start: int, length: int) -> Span:
    return InstantSpan(start, start + length)


def dates_from(first: date, days: int, zone: str) -> Span:
    return DatesSpan(first, first + timedelta(days=days), zone)


SPANS: st.SearchStrategy[Span] = (
    WEEKLY
    | st.builds(instants_from, YEARS, st.integers(0, 400 * DAY))
    | st.builds(dates_from, DATES, st.integers(0, 500), ZONES)
)


@settings(deadline=None, max_examples=150)
@given(st.lists(SPANS, max_size=4), st.lists(SPANS, max_size=2), st.lists(YEARS, min_size=1, max_size=4))
def test_at_agrees_with_the_meaning_and_promises_no_edge_too_late(
    spans: list[Span], exceptions: list[Span], instants: list[int]
) -> None:
    """At random instants, and one millisecond before and after each edge that is promised."""
    asked = build_window(spans, exceptions)
    for start in instants:
        instant = start
        for _ in range(3):
            inside, change = asked.at(instant)
            assert inside is asked.contains(instant)
            assert inside is (by_wall_clock(spans, instant) and not by_wall_clock(exceptions, instant))
            assert change is not None
            assert_quiet(asked, instant, change, inside)
            if change > TIME_MAX:
                break
            assert asked.contains(change) is not inside or change % CHUNK == 0
            instant = change


def assert_quiet(asked: Window, start: int, end: int, inside: bool | None) -> None:
    """Nothing changes from `start` until `end`, as far as some hundred probes can tell."""
    step = max(1, (min(end, start + 800 * DAY) - start) // 40)
    probes = [*range(start, min(end, start + 800 * DAY), step)[:60], end - 1]
    assert all(asked.contains(probe) is inside for probe in probes)


@settings(deadline=None, max_examples=100)
@given(st.lists(WEEKLY, min_size=1, max_size=2), st.integers(TIME_MIN - DAY, TIME_MAX + DAY))
def test_at_agrees_with_the_meaning_in_all_years(spans: list[WeeklySpan], instant: int) -> None:
    """From the year 1 to the year 9999, and a day beyond."""
    asked = build_window(spans)
    for probe in (instant, TIME_MIN, TIME_MIN + instant % DAY, TIME_MAX - instant % DAY, TIME_MAX):
        inside, change = asked.at(probe)
        assert inside is asked.contains(probe)
        assert change is None or (change > probe and asked.contains(change - 1) is inside)
