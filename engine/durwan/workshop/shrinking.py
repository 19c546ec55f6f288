"""Requests made easy to read: nothing in them that does not matter, plain values where any would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Final

from durwan.model import types
from durwan.model.schema import Schema
from durwan.model.types import Type
from durwan.model.values import format_instant, read_time

Request = dict[str, Any]

_DAY: Final = 86_400_000


def shrink(request: Request, schema: Schema, holds: Callable[[Request], bool]) -> Request:
    """The request without what is not needed for `holds`, which is true of it and of the result.

    Attributes go first, then members of sets; what stays gets a plain value where one serves as well.
    """
    found = deepcopy(request)
    for path in _paths(found):
        found = _if_holds(holds, _without(found, path)) or found
    for path in _paths(found):
        found = _fewer_members(found, path, holds)
    for path in _paths(found):
        found = _plainer(found, path, schema.attributes.get(path), holds)
    return found


def _if_holds(holds: Callable[[Request], bool], request: Request) -> Request | None:
    return request if holds(request) else None


def _paths(request: Request) -> list[str]:
    contexts: list[tuple[str, dict[str, Any]]] = [(name, said) for name, said in request.items() if type(said) is dict]
    return [f"{context}.{name}" for context, said in contexts for name in said]


def _value(request: Request, path: str) -> Any:
    context, _, name = path.partition(".")
    return request[context][name]


def _without(request: Request, path: str) -> Request:
    context, _, name = path.partition(".")
    rest = {key: value for key, value in request[context].items() if key != name}
    if rest:
        return {**request, context: rest}
    return {key: value for key, value in request.items() if key != context}


def _with(request: Request, path: str, value: object) -> Request:
    context, _, name = path.partition(".")
    return {**request, context: {**request[context], name: value}}


def _fewer_members(request: Request, path: str, holds: Callable[[Request], bool]) -> Request:
    members: tuple[Any, ...] = tuple(_value(request, path)) if type(_value(request, path)) is list else ()
    for member in members:
        rest = [each for each in _value(request, path) if each != member]
        request = _if_holds(holds, _with(request, path, rest)) or request
    return request


def _plainer(request: Request, path: str, declared: Type | None, holds: Callable[[Request], bool]) -> Request:
    """With a plain value at the path; where it stands elsewhere too, as an address in a list, there as well."""
    given = _value(request, path)
    for value in _plain(path, declared, request):
        if given == value:
            break
        changes = [_with(request, path, value)]
        if isinstance(given, str):
            changes.append(_replaced(request, given, value))
        changed = next((each for each in changes if holds(each)), None)
        if changed is not None:
            return changed
    return request


def _replaced(said: Any, given: str, value: object) -> Any:
    """All that is said, with another value wherever a text stands."""
    match said:
        case dict():
            return {name: _replaced(each, given, value) for name, each in said.items()}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [_replaced(each, given, value) for each in said]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value if said == given else said


def _plain(path: str, declared: Type | None, request: Request) -> Iterator[object]:
    """Values that are easy to read, best first."""
    name = path.rpartition(".")[2]
    match declared:
        case types.String(None):
            yield f"some-{name}"
        case types.Address():
            # Addresses kept for documentation, RFC 5737.
            yield from ("198.51.100.7", "203.0.113.9")
        case types.Int() | types.Number():
            yield from (0, 1) if isinstance(declared, types.Int) else ("0", "1", "100")
        case types.Time():
            now = read_time(request.get("now"))
            if now is not None:
                yield from (format_instant(instant) for instant in (now - _DAY, now + _DAY))
        case _:
            return
