"""What expressions become: one class for each kind of value, each with the condition under which it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from durwan.backends.solver.z3_interface import FALSE, TRUE, Term, both, either, negated, z3
from durwan.model.address import NetworkSet
from durwan.model.types import INT64_MAX, INT64_MIN

# A decimal is the whole number of its units of 10**-18: exact, and linear in what a policy can say about it.
UNITS: Final = 10**18
DECIMAL_BOUND: Final = 10**36


@dataclass(frozen=True, slots=True)
class Truth:
    """A condition, by when it is true and when it is false; unknown where neither."""

    true: Term
    false: Term

    @property
    def known(self) -> Term:
        """When it is true or false."""
        return either(self.true, self.false)


@dataclass(frozen=True, slots=True)
class Number:
    """An int, instant or duration, or a decimal in `UNITS`."""

    known: Term
    term: Term
    is_decimal: bool = False

    def in_units(self) -> Term:
        """The number in units of 10**-18, whatever it is."""
        return self.term if self.is_decimal else self.term * UNITS


@dataclass(frozen=True, slots=True)
class Text:
    """A string or scope: the number under which `Texts` knows it."""

    known: Term
    term: Term


@dataclass(frozen=True, slots=True)
class Place:
    """An address: its number for IPv4, and 2**32 more than its number for IPv6."""

    known: Term
    term: Term


@dataclass(frozen=True, slots=True)
class Held:
    """A `set of T` attribute: a function from members (texts by number, ints as they are) to whether they are held.

    `includes` is what else somebody holds who was given a scope; empty for other sets.
    """

    known: Term
    path: str
    holds: Term
    is_text: bool
    includes: tuple[tuple[str, frozenset[str]], ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    """A `network` attribute: a function from addresses to whether they are inside."""

    known: Term
    path: str
    holds: Term


@dataclass(frozen=True, slots=True)
class FixedMembers:
    """A set that is known beforehand."""

    members: frozenset[str] | frozenset[int]

    known = TRUE


@dataclass(frozen=True, slots=True)
class FixedNetwork:
    """A network that is known beforehand."""

    network: NetworkSet

    known = TRUE


@dataclass(frozen=True, slots=True)
class Missing:
    """A value of a kind that does not matter, since it is unknown for good."""

    known = FALSE


Value = Truth | Number | Text | Place | Held | Range | FixedMembers | FixedNetwork | Missing

UNKNOWN: Final = Truth(FALSE, FALSE)
ALWAYS: Final = Truth(TRUE, FALSE)
NEVER: Final = Truth(FALSE, TRUE)


def decided(known: Term, condition: Term) -> Truth:
    """A strict test: unknown unless its operands are known."""
    return Truth(both(known, condition), both(known, negated(condition)))


def conjunction(parts: list[Truth]) -> Truth:
    """Kleene `and`."""
    return Truth(both(*(part.true for part in parts)), either(*(part.false for part in parts)))


def disjunction(parts: list[Truth]) -> Truth:
    """Kleene `or`."""
    return Truth(either(*(part.true for part in parts)), both(*(part.false for part in parts)))


def opposite(part: Truth) -> Truth:
    """Kleene `not`."""
    return Truth(part.false, part.true)


def constant(value: int) -> Term:
    """A whole number."""
    return z3.IntVal(value)


def is_64_bit(term: Term) -> Term:
    """Whether 64 bits hold it."""
    return both(term >= INT64_MIN, term <= INT64_MAX)


def address_number(packed: bytes) -> int:
    """The number of an address; see `Place`."""
    number = int.from_bytes(packed, "big")
    return number if len(packed) == 4 else number + (1 << 32)


def address_of(number: int) -> bytes:
    """The address of a number."""
    return number.to_bytes(4, "big") if number < 1 << 32 else (number - (1 << 32)).to_bytes(16, "big")


def address_ranges(network: NetworkSet) -> list[tuple[int, int]]:
    """The ranges of a network as numbers, both ends included."""
    return [(address_number(each.first), address_number(each.last)) for each in network.ranges()]
