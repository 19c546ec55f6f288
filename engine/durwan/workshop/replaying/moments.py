"""How often each pair of answers occurred, over time.

A frame has `moment` (the beginning of a span, in milliseconds; null where the instant cannot be read), `before`,
`after` and `count`. Spans are hours, or longer ones where hours would be too many; which, is a matter of all requests
together and not of the order in which they are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durwan.backends.columns.polars_interface import pl

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
SPANS: Final = (HOUR, DAY, 30 * DAY, 3_000 * DAY, 300_000 * DAY)
_MOST: Final = 10_000


def empty_moments() -> pl.DataFrame:
    """Nothing ever."""
    return pl.DataFrame(schema={"moment": pl.Int64, "before": pl.UInt32, "after": pl.UInt32, "count": pl.Int64})


def coarser(moments: pl.DataFrame, span: int) -> pl.DataFrame:
    """The same by longer spans."""
    begins = (pl.col("moment") // span * span).alias("moment")
    return moments.with_columns(begins).group_by("moment", "before", "after").agg(pl.col("count").sum())


def fitting(frames: Sequence[tuple[int, pl.DataFrame]]) -> tuple[int, pl.DataFrame]:
    """Several frames, each with its span, as one, with the shortest span of which there are not too many."""
    span = max(each for each, _ in frames)
    found = coarser(pl.concat([frame for _, frame in frames]), span)
    for longer in SPANS[SPANS.index(span) + 1 :]:
        if found.get_column("moment").n_unique() <= _MOST:
            break
        span, found = longer, coarser(found, longer)
    return span, found


__all__ = ["DAY", "HOUR", "SPANS", "coarser", "empty_moments", "fitting"]
