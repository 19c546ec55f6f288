"""Counting in bounded memory."""

from __future__ import annotations

import polars as pl

from durwan.backends.columns.batch import place
from durwan.model.address import format_address, parse_address
from durwan.workshop.least_privilege.networks import EXACT, Prefix
from durwan.workshop.least_privilege.tally import AddressTally, Tally, Use, packed


def _number(text: str) -> int:
    found = parse_address(text)
    assert found is not None
    return place(found)


def _seen(holder: int, texts: list[str]) -> pl.DataFrame:
    return pl.DataFrame({
        "holder": pl.Series([holder] * len(texts), dtype=pl.UInt32),
        "address": pl.Series(list(map(_number, texts)), dtype=pl.Int128),
        "now": pl.Series(range(len(texts)), dtype=pl.Int64),
    })  # fmt: skip


def test_counts_add_up_over_any_number_of_parts() -> None:
    """The same is found whether rows come at once or by the hundred."""
    rows = pl.DataFrame({"holder": [each % 7 for each in range(300_000)], "now": list(range(300_000))})
    whole, parts = Tally("holder"), Tally("holder")
    whole.add(rows)
    for first in range(0, rows.height, 100):
        parts.add(rows[first : first + 100])
    assert dict(whole.items()) == dict(parts.items())
    assert dict(whole.items())[3,] == Use(42_857, 3, 299_995)


def test_addresses_come_back_as_they_were() -> None:
    """IPv4 and IPv6 are told apart, to the last bit."""
    texts = ["0.0.0.0", "203.0.113.7", "255.255.255.255", "::", "::1", "2001:db8::1", "ffff::ffff"]
    tally = AddressTally(1)
    tally.add(_seen(0, texts))
    assert {format_address(packed(number)) for (_, number), _ in tally.items()} == set(texts)
    assert tally.prefix_of(0) == EXACT


def test_too_many_addresses_of_one_key_become_networks() -> None:
    """Who comes from everywhere is counted by networks; the counts stay, and other keys are as exact as before."""
    tally = AddressTally(2)
    many = [f"10.{number % 3}.{number // 256}.{number % 256}" for number in range(20_000)]
    for first in range(0, len(many), 500):
        tally.add(_seen(0, many[first : first + 500]))
    tally.add(_seen(1, ["203.0.113.7", "2001:db8::7"]))
    counts = {(holder, format_address(packed(number))): use.count for (holder, number), use in tally.items()}
    assert tally.prefix_of(0) == Prefix(24, 64)
    assert sum(count for (holder, _), count in counts.items() if holder == 0) == 20_000
    assert len(counts) <= 1026
    assert {address for holder, address in counts if holder == 1} == {"203.0.113.7", "2001:db8::7"}
    assert tally.prefix_of(1) == EXACT
