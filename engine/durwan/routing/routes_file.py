"""Files of routes, YAML or JSON: the table that they hold, and all that is wrong with it.

defaults:
  constants:
    request.weight: 1
routes:
  POST /orders:
    action: orders.create
    attributes:
      request.symbol: body.symbol
      request.quantity: {from: body.quantity, type: decimal}
    constants:
      request.weight: 5
    idempotency: Idempotency-Key
  GET /orders/{id}: orders.read
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, Final, NoReturn

from durwan.diagnostics import Diagnostic, Span
from durwan.diagnostics.yaml_document import Document, read_yaml
from durwan.errors import DurwanError, PolicyError
from durwan.model.schema import Schema
from durwan.model.types import Type
from durwan.model.values import read_value
from durwan.routing import mistakes
from durwan.routing.route import AttributeSource, Route, RouteTable
from durwan.routing.templates import BadTemplateError, check_template, contested, is_same
from durwan.routing.written_sources import NoSourceError, read_header_name, read_source, read_type_name

_KEY: Final = re.compile(r"([A-Z]{3,10}) (/\S*)", re.ASCII)
_ATTRIBUTE: Final = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)", re.ASCII)
_FIELDS: Final = ("defaults", "routes")
_DEFAULT_FIELDS: Final = ("attributes", "constants", "idempotency")
_ROUTE_FIELDS: Final = ("action", "attributes", "constants", "idempotency", "public")
_SOURCE_FIELDS: Final = ("from", "count", "type")
# Who asks, from where, and who has agreed: the gate finds that out itself.
_OWN_CONTEXTS: Final = frozenset({"key", "client", "session", "token", "gateway", "approvals", "activity"})
_OWN_ATTRIBUTES: Final = frozenset({"request.method", "request.path"})

_Path = tuple[str | int, ...]


class RoutesFileError(DurwanError):
    """A file of routes that cannot be opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesFile:
    """A file of routes that was read: its table, and where in it everything stands."""

    document: Document
    table: RouteTable

    def span(self, route: Route) -> Span:
        """Where the method and the template of a route stand."""
        return self.document.key_span(("routes", route.key))

    def action_span(self, route: Route) -> Span:
        """Where the action of a route stands."""
        path = ("routes", route.key)
        written = self.document.data["routes"][route.key]
        return self.document.span(path if isinstance(written, str) else (*path, "action"))


def load_routes(path: str | PathLike[str], schema: Schema | None = None) -> RouteTable:
    """The routes in a file. With a schema, actions, attributes and types are those that it declares.

    Raises:
        PolicyError: the file has mistakes, which its `diagnostics` tell.
        RoutesFileError: it cannot be opened.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise RoutesFileError(f"the routes in {path} cannot be read: {error.strerror or error}") from error
    found, report = read_routes(str(path), content, schema)
    if found is None:
        raise PolicyError(report)
    return found.table


def read_routes(
    path: str, content: bytes, schema: Schema | None = None, *, most_bytes: int = 1 << 20
) -> tuple[RoutesFile | None, list[Diagnostic]]:
    """The routes in the bytes of a file, or None, and what is wrong with them, in source order."""
    document, report = read_yaml(path, content, most_bytes=most_bytes)
    if document is None:
        return None, report
    reader = _Reader(document, schema)
    table = reader.read()
    report = sorted(reader.report, key=lambda item: item.order)
    return (None, report) if report else (RoutesFile(document=document, table=table), [])


@dataclass(slots=True, kw_only=True)
class _Fields:
    """What a route says besides its action, or what all of them do."""

    sources: dict[str, AttributeSource]
    constants: dict[str, Any]
    idempotency: str | None


class _Reader:
    def __init__(self, document: Document, schema: Schema | None) -> None:
        self.report: list[Diagnostic] = []
        self._document = document
        self._schema = schema

    def read(self) -> RouteTable:
        before = len(self.report)
        fields = self._mapping((), "a file of routes", _FIELDS)
        routes = self._mapping(("routes",), "`routes`") if len(self.report) == before or fields else fields
        defaults = self._fields(("defaults",), _DEFAULT_FIELDS, ()) if "defaults" in fields else _nothing()
        found = [route for key in routes if (route := self._route(key, defaults)) is not None]
        self._compare(found)
        return RouteTable(found)

    # ------------------------------------------------------------------------------------------------------- routes

    def _route(self, key: str, defaults: _Fields) -> Route | None:
        path = ("routes", key)
        span = self._document.key_span(path)
        named = _KEY.fullmatch(key)
        if named is None:
            self.report.append(mistakes.bad_key(span))
            return None
        method, template = named.groups()
        try:
            check_template(template)
        except BadTemplateError as error:
            self.report.append(mistakes.bad_template(span, error.problem, error.advice))
            return None
        written = self._at(path)
        before = len(self.report)
        parameters = Route(method=method, template=template, action="").parameters
        own = _nothing() if isinstance(written, str) else self._fields(path, _ROUTE_FIELDS, parameters)
        action = self._action(path, written)
        is_public = self._flag((*path, "public"))
        if action is None or len(self.report) > before:
            return None
        constants = {**_without(defaults.constants, own.sources), **own.constants}
        sources = {**_without(defaults.sources, own.constants), **own.sources}
        return Route(
            method=method,
            template=template,
            action=action,
            sources=tuple(sources.values()),
            constants=_by_context(constants),
            is_public=is_public,
            idempotency=own.idempotency if own.idempotency is not None else defaults.idempotency,
        )

    def _action(self, path: _Path, written: Any) -> str | None:
        place = path if isinstance(written, str) else (*path, "action")
        action = self._at(place)
        if not isinstance(action, str):
            if written is None or isinstance(written, dict):
                self.report.append(mistakes.no_action(self._document.key_span(path)))
            return None
        if self._schema is not None and action not in self._schema.actions:
            near = get_close_matches(action, sorted(self._schema.actions), n=1, cutoff=0.6)
            self.report.append(mistakes.unknown_action(self._document.span(place), near[0] if near else None))
        return action

    def _compare(self, routes: Sequence[Route]) -> None:
        """Each route with those before it that have its method."""
        for index, route in enumerate(routes):
            for other in routes[:index]:
                if route.method != other.method:
                    continue
                span, first = (self._document.key_span(("routes", each.key)) for each in (route, other))
                if is_same(route.template, other.template):
                    self.report.append(mistakes.shadowed(span, first))
                elif (example := contested(route.template, other.template)) is not None:
                    self.report.append(mistakes.ambiguous(span, first, example))

    # ------------------------------------------------------------------------------------------------------- fields

    def _fields(self, path: _Path, known: Sequence[str], parameters: Sequence[str]) -> _Fields:
        name = "`defaults`" if len(path) == 1 else "a route"
        written = self._mapping(path, name, known)
        found = _nothing()
        for attribute in self._attributes((*path, "attributes")) if "attributes" in written else ():
            source = self._source((*path, "attributes", attribute), attribute, parameters)
            if source is not None:
                found.sources[attribute] = source
        for attribute in self._attributes((*path, "constants")) if "constants" in written else ():
            found.constants[attribute] = self._constant((*path, "constants", attribute), attribute)
            if attribute in found.sources:
                span = self._document.key_span((*path, "constants", attribute))
                self.report.append(mistakes.wrong_value(span, f"`{attribute}`", "given once, here or in `attributes`"))
        found.idempotency = self._header((*path, "idempotency")) if "idempotency" in written else None
        return found

    def _attributes(self, path: _Path) -> Iterable[str]:
        """The attributes in a mapping that a request may fill in."""
        for attribute in self._mapping(path, f"`{path[-1]}`"):
            span = self._document.key_span((*path, attribute))
            named = _ATTRIBUTE.fullmatch(attribute)
            declared = None if self._schema is None else self._schema.attributes
            if named is not None and (named[1] in _OWN_CONTEXTS or attribute in _OWN_ATTRIBUTES):
                self.report.append(mistakes.not_of_requests(span, "the gate finds it out itself; remove it here"))
            elif named is None or (declared is not None and attribute not in declared):
                near = get_close_matches(attribute, sorted(declared or ()), n=1, cutoff=0.6)
                self.report.append(mistakes.unknown_attribute(span, near[0] if near else None))
            else:
                yield attribute

    def _source(self, path: _Path, attribute: str, parameters: Sequence[str]) -> AttributeSource | None:
        written = self._at(path)
        counts = False
        declared = None if self._schema is None else self._schema.attributes[attribute]
        if isinstance(written, dict):
            fields = self._mapping(path, "the source of an attribute", _SOURCE_FIELDS)
            declared = self._type((*path, "type"), attribute, declared) if "type" in fields else declared
            counts = "count" in fields
            path = (*path, "count" if counts else "from")
            written = self._at(path)
        if not isinstance(written, str):
            self._wrong(path, f"where `{attribute}` comes from", "text, such as `body.symbol`")
            return None
        try:
            found = read_source(attribute, written, parameters, declared)
            return replace(found, counts=counts) if not counts or found.place == "body" else _uncounted()
        except NoSourceError as error:
            self.report.append(mistakes.bad_source(self._document.span(path), error.problem, error.advice))
            return None

    def _type(self, path: _Path, attribute: str, declared: Type | None) -> Type | None:
        """The declared type where the one that is written goes with it, else that one."""
        written = self._at(path)
        found = read_type_name(written) if isinstance(written, str) else None
        span = self._document.span(path)
        if found is None:
            self.report.append(mistakes.bad_type(span))
        elif declared is not None and _kind(found) != _kind(declared):
            self.report.append(mistakes.other_type(span, attribute, str(declared)))
        return declared or found

    def _constant(self, path: _Path, attribute: str) -> Any:
        value = self._at(path)
        if isinstance(value, float):
            value = repr(value)
        if not _is_plain(value):
            self._wrong(path, f"`{attribute}`", "text, a number, a truth value, or a list of text")
        elif self._schema is not None and read_value(self._schema.attributes[attribute], value) is None:
            span = self._document.span(path)
            self.report.append(mistakes.other_type(span, attribute, str(self._schema.attributes[attribute])))
        return value

    def _header(self, path: _Path) -> str | None:
        written = self._at(path)
        name = read_header_name(written) if isinstance(written, str) else None
        if name is None:
            self._wrong(path, "`idempotency`", "the name of a header, such as `Idempotency-Key`")
        return name

    def _flag(self, path: _Path) -> bool:
        written = self._at(path)
        if written not in (None, True, False):
            self._wrong(path, "`public`", "`true` or `false`")
        return written is True

    # ------------------------------------------------------------------------------------------------------- places

    def _mapping(self, path: _Path, name: str, known: Sequence[str] | None = None) -> Mapping[str, Any]:
        """The mapping at a path; one with a mistake is empty."""
        written = self._at(path)
        if not isinstance(written, dict):
            self._wrong(path, name, "a mapping")
            return {}
        fields: dict[str, Any] = written  # pyright: ignore[reportUnknownVariableType] - YAML
        for field in fields if known is not None else ():
            if field not in (known or ()):
                near = get_close_matches(field, known or (), n=1, cutoff=0.6)
                span = self._document.key_span((*path, field))
                self.report.append(mistakes.unknown_field(span, near[0] if near else None, known or ()))
        return fields

    def _at(self, path: _Path) -> Any:
        found: Any = self._document.data
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - YAML
        return found  # pyright: ignore[reportUnknownVariableType]

    def _wrong(self, path: _Path, name: str, expected: str) -> None:
        span = self._document.span(path)
        if not span.text or "\n" in span.text:
            span = self._document.key_span(path) if path else self._document.first_line()
        self.report.append(mistakes.wrong_value(span, name, expected))


def _uncounted() -> NoReturn:
    raise NoSourceError("there are lists in bodies alone", "write `{count: body.NAME}`")


def _nothing() -> _Fields:
    return _Fields(sources={}, constants={}, idempotency=None)


def _without(fields: Mapping[str, Any], others: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in others}


def _by_context(constants: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for attribute, value in constants.items():
        context, _, name = attribute.partition(".")
        found.setdefault(context, {})[name] = value
    return found


def _kind(declared: Type) -> str:
    """A type without its bounds and choices."""
    text = str(declared)
    return "string" if text.startswith('"') else text.partition(" ")[0] if not text.startswith("set") else text


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, str | int) for each in value)  # pyright: ignore[reportUnknownVariableType] - YAML
    return isinstance(value, str | int)


__all__ = ["RoutesFile", "RoutesFileError", "load_routes", "read_routes"]
