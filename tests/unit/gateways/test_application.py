"""The table of what is answered: by whom a request may be asked, and what becomes of it when something fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from durwan.credentials.secret import Secret
from durwan.gateways.serving.application import POST, Application, Callers, Way
from durwan.gateways.serving.exchange import (
    DisconnectedError,
    Message,
    Receive,
    Reply,
    Scope,
    TooLargeError,
    json_reply,
    read_body,
)
from durwan.model.address import NetworkSet, parse_network

HERE = NetworkSet(found for found in [parse_network("127.0.0.0/8")] if found is not None)
FINE = json_reply({"fine": True})


def exchanged(
    way: Way, callers: Callers | None = None, *, messages: Sequence[Message] = (), **others: Any
) -> tuple[int, bytes] | None:
    """What an application answers; None where it answers nothing."""
    scope: Scope = {
        "type": "http", "method": "POST", "raw_path": b"/here", "query_string": b"", "headers": [],
        "client": ("127.0.0.1", 5), **others,
    }  # fmt: skip
    waiting = list(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    application = Application({"/here": way}, callers or Callers(networks=HERE))
    asyncio.run(application(scope, receive, send))
    return (sent[0]["status"], sent[1]["body"]) if sent else None


async def fine(scope: Scope, receive: Receive) -> Reply:
    del scope, receive
    return FINE


@pytest.mark.parametrize(
    "error", [ValueError("secret"), RecursionError(), MemoryError(), KeyError("x"), OSError(28, "full")]
)
def test_an_endpoint_that_fails_is_no_yes(error: Exception) -> None:
    """R47: whatever is wrong on our side is a 503, and its text stays here."""

    async def failing(scope: Scope, receive: Receive) -> Reply:
        del scope, receive
        raise error

    found = exchanged(Way(endpoint=failing))
    assert found is not None
    assert found[0] == 503
    assert b"secret" not in found[1]


def test_whoever_has_gone_is_answered_nothing() -> None:
    """R48: a body that never comes to its end is no request, and no yes."""

    async def reading(scope: Scope, receive: Receive) -> Reply:
        await read_body(scope, receive, 100)
        return FINE

    half: list[Message] = [{"type": "http.request", "body": b"ab", "more_body": True}]
    assert exchanged(Way(endpoint=reading), messages=half) is None
    whole: list[Message] = [*half, {"type": "http.request", "body": b"c"}]
    assert exchanged(Way(endpoint=reading), messages=whole) == (200, FINE.body)


def test_nothing_but_http_is_spoken() -> None:
    """R48: another kind of connection is answered nothing."""
    for kind in ("websocket", "lifespan", "other"):
        assert exchanged(Way(endpoint=fine), type=kind) is None


@pytest.mark.parametrize(
    ("others", "status"),
    [
        ({}, 200), ({"raw_path": b"/there"}, 404), ({"raw_path": b"/here/"}, 404), ({"raw_path": b"/%68ere"}, 404),
        ({"method": "GET"}, 405), ({"client": ("192.0.2.1", 1)}, 403), ({"client": None}, 200),
        ({"client": ("nonsense", 1)}, 403), ({"client": ("::ffff:127.0.0.1", 1)}, 200),
    ],
)  # fmt: skip
def test_what_is_not_in_the_table_is_not_answered(others: dict[str, Any], status: int) -> None:
    """R62: exact paths, the methods that they have, and the callers that there are."""
    found = exchanged(Way(endpoint=fine, methods=POST), **others)
    assert found is not None
    assert found[0] == status


@pytest.mark.parametrize(
    ("headers", "bearer", "status"),
    [
        ([], False, 401), ([(b"durwan-proxy-secret", b"0123456789abcdef")], False, 200),
        ([(b"durwan-proxy-secret", b"0123456789abcdeF")], False, 401),
        ([(b"durwan-proxy-secret", "é".encode())], False, 401),
        ([(b"durwan-proxy-secret", b"0123456789abcdef")] * 2, False, 401),
        ([(b"authorization", b"Bearer 0123456789abcdef")], False, 401),
        ([(b"authorization", b"Bearer 0123456789abcdef")], True, 200),
        ([(b"authorization", b"bearer 0123456789abcdef")], True, 200),
        ([(b"authorization", b"Basic 0123456789abcdef")], True, 401),
        ([(b"authorization", b"Bearer 0123456789abcdef"), (b"durwan-proxy-secret", b"x")], True, 401),
    ],
)  # fmt: skip
def test_a_caller_shows_one_secret(headers: list[tuple[bytes, bytes]], bearer: bool, status: int) -> None:
    """R46: once, exactly, and as a bearer token only where that is not the client's."""
    callers = Callers(networks=HERE, secret=Secret(b"0123456789abcdef"))
    found = exchanged(Way(endpoint=fine, bearer=bearer), callers, headers=headers)
    assert found is not None
    assert found[0] == status


@pytest.mark.parametrize(
    ("headers", "parts"),
    [([(b"content-length", b"101")], []), ([(b"content-length", b"9" * 40)], []), ([], [b"a" * 60, b"a" * 60])],
)
def test_a_body_is_bounded(headers: list[tuple[bytes, bytes]], parts: list[bytes]) -> None:
    """R50: by what it says of itself, before anything is read, and by what comes."""

    async def reading(scope: Scope, receive: Receive) -> Reply:
        with pytest.raises(TooLargeError):
            await read_body(scope, receive, 100)
        raise DisconnectedError

    messages: list[Message] = [{"type": "http.request", "body": each, "more_body": True} for each in parts]
    assert exchanged(Way(endpoint=reading), messages=messages, headers=headers) is None
