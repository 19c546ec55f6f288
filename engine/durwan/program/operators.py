"""The strict operators: one entry each, with the types it takes and what it means for known operands.

A strict operator is unknown where one of its operands is unknown. Its meaning may still answer None: where a sum
overflows, or where a window cannot say. `and`, `or`, `not`, `default` and `is known` are not strict and stand in the
reference evaluator itself.

To add an operator: one entry here, its text in the grammar, its lowering; a test then fails until every backend has
it or says why not.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from durwan.model.address import NetworkSet
from durwan.model.types import INT64_MAX, INT64_MIN, Number, Type
from durwan.model.values import EXACT, within_digits
from durwan.model.window import Window


@dataclass(frozen=True, slots=True)
class Overload:
    """One list of operand kinds that an operator takes, and the kind of its result.

    Kinds are the words of the language (`int`, `decimal`, `time`, ...) and, on the right of a test, `literals`,
    `named set`, `literal networks`, `named network`, `window`, `pattern`, `count`; `T` stands for one and the same
    kind throughout the overload.
    """

    operands: tuple[str, ...]
    result: str


@dataclass(frozen=True, slots=True)
class Operator:
    """A strict operator. `meaning` takes known operand values and returns the result, or None for unknown."""

    name: str
    overloads: tuple[Overload, ...]
    meaning: Callable[..., Any]


def checked(result: int | Decimal) -> int | Decimal | None:
    """The result of arithmetic, or None where 64 bits or 18+18 digits do not hold it."""
    if isinstance(result, int):
        return result if INT64_MIN <= result <= INT64_MAX else None
    return within_digits(result)


def add(left: int | Decimal, right: int | Decimal) -> int | Decimal | None:
    """The exact sum."""
    if isinstance(left, int) and isinstance(right, int):
        return checked(left + right)
    return checked(EXACT.add(left, right))


def subtract(left: int | Decimal, right: int | Decimal) -> int | Decimal | None:
    """The exact difference."""
    if isinstance(left, int) and isinstance(right, int):
        return checked(left - right)
    return checked(EXACT.subtract(left, right))


def multiply(left: int | Decimal, right: int | Decimal) -> int | Decimal | None:
    """The exact product."""
    if isinstance(left, int) and isinstance(right, int):
        return checked(left * right)
    return checked(EXACT.multiply(left, right))


def add_decimals(left: int | Decimal, right: int | Decimal) -> Decimal | None:
    """The exact sum as a decimal: 18+18 digits bound it, however the operands came."""
    return within_digits(EXACT.add(left, right))


def subtract_decimals(left: int | Decimal, right: int | Decimal) -> Decimal | None:
    """The exact difference as a decimal."""
    return within_digits(EXACT.subtract(left, right))


def multiply_decimals(left: int | Decimal, right: int | Decimal) -> Decimal | None:
    """The exact product as a decimal."""
    return within_digits(EXACT.multiply(left, right))


@lru_cache(maxsize=4096)
def like_parts(pattern: str) -> tuple[str, ...]:
    r"""The literal texts between the stars of a `like` pattern, with `\*` read as a star; one part: no star at all."""
    parts = [""]
    position = 0
    while position < len(pattern):
        if pattern.startswith("\\*", position):
            parts[-1] += "*"
            position += 2
            continue
        if pattern[position] == "*":
            parts.append("")
        else:
            parts[-1] += pattern[position]
        position += 1
    return tuple(parts)


def like(text: str, pattern: str) -> bool:
    """Whether the whole text matches; greedy from the left, which finds a match where there is one, in linear time."""
    parts = like_parts(pattern)
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def in_set(value: Any, members: frozenset[Any]) -> bool:
    """Whether the value is one of the members."""
    return value in members


def in_network(address: bytes, network: NetworkSet) -> bool:
    """Whether the address lies in one of the ranges."""
    return address in network


def in_window(instant: int, window: Window) -> bool | None:
    """Whether the instant lies in the window, by its definition in wall-clock time."""
    return window.contains(instant)


def has(held: frozenset[Any], value: Any) -> bool:
    """Whether the value is held."""
    return value in held


def has_any(held: frozenset[Any], wanted: frozenset[Any]) -> bool:
    """Whether at least one member of `wanted` is held."""
    return not held.isdisjoint(wanted)


def has_all(held: frozenset[Any], wanted: frozenset[Any]) -> bool:
    """Whether every member of `wanted` is held."""
    return wanted <= held


def has_at_least(held: frozenset[Any], wanted: frozenset[Any], count: int) -> bool:
    """Whether at least `count` members of `wanted` are held."""
    return len(held & wanted) >= count


_SAME = tuple(
    Overload((kind, kind), "bool") for kind in ("bool", "string", "scope", "ip", "time", "duration", "int", "decimal")
)
_MIXED = (Overload(("int", "decimal"), "bool"), Overload(("decimal", "int"), "bool"))
_ORDERED = tuple(Overload((kind, kind), "bool") for kind in ("int", "decimal", "time", "duration")) + _MIXED
_SUMS = (
    Overload(("int", "int"), "int"),
    Overload(("decimal", "decimal"), "decimal"),
    Overload(("int", "decimal"), "decimal"),
    Overload(("decimal", "int"), "decimal"),
    Overload(("time", "duration"), "time"),
    Overload(("duration", "duration"), "duration"),
)
_COLLECTIONS = (Overload(("set of T", "literals of T"), "bool"), Overload(("set of T", "named set of T"), "bool"))

_ENTRIES = (
    Operator("==", _SAME + _MIXED, operator.eq),
    Operator("!=", _SAME + _MIXED, operator.ne),
    Operator("<", _ORDERED, operator.lt),
    Operator("<=", _ORDERED, operator.le),
    Operator(">", _ORDERED, operator.gt),
    Operator(">=", _ORDERED, operator.ge),
    Operator("+", (*_SUMS, Overload(("duration", "time"), "time")), add),
    Operator("-", (*_SUMS, Overload(("time", "time"), "duration")), subtract),
    Operator(
        "*",
        (
            Overload(("int", "int literal"), "int"),
            Overload(("decimal", "int literal"), "decimal"),
            Overload(("int", "decimal literal"), "decimal"),
            Overload(("decimal", "decimal literal"), "decimal"),
            Overload(("duration", "int literal"), "duration"),
        ),
        multiply,
    ),
    Operator(
        "in_set",
        (Overload(("T", "literals of T"), "bool"), Overload(("T", "named set of T"), "bool")),
        in_set,
    ),
    Operator(
        "in_network",
        (
            Overload(("ip", "literal networks"), "bool"),
            Overload(("ip", "named network"), "bool"),
            Overload(("ip", "network"), "bool"),
        ),
        in_network,
    ),
    Operator("in_window", (Overload(("time", "window"), "bool"),), in_window),
    Operator("has", (Overload(("set of T", "T"), "bool"),), has),
    Operator("has_any", _COLLECTIONS, has_any),
    Operator("has_all", _COLLECTIONS, has_all),
    Operator(
        "has_at_least",
        (
            Overload(("set of T", "literals of T", "count"), "bool"),
            Overload(("set of T", "named set of T", "count"), "bool"),
        ),
        has_at_least,
    ),
    Operator("like", (Overload(("string", "pattern"), "bool"),), like),
)

OPERATORS: dict[str, Operator] = {entry.name: entry for entry in _ENTRIES}
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
ARITHMETIC = frozenset({"+", "-", "*"})
# A decimal may come as a whole number; what its sums and products may reach does not depend on that.
_OF_DECIMALS: dict[str, Callable[..., Any]] = {"+": add_decimals, "-": subtract_decimals, "*": multiply_decimals}


def meaning_of(name: str, result: Type) -> Callable[..., Any]:
    """What an operator means where its result has this type."""
    if isinstance(result, Number) and name in ARITHMETIC:
        return _OF_DECIMALS[name]
    return OPERATORS[name].meaning
