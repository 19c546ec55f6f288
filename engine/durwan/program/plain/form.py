"""The pieces that all plain data is made of, read strictly."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from operator import lt
from typing import Any, Final, Protocol, TypeGuard, TypeVar

from durwan.errors import DurwanError
from durwan.model.types import INT64_MAX, INT64_MIN
from durwan.model.values import within_digits

# What `str` makes of a Decimal of 18+18 digits, in every exponent that it may have come with.
_DECIMAL = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:E[+-][0-9]{1,3})?", re.ASCII)
_SHOWN: Final = 60


class PlainProgramError(DurwanError):
    """Plain data that is no program; the text says what is wrong with it, and where."""


class _Comparable(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


Ordered = TypeVar("Ordered", bound=_Comparable)
Read = TypeVar("Read")


def is_array(plain: Any) -> TypeGuard[list[Any]]:
    """Whether this is an array of plain data."""
    return type(plain) is list


def is_object(plain: Any) -> TypeGuard[dict[str, Any]]:
    """Whether this is an object of plain data."""
    return type(plain) is dict


def shown(value: object) -> str:
    """A value for a message, not too long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def fields(form: Any, what: str, required: frozenset[str], optional: frozenset[str] = frozenset()) -> dict[str, Any]:
    """An object with all the required fields, and no others than these and the optional ones."""
    if not is_object(form):
        raise PlainProgramError(f"{what} is no object: {shown(form)}")
    found: dict[str, Any] = form
    if not required <= found.keys():
        raise PlainProgramError(f"{what} has no `{min(required - found.keys())}`")
    unknown = found.keys() - required - optional
    if unknown:
        raise PlainProgramError(f"{what} has a field that is not known: `{min(unknown)}`")
    return found


def entries(form: Any, what: str) -> dict[str, Any]:
    """An object whose keys are names."""
    if not is_object(form):
        raise PlainProgramError(f"{what} are no object: {shown(form)}")
    found: dict[str, Any] = form
    if "" in found:
        raise PlainProgramError(f"one of {what} has no name")
    return found


def items(form: Any, what: str, length: int | None = None) -> list[Any]:
    """An array, of that length where one is asked for."""
    if not is_array(form) or (length is not None and len(form) != length):
        size = "" if length is None else f" of {length}"
        raise PlainProgramError(f"{what} is no array{size}: {shown(form)}")
    found: list[Any] = form
    return found


def text(form: Any, what: str) -> str:
    """A string."""
    if type(form) is not str:
        raise PlainProgramError(f"{what} is no string: {shown(form)}")
    return form


def name(form: Any, what: str) -> str:
    """A string that is not empty."""
    if type(form) is not str or not form:
        raise PlainProgramError(f"{what} is no name: {shown(form)}")
    return form


def truth(form: Any, what: str) -> bool:
    """True or false."""
    if type(form) is not bool:
        raise PlainProgramError(f"{what} is neither true nor false: {shown(form)}")
    return form


def whole(form: Any, what: str, low: int = INT64_MIN, high: int = INT64_MAX) -> int:
    """A whole number within bounds, both included."""
    if type(form) is not int or not low <= form <= high:
        bounds = "of 64 bits" if (low, high) == (INT64_MIN, INT64_MAX) else f"from {low} to {high}"
        raise PlainProgramError(f"{what} is no whole number {bounds}: {shown(form)}")
    return form


def exact(form: Any, what: str) -> Decimal:
    """An exact decimal as `str` writes it, within 18+18 digits."""
    if type(form) is str and _DECIMAL.fullmatch(form):
        found = Decimal(form)
        if str(found) == form and within_digits(found) is not None:
            return found
    raise PlainProgramError(f"{what} is no decimal: {shown(form)}")


def choice(form: Any, what: str, choices: tuple[str, ...]) -> str:
    """One of several words."""
    if type(form) is not str or form not in choices:
        raise PlainProgramError(f"{what} is none of {', '.join(choices)}: {shown(form)}")
    return form


def ascending(found: list[Ordered], what: str) -> list[Ordered]:
    """The same values, of one type, which have to ascend: so there is one way to write a set."""
    if not all(map(lt, found, found[1:])):
        raise PlainProgramError(f"{what} do not ascend")
    return found


def names(form: Any, what: str) -> list[str]:
    """An array of names, ascending."""
    return ascending([name(each, f"one of {what}") for each in items(form, what)], what)


def each_of(form: Any, what: str, read: Callable[[Any, str], Read]) -> list[Read]:
    """The members of an array, each read."""
    return [read(each, f"one of {what}") for each in items(form, what)]
