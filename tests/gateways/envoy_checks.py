"""What Envoy asks, made as Envoy makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from durwan.gateways.envoy_protocol import envoy_protocol

Lines = Sequence[tuple[str, bytes]]


def check(  # noqa: PLR0913 - as much as Envoy tells
    method: str = "GET",
    path: str = "/orders",
    lines: Lines = (),
    *,
    merged: Mapping[str, str] | None = None,
    host: str = "api.example.com",
    peer: str = "203.0.113.9",
    body: bytes = b"",
    **http: Any,
) -> Any:
    """A `CheckRequest` with header lines as they came, or, in place of them, with what Envoy merged."""
    request: Any = envoy_protocol().CheckRequest()
    if peer:
        request.attributes.source.address.socket_address.address = peer
        request.attributes.source.address.socket_address.port_value = 40_000
    asked: Any = request.attributes.request.http
    asked.method, asked.path, asked.host, asked.scheme, asked.protocol = method, path, host, "https", "HTTP/1.1"
    if body:
        asked.raw_body, asked.size = body, len(body)
    for name, value in http.items():
        setattr(asked, name, value)
    if merged is not None:
        asked.headers.update(merged)
        return request
    pseudo = ((":authority", host), (":path", path), (":method", method), (":scheme", "https"))
    for name, value in (*((name, value.encode()) for name, value in pseudo), *lines):
        asked.header_map.headers.add(key=name, raw_value=value)
    return request


__all__ = ["check"]
