"""A venue whose application stands behind `DurwanMiddleware`, on real uvicorn, and remembers what reached it."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import uvicorn

from durwan import Engine, KeyTable
from durwan.audit.record import DecisionRecord
from durwan.credentials.authenticator import Accepted, Authenticator
from durwan.credentials.key_material import Given
from durwan.credentials.raw_request import RawRequest
from durwan.credentials.schemes.loading import load_scheme
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text
from durwan.credentials.signed_requests import SignedRequests
from durwan.gateways.asgi import DurwanMiddleware
from durwan.gateways.asgi_request import ASGIApp, Receive, Scope, Send
from durwan.gateways.gate import Gate, Parts
from durwan.model.address import NetworkSet, parse_network
from durwan.routing.route import RouteTable
from durwan.routing.router import Router
from durwan.routing.routes_file import read_routes
from durwan.routing.rules import RequestRules
from durwan.runtime.engine import wall_clock
from durwan.state.memory import MemoryState
from tests.key_rings import Rig

Parser = Literal["h11", "httptools"]
PARSERS: tuple[Parser, ...] = ("h11", "httptools")

POLICY = """\
actions { status.read  orders.create  orders.read  feed.open  feed.write  admin.read }
context request {
  quantity : decimal
  account : string
}
context key { account : string }
allow anybody on status.read
allow small_orders on orders.create when request.quantity <= 10
allow own_orders on orders.read when request.account == key.account
allow feeds on feed.open
allow small_messages on feed.write when request.quantity <= 10
"""
# `/admin` has a route, and no rule that allows it.
ROUTES = b"""\
routes:
  GET /: {action: status.read, public: true}
  POST /: {action: status.read, public: true}
  POST /orders: {action: orders.create, attributes: {request.quantity: body.quantity}}
  GET /accounts/{account}/orders: {action: orders.read, attributes: {request.account: path.account}}
  GET /feed: feed.open
  GET /admin: admin.read
"""
SCHEME = load_scheme("durwan")


class Recorded:
    """A recorder that keeps its records in memory."""

    strict = True

    def __init__(self) -> None:
        self.records: list[DecisionRecord] = []

    def append(self, record: DecisionRecord) -> Recorded:
        self.records.append(record)
        return self

    def wait(self) -> None:
        """It is there."""

    async def wait_async(self) -> None:
        """It is there."""


@dataclass
class Reached:
    """What the application saw of one request."""

    scope: dict[str, Any]
    body: bytes = b""
    ended: bool = False

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return list(self.scope["headers"])

    def header(self, name: bytes) -> list[bytes]:
        return [value for each, value in self.headers if each == name]


@dataclass
class App:
    """Answers 200 to everything, and remembers what reached it. Of WebSockets, it decides about each message."""

    reached: list[Reached] = field(default_factory=list[Reached])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        found = Reached(dict(scope))
        self.reached.append(found)
        if scope["type"] == "websocket":
            await self._talk(scope, receive, send)
        else:
            await self._answer(found, receive, send)

    @staticmethod
    async def _answer(found: Reached, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            found.body += message.get("body", b"")
            more = message.get("more_body", False)
        found.ended = True
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    @staticmethod
    async def _talk(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            request = json.loads(message.get("text") or "{}")
            answer = await scope["durwan"].connection.answer_async("feed.write", {"request": request})
            await send({"type": "websocket.send", "text": answer.code})


class Venue:
    """A gate with one key, `desk-7`, which asks with a token, or signs."""

    def __init__(
        self,
        folder: Path,
        *,
        trusted: str = "",
        unix_socket: bool = False,
        waits: bool = True,
        token: str | None = None,
    ) -> None:
        self.rig = Rig(folder)
        self.rig.clock.now = wall_clock()
        self.token = token or new_secret_text("dwk", None)
        self.secret = new_secret_text("dwk", None)
        self.rig.add("desk-7", Given(kind="token", secret=Secret(self.token.encode())))
        self.rig.add("desk-8", Given(kind="hmac", secret=Secret(self.secret.encode())))
        self.keys = self.rig.store()
        account = {"account": "a1"}
        keys = KeyTable({"desk-7": account, "desk-8": account})
        self.engine = Engine.from_sources({"a.policy": POLICY}, keys=keys)
        file, report = read_routes("routes.yaml", ROUTES, self.engine.compiled.program.schema)
        assert file is not None, report
        signed = SignedRequests(SCHEME, self.keys, MemoryState())
        authenticator = Authenticator(Accepted(signed=signed, keys=self.keys), wall_clock)
        networks = NetworkSet([span] if (span := parse_network(trusted)) is not None else [])
        rules = RequestRules(trusted=networks, unix_socket=unix_socket)
        self.recorder = Recorded()
        self.parts = Parts(
            engine=self.engine,
            router=Router(file.table, rules),
            authenticator=authenticator,
            recorder=self.recorder,
            most_body=4096,
            waits=waits,
        )
        self.gate = Gate(self.parts)
        self.app = App()
        self.protected = DurwanMiddleware(self.app, self.gate)

    def with_routes(self, table: RouteTable) -> Gate:
        """The same gate with other routes."""
        return Gate(replace(self.parts, router=Router(table, self.parts.router.rules)))

    def bearer(self) -> bytes:
        return b"Authorization: Bearer " + self.token.encode() + b"\r\n"

    def signed(self, method: str, target: bytes, body: bytes) -> bytes:
        """The bytes of a request that desk-8 signed."""
        headers = ((b"Host", b"x"), (b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(body)))
        bare = RawRequest(method, target, headers, body, "127.0.0.1", wall_clock())
        raw = SCHEME.sign(bare, "desk-8", SCHEME.secret_key(self.secret), timestamp=wall_clock())
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in raw.headers)
        return method.encode() + b" " + raw.target + b" HTTP/1.1\r\n" + lines + b"Connection: close\r\n\r\n" + body


@contextmanager
def serving(app: ASGIApp, parser: Parser, **settings: Any) -> Generator[int]:
    """Real uvicorn in a thread: its port. It tells who really connected unless the settings say otherwise."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    chosen: dict[str, Any] = {"proxy_headers": False, "lifespan": "off", "access_log": False, "log_config": None}
    config = uvicorn.Config(app, http=parser, host="127.0.0.1", port=0, **(chosen | settings))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1] if not config.uds else 0
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


def exchange(port: int, raw: bytes, *, seconds: float = 5.0, source: str = "") -> bytes:
    """All that the server sends in return for some bytes, until it closes the connection or has nothing more to say.

    With a source, they come from that address of this machine.
    """
    with socket.create_connection(("127.0.0.1", port), source_address=(source, 0)) as connection:
        connection.settimeout(seconds)
        found = b""
        try:
            connection.sendall(raw)
            while part := connection.recv(65536):
                found += part
        except (TimeoutError, ConnectionError):
            pass
        return found


def status(response: bytes) -> int:
    """The status of the first response; 0 where there is none."""
    words = response.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/1.") else 0


__all__ = ["PARSERS", "App", "Parser", "Reached", "Venue", "exchange", "serving", "status"]
