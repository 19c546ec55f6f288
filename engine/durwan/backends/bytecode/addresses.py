"""All the networks that a program names, answered by one lookup.

The ranges of every named network are laid over one another: between two neighbouring break points every address is in
the same networks, so one bisection gives a bit mask of them all, and a memo of addresses seen lately gives it for the
price of a dict hit.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from durwan.model.address import NetworkSet, parse_address

# How many addresses the memo remembers before it starts anew: about 10 MB at most.
_REMEMBERED = 65_536


class AddressTable:
    """A bit mask for every address: bit i is set where the address is in the i-th network."""

    def __init__(self, networks: Sequence[NetworkSet]) -> None:
        self._breaks4, self._masks4 = _overlay([network.breaks4 for network in networks], bytes(4))
        self._breaks6, self._masks6 = _overlay([network.breaks6 for network in networks], bytes(16))
        self.masks = Masks(self)
        self.packed = Packed()

    def classify(self, text: str) -> int | None:
        """The mask of an address text; None where it is no address."""
        packed = parse_address(text)
        if packed is None:
            return None
        if len(packed) == 4:
            return self._masks4[bisect_right(self._breaks4, packed) - 1]
        return self._masks6[bisect_right(self._breaks6, packed) - 1]


class Packed(dict[str, bytes]):
    """Packed addresses by their text, `packed[text]`, None where it is no address; remembered as `Masks` are."""

    def __missing__(self, text: str) -> bytes | None:
        address = parse_address(text)
        if address is not None:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = address
        return address


class Masks(dict[str, int]):
    """The masks of the addresses seen lately, by their text: `masks[text]`, None where it is no address.

    There is no lock: each step on the dict is one, and two threads that find the same mask store equal ones. Only
    addresses are remembered, so that texts which are none cannot push them out.
    """

    def __init__(self, table: AddressTable) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, text: str) -> int | None:
        mask = self._table.classify(text)
        if mask is not None:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = mask
        return mask


def _overlay(networks: Sequence[tuple[bytes, ...]], lowest: bytes) -> tuple[list[bytes], list[int]]:
    """Break points, the first of them the lowest address, and the mask that holds from each."""
    flips: dict[bytes, int] = {lowest: 0}
    for index, breaks in enumerate(networks):
        for point in breaks:
            flips[point] = flips.get(point, 0) ^ (1 << index)
    points = sorted(flips)
    masks: list[int] = []
    mask = 0
    for point in points:
        mask ^= flips[point]
        masks.append(mask)
    return points, masks
