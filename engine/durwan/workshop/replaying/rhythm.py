"""When requests come: more by day than by night, fewer at weekends, and in some minutes very many."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi
from typing import Final

from durwan.backends.columns.polars_interface import pl
from durwan.workshop.replaying.chance import Chance

MINUTE: Final = 60_000
_DAY: Final = 1440
# The busiest minute of a day, in UTC: London's afternoon, New York's morning.
_NOON: Final = 14 * 60 + 30
# How much less there is at night, and at weekends; markets of this kind never close.
_NIGHT: Final = 0.25
_WEEKEND: Final = 0.5
# How often there is a burst, and how many times as many requests it has.
_BURSTS: Final = 1 / 400
_BURST: Final = 15


@dataclass(frozen=True)
class Rhythm:
    """The requests of a time, as a share of all for each of its minutes.

    Attributes:
        start: the first instant, in milliseconds since the epoch.
        minutes: for each minute how many of all requests came before it, from 0 to 1; and 1.
        bursts: which minutes are bursts.
    """

    start: int
    minutes: pl.Series
    bursts: pl.Series

    @classmethod
    def of(cls, seed: int, start: int, days: int) -> Rhythm:
        """A rhythm over some days."""
        count = days * _DAY
        bursts = Chance(seed, 0, count).share("bursts") < _BURSTS
        first = start // MINUTE
        by_minute = pl.Series([_of_day(minute) for minute in range(_DAY)])
        number = pl.int_range(first, first + count, eager=True)
        # The epoch was a Thursday.
        weekday = (number // _DAY + 3) % 7
        frame = pl.DataFrame({"weight": by_minute.gather(number % _DAY), "weekday": weekday, "burst": bursts})
        weights = frame.select(
            pl.col("weight")
            * pl.when(pl.col("weekday") >= 5).then(_WEEKEND).otherwise(1.0)
            * pl.when("burst").then(float(_BURST)).otherwise(1.0)
        ).to_series()
        before = pl.concat([pl.Series([0.0]), weights.cum_sum()])
        return cls(start, before / before[-1], bursts)

    def instants(self, chance: Chance, first: int, total: int) -> tuple[pl.Series, pl.Series]:
        """The instants of rows of a log of so many rows, ascending; and in which of the minutes they are."""
        rows = pl.int_range(first, first + chance.count, eager=True)
        share = (rows + chance.share("instant")) / total
        minute = (self.minutes.search_sorted(share, side="right") - 1).clip(0, len(self.bursts) - 1)
        before, after = self.minutes.gather(minute), self.minutes.gather(minute + 1)
        within = ((share - before) / (after - before) * MINUTE).cast(pl.Int64).clip(0, MINUTE - 1)
        return self.start + minute.cast(pl.Int64) * MINUTE + within, minute


def _of_day(minute: int) -> float:
    return _NIGHT + (1 - _NIGHT) * (1 + cos((minute - _NOON) / _DAY * 2 * pi)) / 2
