"""Raw requests, and routers that read them, for tests of all that comes before a decision."""

from __future__ import annotations

from typing import Any

from durwan.credentials.raw_request import Headers, RawRequest
from durwan.credentials.refusals import Refusal
from durwan.model.address import NetworkSet, parse_network
from durwan.routing import RequestRules, Route, Routed, Router, RouteTable

# Every path of the usual methods.
EVERYTHING = RouteTable(
    [
        Route(method=method, template=template, action="a")
        for method in ("GET", "POST")
        for template in ("/", "/{rest*}")
    ]
)


def networks(*texts: str) -> NetworkSet:
    """The set of networks that are written."""
    found = [parse_network(text) for text in texts]
    assert None not in found
    return NetworkSet(each for each in found if each is not None)


def request(  # noqa: PLR0913 - each part of a request may be the one that is wrong
    target: bytes = b"/orders",
    headers: Headers = (),
    *,
    method: str = "GET",
    peer: str = "203.0.113.9",
    host: bytes | None = b"api.example.com",
    body: bytes = b"",
) -> RawRequest:
    """A request that is fine, apart from what is given."""
    named = headers if host is None else ((b"host", host), *headers)
    return RawRequest(method, target, named, body, peer, 0)


def read(raw: RawRequest, table: RouteTable = EVERYTHING, **rules: Any) -> Routed | Refusal:
    """What a router by these rules makes of a request."""
    return Router(table, RequestRules(**rules)).read(raw)


def code_of(raw: RawRequest, table: RouteTable = EVERYTHING, **rules: Any) -> str:
    """The code of the refusal, or `routed`."""
    found = read(raw, table, **rules)
    return found.code if isinstance(found, Refusal) else "routed"
