"""Reading a request: one mapping per context, read and never changed or kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from durwan.model import types
from durwan.model.schema import Schema
from durwan.model.values import Value, read_time, read_value

# How a key id becomes the key's attributes: the `get` of a key source.
KeyLookup = Callable[[str], Mapping[str, object] | None]

_ABSENT: Final[Mapping[str, object]] = {}
_SCOPES: Final = types.SetOf(types.Scope())
# `dict` itself. By this name a type checker knows what is in a mapping after `type(mapping) is PLAIN`.
PLAIN: Final[type[dict[str, Any]]] = dict


def no_keys(_key_id: str) -> None:
    """The lookup of an engine that was given no key source."""
    return


def context_of(request: Mapping[str, Any], name: str, keys: KeyLookup) -> Mapping[str, object]:
    """What the request says under one context; empty where it says nothing that can be read.

    `key` may be an id, which is looked up; an id that is not found has no attributes.
    """
    given: Mapping[str, object] | str | None = request.get(name)
    if name == "key" and type(given) is str:
        given = keys(given)
    return given if isinstance(given, Mapping) else _ABSENT


class Attributes:
    """The attributes of one request, read as the schema declares them; each is read once."""

    def __init__(self, schema: Schema, request: Mapping[str, Any], keys: KeyLookup) -> None:
        self._schema = schema
        self._request = request
        self._keys = keys
        self._known: dict[str, Value | None] = {}

    def read(self, path: str) -> Value | None:
        """The value of `context.name`, or None where it is unknown; never raises for what the request holds."""
        if path not in self._known:
            self._known[path] = self._read(path)
        return self._known[path]

    def _read(self, path: str) -> Value | None:
        context, _, name = path.partition(".")
        declared = self._schema.attributes[path]
        try:
            value = read_value(declared, context_of(self._request, context, self._keys).get(name))
        except Exception:  # noqa: BLE001 - a foreign mapping may raise anything; then the attribute is unknown
            return None
        if declared == _SCOPES and value is not None:
            return self._schema.held(value)  # type: ignore[arg-type]
        return value


def instant_of(request: Mapping[str, Any], clock: Callable[[], int]) -> int | None:
    """The instant of the decision: the request's `now`, else the clock's; None where `now` is not an instant."""
    given = request.get("now")
    return clock() if given is None else read_time(given)
