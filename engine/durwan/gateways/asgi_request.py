"""What an ASGI server says of a request, as the raw request that it was; or why that cannot be known.

Servers take a request apart before an application sees it, and differ in what they leave out. uvicorn's scope has the
target up to `?` as `raw_path` and the rest as `query_string`, both as they came, after the server's own root path. Its
parser httptools drops the fragment, the scheme and the authority of a target, which h11 leaves in; both lose an empty
query. So an application never sees any of these, and nothing is decided about them. The path that a server decoded
is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from durwan.credentials.raw_request import Headers, RawRequest
from durwan.credentials.refusals import Refusal, refuse

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_VERSIONS: Final = frozenset({"1.0", "1.1", "2", "3"})
_LENGTH: Final = re.compile(rb"[0-9]{1,15}", re.ASCII)
_HOPS: Final = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip"})


def raw_request(scope: Scope, root_path: str, received: int) -> RawRequest:
    """The request that a scope tells of, without its body. What the scope does not tell of is empty.

    Args:
        scope: of the type `http` or `websocket`.
        root_path: what the server was told to put before every path.
        received: when it came, in milliseconds since the epoch.
    """
    path: bytes = scope.get("raw_path") or b""
    query: bytes = scope.get("query_string") or b""
    path = path.removeprefix(root_path.encode())
    client = scope.get("client")
    return RawRequest(
        method=scope.get("method", "GET"),
        target=path + b"?" + query if query else path,
        headers=tuple((bytes(name), bytes(value)) for name, value in scope["headers"]),
        body=b"",
        peer="" if client is None else client[0],
        received=received,
    )


def doubt(scope: Scope, root_path: str, headers: Headers) -> Refusal | None:
    """Why what a scope tells of a request may not be what the request was; None where it is.

    Args:
        scope: of the type `http` or `websocket`.
        root_path: what the server was told to put before every path.
        headers: of the scope.
    """
    if scope.get("http_version", "1.1") not in _VERSIONS:
        return refuse("request_malformed")
    path = scope.get("raw_path")
    if not path or scope.get("root_path", "") != root_path or not path.startswith(root_path.encode()):
        return refuse("target_refused")
    if _is_rewritten(scope.get("client"), headers):
        return refuse("address_refused")
    codings = codings_of(headers)
    if codings and (codings != [b"chunked"] or scope.get("http_version") != "1.1"):
        return refuse("header_refused")
    return None


def _is_rewritten(client: tuple[str, int] | None, headers: Headers) -> bool:
    """Whether the server put somebody's word in the place of the peer's address, as uvicorn does unless told not to.

    Then the port is the one that stood beside the address, or 0, which no connection comes from.
    """
    if client is None:
        return False
    host, port = client
    if port == 0:
        return True
    forms = (f"{host}:{port}".encode(), f"[{host}]:{port}".encode())
    return any(form in value for name, value in headers if name.lower() in _HOPS for form in forms)


def codings_of(headers: Headers) -> list[bytes]:
    """How the body is coded for its way: nothing, or `chunked`; anything else is refused."""
    return [value for name, value in headers if name.lower() == b"transfer-encoding"]


def declared_length(headers: Headers) -> int | None:
    """The length of the body that the headers announce; None where they do not, or not so that it can be read."""
    found = [value for name, value in headers if name.lower() == b"content-length"]
    return int(found[0]) if len(found) == 1 and _LENGTH.fullmatch(found[0]) else None


__all__ = ["ASGIApp", "Message", "Receive", "Scope", "Send", "codings_of", "declared_length", "doubt", "raw_request"]
