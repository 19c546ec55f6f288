"""Answers that were given before, looked up by their places."""

from __future__ import annotations

from collections.abc import Sequence

from durwan.backends.columns.polars_interface import pl


def truths_at(truths: Sequence[bool | None] | pl.Series, places: pl.Expr) -> pl.Expr:
    """The truths at some places of a list; null for null.

    They are taken out as bytes: single bits would take nearly twice as long.
    """
    numbers = pl.Series(truths, dtype=pl.Boolean).cast(pl.UInt8)
    return pl.lit(numbers).gather(places) == pl.lit(1, dtype=pl.UInt8)
