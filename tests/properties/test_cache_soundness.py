"""Whatever the cache answers is what would be decided now: on random policies, and at each turn of the clock."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from durwan import Engine
from durwan.compilation import compile_sources
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.runtime.decision_store import CacheLimits
from durwan.runtime.policy import Compiled
from tests import cache_soundness

# 1,000,000 lookups in all, in parts that run side by side. `python -m tests.cache_soundness --lookups 10000000` is the
# long run.
PARTS = 20
LOOKUPS = 50_000

SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000
TIME_CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "corpora" / "time_cases.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("part", range(PARTS))
def test_what_the_cache_answers_is_what_would_be_decided_now(part: int) -> None:
    """While time goes both ways, keys change and policies are reloaded, every answer equals a fresh decision."""
    counts = cache_soundness.run(part * LOOKUPS + 1, LOOKUPS)
    assert counts.hits >= LOOKUPS // 4, "the cache hardly answers anything"
    assert counts.allowed > LOOKUPS // 500, "the generator no longer makes requests worth deciding"
    assert counts.key_changes > LOOKUPS // 200
    assert counts.reloads > 0


# ---------------------------------------------------------------------------------------------- F6: turns of the clock


@cache
def policies(zone: str, local: str) -> Compiled:
    """Windows that begin, end and lie at one local time of a zone; and tests of time that turn about `now`."""
    clock, day = local[11:16], local[:10]
    hour = int(clock[:2])
    return compile_sources(
        {
            "a.policy": f"""
actions {{ begins ends lies on_day moves }}
context session {{ lifetime : duration }}
window beginning = mon..sun {clock}..24:00 "{zone}"
window ending = mon..sun 00:00..{clock if clock != "00:00" else "24:00"} "{zone}"
window lying = mon..sun {hour:02}:00..{hour + 1:02}:00 "{zone}"
allow begins on begins when now in beginning
allow ends on ends when now in ending
allow lies on lies when now in lying
deny day on on_day when now < {day}T00:00:00Z
allow day_on on on_day
allow moves on moves when now - key.created > 10m and now < key.expires and now + session.lifetime < key.expires
"""
        }
    )


class Turn:
    """Engines with a cache and without, and a clock that is moved about one instant."""

    def __init__(self, zone: str, local: str, utc: int) -> None:
        compiled = policies(zone, local)
        created, expires = (min(TIME_MAX, max(TIME_MIN, utc + move)) for move in (-10 * MINUTE, 1))
        self.attributes = {"created": created, "expires": expires}
        self.now = utc
        self.cached = Engine(lambda: compiled, clock=lambda: self.now, cache=CacheLimits(trial=0, recheck=TIME_MAX))
        self.plain = Engine(lambda: compiled, clock=lambda: self.now, cache=None)
        self.checked = 0

    def look(self, now: int) -> None:
        """Every action at this instant, from the cache and afresh."""
        self.now = now
        for action in ("begins", "ends", "lies", "on_day", "moves"):
            request = {"action": action, "key": self.attributes, "session": {"lifetime": 0}}
            expected, got = self.plain.decide(request), self.cached.decide(request)
            assert got.outcome == expected.outcome, (action, now)
            assert got.valid_until is None or got.valid_until > now
            self.checked += 1

    @property
    def hits(self) -> int:
        """How many answers came from the cache, the first of each action apart."""
        info = self.cached.cache_info()
        assert info is not None
        assert info.differences == 0
        return self.checked - info.fills


def steps(utc: int) -> list[int]:
    """Second by second across an instant and back; then far off and back; then the clock stands still for a minute."""
    across = range(utc - 90 * SECOND, utc + 90 * SECOND + 1, SECOND)
    far = [utc + sign * jump + milli for jump in (SECOND, 10 * MINUTE, DAY) for sign in (1, -1) for milli in (-1, 0, 1)]
    return [
        *across, *reversed(across), *chain.from_iterable((utc, each, utc - 1, utc + 1) for each in far), *([utc] * 60),
    ]  # fmt: skip


def instant(utc: str) -> int:
    """Milliseconds since the epoch of a text with an offset."""
    return int(datetime.fromisoformat(utc).timestamp()) * 1_000


_LAST = [
    ("UTC", "2038-01-19T03:14:08", instant("2038-01-19T03:14:08+00:00")),
    ("UTC", "9999-12-31T23:59:00", TIME_MAX - 90 * SECOND),
    ("UTC", "0001-01-01T00:01:00", TIME_MIN + 90 * SECOND),
]


@pytest.mark.parametrize(
    ("zone", "local", "utc"), [*((each["tz"], each["local"], instant(each["utc"])) for each in TIME_CASES), *_LAST]
)
def test_every_turn_of_the_clock_is_seen_through_the_cache(zone: str, local: str, utc: int) -> None:
    """Second by second across each transition, forwards, backwards, by jumps and standing still: as without a cache."""
    turn = Turn(zone, local, utc)
    for now in steps(utc):
        if TIME_MIN <= now <= TIME_MAX:
            turn.look(now)
    assert turn.hits > turn.checked // 2, "the cache hardly answers anything"


@pytest.mark.parametrize("now", [TIME_MIN - 1, TIME_MAX + 1, 10**18, -(10**18)])
def test_no_answer_is_kept_for_an_instant_that_is_none(now: int) -> None:
    """Beyond the years 1 to 9999 there is no instant: what was decided within them does not answer it."""
    turn = Turn("UTC", "2038-01-19T03:14:08", TIME_MAX - DAY)
    for within in (TIME_MAX - DAY, TIME_MAX, TIME_MIN):
        turn.look(within)
    request = {"action": "on_day", "now": now}
    assert turn.cached.decide(request).code == "invalid_now"
    turn.look(TIME_MAX)
