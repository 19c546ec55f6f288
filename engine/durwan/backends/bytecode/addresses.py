"""All the networks that a program names, answered by one lookup.

The ranges of every named network are laid over one another: between two neighbouring break points every address is in
the same networks, so one bisection gives a bit mask of them all, and a memo of addresses seen lately gives it for the
price of a dict hit.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import cycle
from socket import AF_INET, inet_pton

from durwan.model.address import LONGEST_TEXT, NetworkSet, parse_address

# How many addresses a memory holds before it starts anew: about 2 MB. A larger one is slower where addresses seldom
# come again, since each new one then touches memory that no cache holds.
_REMEMBERED = 16_384


class AddressTable:
    """What is known of addresses, by their text; both memories answer None for what is no address.

    `masks[text]` has bit i set where the address is in the i-th network; `packed[text]` is the address itself.
    """

    def __init__(self, networks: Sequence[NetworkSet]) -> None:
        self.masks = Masks(networks)
        self.packed = Packed()


class Packed(dict[str, bytes]):
    """The packed addresses seen lately, by their text.

    There is no lock: each step on the dict is one, and two threads that read the same address store equal ones. Only
    addresses are remembered, so that texts which are none cannot push them out.
    """

    def __missing__(self, text: str) -> bytes | None:
        address = parse_address(text)
        if address is not None:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = address
        return address


class Masks(dict[str, int]):
    """The masks of the addresses seen lately, by their text; remembered as `Packed` does."""

    def __init__(self, networks: Sequence[NetworkSet]) -> None:
        super().__init__()
        # Where addresses never come again, remembering each would cost more than finding it. One that does come again
        # is soon among those that are remembered.
        self._is_remembered = cycle((True, False, False, False)).__next__
        self._table4 = _overlay([network.breaks4 for network in networks], bytes(4))
        self._table6 = _overlay([network.breaks6 for network in networks], bytes(16))

    def __missing__(self, text: str) -> int | None:
        # What `parse_address` does, written out for the usual form: a call costs as much as finding the mask.
        if ":" in text or len(text) > LONGEST_TEXT:
            packed = parse_address(text)
            if packed is None:
                return None
        else:
            try:
                packed = inet_pton(AF_INET, text)
            except (OSError, ValueError):
                return None
        breaks, masks = self._table4 if len(packed) == 4 else self._table6
        mask = masks[bisect_right(breaks, packed) - 1]
        if self._is_remembered():
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
