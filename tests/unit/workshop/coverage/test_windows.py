"""Window edges: which instants are wanted, and which are not."""

from __future__ import annotations

import pytest

from durwan.model.values import format_instant
from durwan.program import nodes
from durwan.workshop.coverage import anchored
from tests.unit.workshop.coverage.sets import NOW, assert_each_is_needed, covered

RULE = "deny a on orders.create when now in w"


def edges(window: str) -> list[str]:
    """The words of what is wanted of a window's edges."""
    targets = covered(f"window w = {window}\n{RULE}", {}).targets
    return [each.wanted.removeprefix("in which `now` is ") for each in targets if each.kind == "window"]


def at(*instants: str) -> dict[str, dict[str, str]]:
    return {instant: {"now": instant} for instant in instants}


def test_a_weekly_span() -> None:
    """The instant at which it begins or ends, and a millisecond earlier; on any day of any week, in its own zone."""
    span = 'mon..fri 08:00..18:00 "Europe/London"'
    begins, ends = (f"`{span}` {word}" for word in ("begins", "ends"))
    assert_each_is_needed(
        f"window w = {span}\n{RULE}",
        at(
            "2026-03-02T12:00:00Z",
            "2026-03-02T00:00:00Z",
            "2026-03-02T08:00:00Z",  # in winter
            "2026-07-03T06:59:59.999Z",  # and in summer time
            "2027-07-05T17:00:00Z",
            "2026-03-02T17:59:59.999Z",
            "2026-03-01T08:00:00Z",  # a Sunday
        ),
        {
            "2026-03-02T08:00:00Z": {f"in which `now` is the instant at which {begins}"},
            "2026-07-03T06:59:59.999Z": {f"in which `now` is 1ms before {begins}"},
            "2027-07-05T17:00:00Z": {f"in which `now` is the instant at which {ends}"},
            "2026-03-02T17:59:59.999Z": {f"in which `now` is 1ms before {ends}"},
        },
    )


def test_a_span_past_midnight() -> None:
    """It ends on the day after the one on which it began."""
    span = '`fri 22:00..06:00 "UTC"`'
    coverage = covered(f'window w = fri 22:00..06:00 "UTC"\n{RULE}', at("2026-03-07T06:00:00Z", "2026-03-06T06:00:00Z"))
    shown = {each.wanted: each.reached_by for each in coverage.targets if each.kind == "window" and each.reached}
    assert shown == {f"in which `now` is the instant at which {span} ends": "2026-03-07T06:00:00Z"}


def test_whole_days() -> None:
    """Midnights within a run of whole days are no edges: nothing changes there."""
    days = at("2026-03-03T00:00:00Z", "2026-03-02T23:59:59.999Z", "2026-03-07T00:00:00Z")
    coverage = covered(f'window w = mon..fri "UTC"\n{RULE}', days)
    shown = {each.wanted: each.reached_by for each in coverage.targets if each.kind == "window" and each.reached}
    assert shown == {'in which `now` is the instant at which `mon..fri "UTC"` ends': "2026-03-07T00:00:00Z"}


def test_edges_that_another_span_covers() -> None:
    """What never changes membership is not asked for; on excepted days there is nothing to see."""
    window = 'mon 08:00..12:00 "UTC", mon 11:00..18:00 "UTC"'
    assert [each for each in edges(window) if each.startswith("the")] == [
        'the instant at which `mon 08:00..12:00 "UTC"` begins',
        'the instant at which `mon 11:00..18:00 "UTC"` ends',
    ]
    excepted = 'mon 08:00..18:00 "UTC" except dates 2026-03-02..2026-03-02 "UTC"'
    coverage = covered(f"window w = {excepted}\n{RULE}", at("2026-03-02T08:00:00Z"))
    assert not any(each.reached for each in coverage.targets if "08:00..18:00" in each.wanted)


def test_instants() -> None:
    """An instant span has its two ends."""
    span = "2026-04-01T00:00:00Z..2026-04-02T00:00:00Z"
    assert_each_is_needed(
        f"window w = {span}\n{RULE}",
        at("2026-04-01T00:00:00Z", "2026-03-31T23:59:59.999Z", "2026-04-02T00:00:00Z", "2026-04-01T23:59:59.999Z"),
        {
            "2026-04-01T00:00:00Z": {f"in which `now` is the instant at which `{span}` begins"},
            "2026-03-31T23:59:59.999Z": {f"in which `now` is 1ms before `{span}` begins"},
            "2026-04-02T00:00:00Z": {f"in which `now` is the instant at which `{span}` ends"},
            "2026-04-01T23:59:59.999Z": {f"in which `now` is 1ms before `{span}` ends"},
        },
    )


def test_dates() -> None:
    """Dates begin and end at the midnights of their zone."""
    dates = 'dates 2026-07-01..2026-07-02 "Europe/London"'
    coverage = covered(f"window w = {dates}\n{RULE}", at("2026-06-30T23:00:00Z", "2026-07-02T23:00:00Z"))
    assert {each.reached_by for each in coverage.targets if each.kind == "window" and each.reached} == {
        "2026-06-30T23:00:00Z",
        "2026-07-02T23:00:00Z",
    }


def test_excepted_dates() -> None:
    """Wanted are the openings around the midnights at which an exception begins and ends, since these show nothing."""
    assert_each_is_needed(
        'window w = mon..fri 08:00..18:00 "UTC" except dates 2026-12-24..2026-12-25 "UTC"\n' + RULE,
        {
            **at(
                "2026-03-02T08:00:00Z", "2026-03-02T07:59:59.999Z", "2026-03-02T18:00:00Z", "2026-03-02T17:59:59.999Z"
            ),
            **at("2026-12-23T12:00:00Z", "2026-12-24T12:00:00Z", "2026-12-25T12:00:00Z", "2026-12-28T12:00:00Z"),
            **at("2026-12-24T00:00:00Z", "2026-12-23T23:59:59.999Z"),
        },
        {
            "2026-03-02T08:00:00Z": {_weekly("the instant at which", "begins")},
            "2026-03-02T07:59:59.999Z": {_weekly("1ms before", "begins")},
            "2026-03-02T18:00:00Z": {_weekly("the instant at which", "ends")},
            "2026-03-02T17:59:59.999Z": {_weekly("1ms before", "ends")},
            "2026-12-23T12:00:00Z": {_opening("last opening before", "begins", "2026-12-23")},
            "2026-12-24T12:00:00Z": {_opening("first opening after", "begins", "2026-12-24")},
            "2026-12-25T12:00:00Z": {_opening("last opening before", "ends", "2026-12-25")},
            "2026-12-28T12:00:00Z": {_opening("first opening after", "ends", "2026-12-28")},
        },
    )


def _weekly(place: str, word: str) -> str:
    return f'in which `now` is {place} `mon..fri 08:00..18:00 "UTC"` {word}'


def _opening(place: str, word: str, day: str) -> str:
    dates = '`dates 2026-12-24..2026-12-25 "UTC"`'
    return f"in which `now` is in the {place} {dates} {word}, from {day}T08:00:00Z to {day}T18:00:00Z"


def test_an_exception_that_cuts_an_opening_in_two() -> None:
    """Then its own ends are edges like any other."""
    exception = "2026-03-02T12:00:00Z..2026-03-02T13:00:00Z"
    assert [each for each in edges(f'"UTC" except {exception}') if exception in each] == [
        f"the instant at which `{exception}` begins",
        f"1ms before `{exception}` begins",
        f"the instant at which `{exception}` ends",
        f"1ms before `{exception}` ends",
    ]


CALENDAR = """\
covers 2026-01-01T00:00:00Z..2027-01-01T00:00:00Z
2026-03-02T01:00:00Z..2026-03-02T04:00:00Z, 2026-03-02T05:00:00Z..2026-03-02T08:00:00Z
2026-03-03T01:00:00Z..2026-03-03T04:00:00Z
"""
FILES = {"policy.yaml": "name: a\ncalendars: { FLOOR: floor.txt }\n", "floor.txt": CALENDAR}


def test_trading_sessions() -> None:
    """Sessions begin and end with their margins, on any day, break off and go on; beyond the data all is unknown."""
    span = '`calendar "FLOOR" pre 30m`'
    assert_each_is_needed(
        f'window w = calendar "FLOOR" pre 30m\n{RULE}',
        at(
            "2026-03-02T03:00:00Z",
            "2026-06-01T00:00:00Z",
            "2026-03-03T00:30:00Z",
            "2026-03-02T00:29:59.999Z",
            "2026-03-03T04:00:00Z",
            "2026-03-02T07:59:59.999Z",
            "2026-03-02T04:00:00Z",
            "2026-03-02T03:59:59.999Z",
            "2026-03-02T05:00:00Z",
            "2026-03-02T04:59:59.999Z",
            "2027-02-01T00:00:00Z",
        ),
        {
            "2026-03-03T00:30:00Z": {f"in which `now` is the instant at which {span} begins"},
            "2026-03-02T00:29:59.999Z": {f"in which `now` is 1ms before {span} begins"},
            "2026-03-03T04:00:00Z": {f"in which `now` is the instant at which {span} ends"},
            "2026-03-02T07:59:59.999Z": {f"in which `now` is 1ms before {span} ends"},
            "2026-03-02T04:00:00Z": {f"in which `now` is the instant at which {span} breaks off"},
            "2026-03-02T03:59:59.999Z": {f"in which `now` is 1ms before {span} breaks off"},
            "2026-03-02T05:00:00Z": {f"in which `now` is the instant at which {span} goes on"},
            "2026-03-02T04:59:59.999Z": {f"in which `now` is 1ms before {span} goes on"},
            "2027-02-01T00:00:00Z": {"in which it is unknown"},
        },
        FILES,
    )


def test_any_instant_may_be_asked_about() -> None:
    """A window's edges are wanted of each instant that is looked for in it."""
    coverage = covered('window w = mon 08:00..18:00 "UTC"\ndeny a on orders.create when risk.as_of in w', {
        "x": {"risk": {"as_of": "2026-03-02T08:00:00Z"}},
    })  # fmt: skip
    [shown] = [each for each in coverage.targets if each.kind == "window" and each.reached]
    assert shown.wanted == 'in which `risk.as_of` is the instant at which `mon 08:00..18:00 "UTC"` begins'
    assert (shown.owner, shown.span.text) == ("window w", 'mon 08:00..18:00 "UTC"')


@pytest.mark.parametrize(("before", "instant"), [(False, "2026-03-09T08:00:00Z"), (True, "2026-03-09T07:59:59.999Z")])
def test_the_first_occurrence(before: bool, instant: str) -> None:
    """A recurring edge can be narrowed to its first real occurrence, here in the week after an excepted day."""
    coverage = covered(f'window w = mon 08:00..18:00 "UTC" except dates 2026-03-02..2026-03-02 "UTC"\n{RULE}', {})
    [goal] = [
        each.goal
        for each in coverage.targets
        if each.goal.edge is not None and each.goal.edge.before is before and "begins" in each.wanted
    ]
    narrowed = anchored(coverage.program, goal, NOW - 86_400_000)
    match narrowed.expression:
        case nodes.Operation(operator="==", operands=(nodes.Now(), nodes.InstantLiteral(value=value))):
            assert format_instant(value) == instant
        case other:
            pytest.fail(f"{other}")
    assert anchored(coverage.program, narrowed, NOW) is narrowed
