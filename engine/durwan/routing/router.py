"""From a raw request to its route: who asks, for what, in the one way in which it may be written; or a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal, refuse
from durwan.model.address import parse_address
from durwan.routing.address import client_address
from durwan.routing.attributes import read_attributes
from durwan.routing.headers import HeaderRules, Layout
from durwan.routing.host import read_host
from durwan.routing.route import Route, RouteTable
from durwan.routing.rules import RequestRules
from durwan.routing.target import decoded, read_target

_METHOD: Final = refuse("method_refused")
_HOST: Final = refuse("host_refused")
_RENAMED: Final = refuse("header_refused", "a header that only a trusted proxy may send")
_OTHER_METHOD: Final = refuse("method_refused", "a parameter asks for another method than the request line")
_NO_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({})
_MOST_HOSTS: Final = 256


class Routed(NamedTuple):
    """A request whose route was found.

    Attributes:
        method: in upper case; `HEAD` also where the route is that of `GET`.
        path: canonical, and what is to be forwarded: percent-encoded where that is needed.
        query: as it came, without its `?`.
        host: in lower case, with its port where that is neither 80 nor 443.
        address: the address of the client.
        route: what is asked for.
        parameters: the parameters of the route's template, decoded.
    """

    method: str
    path: str
    query: bytes
    host: str
    address: str
    route: Route
    parameters: Mapping[str, str]

    def attributes(self, raw: RawRequest) -> Mapping[str, Mapping[str, Any]] | Refusal:
        """The attributes that the route takes from the request, by context; of `raw`, headers and body are read."""
        return read_attributes(self.route, raw, self.query, self.parameters)


class RequestReader(Protocol):
    """Reads requests and finds their routes: a `Router`, or what has one that changes."""

    @property
    def table(self) -> RouteTable:
        """The routes, as they are now."""
        ...

    @property
    def rules(self) -> RequestRules:
        """Which requests are taken up."""
        ...

    def read(self, raw: RawRequest) -> Routed | Refusal:
        """The route of a request; never raises."""
        ...

    def address_of(self, raw: RawRequest) -> str | Refusal:
        """Where a request comes from that cannot be read otherwise; never raises."""
        ...


class Router:
    """Reads requests by a table of routes and the rules of a gate. Safe from any thread; it never raises."""

    def __init__(self, table: RouteTable, rules: RequestRules) -> None:
        self.table = table
        self.rules = rules
        self._headers = HeaderRules(rules, table.headers)
        # Hosts by how they are written: a pure function's results, forgotten as a whole when they are too many.
        self._hosts: dict[bytes, str | None] = {}

    def read(self, raw: RawRequest) -> Routed | Refusal:
        """The route of a request. Its body is not looked at."""
        rules = self.rules
        layout = self._headers.check(raw.headers)
        if isinstance(layout, Refusal):
            return layout
        address = self._address(raw, layout)
        if isinstance(address, Refusal):
            return address
        if layout.renames and not self._is_trusted(raw.peer):
            return _RENAMED
        if raw.method not in rules.methods:
            return _METHOD
        host = self._host(raw.headers[layout.host][1])
        if host is None:
            return _HOST
        target = read_target(raw.target, host, rules.most_target, rules.most_segments)
        if isinstance(target, Refusal):
            return target
        if target.query and (b"_method" in target.query or b"%" in target.query) and _names_method(target.query):
            return _OTHER_METHOD
        found = self.table.find(raw.method, target.path)
        if isinstance(found, Refusal):
            return found
        route, values = found
        parameters = _parameters(route, values) if values else _NO_PARAMETERS
        return Routed(raw.method, target.path, target.query, host, address, route, parameters)

    def address_of(self, raw: RawRequest) -> str | Refusal:
        """Where a request comes from, whatever else is wrong with it, as far as that can be found out."""
        layout = self._headers.check(raw.headers)
        if not isinstance(layout, Refusal):
            return self._address(raw, layout)
        packed = parse_address(raw.peer)
        # Nothing in these headers is believed; but who is not trusted speaks for themselves alone.
        trusted = packed is None or packed in self.rules.trusted
        return layout if trusted else client_address(self.rules, raw.peer, ())

    def _address(self, raw: RawRequest, layout: Layout) -> str | Refusal:
        return client_address(self.rules, raw.peer, [raw.headers[place][1] for place in layout.forwarded])

    def _is_trusted(self, peer: str) -> bool:
        packed = parse_address(peer)
        return self.rules.unix_socket and not peer if packed is None else packed in self.rules.trusted

    def _host(self, value: bytes) -> str | None:
        try:
            return self._hosts[value]
        except KeyError:
            host = read_host(value)
        if self.rules.hosts is not None and host not in self.rules.hosts:
            host = None
        if len(self._hosts) >= _MOST_HOSTS:
            self._hosts.clear()
        if len(value) <= 300:
            self._hosts[value] = host
        return host


def _names_method(query: bytes) -> bool:
    """Whether a parameter is called `_method`, by which some frameworks replace the method."""
    return any(unquote_to_bytes(pair.partition(b"=")[0]) == b"_method" for pair in query.split(b"&"))


def _parameters(route: Route, values: tuple[str, ...]) -> Mapping[str, str]:
    return {name: decoded(value) for name, value in zip(route.parameters, values, strict=True)}


__all__ = ["RequestReader", "Routed", "Router"]
