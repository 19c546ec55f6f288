"""Tables of routes as plain data, as a bundle holds them. Types are not written: the program's schema declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from durwan.errors import DurwanError
from durwan.model.schema import Schema
from durwan.model.values import read_value
from durwan.routing.route import AttributeSource, Route, RouteTable
from durwan.routing.templates import BadTemplateError, check_template
from durwan.routing.written_sources import NoSourceError, read_header_name, read_source

_FIELDS: Final = frozenset({"method", "template", "action", "sources", "constants", "public", "idempotency"})
_METHOD: Final = re.compile(r"[A-Z]{3,10}", re.ASCII)
# `dict` and `list` themselves; by these names a type checker knows what is in them.
_OBJECT: Final[type[dict[str, Any]]] = dict
_LIST: Final[type[list[Any]]] = list


class PlainRoutesError(DurwanError):
    """Plain data that is no table of routes, or none that goes with the program; the text says why."""


def write_routes(table: RouteTable) -> list[dict[str, Any]]:
    """A table as plain data."""
    return [
        {
            "method": route.method,
            "template": route.template,
            "action": route.action,
            "sources": [[each.attribute, str(each), each.counts] for each in route.sources],
            "constants": {context: dict(values) for context, values in route.constants.items()},
            "public": route.is_public,
            "idempotency": route.idempotency,
        }
        for route in table
    ]


def read_plain_routes(plain: Any, schema: Schema) -> RouteTable:
    """The table of plain data.

    Raises:
        PlainRoutesError: it is none, or asks for actions and attributes that the schema does not declare.
    """
    if type(plain) is not _LIST:
        raise PlainRoutesError("the routes are no list")
    return RouteTable([_read_route(each, schema) for each in plain])


def _read_route(plain: Any, schema: Schema) -> Route:
    if type(plain) is not _OBJECT or plain.keys() != _FIELDS:
        raise PlainRoutesError("a route has other fields than it should")
    method, template = _text(plain["method"]), _text(plain["template"])
    try:
        check_template(template)
    except BadTemplateError as error:
        raise PlainRoutesError(f"the path of a route {error.problem}") from None
    route = Route(
        method=method,
        template=template,
        action=_text(plain["action"]),
        is_public=plain["public"] is True,
        idempotency=None if plain["idempotency"] is None else read_header_name(_text(plain["idempotency"])),
        constants=_constants(plain["constants"], schema),
    )
    if not _METHOD.fullmatch(method) or template[:1] != "/" or route.action not in schema.actions:
        raise PlainRoutesError("a route has no method, no path, or an action that is not declared")
    return replace(route, sources=tuple(_read_source(each, route, schema) for each in plain["sources"]))


def _read_source(plain: Any, route: Route, schema: Schema) -> AttributeSource:
    match plain:
        case [str(attribute), str(text), bool(counts)] if attribute in schema.attributes:
            try:
                found = read_source(attribute, text, route.parameters, schema.attributes[attribute])
            except NoSourceError as error:
                raise PlainRoutesError(f"an attribute of a route comes from nowhere: {error}") from None
            return replace(found, counts=counts)
        case _:
            raise PlainRoutesError("a route fills in an attribute that is not declared")


def _constants(plain: Any, schema: Schema) -> Mapping[str, Mapping[str, Any]]:
    found = {context: _object(values) for context, values in _object(plain).items()}
    for context, values in found.items():
        for name, value in values.items():
            declared = schema.attributes.get(f"{context}.{name}")
            if declared is None or read_value(declared, value) is None:
                raise PlainRoutesError(f"a route has a constant for {context}.{name} that it cannot have")
    return found


def _object(plain: Any) -> dict[str, Any]:
    if type(plain) is not _OBJECT:
        raise PlainRoutesError("a part of a route is no object")
    return plain


def _text(plain: Any) -> str:
    if type(plain) is not str:
        raise PlainRoutesError("a part of a route is no text")
    return plain


__all__ = ["PlainRoutesError", "read_plain_routes", "write_routes"]
