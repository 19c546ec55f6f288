"""WebSockets behind the middleware: the handshake is decided, each message is, and a revoked key ends them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from durwan.gateways.asgi import DurwanMiddleware
from durwan.gateways.asgi_request import Receive, Scope, Send
from tests.gateways.asgi_venue import PARSERS, Parser, Venue, serving


@pytest.fixture(name="venue")
def venue_fixture(tmp_path: Path) -> Venue:
    return Venue(tmp_path)


@pytest.fixture(name="port", params=PARSERS)
def port_fixture(venue: Venue, request: pytest.FixtureRequest) -> Iterator[int]:
    parser: Parser = request.param
    with serving(venue.protected, parser) as port:
        yield port


def opened(venue: Venue, port: int, path: str = "/feed", **headers: str) -> ClientConnection:
    given = {"Authorization": f"Bearer {venue.token}"} | headers
    return connect(f"ws://127.0.0.1:{port}{path}", additional_headers=given, proxy=None)


def refused(venue: Venue, port: int, path: str = "/feed", **headers: str) -> tuple[int, Any]:
    """Status and code of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as caught:
        opened(venue, port, path, **headers)
    response = caught.value.response
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code, json.loads(response.body or b"{}").get("code")


def heard_until_closed(connection: ClientConnection, message: str = "") -> tuple[list[str | bytes], int | None]:
    """What is heard, where a message is sent after each, and the code with which the connection is closed."""
    heard: list[str | bytes] = []
    try:
        while len(heard) < 100:
            heard.append(connection.recv(5))
            if message:
                time.sleep(0.1)
                connection.send(message)
    except ConnectionClosed as closed:
        return heard, None if closed.rcvd is None else closed.rcvd.code
    return heard, None


def test_a_handshake_is_decided(venue: Venue, port: int) -> None:
    """Without a credential, with a wrong one, and to where nothing or nobody may be, none is accepted."""
    assert refused(venue, port, Authorization="Bearer dwk_x") == (401, "token_invalid")
    assert refused(venue, port, Authorization="") == (401, "credential_missing")
    assert refused(venue, port, "/admin") == (403, "no_rule_allows")
    assert refused(venue, port, "/other") == (404, "route_unknown")
    assert refused(venue, port, "/feed/../admin") == (400, "target_refused")
    assert not venue.app.reached
    with opened(venue, port):
        assert [found.scope["path"] for found in venue.app.reached] == ["/feed"]
    assert [record.effect for record in venue.recorder.records] == ["deny"] * 5 + ["allow"]


def test_identity_is_what_the_gate_says(venue: Venue, port: int) -> None:
    """A client that calls itself somebody in the handshake is not heard."""
    with opened(venue, port, **{"X-Durwan-Key": "boss", "x_durwan_subject": "boss"}):
        (found,) = venue.app.reached
        assert found.header(b"x-durwan-key") == [b"desk-7"]
        assert b"boss" not in b"".join(value for _, value in found.headers)


def test_each_message_is_decided_and_recorded(venue: Venue, port: int) -> None:
    """Decisions about messages take what the handshake proved, and the message itself."""
    with opened(venue, port) as connection:
        for quantity, expected in (("1", "allowed"), ("11", "no_rule_allows"), ("2", "allowed")):
            connection.send(json.dumps({"quantity": quantity}))
            assert connection.recv(5) == expected
    assert [(record.action, record.effect, record.key) for record in venue.recorder.records] == [
        ("feed.open", "allow", "desk-7"),
        ("feed.write", "allow", "desk-7"),
        ("feed.write", "deny", "desk-7"),
        ("feed.write", "allow", "desk-7"),
    ]


def test_a_revoked_key_is_denied_at_once_and_then_closed(venue: Venue, port: int) -> None:
    """When revoking returns, no message is allowed any more, and soon the connection is closed."""
    with opened(venue, port) as connection:
        connection.send('{"quantity": "1"}')
        assert connection.recv(5) == "allowed"
        venue.keys.revoke("desk-7")
        connection.send('{"quantity": "1"}')
        # Whether the decision or the close is first, nothing is allowed.
        heard, closed = heard_until_closed(connection, '{"quantity": "1"}')
        assert (set(heard) | {"credential_revoked"}, closed) == ({"credential_revoked"}, 1008)
    effects = [record.effect for record in venue.recorder.records]
    assert effects[:2] == ["allow", "allow"]
    assert "allow" not in effects[2:]


def test_a_revoked_key_says_nothing_more(venue: Venue) -> None:
    """What comes on a connection after its key was revoked does not reach the application, which is told so."""
    heard: list[Any] = []

    async def listener(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while not heard or heard[-1]["type"] == "websocket.receive":
            heard.append(await receive())

    with serving(DurwanMiddleware(listener, venue.gate), "h11") as port, opened(venue, port) as connection:
        connection.send("before")
        while not heard:
            time.sleep(0.01)
        venue.keys.revoke("desk-7")
        time.sleep(0.3)
        connection.send("after")
        assert heard_until_closed(connection) == ([], 1008)
    assert [(each["type"], each.get("text")) for each in heard] == [
        ("websocket.receive", "before"),
        ("websocket.disconnect", None),
    ]


def test_a_revoked_key_hears_nothing_more(venue: Venue) -> None:
    """A connection to which the application only sends ends as well, and the application is told."""
    heard: list[Any] = []

    async def ticker(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            for number in range(100):
                await send({"type": "websocket.send", "text": str(number)})
                await asyncio.sleep(0.01)
        except OSError as error:
            heard.extend((type(error), await receive()))

    with serving(DurwanMiddleware(ticker, venue.gate), "h11") as port, opened(venue, port) as connection:
        assert connection.recv(5) == "0"
        venue.keys.revoke("desk-7")
        received, closed = heard_until_closed(connection)
        assert closed == 1008
        assert len(received) < 60
        until = time.monotonic() + 5
        while len(heard) < 2 and time.monotonic() < until:
            time.sleep(0.01)
    assert heard == [ConnectionAbortedError, {"type": "websocket.disconnect", "code": 1008, "reason": ""}]
