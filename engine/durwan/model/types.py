"""The types of the policy language (language page, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Bool:
    """`bool`: true and false; never a number."""

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Int:
    """`int`, 64-bit signed, optionally restricted to `low..high`, both ends included."""

    low: int | None = None
    high: int | None = None

    def __str__(self) -> str:
        return "int" if self.low is None else f"int {self.low}..{self.high}"


@dataclass(frozen=True, slots=True)
class Number:
    """`decimal`, exact, at most 18 digits before and after the point, optionally restricted to `low..high`."""

    low: Decimal | None = None
    high: Decimal | None = None

    def __str__(self) -> str:
        return "decimal" if self.low is None else f"decimal {self.low:f}..{self.high:f}"


@dataclass(frozen=True, slots=True)
class String:
    """`string`, or the closed set of strings in `choices` (in the order of their declaration)."""

    choices: tuple[str, ...] | None = None

    def __str__(self) -> str:
        if self.choices is None:
            return "string"
        return " | ".join(f'"{choice}"' for choice in self.choices)


@dataclass(frozen=True, slots=True)
class Address:
    """`ip`: one IPv4 or IPv6 address."""

    def __str__(self) -> str:
        return "ip"


@dataclass(frozen=True, slots=True)
class Network:
    """`network`: a set of address ranges."""

    def __str__(self) -> str:
        return "network"


@dataclass(frozen=True, slots=True)
class Time:
    """`time`: an instant, whole milliseconds since the epoch."""

    def __str__(self) -> str:
        return "time"


@dataclass(frozen=True, slots=True)
class Duration:
    """`duration`: whole milliseconds, 64-bit signed."""

    def __str__(self) -> str:
        return "duration"


@dataclass(frozen=True, slots=True)
class Scope:
    """`scope`: the name of a permission that a key or token holds."""

    def __str__(self) -> str:
        return "scope"


@dataclass(frozen=True, slots=True)
class SetOf:
    """`set of T`, with T one of string, scope, int."""

    element: String | Scope | Int

    def __str__(self) -> str:
        return f"set of {self.element}"


Type = Bool | Int | Number | String | Address | Network | Time | Duration | Scope | SetOf

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1

# The first and last representable millisecond of the years 1 to 9999, between which every instant lies.
TIME_MIN = -62_135_596_800_000
TIME_MAX = 253_402_300_799_999


def base_of(declared: Type) -> Type:
    """The type without its range or its choices."""
    match declared:
        case Int():
            return Int()
        case Number():
            return Number()
        case String():
            return String()
        case SetOf(Int()):
            return SetOf(Int())
        case SetOf(String()):
            return SetOf(String())
        case _:
            return declared
