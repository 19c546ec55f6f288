"""ASGI middleware: nothing reaches the application that was not allowed.

    app = DurwanMiddleware(app, gate)

It needs no framework and works with any. Put it outermost, and let the server tell who really connected: uvicorn with
`--no-proxy-headers`. What the application then sees is what was decided about: the canonical path, the headers without
those that only a gate sets, and as `scope["durwan"]` an `Admitted`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal, refuse
from durwan.errors import DurwanError
from durwan.gateways.answer import About, Answer, Answers
from durwan.gateways.asgi_request import (
    ASGIApp,
    Message,
    Receive,
    Scope,
    Send,
    codings_of,
    declared_length,
    doubt,
    raw_request,
)
from durwan.gateways.connection import Connection
from durwan.gateways.decided import Begun
from durwan.gateways.gate import Gate
from durwan.gateways.upstream import without_identity
from durwan.model.address import format_address, parse_address
from durwan.routing.target import decoded
from durwan.runtime.engine import wall_clock

_GIVEN_UP: Final = refuse("request_malformed", "the request was given up before it was whole")
_TOO_LARGE: Final = refuse("request_too_large", "the body of the request is too large")
_NOT_READY: Final = Answers().refused("", refuse("not_ready"), About())
_POLICY_VIOLATION: Final = 1008
_TRY_AGAIN_LATER: Final = 1013
_UNAVAILABLE: Final = 503
# Seconds between two looks at whether whoever opened a WebSocket is still believed.
_LOOK_EVERY: Final = 0.25


class UnknownScopeError(DurwanError):
    """A server spoke a protocol that the middleware does not know: nothing of it reaches the application."""


class Admitted:
    """What the application is told of a request that was allowed: `scope["durwan"]`.

    Attributes:
        answer: what was decided, about whom and about which route: `answer.decision`, `.identity`, `.routed`.
    """

    __slots__ = ("_connection", "_gate", "answer")

    def __init__(self, gate: Gate, answer: Answer) -> None:
        self._gate = gate
        self._connection: Connection | None = None
        self.answer = answer

    @property
    def connection(self) -> Connection:
        """Decides what is asked for later: the messages of a WebSocket, or what only the application knows of."""
        if self._connection is None:
            self._connection = Connection(self._gate, self.answer)
        return self._connection


class DurwanMiddleware:
    """Lets through what a gate allows: HTTP requests, and WebSockets by their handshake.

    A WebSocket is closed, with 1008, when something is to be received or sent on it and the credential by which it was
    opened was revoked, or has expired, more than a quarter of a second ago.

    Args:
        app: the application.
        gate: what decides.
        root_path: what the server puts before every path, uvicorn's `--root-path`. Scopes with another are refused.
        trailers_apart: whether the server keeps the trailers of a chunked body out of the headers, as uvicorn does
            with `--http h11`. With httptools it appends them, and whoever wrote the body may have written what a proxy
            seems to say: there, requests with such a body are refused if a proxy speaks for a client.
    """

    def __init__(self, app: ASGIApp, gate: Gate, *, root_path: str = "", trailers_apart: bool = False) -> None:
        self._app = app
        self._gate = gate
        self._root_path = root_path
        self._trailers_apart = trailers_apart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a scope, or has the application answer it.

        Raises:
            UnknownScopeError: the scope is of a type that nobody has decided about.
        """
        kind = scope["type"]
        if kind == "lifespan":
            await self._app(scope, receive, send)
        elif kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        else:
            raise UnknownScopeError(f"the server speaks {kind!r}, which nobody decides about: switch it off")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = self._begun(scope)
        body = None
        if begun.needs_body:
            found = await self._body(begun, receive)
            if isinstance(found, Refusal):
                begun = begun.refused(found)
            else:
                body = found
        answer = await self._answer(begun, body or b"")
        if answer.refusal is _GIVEN_UP:
            return
        admitted = self._admitted(answer)
        if admitted is None:
            await _refuse(send, answer, last=answer.refusal is _TOO_LARGE and scope.get("http_version") == "1.1")
        else:
            await self._app(
                self._decided(scope, begun, admitted), receive if body is None else _replayed(body, receive), send
            )

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = self._begun(scope)
        answer = await self._answer(begun, b"")
        admitted = self._admitted(answer)
        if admitted is None:
            await _refuse_handshake(scope, receive, send, answer)
        else:
            watched = _Watched(admitted.connection, receive, send)
            await self._app(self._decided(scope, begun, admitted), watched.receive, watched.send)

    # --------------------------------------------------------------------------------------------------- deciding

    def _begun(self, scope: Scope) -> Begun:
        received = wall_clock()
        try:
            raw = raw_request(scope, self._root_path, received)
            refusal = doubt(scope, self._root_path, raw.headers)
        except Exception:  # noqa: BLE001 - a server that says something else than ASGI has it
            raw, refusal = RawRequest("", b"", (), b"", "", received), refuse("request_malformed")
        if refusal is not None:
            return Begun(raw=raw, refusal=refusal, started=time.perf_counter())
        begun = self._gate.begin(raw)
        if begun.routed is None or self._trailers_apart or not codings_of(raw.headers):
            return begun
        peer = parse_address(raw.peer)
        if peer is not None and format_address(peer) == begun.routed.address:
            return begun
        return begun.refused(refuse("header_refused"))

    async def _body(self, begun: Begun, receive: Receive) -> bytes | Refusal:
        """The whole body, or why it is not had. Whoever gives up meanwhile has been refused, and that is recorded."""
        try:
            return await _read(begun, receive, self._gate.most_body)
        except BaseException:
            # Not awaited, since this may have been cancelled; it is done before the event loop ends.
            refused = begun.refused(_GIVEN_UP)
            asyncio.get_running_loop().run_in_executor(None, self._gate.finish, refused, b"")
            raise

    async def _answer(self, begun: Begun, body: bytes) -> Answer:
        try:
            return await self._gate.finish_async(begun, body)
        except Exception:  # noqa: BLE001 - a defect of ours: nobody passes by it
            return _NOT_READY

    def _admitted(self, answer: Answer) -> Admitted | None:
        if answer.allowed is not True or answer.routed is None:
            return None
        return Admitted(self._gate, answer)

    def _decided(self, scope: Scope, begun: Begun, admitted: Admitted) -> Scope:
        """The scope as it was decided about. The server's own headers may still grow, by trailers; these do not."""
        routed = admitted.answer.routed
        assert routed is not None  # noqa: S101 - nothing is admitted without
        return {
            **scope,
            "path": self._root_path + decoded(routed.path),
            "raw_path": (self._root_path + routed.path).encode(),
            "query_string": routed.query,
            "headers": [*without_identity(begun.raw.headers), *admitted.answer.upstream],
            "durwan": admitted,
        }


class _Watched:
    """A WebSocket that ends once whoever opened it is not believed any more."""

    def __init__(self, connection: Connection, receive: Receive, send: Send) -> None:
        self._connection = connection
        self._receive = receive
        self._send = send
        self._closed_by: int | None = None
        self._looked = time.monotonic()

    async def receive(self) -> Message:
        """The next message, unless the connection has ended by now."""
        if self._closed_by is None:
            message = await self._receive()
            if message["type"] != "websocket.receive" or await self._holds():
                return message
        return {"type": "websocket.disconnect", "code": self._closed_by, "reason": ""}

    async def send(self, message: Message) -> None:
        """Sends a message.

        Raises:
            ConnectionAbortedError: the connection has ended by now; servers raise an OSError for one that is closed.
        """
        if self._closed_by is None and (message["type"] != "websocket.send" or await self._holds()):
            await self._send(message)
        else:
            raise ConnectionAbortedError("the connection was closed: its credential is not good any more")

    async def _holds(self) -> bool:
        """Whether the connection may go on, as far as was known a moment ago; it is closed where it may not."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return True
        self._looked = now
        refusal = await asyncio.to_thread(_standing, self._connection)
        if refusal is None or self._closed_by is not None:
            return refusal is None
        self._closed_by = _TRY_AGAIN_LATER if refusal.status == _UNAVAILABLE else _POLICY_VIOLATION
        await self._send({"type": "websocket.close", "code": self._closed_by, "reason": ""})
        return False


def _standing(connection: Connection) -> Refusal | None:
    try:
        return connection.standing()
    except Exception:  # noqa: BLE001 - a defect of ours: nobody passes by it
        return refuse("not_ready")


async def _read(begun: Begun, receive: Receive, most: int) -> bytes | Refusal:
    if (declared_length(begun.raw.headers) or 0) > most:
        return _TOO_LARGE
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return _GIVEN_UP
        body += message.get("body", b"")
        if len(body) > most:
            return _TOO_LARGE
        more = message.get("more_body", False)
    return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Receives the body that was read already, and then what the server goes on with."""
    pending = [body]

    async def replay() -> Message:
        return {"type": "http.request", "body": pending.pop(), "more_body": False} if pending else await receive()

    return replay


async def _refuse(send: Send, answer: Answer, *, last: bool) -> None:
    """Answers instead of the application; `last` is whether the connection ends with it."""
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    if last:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _refuse_handshake(scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
    if (await receive())["type"] != "websocket.connect":
        return
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})
        return
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": answer.body})


__all__ = ["Admitted", "DurwanMiddleware", "UnknownScopeError"]
