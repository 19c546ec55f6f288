"""Looking up keys by id, their attributes read beforehand where they are known to stand still."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from durwan.credentials.keys import KeySource, StaticKeys
from durwan.model import types
from durwan.model.request import KeyLookup
from durwan.model.schema import Schema
from durwan.model.values import StringSet, read_value


def prepared(source: KeySource, schema: Schema) -> KeyLookup:
    """The lookup of a key source. Keys that cannot change are read once, here, instead of at every request."""
    if not isinstance(source, StaticKeys):
        return source.get
    return {key_id: _prepare(record, schema) for key_id, record in source.items()}.get


def _prepare(record: Mapping[str, object], schema: Schema) -> dict[str, Any]:
    """The record with each attribute in the form in which it is cheapest to read; what is unknown stays as it is."""
    ready: dict[str, Any] = dict(record)
    for path, declared in schema.attributes.items():
        context, _, name = path.partition(".")
        if context != "key" or name not in ready:
            continue
        match declared:
            case types.Time() | types.Network() | types.Int() | types.Duration():
                value: object = read_value(declared, ready[name])
            case types.SetOf(types.Scope()):
                held = read_value(declared, ready[name])
                value = None if held is None else StringSet(schema.held(held))  # type: ignore[arg-type]
            case types.SetOf(types.String(None)):
                members = read_value(declared, ready[name])
                value = None if members is None else StringSet(members)  # type: ignore[arg-type]
            case _:
                value = ready[name]
        if value is not None:
            ready[name] = value
    return ready
