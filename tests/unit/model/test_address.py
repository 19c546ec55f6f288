"""Addresses and networks: every row of the corpora, and sets of ranges."""

from __future__ import annotations

import ipaddress
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durwan.model.address import (
    AddressRange,
    NetworkSet,
    format_address,
    network_range,
    parse_address,
    parse_network,
)
from durwan.model.values import read_address, read_network

CORPORA = Path(__file__).parents[2] / "corpora"
IPS: list[dict[str, Any]] = json.loads((CORPORA / "ips.json").read_text(encoding="utf-8"))
CIDRS: list[dict[str, Any]] = json.loads((CORPORA / "cidrs.json").read_text(encoding="utf-8"))

# What the rows of the corpus that are addresses mean; all others are none.
MEANT = {
    "10.0.0.1": "10.0.0.1",
    "::ffff:10.0.0.1": "10.0.0.1",
    "::FFFF:0a00:0001": "10.0.0.1",
    "0:0:0:0:0:ffff:10.0.0.1": "10.0.0.1",
    "::10.0.0.1": "::10.0.0.1",
    "64:ff9b::10.0.0.1": "64:ff9b::a00:1",
    "2002:0a00:0001::": "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    # Refused as clients, by the gateway; as addresses they are what they are.
    "0.0.0.0": "0.0.0.0",
    "::": "::",
}


@pytest.mark.parametrize("row", IPS, ids=[repr(row["input"])[:40] for row in IPS])
def test_every_row_of_the_corpus_of_addresses(row: dict[str, Any]) -> None:
    """The rows that are addresses are these; everything else is unknown, whatever its type."""
    given = row["input"]
    raw = bytes.fromhex(given[6:]) if isinstance(given, str) and given.startswith("bytes:") else given
    found = read_address(raw)
    if given in MEANT and isinstance(given, str):
        assert not row["expected"].startswith("reject") or row["expected"] == "reject as client"
        assert found is not None
        assert format_address(found) == MEANT[given]
        assert row["expected"].startswith(("v4", "reject")) == (len(found) == 4) or given == "::"
    else:
        assert row["expected"].startswith("reject")
        assert found is None


def test_the_corpus_covers_every_meaning() -> None:
    """No row that is an address was left out of the table above."""
    assert set(MEANT) <= {row["input"] for row in IPS if isinstance(row["input"], str)}


@pytest.mark.parametrize(
    "text",
    [
        "::ffff:010.0.0.1", "::ffff:1.2.3", "::ffff:1.2.3.4.5", "::1.2.3.256", "1::2::3", ":::", ":", "::g",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:", ":1:2:3:4:5:6:7:8", "1.2.3.4:5::", "0x::", "::\n", "::1 ", "\u0661::", "\uff11::",
        "1.2.3.4\x00",
        "::1\x00", "\ud800::", "1.2.3.\u0664", "1,2,3,4", "1.2.3.-4", "+1.2.3.4", "1.2.3.4e0", "00.0.0.0",
    ],
)  # fmt: skip
def test_what_looks_like_an_address_and_is_none(text: str) -> None:
    """Leading zeros inside IPv6 too, other digits, controls and signs."""
    assert parse_address(text) is None
    assert parse_network(text) is None


@pytest.mark.parametrize("row", CIDRS, ids=[repr(row["input"]) for row in CIDRS])
def test_every_row_of_the_corpus_of_networks(row: dict[str, Any]) -> None:
    """A network is an address, or an address and a prefix without bits beyond it."""
    found = parse_network(row["input"])
    if row["expected"].startswith("ok"):
        network = ipaddress.ip_network(row["input"])
        assert found == AddressRange(network[0].packed, network[-1].packed)
    elif row["input"] == "10.0.0.0":
        # The row allows an error or an explicit /32; the language page lets a single address stand for itself.
        assert found == AddressRange(b"\n\0\0\0", b"\n\0\0\0")
    else:
        assert found is None


@pytest.mark.parametrize(
    "text",
    ["10.0.0.0/", "/8", "10.0.0.0/8/8", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/\u0668", "10.0.0.0/8\n", "::/129",
     "::1/64",
     "::ffff:0:0/96", "::ffff:10.0.0.1/128", "10.0.0.0/999999999999999999999", "10.0.0.0\\8", "::/0x8", "::/00",
     "::%1/64"],
)  # fmt: skip
def test_what_looks_like_a_network_and_is_none(text: str) -> None:
    """Prefixes that are no plain numbers, or too long; and IPv4-mapped networks."""
    assert parse_network(text) is None


def test_the_largest_and_smallest_prefixes() -> None:
    """/0 is the whole family, /32 and /128 are one address."""
    assert parse_network("0.0.0.0/0") == AddressRange(bytes(4), b"\xff" * 4)
    assert parse_network("::/0") == AddressRange(bytes(16), b"\xff" * 16)
    assert parse_network("255.255.255.255/32") == AddressRange(b"\xff" * 4, b"\xff" * 4)
    assert parse_network("::1/128") == AddressRange(bytes(15) + b"\1", bytes(15) + b"\1")
    assert parse_network("::ffff:10.0.0.1") == AddressRange(b"\n\0\0\1", b"\n\0\0\1")
    assert network_range(b"\n\1\2\3", 8) == AddressRange(b"\n\0\0\0", b"\n\xff\xff\xff")


ADDRESSES = st.ip_addresses()


@given(ADDRESSES)
def test_an_address_reads_back_as_it_is_written(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """In canonical and in full form; an IPv4-mapped one is its IPv4 address."""
    mapped = getattr(address, "ipv4_mapped", None)
    expected = address.packed if mapped is None else mapped.packed
    assert parse_address(str(address)) == parse_address(address.exploded) == expected
    assert parse_address(format_address(expected)) == expected


@given(st.text(max_size=50))
def test_no_text_raises(text: str) -> None:
    """Neither as an address nor as a network."""
    assert parse_address(text) is None or parse_network(text) is not None
    parse_network(f"{text}/8")
    parse_network(f"10.0.0.0/{text}")


# Small families make overlaps likely: only the last byte differs, or the first.
def _range(first: int, length: int, width: int, shift: int) -> AddressRange:
    low, high = first << shift, min(((first + length) << shift) | ((1 << shift) - 1), (1 << width * 8) - 1)
    return AddressRange(low.to_bytes(width, "big"), high.to_bytes(width, "big"))


RANGES = st.lists(
    st.builds(_range, st.integers(0, 255), st.integers(0, 40), st.just(4), st.sampled_from([0, 24]))
    | st.builds(_range, st.integers(0, 255), st.integers(0, 40), st.just(16), st.sampled_from([0, 120])),
    max_size=8,
)
PROBES = [
    *((number << shift).to_bytes(4, "big") for number in range(256) for shift in (0, 24)),
    *(((number << shift) | ((1 << shift) - 1)).to_bytes(16, "big") for number in range(256) for shift in (0, 120)),
]


@given(RANGES)
def test_a_set_of_networks_holds_exactly_its_ranges(ranges: list[AddressRange]) -> None:
    """Overlapping, touching and nested ranges, up to the ends of both families."""
    merged = NetworkSet(ranges)
    for probe in PROBES:
        expected = any(len(each.first) == len(probe) and each.first <= probe <= each.last for each in ranges)
        assert (probe in merged) == expected
    assert bool(merged) == bool(ranges)
    assert NetworkSet(merged.ranges()) == merged
    assert NetworkSet(reversed(ranges)) == merged
    assert hash(NetworkSet(reversed(ranges))) == hash(merged)
    kept = merged.ranges()
    assert all(len(before.last) < len(after.first) or before.last < after.first for before, after in pairwise(kept))


def test_touching_ranges_become_one() -> None:
    """Two halves of a network are that network."""
    halves = [parse_network(text) for text in ("10.0.0.0/9", "10.128.0.0/9")]
    whole = parse_network("10.0.0.0/8")
    assert whole is not None
    assert NetworkSet(half for half in halves if half is not None) == NetworkSet([whole])
    assert repr(NetworkSet([whole])) == "NetworkSet(10.0.0.0-10.255.255.255)"
    assert NetworkSet() != "NetworkSet"


def test_families_never_contain_each_other() -> None:
    """All of IPv4 holds no IPv6 address, and the other way round."""
    four, six = read_network(["0.0.0.0/0"]), read_network(["::/0"])
    assert four is not None
    assert six is not None
    assert bytes(16) not in four
    assert b"\xff" * 16 not in four
    assert bytes(4) not in six
    assert bytes(10) + b"\xff\xff" + bytes(4) in six
