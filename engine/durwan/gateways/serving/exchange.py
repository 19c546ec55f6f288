"""One exchange of HTTP as endpoints see it: what came, read with bounds, and what goes back.

It is ASGI without a framework: the scope is read where it lies, and an answer is two messages.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from durwan.credentials.raw_request import Headers

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Lines = Iterable[tuple[bytes, bytes]]

JSON: Final = (b"content-type", b"application/json")
PROBLEM: Final = (b"content-type", b"application/problem+json")
NO_STORE: Final = (b"cache-control", b"no-store")


class DisconnectedError(Exception):
    """Whoever asked has gone: there is nobody to answer."""


class TooLargeError(Exception):
    """A body has more bytes than are read."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    status: int
    headers: Headers
    body: bytes = b""


# What answers at a path. It raises DisconnectedError where there is nobody to answer.
Endpoint = Callable[[Scope, Receive], Awaitable[Reply]]


def json_reply(value: object, status: int = 200, headers: Headers = ()) -> Reply:
    """A JSON document."""
    return Reply(status, (JSON, NO_STORE, *headers), json.dumps(value, separators=(",", ":"), allow_nan=False).encode())


def problem(status: int, detail: str, headers: Headers = ()) -> Reply:
    """A problem (RFC 9457); the detail holds nothing of what came."""
    title = HTTPStatus(status).phrase
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body = json.dumps(document, separators=(",", ":")).encode()
    return Reply(status, (PROBLEM, NO_STORE, *headers), body)


def only(lines: Lines, name: bytes) -> bytes | None:
    """The value of a header that came once; None where it did not come, or more than once."""
    found = [value for each, value in lines if each == name]
    return found[0] if len(found) == 1 else None


async def read_body(scope: Scope, receive: Receive, most: int) -> bytes:
    """The whole body.

    Raises:
        TooLargeError: it has more than `most` bytes, or says so.
        DisconnectedError: it never came.
    """
    said = only(scope["headers"], b"content-length")
    if said is not None and said.isdigit() and int(said[:20]) > most:
        raise TooLargeError
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise DisconnectedError
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > most:
            raise TooLargeError
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


async def send_reply(reply: Reply, send: Send) -> None:
    """Sends it whole."""
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
