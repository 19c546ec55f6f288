"""Cells and moments add up exactly, and stay within their bounds."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from durwan.model.values import EXACT
from durwan.workshop.replaying import cells, moments
from durwan.workshop.replaying.cells import Amount, added, amounts_of, counted, folded

PATH = "request.notional"
UNIT = 10**18


def flipped(keys: int, each: int, value: int) -> pl.DataFrame:
    """Rows of so many keys, so many of each, all with one amount."""
    number = keys * each
    return pl.DataFrame(
        {
            "before": pl.Series([0] * number, dtype=pl.UInt32),
            "after": pl.Series([1] * number, dtype=pl.UInt32),
            "action": ["pay"] * number,
            "account": ["a"] * number,
            "key": [f"key-{place % keys}" for place in range(number)],
            "now": list(range(number)),
            PATH: pl.Series([value] * number, dtype=pl.Int128),
        }
    )


def total(frame: pl.DataFrame) -> Amount:
    (row,) = added(frame, (PATH,), ("before", "after")).iter_rows(named=True)
    return amounts_of(row, (PATH,))[PATH]


@pytest.mark.parametrize("value", [10**36 - 1, 1 - 10**36, 1, -1, 0])
def test_sums_of_the_longest_numbers_are_exact(value: int) -> None:
    """Hundreds of the largest and smallest numbers there are add up to the last digit."""
    frame = counted(flipped(3, 300, value), (PATH,))
    exact = Decimal(value * 900).scaleb(-18, EXACT)
    assert total(frame) == Amount(900, exact, Decimal(value).scaleb(-18, EXACT))


def test_unknown_amounts_are_not_counted() -> None:
    """An amount that nobody says has no largest, and adds nothing."""
    frame = counted(flipped(1, 2, 1).with_columns(pl.lit(None, dtype=pl.Int128).alias(PATH)), (PATH,))
    assert total(frame) == Amount(0, Decimal(0), None)


def test_too_many_cells_are_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound, the lightest accounts and keys are given up; no count, amount or instant is lost."""
    monkeypatch.setattr(cells, "MOST", 10)
    light, heavy = flipped(40, 1, UNIT), flipped(3, 5, UNIT)
    frame = counted(pl.concat([light, heavy]), (PATH,))
    found = folded(frame, (PATH,))
    assert found.height <= cells.MOST
    assert found.get_column("count").sum() == 55
    assert total(found) == Amount(55, Decimal(55), Decimal(1))
    kept = found.filter(~pl.col("folded"))
    assert {"key-0", "key-1", "key-2"} <= set(kept.get_column("key"))
    assert found.filter("folded").get_column("key").to_list() == [None]


def test_long_logs_have_longer_spans() -> None:
    """Where hours would be too many, days are counted; in which order parts are added does not matter."""
    hours = [
        pl.DataFrame(
            {
                "moment": [place * moments.HOUR for place in range(start, start + 6_000)],
                "before": pl.Series([0] * 6_000, dtype=pl.UInt32),
                "after": pl.Series([1] * 6_000, dtype=pl.UInt32),
                "count": [1] * 6_000,
            }
        )
        for start in (0, 6_000, 12_000)
    ]
    parts = [(moments.HOUR, each) for each in hours]
    span, found = moments.fitting([moments.fitting(parts[:2]), parts[2]])
    other_span, other = moments.fitting([parts[2], moments.fitting(parts[1::-1])])
    assert span == other_span == moments.DAY
    assert found.sort("moment").equals(other.sort("moment"))
    assert found.get_column("count").sum() == 18_000
    assert found.height == 750


def test_instants_that_cannot_be_read_stay_apart() -> None:
    """An unknown instant belongs to no span."""
    frame = pl.DataFrame(
        {"moment": [None, 5], "before": [0, 0], "after": [1, 1], "count": [2, 3]},
        schema=moments.empty_moments().schema,
    )
    found = moments.coarser(frame, moments.DAY)
    assert dict(found.select("moment", "count").iter_rows()) == {None: 2, 0: 3}
