"""Where an attribute comes from, as it is written: `query.symbol`, `path.id`, `header.X-Venue`, `body.order.price`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from durwan.model import types
from durwan.model.types import Type
from durwan.routing.route import MEMBER, AttributeSource, Place

_HEADER: Final = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", re.ASCII)
_PLACES: Final[tuple[Place, ...]] = ("query", "path", "header", "body")
_TYPES: Final[dict[str, Type]] = {
    str(each): each
    for each in (
        types.Bool(), types.Int(), types.Number(), types.String(), types.Scope(), types.Address(), types.Network(),
        types.Time(), types.Duration(), types.SetOf(types.String()), types.SetOf(types.Scope()),
        types.SetOf(types.Int()),
    )
}  # fmt: skip
# What these say is a secret, or read by the gate itself.
_PRIVATE_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "dpop", "signature", "signature-input"}
)


class NoSourceError(ValueError):
    """A text that says no place in a request; `advice` says what to write."""

    def __init__(self, problem: str, advice: str) -> None:
        self.problem = problem
        self.advice = advice
        super().__init__(problem)


def read_source(attribute: str, text: str, parameters: Sequence[str], declared: Type | None) -> AttributeSource:
    """The place that a text says. `parameters` are those of the template, `declared` is the type of the attribute.

    Raises:
        NoSourceError: it says none, or one that this route does not have.
    """
    place: Place | None = next((each for each in _PLACES if text.startswith((f"{each}.", f"{each}/"))), None)
    if place is None or (text[len(place)] == "/" and place != "body"):
        raise NoSourceError(
            "it is no part of a request",
            "write `query.NAME`, `path.NAME`, `header.NAME`, `body.NAME`, or `body/...` with a JSON pointer",
        )
    rest = text[len(place) + 1 :]
    name: str | tuple[str, ...]
    if place == "body":
        name = _pointer(rest) if text[len(place)] == "/" else _dotted(rest)
    else:
        name = _name(place, rest, parameters)
    return AttributeSource(attribute=attribute, place=place, name=name, type=declared)


def read_header_name(text: str) -> str | None:
    """The name of a header in lower case; None where it is none."""
    return text.lower() if _HEADER.fullmatch(text) else None


def read_type_name(text: str) -> Type | None:
    """The type that is called so in the language, without bounds and choices; None where none is."""
    return _TYPES.get(text)


def _name(place: Place, rest: str, parameters: Sequence[str]) -> str:
    if place == "path" and rest not in parameters:
        names = ", ".join(f"`path.{name}`" for name in parameters)
        raise NoSourceError(
            "the path of this route has no such parameter",
            f"it has {names}" if names else "put one into the path, such as `/orders/{id}`",
        )
    if place == "header":
        name = read_header_name(rest)
        if name is None:
            raise NoSourceError("headers are called otherwise", "write letters, digits and dashes: `header.X-Venue`")
        if name in _PRIVATE_HEADERS:
            raise NoSourceError("it may hold a secret", "the gate reads credentials itself, and records none of them")
        return name
    if not rest or not rest.isprintable() or "[" in rest:
        raise NoSourceError("parameters are called otherwise", "write its name as it stands in the query, decoded")
    return rest


def _dotted(rest: str) -> tuple[str, ...]:
    names = tuple(rest.split("."))
    if not all(map(MEMBER.fullmatch, names)):
        raise NoSourceError(
            "members are called otherwise", "write `body.order.price`, or a JSON pointer for names of other characters"
        )
    return names


def _pointer(rest: str) -> tuple[str, ...]:
    """The names of a JSON pointer (RFC 6901)."""
    names = tuple(part.replace("~1", "/").replace("~0", "~") for part in rest.split("/"))
    if not all(names) or re.search(r"~(?![01])", rest):
        raise NoSourceError("this is no JSON pointer", "write `body/order/price`, with `~0` for `~` and `~1` for `/`")
    return names


__all__ = ["NoSourceError", "read_header_name", "read_source", "read_type_name"]
