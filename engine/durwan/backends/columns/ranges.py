"""Addresses in networks, as columns of numbers: compared with each range, or found among the edges of all of them."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from functools import lru_cache, reduce
from itertools import accumulate
from typing import Any, Final

from durwan.backends.columns.batch import place
from durwan.backends.columns.polars_interface import pl
from durwan.backends.columns.truths import truths_at
from durwan.model.address import AddressRange, NetworkSet

# Up to so many ranges are compared one by one.
_FEW_RANGES: Final = 12
# Up to so many stretches are compared one by one, which takes less time than to look one up.
_FEW_STRETCHES: Final = 6
_LAST: Final = (1 << 127) - 1
_FIRST4, _LAST4 = place(bytes(4)), place(b"\xff" * 4)


def in_network(address: pl.Expr, network: NetworkSet, narrow: pl.Expr | None = None) -> pl.Expr:
    """Whether addresses are in a network.

    Args:
        address: the addresses.
        network: the network.
        narrow: the same addresses as `narrowed` has them: three times as fast to compare with ranges of IPv4.
    """
    spans = spans_of(network)
    if len(spans) > _FEW_RANGES:
        edges = Edges([network])
        return edges.inside(edges.places(address), network)
    found: pl.Expr = pl.when(address.is_not_null()).then(pl.lit(value=False))
    among: list[pl.Expr] = []
    for first, last in spans:
        if narrow is not None and _FIRST4 <= first <= _LAST4:
            among.append(narrow.is_between(_narrow(first - _FIRST4), _narrow(last - _FIRST4)))
        else:
            found = found | address.is_between(_wide(first), _wide(last))
    # What is no IPv4 address is null there, and in none of these ranges; unknown or true stays as it is.
    return reduce(_or, among).fill_null(value=False) | found if among else found


def narrowed(address: pl.Expr) -> pl.Expr:
    """The numbers of IPv4 addresses from 0 on, in 32 bits; null for others."""
    is_one = address.is_between(_wide(_FIRST4), _wide(_LAST4))
    return pl.when(is_one).then(address.cast(pl.UInt32, wrap_numerical=True))


class Edges:
    """The edges of some networks, which part all addresses into stretches: a network holds whole ones.

    Args:
        networks: the networks.
    """

    def __init__(self, networks: Iterable[NetworkSet]) -> None:
        found = {edge for network in networks for first, last in spans_of(network) for edge in (first, last + 1)}
        self._edges = sorted(edge for edge in found if edge <= _LAST)
        self._place = {edge: number for number, edge in enumerate(self._edges, 1)}

    def places(self, address: pl.Expr) -> pl.Expr:
        """In which stretch addresses lie, from 0, null for null."""
        if not self._edges:
            return address * 0
        edges = pl.lit(pl.Series(self._edges, dtype=pl.Int128))
        return pl.when(address.is_not_null()).then(edges.search_sorted(address, side="right"))

    def inside(self, places: pl.Expr, network: NetworkSet) -> pl.Expr:
        """Whether the stretches are the network's."""
        stretches = list(self._stretches(network))
        if len(stretches) <= _FEW_STRETCHES:
            among = [places.is_between(_narrow(first), _narrow(end - 1)) for first, end in stretches]
            return reduce(_or, among, pl.when(places.is_not_null()).then(pl.lit(value=False)))
        turns = [0] * (len(self._edges) + 2)
        for first, end in stretches:
            turns[first] += 1
            turns[end] -= 1
        return truths_at([depth > 0 for depth in accumulate(turns[:-1])], places)

    def inside_of_each(self, places: pl.Expr, codes: pl.Expr, table: Sequence[NetworkSet]) -> pl.Expr:
        """Whether the stretches are those of the network that each row names by its number.

        Each pair of a network and a stretch is one number, so that what all networks hold is one sorted list of spans.
        """
        width = len(self._edges) + 1
        spans = sorted(
            (code * width + first, code * width + end - 1)
            for code, network in enumerate(table)
            for first, end in self._stretches(network)
        )
        asked = codes.cast(pl.Int64) * width + places.cast(pl.Int64)
        if not spans:
            return asked < 0
        starts, ends = (pl.lit(pl.Series(each, dtype=pl.Int64)) for each in zip(*spans, strict=True))
        following = starts.search_sorted(asked, side="right").cast(pl.Int64)
        end = ends.gather((following - 1).clip(0).cast(pl.UInt32))
        return pl.when(asked.is_not_null()).then((following > 0) & (asked <= end))

    def _stretches(self, network: NetworkSet) -> Iterable[tuple[int, int]]:
        """The stretches of a network: the first of each run, and the one after."""
        for first, last in spans_of(network):
            yield self._place[first], self._place.get(last + 1, len(self._edges) + 1)


@lru_cache(maxsize=1 << 16)
def spans_of(network: NetworkSet) -> tuple[tuple[int, int], ...]:
    """The ranges of a network as columns have addresses, ascending; both ends are inside."""
    return tuple(sorted((place(each.first), place(each.last)) for each in _unmapped(network)))


def _unmapped(network: NetworkSet) -> Iterable[AddressRange]:
    """The ranges of a network; those of IPv6 without the addresses that are IPv4's."""
    first, last = bytes(10) + b"\xff\xff" + bytes(4), bytes(10) + b"\xff" * 6
    for each in network.ranges():
        if len(each.first) == 4 or each.last < first or each.first > last:
            yield each
            continue
        if each.first < first:
            yield AddressRange(each.first, (int.from_bytes(first, "big") - 1).to_bytes(16, "big"))
        if each.last > last:
            yield AddressRange((int.from_bytes(last, "big") + 1).to_bytes(16, "big"), each.last)


@lru_cache(maxsize=1 << 16)
def _wide(number: int) -> pl.Expr:
    return pl.lit(number, dtype=pl.Int128)


@lru_cache(maxsize=1 << 16)
def _narrow(number: int) -> pl.Expr:
    return pl.lit(number, dtype=pl.UInt32)


def _or(left: Any, right: Any) -> Any:
    return operator.or_(left, right)
