"""Flips counted: how many, when, and how much was at stake, by answers, action, account and key.

A frame of cells has a row for each combination that occurs. Frames add up: that of all requests is the sum of those of
its parts, in any order.

| column | holds |
|---|---|
| `before`, `after` | the numbers of the answers |
| `action`, `account`, `key` | whose requests; null is unknown |
| `folded` | whether account and key were given up, to bound the memory |
| `count`, `first`, `last` | how many requests, the first and the last instant |
| `PATH known` | how often an amount is known |
| `PATH whole`, `PATH part` | its sum, before the point and after it, the latter in units of 1e-18 |
| `PATH largest` | the largest, in units |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from durwan.backends.columns.batch import NOW, ONE
from durwan.backends.columns.polars_interface import pl
from durwan.model.values import EXACT

BY: Final = ("before", "after", "action", "account", "key", "folded")
# More different cells than this are not kept: the lightest are folded.
MOST: Final = 200_000
_ONE: Final = pl.lit(ONE, dtype=pl.Int128)


class Amount(NamedTuple):
    """What requests were about together: how many said it, the sum, and the largest; exact."""

    known: int
    total: Decimal
    largest: Decimal | None


def counted(flipped: pl.DataFrame, amounts: Sequence[str]) -> pl.DataFrame:
    """The cells of flipped rows, which have `before`, `after`, `action`, `account`, `key`, `now` and the amounts."""
    sums = [pl.len().cast(pl.Int64).alias("count"), pl.col(NOW).min().alias("first"), pl.col(NOW).max().alias("last")]
    for path in amounts:
        value = pl.col(path)
        # A sum of units would overflow: 36 digits each, of 38 that there are.
        sums += [
            value.count().cast(pl.Int64).alias(f"{path} known"),
            (value // _ONE).sum().alias(f"{path} whole"),
            (value % _ONE).sum().alias(f"{path} part"),
            value.max().alias(f"{path} largest"),
        ]
    return flipped.with_columns(pl.lit(value=False).alias("folded")).group_by(BY).agg(sums)


def added(cells: pl.DataFrame, amounts: Sequence[str], by: Sequence[str] = BY) -> pl.DataFrame:
    """The cells that are equal in some columns as one."""
    sums = [pl.col("count").sum(), pl.col("first").min(), pl.col("last").max()]
    for path in amounts:
        sums += [pl.col(f"{path} {part}").sum() for part in ("known", "whole", "part")]
        sums.append(pl.col(f"{path} largest").max())
    return cells.group_by(by).agg(sums)


def folded(cells: pl.DataFrame, amounts: Sequence[str]) -> pl.DataFrame:
    """The cells, at most so many that they are easily kept: of the lightest, only the answers and the action."""
    if cells.height <= MOST:
        return cells
    ranked = cells.sort("count", *BY[:-1], descending=[True] + [False] * 5)
    light = ranked[MOST // 2 :].with_columns(
        pl.lit(None, dtype=pl.String).alias("account"), pl.lit(None, dtype=pl.String).alias("key"),
        pl.lit(value=True).alias("folded"),
    )  # fmt: skip
    return added(pl.concat([ranked[: MOST // 2], light]), amounts)


def empty_cells(amounts: Sequence[str]) -> pl.DataFrame:
    """No cells."""
    schema: dict[str, Any] = {
        "before": pl.UInt32, "after": pl.UInt32, "action": pl.String, "account": pl.String, "key": pl.String,
        "folded": pl.Boolean, "count": pl.Int64, "first": pl.Int64, "last": pl.Int64,
    }  # fmt: skip
    for path in amounts:
        schema |= {f"{path} known": pl.Int64, f"{path} whole": pl.Int128, f"{path} part": pl.Int128}
        schema[f"{path} largest"] = pl.Int128
    return pl.DataFrame(schema=schema)


def amounts_of(row: dict[str, Any], amounts: Iterable[str]) -> dict[str, Amount]:
    """The amounts of a cell."""
    found: dict[str, Amount] = {}
    for path in amounts:
        units = row[f"{path} whole"] * ONE + row[f"{path} part"]
        largest = row[f"{path} largest"]
        found[path] = Amount(row[f"{path} known"], _decimal(units), None if largest is None else _decimal(largest))
    return found


def _decimal(units: int) -> Decimal:
    """A number of units as a decimal without needless zeros."""
    number = EXACT.scaleb(Decimal(units), -18)
    # `normalize` of a hundred would be 1E+2.
    whole = number.to_integral_value()
    return whole if number == whole else number.normalize(EXACT)


__all__ = ["BY", "MOST", "Amount", "added", "amounts_of", "counted", "empty_cells", "folded"]
