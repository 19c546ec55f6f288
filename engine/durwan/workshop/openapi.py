"""OpenAPI documents, 3.0 and 3.1, as files of routes: what can be taken over, and what has to be written by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from durwan.diagnostics.json_document import JsonDocument, read_json
from durwan.diagnostics.yaml_document import Document, read_yaml
from durwan.errors import DurwanError, PolicyError
from durwan.model.schema import Schema
from durwan.routing.routes_file import read_routes

_MOST_BYTES: Final = 16 << 20
_NESTING: Final = 128
_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")
_VERBS: Final = {
    "get": "read",
    "head": "read",
    "post": "create",
    "put": "replace",
    "patch": "amend",
    "delete": "delete",
}
_DEEPEST_BODY: Final = 3
_MOST_REFERENCES: Final = 32
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_ACTION: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*", re.ASCII)
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*", re.ASCII)
_HEADER: Final = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", re.ASCII)
_FORMATS: Final = {"date-time": "time", "ipv4": "ip", "ipv6": "ip"}
_KINDS: Final = {"integer": "int", "number": "decimal", "boolean": "bool"}
# What a schema of objects and choices says cannot be said of one attribute.
_CHOICES: Final = ("oneOf", "anyOf", "not")
_OBJECT: Final[type[dict[str, Any]]] = dict
_LIST: Final[type[list[Any]]] = list


class OpenApiError(DurwanError):
    """A document that is no OpenAPI document of a version that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of a document: the text of a file of routes, and what was left out or has to be looked at.

    `is_sound` tells whether the file has no mistake, as `read_routes` finds them.
    """

    text: str
    left_out: tuple[str, ...]
    is_sound: bool


def read_document(path: str, content: bytes) -> dict[str, Any]:
    """The document in a file, YAML or JSON.

    Raises:
        PolicyError: it is neither, or could be read in two ways.
        OpenApiError: it is no OpenAPI document, or one of another version than 3.0 and 3.1.
    """
    found: JsonDocument | Document | None
    if path.endswith(".json"):
        found, report = read_json(path, content, most_bytes=_MOST_BYTES, nesting=_NESTING)
    else:
        found, report = read_yaml(path, content, most_bytes=_MOST_BYTES, aliases=True, nesting=_NESTING)
    if found is None:
        raise PolicyError(report)
    document = found.mapping or {}
    version = str(document.get("openapi", ""))
    if not version.startswith(("3.0", "3.1")):
        raise OpenApiError(f"{path} is no OpenAPI document of version 3.0 or 3.1: its field `openapi` is {version!r}")
    return document


def routes_of(document: Mapping[str, Any], schema: Schema | None = None, *, prefix: str | None = None) -> Imported:
    """The routes of a document.

    Args:
        document: as `read_document` reads it.
        schema: what a policy set declares; its actions are preferred, and only its attributes are written.
        prefix: what stands before every path; None for the path of the first server.
    """
    reader = _Reader(document, schema)
    base = _prefix(document) if prefix is None else prefix.rstrip("/")
    operations = [operation for path, item in reader.items() for operation in reader.operations(base + path, item)]
    text = "".join([_HEADING, "routes:\n", *(each.text() for each in operations)]) if operations else "routes: {}\n"
    _, report = read_routes("routes.yaml", text.encode(), schema)
    mistakes = [f"to be repaired: {item.code} {item.message}" for item in report]
    return Imported(text=text, left_out=(*reader.left_out, *mistakes), is_sound=not report)


_HEADING: Final = """\
# Made of an OpenAPI document. Actions are proposals; look through the attributes and remove what no rule reads.
"""


@dataclass(slots=True, kw_only=True)
class _Operation:
    """One route as it will be written."""

    key: str
    action: str
    attributes: dict[str, tuple[str, str | None]] = field(default_factory=dict[str, tuple[str, str | None]])
    is_public: bool = False
    idempotency: str | None = None

    def text(self) -> str:
        if not self.attributes and not self.is_public and self.idempotency is None:
            return f"  {_quoted_key(self.key)}: {self.action}\n"
        lines = [f"  {_quoted_key(self.key)}:", f"    action: {self.action}"]
        if self.attributes:
            lines.append("    attributes:")
            lines += [f"      {name}: {_source(*source)}" for name, source in self.attributes.items()]
        if self.is_public:
            lines.append("    public: true")
        if self.idempotency is not None:
            lines.append(f"    idempotency: {self.idempotency}")
        return "\n".join(lines) + "\n"


class _Reader:
    def __init__(self, document: Mapping[str, Any], schema: Schema | None) -> None:
        self.left_out: list[str] = []
        self._document = document
        self._schema = schema

    def items(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The paths of the document."""
        for path, item in _object(self._document.get("paths")).items():
            yield path, self._resolved(item)
        if "webhooks" in self._document:
            self.left_out.append("webhooks are requests that the API sends: they are not routes")

    def operations(self, path: str, item: dict[str, Any]) -> Iterator[_Operation]:
        """The routes at one path."""
        template, renamed = _template(path)
        for method in _METHODS:
            if method in item:
                key = f"{method.upper()} {template}"
                operation = _object(item[method])
                yield self._operation(key, operation, [*_list(item.get("parameters"))], renamed)
        if "trace" in item:
            self.left_out.append(f"TRACE {template}: that method is never taken")

    def _operation(
        self, key: str, written: dict[str, Any], shared: list[Any], renamed: Mapping[str, str]
    ) -> _Operation:
        found = _Operation(key=key, action=self._action(key, written))
        security = written.get("security", self._document.get("security"))
        found.is_public = security == [] or (security is not None and _list(security) == [{}])
        by_place: dict[tuple[str, str], dict[str, Any]] = {}
        for each in [*shared, *_list(written.get("parameters"))]:
            parameter = self._resolved(each)
            by_place[str(parameter.get("in")), str(parameter.get("name"))] = parameter
        for (place, name), parameter in by_place.items():
            self._parameter(found, place, name, parameter, renamed)
        if "requestBody" in written:
            self._body(found, self._resolved(written["requestBody"]))
        return found

    # ------------------------------------------------------------------------------------------------------ actions

    def _action(self, key: str, written: dict[str, Any]) -> str:
        given = written.get("x-action")
        if isinstance(given, str) and _ACTION.fullmatch(given):
            return given
        own = written.get("operationId")
        method, _, template = key.partition(" ")
        literals = [_snake(each) for each in template.split("/") if each and not each.startswith("{")]
        named = [each for each in literals if each and not re.fullmatch(r"v[0-9]+", each)]
        resource = named[-1] if named else "root"
        fallback = f"{resource}.{_VERBS.get(method.lower(), method.lower())}"
        proposal = _proposal(own) if isinstance(own, str) else fallback
        if self._schema is None or proposal in self._schema.actions:
            return proposal or fallback
        words = _words(own) if isinstance(own, str) else _words(fallback)
        known = [each for each in sorted(self._schema.actions) if _words(each) == words] or [
            each for each in (fallback,) if each in self._schema.actions
        ]
        if not known:
            self.left_out.append(f"{key}: its action {proposal or fallback} is not declared")
        return known[0] if known else proposal or fallback

    # --------------------------------------------------------------------------------------------------- attributes

    def _parameter(
        self, found: _Operation, place: str, name: str, parameter: dict[str, Any], renamed: Mapping[str, str]
    ) -> None:
        if place == "header" and name.lower() == "idempotency-key":
            found.idempotency = name
            return
        if place not in {"query", "path", "header"} or "content" in parameter:
            self.left_out.append(f"{found.key}: the parameter {name} in {place} cannot be read")
            return
        if place == "header" and not _HEADER.fullmatch(name):
            self.left_out.append(f"{found.key}: the header {name} cannot be read")
            return
        kind = self._kind(self._resolved(parameter.get("schema")))
        if kind is None:
            self.left_out.append(f"{found.key}: the parameter {name} has no type that an attribute can have")
            return
        self._add(found, name, f"{place}.{renamed.get(name, name) if place == 'path' else name}", kind)

    def _body(self, found: _Operation, body: dict[str, Any]) -> None:
        content = _object(body.get("content"))
        kind = next((each for each in content if each.partition(";")[0].strip().endswith(("/json", "+json"))), None)
        if kind is None:
            self.left_out.append(f"{found.key}: its body is not JSON, and nothing of it is read")
            return
        self._members(found, self._resolved(_object(content[kind]).get("schema")), ())

    def _members(self, found: _Operation, schema: dict[str, Any], above: tuple[str, ...]) -> None:
        """The simple members of an object, and those of objects within it."""
        if any(each in schema for each in _CHOICES):
            self.left_out.append(f"{found.key}: {_called(above)} has one of several forms, of which none is read")
        for part in _list(schema.get("allOf")):
            self._members(found, self._resolved(part), above)
        for name, written in _object(schema.get("properties")).items():
            inner = self._resolved(written)
            path = (*above, name)
            kind = self._kind(inner)
            if kind is not None:
                self._add(found, "_".join(path), _body_source(path), kind)
            elif "properties" in inner and len(path) < _DEEPEST_BODY:
                self._members(found, inner, path)
            else:
                self.left_out.append(f"{found.key}: {_called(path)} has no type that an attribute can have")
        if not above and not schema.get("properties") and not schema.get("allOf"):
            self.left_out.append(f"{found.key}: its body has no members that are read")

    def _add(self, found: _Operation, name: str, source: str, kind: str) -> None:
        attribute = f"request.{_snake(name)}"
        if not _NAME.fullmatch(attribute[8:]) or attribute in {"request.method", "request.path"}:
            self.left_out.append(f"{found.key}: {name} has no name that an attribute can have")
        elif attribute in found.attributes:
            self.left_out.append(f"{found.key}: {source} would be {attribute} as well")
        elif self._schema is None:
            found.attributes[attribute] = (source, kind)
        elif attribute not in self._schema.attributes:
            self.left_out.append(f"{found.key}: {attribute} is not declared, so {source} is left out")
        else:
            found.attributes[attribute] = (source, None)

    def _kind(self, schema: dict[str, Any]) -> str | None:
        """The type of the language for a schema; None where there is none."""
        kinds = [each for each in _list(schema.get("type")) if each != "null"] or [schema.get("type")]
        if any(each in schema for each in _CHOICES) or len(kinds) != 1:
            return None
        if kinds == ["string"]:
            return _FORMATS.get(str(schema.get("format")), "string")
        if kinds == ["array"]:
            inner = self._kind(self._resolved(schema.get("items")))
            return f"set of {inner}" if inner in {"string", "int"} else None
        if kinds == [None] and all(isinstance(each, str) for each in _list(schema.get("enum")) or [0]):
            return "string"
        return _KINDS.get(str(kinds[0]))

    def _resolved(self, written: Any) -> dict[str, Any]:
        """An object, or the one in this document that it refers to; one of elsewhere is empty."""
        found = _object(written)
        for _ in range(_MOST_REFERENCES):
            reference = found.get("$ref")
            if not isinstance(reference, str):
                return found
            found = self._referred(reference)
        return {}

    def _referred(self, reference: str) -> dict[str, Any]:
        if not reference.startswith("#/"):
            self.left_out.append(f"{reference} lies in another document, which is not read")
            return {}
        found: Any = self._document
        for part in reference[2:].split("/"):
            found = _object(found).get(part.replace("~1", "/").replace("~0", "~"))
        return _object(found)


# ----------------------------------------------------------------------------------------------------------- names


def _prefix(document: Mapping[str, Any]) -> str:
    """The path of the first server; nothing where it has variables."""
    servers = _list(document.get("servers"))
    url = str(_object(servers[0]).get("url", "")) if servers else ""
    return "" if "{" in url else urlsplit(url).path.rstrip("/")


def _template(path: str) -> tuple[str, dict[str, str]]:
    """The template of a path, and what its parameters are called in it."""
    renamed: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        renamed[match[1]] = _snake(match[1])
        return "{" + renamed[match[1]] + "}"

    return re.sub(r"\{([^{}/]+)\}", name, path), renamed


def _snake(name: str) -> str:
    """A name in small letters, digits and underscores: `clientOrderId` as `client_order_id`."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)
    joined = "_".join(part.lower() for part in parts)
    return joined if not joined[:1].isdigit() else f"n{joined}"


def _proposal(operation_id: str) -> str:
    """An action's name for an operation's: `orders.create` as it is, `createOrder` as `order.create`."""
    if "." in operation_id and _ACTION.fullmatch(operation_id):
        return operation_id
    words = _snake(operation_id).split("_")
    return ".".join(("_".join(words[1:]), words[0])) if len(words) > 1 else words[0]


def _words(name: str) -> frozenset[str]:
    """The words of a name, whichever their order, and however many things they mean."""
    return frozenset(word.removesuffix("s") for word in _snake(name).split("_"))


def _called(path: tuple[str, ...]) -> str:
    return f"the member {'.'.join(path)} of its body" if path else "its body"


# --------------------------------------------------------------------------------------------------------- writing


def _body_source(path: tuple[str, ...]) -> str:
    if all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", part) for part in path):
        return ".".join(("body", *path))
    return "body" + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def _source(source: str, kind: str | None) -> str:
    text = source if _PLAIN.fullmatch(source) else json.dumps(source)
    return text if kind is None or kind == "string" else f"{{from: {text}, type: {kind}}}"


def _quoted_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Z]+ /[A-Za-z0-9_./{}*-]*", key) else json.dumps(key)


def _object(value: Any) -> dict[str, Any]:
    return value if type(value) is _OBJECT else {}


def _list(value: Any) -> list[Any]:
    return value if type(value) is _LIST else []


__all__ = ["Imported", "OpenApiError", "read_document", "routes_of"]
