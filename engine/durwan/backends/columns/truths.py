"""Truths of columns: joined, and looked up where they were found before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from durwan.backends.columns.polars_interface import pl


def truths_at(truths: Sequence[bool | None] | pl.Series, places: pl.Expr) -> pl.Expr:
    """The truths at some places of a list; null for null.

    They are taken out as bytes: single bits would take nearly twice as long.
    """
    numbers = pl.Series(truths, dtype=pl.Boolean).cast(pl.UInt8)
    return pl.lit(numbers).gather(places) == pl.lit(1, dtype=pl.UInt8)


def all_of(truths: Iterable[pl.Expr]) -> pl.Expr:
    """Kleene's `and` of one truth or more."""
    return reduce(lambda left, right: left & right, truths)


def any_of(truths: Iterable[pl.Expr]) -> pl.Expr:
    """Kleene's `or` of one truth or more."""
    return reduce(lambda left, right: left | right, truths)
