"""R40, R47 and R48 for applications behind the middleware: nothing that a server or a client does lets anything by."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from durwan.audit.recorder import AuditUnavailableError
from durwan.credentials.raw_request import RawRequest
from durwan.gateways.answer import Answer
from durwan.gateways.asgi import DurwanMiddleware, UnknownScopeError
from durwan.gateways.asgi_request import Message, Scope
from durwan.gateways.gate import Begun, Gate
from durwan.routing.router import Routed, Router
from tests.gateways.asgi_venue import PARSERS, Parser, Recorded, Venue, exchange, serving, status

BODY = b'{"quantity": "7.5"}'


@pytest.fixture(name="venue")
def venue_fixture(tmp_path: Path) -> Venue:
    return Venue(tmp_path)


def order_scope(venue: Venue, **changes: Any) -> Scope:
    """The scope of an order that is allowed."""
    headers = [
        (b"host", b"x"),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(BODY)),
        (b"authorization", b"Bearer " + venue.token.encode()),
    ]
    scope: Scope = {
        "type": "http", "method": "POST", "http_version": "1.1", "path": "/orders", "raw_path": b"/orders",
        "query_string": b"", "root_path": "", "headers": headers, "client": ("127.0.0.1", 40000),
    }  # fmt: skip
    return {**scope, **changes}


def feed_scope(venue: Venue, **changes: Any) -> Scope:
    """The scope of a WebSocket that is allowed."""
    scope = order_scope(venue, type="websocket", raw_path=b"/feed", path="/feed", **changes)
    del scope["method"]
    return {**scope, "headers": [each for each in scope["headers"] if not each[0].startswith(b"content")]}


class Server:
    """Receives and sends as a server does that lets others run in between."""

    def __init__(self, *messages: Message) -> None:
        self.messages = list(messages)
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        await asyncio.sleep(0)
        return self.messages.pop(0) if self.messages else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await asyncio.sleep(0)
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


def body_in_two() -> Server:
    parts = (BODY[:5], True), (BODY[5:], False)
    return Server(*({"type": "http.request", "body": body, "more_body": more} for body, more in parts))


class Suspended:
    """Awaits something, and has its own task cancelled while that waits for the n-th time."""

    def __init__(self, awaited: Coroutine[Any, Any, None], n: int) -> None:
        self._awaited = awaited
        self._n = n
        self.cancelled = False

    def __await__(self) -> Any:
        inner = self._awaited.__await__()
        task = asyncio.current_task()
        assert task is not None
        thrown: BaseException | None = None
        count = 0
        while True:
            try:
                waited = next(inner) if thrown is None else inner.throw(thrown)
            except StopIteration:
                return
            thrown = None
            count += 1
            if count == self._n:
                self.cancelled = True
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                yield waited
            except BaseException as error:  # noqa: BLE001 - handed on to whoever waits
                thrown = error


async def cancelled_at(n: int, call: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Whether something was cancelled at its n-th wait; otherwise it came to its end before."""
    suspended = Suspended(call(), n)

    async def run() -> None:
        await suspended

    task = asyncio.ensure_future(run())
    await asyncio.wait([task])
    assert task.cancelled() or task.exception() is None
    return suspended.cancelled


# ------------------------------------------------------------------------------------------------------------- R48


def every_wait(venue: Venue, call: Callable[[], Coroutine[Any, Any, None]]) -> list[tuple[int, list[str]]]:
    """For each wait at which something is cancelled: what had reached the application, and the effects recorded."""

    async def run(n: int) -> bool:
        return await cancelled_at(n, call)

    found: list[tuple[int, list[str]]] = []
    for n in range(1, 100):
        venue.app.reached.clear()
        venue.recorder.records.clear()
        # The end of the run waits for threads that are still at work.
        if not asyncio.run(run(n)):
            return found
        found.append((len(venue.app.reached), [each.effect for each in venue.recorder.records]))
    raise AssertionError("it never ends")


@pytest.mark.parametrize("waits", [True, False])
def test_cancelling_lets_nothing_by(tmp_path: Path, waits: bool) -> None:
    """A request that is cancelled at any wait is recorded once, and reaches the application only if it was allowed."""
    venue = Venue(tmp_path, waits=waits)
    found = every_wait(venue, lambda: call(venue, order_scope(venue), body_in_two()))
    # While the body is read it is given up, which is no allow; when it is decided, the decision stands.
    assert found[:2] == [(0, ["deny"])] * 2
    assert all(effects == ["allow"] for _, effects in found[2:])
    assert found[2][0] == (0 if waits else 1)
    assert found[-1][0] == 1


async def call(venue: Venue, scope: Scope, server: Server) -> None:
    await venue.protected(scope, server.receive, server.send)


@pytest.mark.parametrize("scope", [order_scope, feed_scope])
def test_cancelling_a_refusal_lets_nothing_by(venue: Venue, scope: Callable[..., Scope]) -> None:
    """What is refused stays so and is recorded, at whichever wait it is cancelled."""
    connect = {"type": "websocket.connect"}

    def refused() -> Coroutine[Any, Any, None]:
        given = {**scope(venue), "raw_path": b"/admin", "method": "GET"}
        return call(venue, given, Server(connect))

    found = every_wait(venue, refused)
    assert len(found) >= 2
    assert all(each == (0, ["deny"]) for each in found)


def test_a_handshake_that_is_cancelled_is_none(venue: Venue) -> None:
    """A WebSocket reaches the application after its allow alone."""
    found = every_wait(venue, lambda: call(venue, feed_scope(venue), Server({"type": "websocket.connect"})))
    assert found[0] == (0, ["allow"])
    assert all(effects == ["allow"] for _, effects in found)


def test_what_waits_for_a_thread_is_recorded_when_it_is_cancelled(venue: Venue) -> None:
    """Also where all threads are busy and nothing of the decision had begun, it is made and recorded."""
    busy = threading.Event()

    async def run() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        asyncio.get_running_loop().run_in_executor(None, busy.wait)
        task = asyncio.ensure_future(call(venue, order_scope(venue), body_in_two()))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        busy.set()

    asyncio.run(run())
    assert not venue.app.reached
    assert [each.effect for each in venue.recorder.records] == ["allow"]


@pytest.mark.parametrize("messages", [(), ({"type": "http.request", "body": b"{", "more_body": True},)])
def test_who_leaves_before_the_end_is_refused(venue: Venue, messages: tuple[Message, ...]) -> None:
    """A client that is gone before its body was whole is recorded, and nobody answers or acts."""
    server = Server(*messages)
    asyncio.run(call(venue, order_scope(venue), server))
    assert (venue.app.reached, server.sent) == ([], [])
    assert [(each.effect, each.code) for each in venue.recorder.records] == [("deny", "request_malformed")]


def test_a_server_that_fails_lets_nothing_by(venue: Venue) -> None:
    """What a server raises while the body is read goes on to it, and the request is recorded as refused."""

    async def broken() -> Message:
        raise OSError("broken")

    async def run() -> None:
        await venue.protected(order_scope(venue), broken, Server().send)

    with pytest.raises(OSError, match="broken"):
        asyncio.run(run())
    assert not venue.app.reached
    assert [each.effect for each in venue.recorder.records] == ["deny"]


@pytest.mark.parametrize("kind", ["webtransport", "", None, "HTTP"])
def test_an_unknown_protocol_is_refused(venue: Venue, kind: Any) -> None:
    """Nothing reaches the application of a type of scope that nobody has decided about."""
    server = Server()
    with pytest.raises(UnknownScopeError):
        asyncio.run(call(venue, {"type": kind}, server))
    assert (venue.app.reached, server.sent) == ([], [])


def test_lifespan_decides_nothing(venue: Venue) -> None:
    """The application starts and stops by itself, without a decision."""
    seen: list[str] = []

    async def app(scope: Scope, *_: Any) -> None:
        seen.append(scope["type"])

    server = Server()
    asyncio.run(_run(DurwanMiddleware(app, venue.gate)({"type": "lifespan"}, server.receive, server.send)))
    assert seen == ["lifespan"]
    assert not venue.recorder.records


async def _run(awaited: Awaitable[None]) -> None:
    await awaited


# ------------------------------------------------------------------------------------------------------------- R47


class BrokenRouter(Router):
    """A router with a defect."""

    def read(self, raw: RawRequest) -> Routed:
        raise MemoryError


class BrokenGate(Gate):
    """A gate with a defect."""

    async def finish_async(self, begun: Begun, body: bytes) -> Answer:
        raise RuntimeError("defect")


class Full(Recorded):
    """A recorder whose disk is full."""

    def append(self, record: Any) -> Recorded:
        raise AuditUnavailableError("the disk is full")


def test_a_defect_is_a_refusal(venue: Venue) -> None:
    """Whatever fails on our side, the client gets a problem with 503, and the application nothing."""
    broken = replace(venue.parts, router=BrokenRouter(venue.parts.router.table, venue.parts.router.rules))
    full = replace(venue.parts, recorder=Full())
    for gate, code in ((Gate(broken), b"not_ready"), (BrokenGate(venue.parts), b"not_ready"),
                       (Gate(full), b"audit_unavailable")):  # fmt: skip
        server = body_in_two()
        app = DurwanMiddleware(venue.app, gate)
        asyncio.run(_run(app(order_scope(venue), server.receive, server.send)))
        assert server.status == 503
        assert code in server.sent[1]["body"]
        socket_server = Server({"type": "websocket.connect"})
        asyncio.run(_run(app(feed_scope(venue), socket_server.receive, socket_server.send)))
        assert socket_server.sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]
    assert not venue.app.reached


@pytest.mark.parametrize(
    "changes",
    [
        {"raw_path": None},
        {"raw_path": b""},
        {"raw_path": "/orders"},
        {"root_path": "/api"},
        {"root_path": "/api", "raw_path": b"/api/orders"},
        {"client": None},
        {"client": ("testclient", 50000)},
        {"client": ("127.0.0.1", 0)},
        {"client": (None, 1)},
        {"client": "127.0.0.1"},
        {"http_version": "0.9"},
        {"headers": [("host", "x")]},
        {"headers": None},
        {"method": "post"},
        {"method": None},
        {"query_string": "a=1"},
    ],
)
def test_an_odd_scope_is_refused(venue: Venue, changes: dict[str, Any]) -> None:
    """What a server leaves out, or says in another form, is not filled in."""
    server = body_in_two()
    asyncio.run(call(venue, order_scope(venue, **changes), server))
    assert server.status in {400, 503}
    assert not venue.app.reached


def test_what_others_say_of_the_path_is_not_passed_on(venue: Venue) -> None:
    """Where the decoded path alone was rewritten before the gate, the application gets what was decided about."""
    asyncio.run(call(venue, order_scope(venue, path="/admin"), body_in_two()))
    assert [(each.scope["path"], each.scope["raw_path"]) for each in venue.app.reached] == [("/orders", b"/orders")]


# ------------------------------------------------------------------------------------------------------------- R40


def order(venue: Venue, extra: bytes = b"") -> bytes:
    head = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return head + venue.bearer() + extra + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("hop", [b"203.0.113.9", b"203.0.113.9:4711", b"[2001:db8::1]:4711", b"nobody", b"127.0.0.1"])
def test_a_server_that_rewrites_addresses_is_noticed(venue: Venue, parser: Parser, hop: bytes) -> None:
    """Uvicorn with its default settings believes who calls from this machine; the gate does not."""
    with serving(venue.protected, parser, proxy_headers=True) as port:
        response = exchange(port, order(venue, b"X-Forwarded-For: " + hop + b"\r\n"))
        assert status(response) == 400
        assert b"address_refused" in response
        assert not venue.app.reached
        assert status(exchange(port, order(venue))) == 200


@pytest.mark.parametrize("parser", PARSERS)
def test_a_unix_socket_is_believed_where_the_rules_say_so(tmp_path: Path, parser: Parser) -> None:
    """A peer without an address is refused; or it is a proxy, and has to say for whom it asks."""
    for believed, expected in ((False, [400, 400]), (True, [400, 200])):
        folder = tmp_path / str(believed)
        folder.mkdir()
        venue = Venue(folder, unix_socket=believed)
        path = folder / "s"
        with serving(venue.protected, parser, uds=str(path)):
            found = [_ask(path, order(venue, extra)) for extra in (b"", b"X-Forwarded-For: 203.0.113.9\r\n")]
        assert found == expected


def _ask(path: Path, raw: bytes) -> int:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(raw)
        return status(connection.recv(65536))


@pytest.mark.parametrize("parser", PARSERS)
def test_a_root_path_is_the_servers(venue: Venue, parser: Parser) -> None:
    """What a server puts before every path is taken off where the gate was told of it, and otherwise refused."""
    with serving(venue.protected, parser, root_path="/api") as port:
        assert status(exchange(port, order(venue))) == 400
    told = DurwanMiddleware(venue.app, venue.gate, root_path="/api")
    with serving(told, parser, root_path="/api") as port:
        assert status(exchange(port, order(venue))) == 200
    with serving(told, parser) as port:
        assert status(exchange(port, order(venue))) == 400
    assert [(found.scope["path"], found.scope["raw_path"]) for found in venue.app.reached] == [
        ("/api/orders", b"/api/orders")
    ]
