"""What Envoy asks (`envoy.service.auth.v3.CheckRequest`), as the raw request that it is about.

Envoy tells the head of a request in one of two ways. With `encode_raw_headers` there is a list of header lines, as they
came. Without it there is a map: lines of the same name are joined by commas, and bytes that are no UTF-8 are replaced.
Two lines and one line that holds a comma look alike there, so every comma is taken for the end of a line: whoever reads
a header that may come once refuses it then, whichever it was.

Whether Envoy was told to send bodies (`with_request_body`) does not show in a request without one. An empty body is
believed where Envoy vouches for it, and otherwise only if the operator says that bodies are sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from durwan.credentials.raw_request import Headers, RawRequest
from durwan.credentials.refusals import Refusal, refuse

# Envoy says by it whether the body is whole. What a client sends of that name never comes here.
_PARTIAL: Final = b"x-envoy-auth-partial-body"
# What Envoy itself adds before it asks. Others of these names are left to the router, which refuses them.
_OF_ENVOY: Final = frozenset({_PARTIAL, b"x-envoy-external-address", b"x-envoy-internal"})
_LENGTH: Final = b"content-length"
_AUTHORITY: Final = b":authority"
# Stands for an address that cannot be told: none can be read in it.
_NOWHERE: Final = "nowhere"
# Their content means nothing (RFC 9110 §9.3.1): that it was not sent here does not change what is asked for.
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Checked:
    """What Envoy asks about.

    Attributes:
        raw: the request, without its body.
        body: its body, as far as Envoy sent it.
        fault: why the request is refused whatever it asks for; None where nothing is wrong.
        body_fault: why it is refused if its body has to be read; None where the body is whole.
    """

    raw: RawRequest
    body: bytes
    fault: Refusal | None
    body_fault: Refusal | None


def read_check(check: Any, received: int, *, sends_bodies: bool) -> Checked:
    """Reads a `CheckRequest`.

    Args:
        check: the message.
        received: when it came, in milliseconds since the epoch.
        sends_bodies: whether Envoy was told to send bodies.
    """
    http: Any = check.attributes.request.http
    lines = _lines(http)
    body: bytes = http.raw_body or http.body.encode()
    sent = tuple(line for line in lines if line[0][:1] != b":" and line[0].lower() not in _OF_ENVOY)
    raw = RawRequest(
        method=http.method,
        target=http.path.encode(),
        headers=((b"host", http.host.encode()), *sent),
        body=b"",
        peer=_peer(check.attributes.source.address),
        received=received,
    )
    return Checked(raw, body, _fault(http, lines), _body_fault(raw.method, lines, body, sends_bodies=sends_bodies))


def _lines(http: Any) -> Headers:
    """The header lines, among them those that stand for the request line, `:path`."""
    if http.HasField("header_map"):
        return tuple((each.key.encode(), each.raw_value or each.value.encode()) for each in http.header_map.headers)
    return tuple(
        (name.encode(), part.strip(b" \t"))
        for name, value in http.headers.items()
        for part in value.encode().split(b",")
    )


def _peer(address: Any) -> str:
    """The address of whoever is connected to Envoy; empty for one that came by a Unix socket."""
    kind = address.WhichOneof("address")
    if kind == "socket_address":
        return address.socket_address.address or _NOWHERE
    return "" if kind == "pipe" else _NOWHERE


def _fault(http: Any, lines: Headers) -> Refusal | None:
    """Whether the message says two different things of one request, or less than all of its target."""
    said = {b":method": http.method.encode(), b":path": http.path.encode(), _AUTHORITY: http.host.encode()}
    if any(said.get(name.lower(), value) != value for name, value in lines):
        return refuse("request_malformed")
    return refuse("target_refused") if http.query or http.fragment else None


def _body_fault(method: str, lines: Headers, body: bytes, *, sends_bodies: bool) -> Refusal | None:
    told = {value for name, value in lines if name.lower() == _PARTIAL}
    if told - {b"false"}:
        return refuse("request_too_large")
    lengths = {value for name, value in lines if name.lower() == _LENGTH}
    if lengths - {b"%d" % len(body)}:
        return refuse("not_ready", "the body of the request was not sent to where it has to be read")
    if body or told or lengths or sends_bodies or method in _WITHOUT_BODY:
        return None
    return refuse("not_ready", "whether the request has a body cannot be told where it has to be read")


__all__ = ["Checked", "read_check"]
