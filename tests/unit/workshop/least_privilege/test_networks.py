"""The least networks: around what was seen, and of no address that was not granted."""

from __future__ import annotations

from ipaddress import ip_network
from random import Random

import pytest

from durwan.model.address import AddressRange, NetworkSet, parse_address, parse_network
from durwan.workshop.least_privilege.networks import EXACT, Prefix, common, covering, written


def _networks(*texts: str) -> NetworkSet:
    return NetworkSet(_range(text) for text in texts)


def _range(text: str) -> AddressRange:
    found = parse_network(text)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(20))
def test_common_addresses(seed: int) -> None:
    """An address is in what two sets have in common if and only if it is in both."""
    random = Random(seed)
    sides = [_networks(*(_any(random) for _ in range(random.randrange(6)))) for _ in range(2)]
    both = common(*sides)
    for number in range(256):
        for text in (f"10.0.0.{number}", f"2001:db8::{number:x}"):
            address = parse_address(text)
            assert address is not None
            assert (address in both) == all(address in side for side in sides)


def _any(random: Random) -> str:
    size = random.randrange(24, 33)
    wide = ip_network(f"10.0.0.{random.randrange(256)}/{size}", strict=False)
    deep = ip_network(f"2001:db8::{random.randrange(256):x}/{size + 96}", strict=False)
    return str(random.choice([wide, deep]))


def test_exact_addresses_are_put_together() -> None:
    """Neighbours become one network, and nothing is added to them."""
    seen = map(_range, ["203.0.113.8", "203.0.113.9", "203.0.113.12", "2001:db8::1"])
    found = covering(_networks("203.0.113.0/24", "2001:db8::/32"), seen, EXACT)
    assert found.networks() == ["203.0.113.8/31", "203.0.113.12", "2001:db8::1"]


def test_rounded_up_inside_of_what_is_granted() -> None:
    """A rounded network ends where the grant ends; an address of a smaller grant keeps to that."""
    granted = _networks("203.0.113.64/26", "198.51.0.0/16", "2001:db8:1::/48")
    seen = map(_range, ["203.0.113.70", "198.51.7.7", "2001:db8:1:2::3"])
    found = covering(granted, seen, Prefix(24, 56))
    assert found.networks() == ["198.51.7.0/24", "203.0.113.64/26", "2001:db8:1::/56"]


def test_a_list_keeps_what_is_needed_whole_as_it_was_written() -> None:
    """Only what changes is written anew, in the place of what it was part of."""
    given = ["203.0.113.0/24", "10.0.0.0/8", "198.51.100.7", "203.0.113.0/25"]
    enough = _networks("203.0.113.0/24", "10.1.2.0/31", "10.1.2.9")
    assert written(enough, given) == ("203.0.113.0/24", "10.1.2.0/31", "10.1.2.9")
