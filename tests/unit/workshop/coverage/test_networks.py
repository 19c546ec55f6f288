"""Network borders: which addresses are wanted."""

from __future__ import annotations

import pytest

from durwan.model.address import AddressRange, parse_address
from durwan.workshop.coverage.networks import format_range
from tests.unit.workshop.coverage.sets import assert_each_is_needed, covered


def at(*addresses: str) -> dict[str, dict[str, dict[str, str]]]:
    return {address: {"client": {"ip": address}} for address in addresses}


def wanted(policy: str, files: dict[str, str] | None = None) -> list[tuple[str, str]]:
    """What is wanted of networks, and where it stands."""
    targets = covered(policy, {}, files).targets
    return [(each.wanted.removeprefix("in which "), each.span.text) for each in targets if each.kind == "network"]


@pytest.mark.parametrize(
    "policy",
    [
        "network office = { 10.0.1.0/24 }\ndeny a on orders.create when client.ip in office",
        "deny a on orders.create when client.ip in { 10.0.1.0/24 }",
    ],
)
def test_a_network(policy: str) -> None:
    """Its first and last address, and their neighbours outside; named or written where it is used."""
    assert_each_is_needed(
        policy,
        {**at("10.0.1.7", "192.0.2.1", "10.0.1.0", "10.0.1.255", "10.0.0.255", "10.0.2.0"), "absent": {}},
        {
            "10.0.1.0": {"in which `client.ip` is 10.0.1.0, the first of 10.0.1.0/24"},
            "10.0.1.255": {"in which `client.ip` is 10.0.1.255, the last of 10.0.1.0/24"},
            "10.0.0.255": {"in which `client.ip` is 10.0.0.255, right before 10.0.1.0/24"},
            "10.0.2.0": {"in which `client.ip` is 10.0.2.0, right after 10.0.1.0/24"},
            "absent": {"in which it is unknown"},
        },
    )


def test_ranges() -> None:
    """Networks that touch are one, a single address is its own border, and no family has addresses beyond its end."""
    policy = """
        network office = { 10.0.0.0/25, 10.0.0.128/25, 255.255.255.255, 2001:db8::/127 }
        deny a on orders.create when client.ip in office
    """
    assert wanted(policy) == [
        ("`client.ip` is 10.0.0.0, the first of 10.0.0.0/24", "10.0.0.0/25"),
        ("`client.ip` is 10.0.0.255, the last of 10.0.0.0/24", "10.0.0.0/25"),
        ("`client.ip` is 9.255.255.255, right before 10.0.0.0/24", "10.0.0.0/25"),
        ("`client.ip` is 10.0.1.0, right after 10.0.0.0/24", "10.0.0.0/25"),
        ("`client.ip` is 255.255.255.255, all of 255.255.255.255", "255.255.255.255"),
        ("`client.ip` is 255.255.255.254, right before 255.255.255.255", "255.255.255.255"),
        ("`client.ip` is 2001:db8::, the first of 2001:db8::/127", "2001:db8::/127"),
        ("`client.ip` is 2001:db8::1, the last of 2001:db8::/127", "2001:db8::/127"),
        ("`client.ip` is 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff, right before 2001:db8::/127", "2001:db8::/127"),
        ("`client.ip` is 2001:db8::2, right after 2001:db8::/127", "2001:db8::/127"),
    ]


def test_a_gap_of_one_address() -> None:
    """The address between two ranges is wanted once."""
    policy = "deny a on orders.create when client.ip in { 10.0.0.1, 10.0.0.3 }"
    assert [words for words, _ in wanted(policy) if "10.0.0.2," in words] == [
        "`client.ip` is 10.0.0.2, right after 10.0.0.1"
    ]


def test_lists_and_attributes() -> None:
    """Of a list from a file, and of networks that come with the request, no borders are wanted."""
    policy = 'network exits from "lists/exits.txt"\ndeny a on orders.create when client.ip in exits'
    assert wanted(policy, {"lists/exits.txt": "192.0.2.0/24\n"}) == []
    assert wanted("deny a on orders.create when client.ip in key.networks") == []


def test_a_range_that_is_no_network() -> None:
    """It is written as its two ends."""
    first, last = parse_address("10.0.0.1"), parse_address("10.0.0.4")
    assert first is not None
    assert last is not None
    assert format_range(AddressRange(first, last)) == "10.0.0.1-10.0.0.4"
