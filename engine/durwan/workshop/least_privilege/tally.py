"""How often things were seen, when first and when last, in memory that grows with how many different ones there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from durwan.backends.columns.batch import NOW, place
from durwan.backends.columns.polars_interface import pl
from durwan.workshop.least_privilege.networks import EXACT, Prefix

_LEAST_WAITING: Final = 50_000
# Of one key so many different addresses are told apart, and fewer where there are very many keys.
_MOST_ADDRESSES: Final = 1024
_LEAST_ADDRESSES: Final = 16
_BUDGET: Final = 500_000
# What they are rounded to, step by step, where there are more.
_LEVELS: Final = (EXACT, Prefix(24, 64), Prefix(16, 48), Prefix(8, 32))
_LOWEST: Final = place(bytes(4))
_HIGHEST: Final = place(b"\xff" * 4)

HOLDER: Final = "holder"
ADDRESS: Final = "address"


@dataclass(frozen=True, slots=True)
class Use:
    """How often something was needed, first and last when (milliseconds since the epoch)."""

    count: int = 0
    first: int | None = None
    last: int | None = None

    def __add__(self, other: Use) -> Use:
        firsts = [each for each in (self.first, other.first) if each is not None]
        lasts = [each for each in (self.last, other.last) if each is not None]
        return Use(self.count + other.count, min(firsts, default=None), max(lasts, default=None))


NEVER = Use()


class Tally:
    """Counts rows by what they have in some columns.

    Args:
        by: the columns.
    """

    def __init__(self, *by: str) -> None:
        self._by: Sequence[str] = by
        self._whole: pl.DataFrame | None = None
        self._waiting: list[pl.DataFrame] = []

    def add(self, seen: pl.DataFrame) -> None:
        """Some rows, with the columns and `now`."""
        if seen.is_empty():
            return
        times = {"count": pl.len().cast(pl.Int64), "first": pl.col(NOW).min(), "last": pl.col(NOW).max()}
        self._waiting.append(seen.group_by(self._by).agg(**times))
        if sum(each.height for each in self._waiting) > max(
            _LEAST_WAITING, 0 if self._whole is None else self._whole.height
        ):
            self._settle()

    def items(self) -> Iterator[tuple[tuple[Any, ...], Use]]:
        """What there is in the columns, each with how often it was seen."""
        self._settle()
        if self._whole is not None:
            for row in self._whole.iter_rows():
                yield row[:-3], Use(*row[-3:])

    def _settle(self) -> None:
        parts = ([] if self._whole is None else [self._whole]) + self._waiting
        if self._waiting:
            self._whole = self._summed(pl.concat(parts))
        self._waiting = []

    def _summed(self, frame: pl.DataFrame) -> pl.DataFrame:
        totals = (pl.col("count").sum(), pl.col("first").min(), pl.col("last").max())
        return frame.group_by(self._by).agg(*totals)


class AddressTally(Tally):
    """Counts rows by key and address; of a key that comes from too many addresses, by networks.

    Args:
        holders: how many keys there are.
    """

    def __init__(self, holders: int) -> None:
        super().__init__(HOLDER, ADDRESS)
        self._most = min(_MOST_ADDRESSES, max(_LEAST_ADDRESSES, _BUDGET // max(holders, 1)))
        self._levels = pl.Series([0], dtype=pl.UInt8).new_from_index(0, holders)

    def prefix_of(self, holder: int) -> Prefix:
        """By which networks the addresses of a key are counted."""
        level: int = self._levels[holder]
        return _LEVELS[level]

    def _summed(self, frame: pl.DataFrame) -> pl.DataFrame:
        summed = super()._summed(self._rounded(frame))
        while (many := self._coarser(summed)) is not None:
            self._levels = self._levels.scatter(many, self._levels.gather(many) + 1)
            summed = super()._summed(self._rounded(summed))
        return summed

    def _coarser(self, summed: pl.DataFrame) -> pl.Series | None:
        """The keys with too many addresses that can be rounded further; None where there is none."""
        counts = summed.group_by(HOLDER).len().filter(pl.col("len") > self._most).get_column(HOLDER)
        found = counts.filter(self._levels.gather(counts) < len(_LEVELS) - 1)
        return None if found.is_empty() else found

    def _rounded(self, frame: pl.DataFrame) -> pl.DataFrame:
        level = pl.lit(self._levels).gather(pl.col(HOLDER))
        sizes4, sizes6 = (
            pl.lit(pl.Series([1 << bits - each[family] for each in _LEVELS], dtype=pl.Int128)).gather(level)
            for family, bits in enumerate((32, 128))
        )
        address = pl.col(ADDRESS)
        is4 = address.is_between(pl.lit(_LOWEST, dtype=pl.Int128), pl.lit(_HIGHEST, dtype=pl.Int128))
        size = pl.when(is4).then(sizes4).otherwise(sizes6)
        return frame.with_columns(address - address % size)


def packed(number: int) -> bytes:
    """The packed address of its number in a column: see `durwan.backends.columns.batch.place`."""
    if _LOWEST <= number <= _HIGHEST:
        return (number - _LOWEST).to_bytes(4, "big")
    return (number + (1 << 127)).to_bytes(16, "big")


__all__ = ["ADDRESS", "HOLDER", "NEVER", "AddressTally", "Tally", "Use", "packed"]
