"""Instants in windows, as columns: looked up in the turns that a window takes over the instants of a batch."""

from __future__ import annotations

from itertools import pairwise
from math import gcd
from typing import Final

from durwan.backends.columns.polars_interface import pl
from durwan.backends.columns.truths import truths_at
from durwan.model.window import Window

# More turns of a window than this within the instants of a batch are not listed; each instant is asked about instead.
_MOST_TURNS: Final = 20_000
# So few different instants are each asked about at once.
_FEW: Final = 64
# Between instants that are further apart, in milliseconds, those are left out that hardly any others are near: one
# instant in the year 9999 would have all turns listed until then.
_LONG: Final = 400 * 86_400_000
_NEARLY_ALL: Final = 0.999
# How many equal pieces of time a table may have.
_MOST_PIECES: Final = 1 << 18
# And how much time altogether, in milliseconds: differences must not overflow.
_LONGEST: Final = 1 << 60


def in_window(instant: pl.Expr, frame: pl.DataFrame, window: Window) -> pl.Expr:
    """Whether instants, an expression over a frame, are in a window."""
    instants = frame.select(instant.alias("instant")).get_column("instant")
    first, last = _range(instants)
    if first is None or last is None:
        return pl.lit(None, dtype=pl.Boolean)
    outside = instants.filter((instants < first) | (instants > last)).unique()
    turns = None if len(instants) <= _FEW else _turns(window, first, last)
    if turns is None:
        return _asked(instant, instants.drop_nulls().unique(), window)
    if outside.is_empty():
        return _looked_up(instant, first, last, *turns)
    within = _looked_up(instant.clip(first, last), first, last, *turns)
    return pl.when(instant.is_between(first, last)).then(within).otherwise(_asked(instant, outside, window))


def _range(instants: pl.Series) -> tuple[int | None, int | None]:
    """From when to when nearly all instants are."""
    first, last = instants.min(), instants.max()
    if not isinstance(first, int) or not isinstance(last, int):
        return None, None
    if last - first <= _LONG:
        return first, last
    # As floats they are not exact, which does not matter: any two will do.
    low, high = (instants.quantile(share, "nearest") or 0 for share in (1 - _NEARLY_ALL, _NEARLY_ALL))
    return max(first, int(low)), min(last, int(high))


def _asked(instant: pl.Expr, different: pl.Series, window: Window) -> pl.Expr:
    """The answer for each of some different instants; null for others."""
    answers = pl.Series([window.contains(each) for each in different], dtype=pl.Boolean)
    return instant.replace_strict(different, answers, default=None, return_dtype=pl.Boolean)


def _turns(window: Window, first: int, last: int) -> tuple[list[int], list[bool | None]] | None:
    """From when on the window says what; None where that is too long a list."""
    starts: list[int] = []
    answers: list[bool | None] = []
    at: int | None = first
    while at is not None and at <= last:
        answer, change = window.at(at)
        starts.append(at)
        answers.append(answer)
        if len(starts) > _MOST_TURNS:
            return None
        at = change
    return starts, answers


def _looked_up(instant: pl.Expr, first: int, last: int, starts: list[int], answers: list[bool | None]) -> pl.Expr:
    """The answer in the turn in which an instant lies.

    Windows turn at whole hours or quarters of them: pieces of time as long as all turns allow make up a small table,
    and an instant's piece is found by one division, ten times faster than by a search.
    """
    turns = starts[1:]
    piece = gcd(*(later - earlier for earlier, later in pairwise(turns))) or last - first + 1
    base = turns[0] - -(-(turns[0] - first) // piece) * piece if turns else first
    pieces = (last - base) // piece + 1
    if pieces > _MOST_PIECES or last - base > _LONGEST:
        found = pl.lit(pl.Series(turns, dtype=pl.Int64)).search_sorted(instant, side="right")
        return pl.when(instant.is_not_null()).then(truths_at(answers, found))
    edges = pl.Series(turns, dtype=pl.Int64)
    middles = pl.int_range(0, pieces, dtype=pl.Int64, eager=True) * piece + base
    table = pl.Series(answers, dtype=pl.Boolean).gather(edges.search_sorted(middles, side="right"))
    # All are small here, so nothing is cut off; and it takes a quarter of the time not to look.
    return truths_at(table, ((instant - base) // piece).cast(pl.UInt32, wrap_numerical=True))
