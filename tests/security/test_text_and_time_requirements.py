"""R8 and R13: texts compare by code point, and an instant is read in one way only."""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.evaluators import NOW
from tests.security.policies import codes_of, decide

CORPORA = Path(__file__).parents[1] / "corpora"

# ------------------------------------------------------------------------------------------------------ R8, text tricks

_PAIRS = [
    (unicodedata.normalize("NFC", "\u00e9"), unicodedata.normalize("NFD", "\u00e9")),
    ("\u212a", "k"), ("\u212a", "K"), ("admin\n", "admin"), ("admin\x00", "admin"), ("Foo", "foo"), ("\u0131", "i"),
    ("a@evil@corp.com", "a@corp.com"), ("admin ", "admin"), ("\uff41dmin", "admin"), ("\u0430dmin", "admin"),
    ("adm\u00adin", "admin"), ("\u202eadmin", "admin"), ("stra\u00dfe", "strasse"), ("\ufb01", "fi"), ("", "\u200b"),
    ("\ud800", "\ufffd"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "other"), _PAIRS)
def test_texts_compare_by_code_point(given: str, other: str) -> None:
    """Texts that look alike, or fold alike, are different ones; each is what it is, decided strictly or carefully."""
    text = (
        "context v { left right : string  held : set of string }\nactions { same has_it }\n"
        "allow same on same when v.left == v.right\n"
        "allow has_it on has_it when v.held has v.right\n"
    )
    for left, right, same in ((given, other, False), (other, given, False), (given, given, True), (other, other, True)):
        values = {"left": left, "right": right, "held": [left]}
        for action in ("same", "has_it"):
            assert decide(text, {"action": action, "v": values}).allowed is same


@pytest.mark.parametrize(
    "name", ["\uff41dmin", "\u0430dmin", "adm\u00adin", "caf\u00e9", "k\u212a", "admin\u200b", "Admin"]
)
def test_names_are_ascii(name: str) -> None:
    """A policy whose names have other characters than small ASCII letters, digits and underscores does not compile."""
    assert codes_of({"a.policy": f"actions {{ a }}\nallow {name} on a\n"})
    assert codes_of({"a.policy": f"actions {{ {name} }}\nallow x on *\n"})
    assert codes_of({"a.policy": f"context v {{ {name} : int }}\nactions {{ a }}\nallow x on a\n"})


@pytest.mark.parametrize(
    "hidden", ["\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\x00", "\x07", "\x1b", "\x85", "\x9b"]
)
@pytest.mark.parametrize("place", ["# {}\nallow x on a\n", 'allow x on a because "{}"\n', "allow x on a{}\n"])
def test_what_a_reviewer_cannot_see_is_refused(place: str, hidden: str) -> None:
    """A bidirectional control, a zero-width character or a control anywhere in a file is an error."""
    assert "P0103" in codes_of({"a.policy": "actions { a }\n" + place.format(hidden)})


# ------------------------------------------------------------------------------------------------------------ R13, time

_TIMES = "context v { at : time }\nactions { readable before }\nallow r on readable when v.at is known\n"


@pytest.mark.parametrize(
    "moment",
    [
        "2016-12-31T23:59:60Z", "2026-03-02T24:00:00Z", "2026-03-02T09:00:00", "2026-03-02", "2026-03-02 09:00:00Z",
        "2026-02-29T09:00:00Z", "2026-03-02T09:60:00Z", "2026-03-02T09:00:00+24:00", "2026-03-02T09:00:00 Z",
        "2026-03-02T09:00:00Z\n", "2026-3-2T09:00:00Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "now", "",
        "20260302T090000Z", "2026-W10-1T09:00:00Z", "2026-03-02T09:00:00.Z", "1772442000000", 1772442000000.0, True,
        dt.datetime(2026, 3, 2, 9), dt.date(2026, 3, 2), None, "\u0662026-03-02T09:00:00Z",  # noqa: DTZ001
        "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", 253402300800000, -62135596800001,
    ],
)  # fmt: skip
def test_what_is_no_instant_is_unknown(moment: object) -> None:
    """Leap seconds, the hour 24, naive times and other forms are no instant, as an attribute or as `now`."""
    assert not decide(_TIMES, {"action": "readable", "v": {"at": moment}}).allowed
    if moment is not None:
        assert decide(_TIMES, {"action": "readable", "v": {"at": NOW}, "now": moment}).code == "invalid_now"


@pytest.mark.parametrize(
    "literal", ["2016-12-31T23:59:60Z", "2026-03-02T24:00Z", "2026-03-02T09:00", "2026-02-29T09:00Z"]
)
def test_what_is_no_instant_does_not_compile(literal: str) -> None:
    """The same forms are mistakes in a policy."""
    assert codes_of({"a.policy": f"actions {{ a }}\nallow x on a when now < {literal}\n"})


def test_both_passes_of_a_repeated_hour_are_different_instants() -> None:
    """01:30 on 3 November 2024 in New York was twice, an hour apart, whatever `datetime` says of `fold`."""
    text = _TIMES + "allow b on before when v.at < 2024-11-03T06:00Z\n"
    first = "2024-11-03T01:30:00-04:00"
    second = "2024-11-03T01:30:00-05:00"
    assert decide(text, {"action": "before", "v": {"at": first}}).allowed
    assert not decide(text, {"action": "before", "v": {"at": second}}).allowed


_TIME_CASES = json.loads((CORPORA / "time_cases.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", _TIME_CASES, ids=[f"{each['tz']} {each['local']}" for each in _TIME_CASES])
def test_a_window_of_one_wall_clock_minute(case: dict[str, Any]) -> None:
    """A window holds the instants at which the wall clock shows its times, twice where they are twice, not in a gap."""
    local = dt.datetime.fromisoformat(case["local"])
    if local.second:
        local = local.replace(second=0)
    until = local + dt.timedelta(minutes=1)
    clock = f"{local:%H:%M}..{until:%H:%M}" if until.date() == local.date() else f"{local:%H:%M}..24:00"
    # With its weekday, so that the day that Samoa skipped is not taken for the one after it.
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[local.weekday()]
    text = f'window w = {day} {clock} "{case["tz"]}"\nactions {{ a }}\nallow x on a when now in w\n'
    moment = dt.datetime.fromisoformat(case["utc"])
    assert decide(text, {"action": "a", "now": moment.isoformat()}).allowed is case["exists"]
