"""Chance by columns: the same seed gives the same numbers, on every machine and with every version of what computes.

The numbers are those of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014),
one stream for each name, each place in a stream computed from its number alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from typing import Final

from durwan.backends.columns.polars_interface import pl

_STEP: Final = 0x9E3779B97F4A7C15
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB
_WORD: Final = 1 << 64


class Chance:
    """Random columns over some rows of an endless table.

    Args:
        seed: of the table.
        first: the first of the rows.
        count: how many rows.
    """

    def __init__(self, seed: int, first: int, count: int) -> None:
        self.count = count
        self._seed = seed
        self._rows = pl.int_range(first, first + count, dtype=pl.UInt64, eager=True)

    def share(self, name: str) -> pl.Series:
        """Numbers from 0 up to 1, all equally likely: the stream of that name."""
        # 53 bits, as many as a float holds exactly.
        return (self._bits(name) // 2048).cast(pl.Float64) / float(1 << 53)

    def below(self, name: str, bound: int | pl.Series) -> pl.Series:
        """Whole numbers from 0 up to a bound."""
        return (self.share(name) * bound).cast(pl.Int64)

    def choice(self, name: str, weights: Sequence[float]) -> pl.Series:
        """Places among the weights, each as likely as its weight."""
        total = sum(weights)
        edges = pl.Series([edge / total for edge in accumulate(weights)][:-1], dtype=pl.Float64)
        return edges.search_sorted(self.share(name), side="right").cast(pl.UInt32)

    def _bits(self, name: str) -> pl.Series:
        start = int.from_bytes(sha256(f"{self._seed} {name}".encode()).digest()[:8], "little")
        mixed = self._rows * _word(_STEP) + _word((start + _STEP) % _WORD)
        mixed = (mixed ^ (mixed // _word(1 << 30))) * _word(_FIRST)
        mixed = (mixed ^ (mixed // _word(1 << 27))) * _word(_SECOND)
        return mixed ^ (mixed // _word(1 << 31))


def _word(number: int) -> pl.Series:
    return pl.Series([number], dtype=pl.UInt64)


__all__ = ["Chance"]
