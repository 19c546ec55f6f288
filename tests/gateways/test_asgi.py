"""The middleware behind real uvicorn, with both of its parsers."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from durwan.gateways.asgi import DurwanMiddleware
from durwan.gateways.asgi_request import Message, Receive, Scope, Send
from tests.gateways.asgi_venue import PARSERS, Parser, Venue, exchange, serving, status

BODY = b'{"quantity": "7.5"}'


@pytest.fixture(name="venue", scope="module")
def venue_fixture(tmp_path_factory: pytest.TempPathFactory) -> Venue:
    return Venue(tmp_path_factory.mktemp("venue"))


@pytest.fixture(name="ports", scope="module")
def ports_fixture(venue: Venue) -> Iterator[dict[Parser, int]]:
    with serving(venue.protected, "h11") as one, serving(venue.protected, "httptools") as other:
        yield {"h11": one, "httptools": other}


@pytest.fixture(name="port", params=PARSERS)
def port_fixture(request: pytest.FixtureRequest, ports: dict[Parser, int], venue: Venue) -> int:
    """A port of the venue, to which nothing was sent yet."""
    venue.app.reached.clear()
    venue.recorder.records.clear()
    return ports[request.param]


def order(venue: Venue, body: bytes = BODY, extra: bytes = b"", target: bytes = b"/orders") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    head = b"POST " + target + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return head + venue.bearer() + length + extra + b"\r\n" + body


def problem(response: bytes) -> dict[str, object]:
    head, _, body = response.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    found: dict[str, object] = json.loads(body)
    return found


def test_what_is_allowed_reaches_the_application(venue: Venue, port: int) -> None:
    """With the body that came, who asks in the headers, and what was decided in the scope."""
    assert status(exchange(port, order(venue))) == 200
    (found,) = venue.app.reached
    assert found.body == BODY
    assert found.header(b"x-durwan-key") == [b"desk-7"]
    assert found.header(b"x-durwan-address") == [b"127.0.0.1"]
    answer = found.scope["durwan"].answer
    assert answer.decision.rule == "small_orders"
    assert answer.identity.key == "desk-7"
    (record,) = venue.recorder.records
    assert found.header(b"x-durwan-decision") == [record.decision_id.encode()]
    assert (record.effect, record.path) == ("allow", "/orders")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"GET /orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", (405, "method_not_allowed")),
        (b"GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", (404, "route_unknown")),
        (b"GET /admin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", (401, "credential_missing")),
        (b"GET /admin HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dwk_x\r\nConnection: close\r\n\r\n",
         (401, "token_invalid")),
        (b"GET /a/../admin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", (400, "target_refused")),
    ],
)  # fmt: skip
def test_what_is_refused_is_a_problem(venue: Venue, port: int, raw: bytes, expected: tuple[int, str]) -> None:
    """The client is told what is wrong, by the name of a decision that stands in the record."""
    response = exchange(port, raw)
    said = problem(response)
    assert (status(response), said["code"]) == expected
    assert [said["decision_id"]] == [record.decision_id for record in venue.recorder.records]
    assert not venue.app.reached


def test_the_policy_sees_the_body(venue: Venue, port: int) -> None:
    """More than the policy allows, or what cannot be read, does not reach the application."""
    for body, expected in (
        (b'{"quantity": "10"}', 200), (b'{"quantity": "10.1"}', 403), (b"{}", 403), (b'{"quantity": 1e999}', 400),
        (b'{"quantity": "1", "quantity": "2"}', 400), (b"[]", 400), (b"\xff", 400),
    ):  # fmt: skip
        assert status(exchange(port, order(venue, body))) == expected, body
    assert len(venue.app.reached) == 1


def test_a_signed_body_is_replayed(venue: Venue, port: int) -> None:
    """A signature is verified over the bytes that the application then gets; another body is refused."""
    raw = venue.signed("POST", b"/orders", BODY)
    assert status(exchange(port, raw.replace(b"7.5", b"8.5"))) == 401
    assert status(exchange(port, raw)) == 200
    assert [found.body for found in venue.app.reached] == [BODY]
    assert status(exchange(port, raw)) == 401


def test_a_body_has_a_bound(venue: Venue, port: int) -> None:
    """One byte more than is read is refused, by its length before it came, or when it is counted."""
    fill = b'{"quantity": "1"}'
    exact = fill + b" " * (venue.gate.most_body - len(fill))
    assert status(exchange(port, order(venue, exact))) == 200
    assert venue.app.reached[0].body == exact
    over = order(venue, exact + b" ")
    assert problem(exchange(port, over))["code"] == "request_too_large"
    # No byte of the body is waited for.
    assert status(exchange(port, over[: over.index(b"\r\n\r\n") + 4])) == 400
    chunked = order(venue).partition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
    for size, expected in ((venue.gate.most_body, 200), (venue.gate.most_body + 1, 400)):
        sent = b"%x\r\n" % size + fill + b" " * (size - len(fill)) + b"\r\n0\r\n\r\n"
        assert status(exchange(port, chunked + sent)) == expected
    endless = b"800\r\n" + b" " * 2048 + b"\r\n"
    assert problem(exchange(port, chunked + endless * 3))["code"] == "request_too_large"
    assert len(venue.app.reached) == 2


def test_a_chunked_body_is_one_body(venue: Venue, port: int) -> None:
    """However a body is cut, the policy and the application see the same."""
    head = order(venue).partition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head + b'3\r\n{"q\r\n')
        time.sleep(0.05)
        connection.sendall(b'e\r\nuantity": "3"}\r\n0\r\n\r\n')
        assert status(connection.recv(65536)) == 200
    assert venue.app.reached[0].body == b'{"quantity": "3"}'


def test_trailers_are_no_headers(venue: Venue, port: int) -> None:
    """What stands behind a body is not seen by the application as a header, and says nothing of who asks."""
    head = order(venue).partition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
    body = b'11\r\n{"quantity": "3"}\r\n0\r\nX-Durwan-Key: boss\r\nX-Late: 1\r\n\r\n'
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head)
        time.sleep(0.05)
        connection.sendall(body)
        assert status(connection.recv(65536)) == 200
    (found,) = venue.app.reached
    assert found.header(b"x-durwan-key") == [b"desk-7"]
    assert found.header(b"x-late") == []
    # In one segment, one of the parsers takes them for headers.
    exchange(port, head + body)
    assert found.header(b"x-durwan-key") == [b"desk-7"]


def test_who_a_proxy_speaks_for_is_not_read_behind_a_body(tmp_path: Path) -> None:
    """A client that writes a hop into the trailers of a chunked body is not where it says."""
    venue = Venue(tmp_path, trusted="127.0.0.1/32")
    lines = b"X-Forwarded-For: 203.0.113.9\r\nTransfer-Encoding: chunked\r\n\r\n"
    head = order(venue).partition(b"Content-Length")[0] + lines
    body = b'11\r\n{"quantity": "3"}\r\n0\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n'
    for parser in PARSERS:
        with serving(venue.protected, parser) as port:
            assert status(exchange(port, head + body)) == 400
            assert status(exchange(port, order(venue, extra=b"X-Forwarded-For: 203.0.113.9\r\n"))) == 200
    assert [found.header(b"x-durwan-address") for found in venue.app.reached] == [[b"203.0.113.9"]] * 2


def test_identity_is_what_the_gate_says(venue: Venue, port: int) -> None:
    """Headers by which a client calls itself somebody reach the application in none of their forms."""
    names = (b"X-Durwan-Subject", b"x_durwan_subject", b"X-DURWAN-KEY", b"X.Durwan.Key", b"X-Durwan-New")
    for name in names:
        assert status(exchange(port, order(venue, extra=name + b": boss\r\n"))) == 200
    exchange(port, order(venue, extra=b"".join(name + b": boss\r\n" for name in names)))
    for found in venue.app.reached:
        assert b"boss" not in b"".join(value for _, value in found.headers)
        assert found.header(b"x-durwan-subject") == [b""]
        assert found.header(b"x-durwan-new") == []


def test_the_application_sees_the_canonical_path(venue: Venue, port: int) -> None:
    """However a path is encoded, the application routes by what was decided about."""
    raw = b"GET /%61ccounts/a%31/orders?x=%2f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + venue.bearer() + b"\r\n"
    assert status(exchange(port, raw)) == 200
    (found,) = venue.app.reached
    assert found.scope["raw_path"] == b"/accounts/a1/orders"
    assert found.scope["path"] == "/accounts/a1/orders"
    assert found.scope["query_string"] == b"x=%2f"


def test_the_application_hears_that_the_client_left(venue: Venue) -> None:
    """After the body that was read for it, the application receives what the server goes on with."""
    app = Waiting()
    for parser in PARSERS:
        with serving(DurwanMiddleware(app, venue.gate), parser) as port:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(order(venue))
                while not app.messages:
                    time.sleep(0.005)
            until = time.monotonic() + 5
            while len(app.messages) < 2 and time.monotonic() < until:
                time.sleep(0.005)
        assert app.messages == [{"type": "http.request", "body": BODY, "more_body": False}, {"type": "http.disconnect"}]
        app.messages.clear()


class Waiting:
    """An application that receives until the client is gone."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            self.messages.append(message)
            if message["type"] == "http.disconnect":
                return
