"""Routes: which action a method and a path ask for, and where the attributes of the request come from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal

from durwan.credentials.refusals import Refusal, refuse
from durwan.model.types import Type

Place = Literal["query", "path", "header", "body"]
# The names of members that may be written after points; others are written as a JSON pointer.
MEMBER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

UNKNOWN: Final = refuse("route_unknown")
NOT_ALLOWED: Final = refuse("method_not_allowed")
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeSource:
    """Where one attribute comes from.

    Attributes:
        attribute: the attribute, `request.symbol`.
        place: in which part of a request.
        name: of the parameter of the query or path, or of the header in lower case; for a body the names of the
            members that lead to the value, from the outermost.
        type: what it is read as; None leaves that to whoever decides, which is as safe, and refuses later.
        counts: whether it is not the value in the body, which has to be a list, but how many members that has.
    """

    attribute: str
    place: Place
    name: str | tuple[str, ...]
    type: Type | None = None
    counts: bool = False

    def __str__(self) -> str:
        """As it is written in a file of routes."""
        if isinstance(self.name, str):
            return f"{self.place}.{self.name}"
        if all(map(MEMBER.fullmatch, self.name)):
            return ".".join(("body", *self.name))
        return "body" + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in self.name)


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method at one path, or at all paths of one form.

    Attributes:
        method: in upper case.
        template: a canonical path in which `{name}` stands for one segment, and `{name*}` at its end for one or more.
        action: what is asked for.
        sources: where attributes come from.
        constants: attributes that are always the same here, by context and name.
        is_public: whether it is asked for without a credential. The policy decides nevertheless.
        idempotency: the header, in lower case, by which a repeated request is known; None without one.
    """

    method: str
    template: str
    action: str
    sources: tuple[AttributeSource, ...] = ()
    constants: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _NOTHING)
    is_public: bool = False
    idempotency: str | None = None

    @cached_property
    def reads_body(self) -> bool:
        """Whether the body has to be there before its attributes are read."""
        return any(source.place == "body" for source in self.sources)

    @cached_property
    def headers(self) -> frozenset[str]:
        """The headers, in lower case, that it reads."""
        read = {str(source.name) for source in self.sources if source.place == "header"}
        return frozenset(read if self.idempotency is None else {*read, self.idempotency})

    @cached_property
    def query_names(self) -> Mapping[str, str]:
        """The parameters of the query that it reads, by themselves without regard to case."""
        return {str(each.name).casefold(): str(each.name) for each in self.sources if each.place == "query"}

    @cached_property
    def header_names(self) -> frozenset[bytes]:
        """The headers, in lower case, that attributes come from."""
        return frozenset(str(each.name).encode() for each in self.sources if each.place == "header")

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters of its template, from left to right."""
        return tuple(each[1:-1].rstrip("*") for each in self.template.split("/") if each.startswith("{"))

    @property
    def key(self) -> str:
        """Method and template, `GET /orders/{id}`: what tells it from all others."""
        return f"{self.method} {self.template}"


class _Node:
    """What may follow upon the segments before: this segment, any one, or all that is left."""

    __slots__ = ("any", "literal", "rest", "route")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.rest: Route | None = None
        self.route: Route | None = None


class RouteTable:
    """All routes of an API. At each segment a literal is taken before a parameter, and that before the rest.

    Of routes that have the same method and differ in the names of parameters alone, the first is taken; `read_routes`
    reports the others, and templates of which neither is narrower than the other.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._plain: dict[str, dict[str, Route]] = {}
        self._trees: dict[str, _Node] = {}
        for route in self.routes:
            if "{" in route.template:
                _insert(self._trees.setdefault(route.method, _Node()), route)
            else:
                self._plain.setdefault(route.method, {}).setdefault(route.template, route)

    def __iter__(self) -> Iterator[Route]:
        return iter(self.routes)

    def __len__(self) -> int:
        return len(self.routes)

    @cached_property
    def headers(self) -> frozenset[str]:
        """All headers, in lower case, that some route reads."""
        return frozenset[str]().union(*(route.headers for route in self.routes))

    def find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]] | Refusal:
        """The route of a canonical path, and the segments, as they are written, of its parameters.

        `HEAD` is answered by the route of `GET` where it has none of its own.
        """
        found = self._find(method, path)
        if found is None and method == "HEAD":
            found = self._find("GET", path)
        if found is not None:
            return found
        methods = self.methods_at(path)
        return replace(NOT_ALLOWED, methods=tuple(sorted(methods))) if methods else UNKNOWN

    def methods_at(self, path: str) -> frozenset[str]:
        """The methods that are answered at a canonical path."""
        every = self._plain.keys() | self._trees.keys()
        found = {method for method in every if self._find(method, path) is not None}
        return frozenset({*found, "HEAD"} if "GET" in found else found)

    def _find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
        plain = self._plain.get(method)
        if plain is not None:
            route = plain.get(path)
            if route is not None:
                return route, ()
        tree = self._trees.get(method)
        return None if tree is None else _match(tree, path[1:].split("/"), 0, ())


def _insert(node: _Node, route: Route) -> None:
    for segment in route.template[1:].split("/"):
        if segment.endswith("*}"):
            node.rest = node.rest or route
            return
        if segment.startswith("{"):
            node.any = node = node.any or _Node()
        else:
            node = node.literal.setdefault(segment, _Node())
    node.route = node.route or route


def _match(node: _Node, segments: list[str], at: int, taken: tuple[str, ...]) -> tuple[Route, tuple[str, ...]] | None:
    """The first route down this node, trying literals first; each node of a tree is looked at once at most."""
    if at == len(segments):
        return None if node.route is None else (node.route, taken)
    segment = segments[at]
    literal = node.literal.get(segment)
    found = None if literal is None else _match(literal, segments, at + 1, taken)
    if found is None and node.any is not None and segment:
        found = _match(node.any, segments, at + 1, (*taken, segment))
    if found is None and node.rest is not None and segment:
        return node.rest, (*taken, "/".join(segments[at:]))
    return found


__all__ = ["MEMBER", "NOT_ALLOWED", "UNKNOWN", "AttributeSource", "Place", "Route", "RouteTable"]
