"""What Envoy asks, as a raw request."""

from __future__ import annotations

from typing import Any

import pytest

from durwan.credentials.refusals import Refusal
from durwan.gateways.envoy_request import Checked, read_check
from tests.gateways.envoy_checks import check

NOW = 1_772_442_000_000


def read(request: Any, *, sends_bodies: bool = False) -> Checked:
    return read_check(request, NOW, sends_bodies=sends_bodies)


def code(refusal: Refusal | None) -> str | None:
    return None if refusal is None else refusal.code


def test_lines_come_as_they_came() -> None:
    """Repeated lines stay repeated, in their order, and bytes that are no text stay those bytes."""
    lines = (("x-tag", b"1"), ("authorization", b"Bearer a, b"), ("x-tag", b"\xff"), ("x-empty", b""))
    found = read(check("POST", "/a%2eb?x=1&x=2", lines, body=b"{}"))
    assert found.raw.method == "POST"
    assert found.raw.target == b"/a%2eb?x=1&x=2"
    assert found.raw.headers == (
        (b"host", b"api.example.com"),
        (b"x-tag", b"1"),
        (b"authorization", b"Bearer a, b"),
        (b"x-tag", b"\xff"),
        (b"x-empty", b""),
    )
    assert (found.raw.peer, found.raw.received, found.raw.body, found.body) == ("203.0.113.9", NOW, b"", b"{}")
    assert found.fault is None


def test_what_was_merged_may_have_been_several_lines() -> None:
    """A comma in a map of headers is taken for the end of a line, so that what may come once is refused."""
    found = read(check(merged={":authority": "api.example.com", "authorization": "Bearer a,Bearer b", "accept": "*/*"}))
    assert sorted(found.raw.headers) == [
        (b"accept", b"*/*"),
        (b"authorization", b"Bearer a"),
        (b"authorization", b"Bearer b"),
        (b"host", b"api.example.com"),
    ]
    assert found.fault is None


def test_a_second_host_stays_a_second_host() -> None:
    """A request over HTTP/2 that names a host beside its authority has two."""
    found = read(check(lines=(("host", b"evil.example.com"),)))
    assert [value for name, value in found.raw.headers if name == b"host"] == [b"api.example.com", b"evil.example.com"]


@pytest.mark.parametrize("name", ["x-envoy-auth-partial-body", "x-envoy-external-address", "x-envoy-internal"])
def test_what_envoy_adds_is_not_the_clients(name: str) -> None:
    """The headers that Envoy writes itself before it asks are not taken for the request's."""
    assert read(check(lines=((name, b"false"),))).raw.headers == ((b"host", b"api.example.com"),)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (check(lines=((":path", b"/admin"),)), "request_malformed"),
        (check(lines=((":method", b"DELETE"),)), "request_malformed"),
        (check(lines=((":authority", b"evil.example.com"),)), "request_malformed"),
        (check(merged={":path": "/admin"}), "request_malformed"),
        (check(query="x=1"), "target_refused"),
        (check(fragment="x"), "target_refused"),
        (check(), None),
    ],
)
def test_one_request_is_told_in_one_way(request_: Any, expected: str | None) -> None:
    """A message that says two things of one request, or a part of the target in a place of its own, is refused."""
    assert code(read(request_).fault) == expected


def test_peers_without_an_address_are_told_apart() -> None:
    """A Unix socket has no address; what is neither that nor an address is one that nobody can read."""
    nobody, pipe, internal = check(peer=""), check(peer=""), check(peer="")
    pipe.attributes.source.address.pipe.path = "/run/caller.sock"
    internal.attributes.source.address.envoy_internal_address.server_listener_name = "inner"
    assert [read(each).raw.peer for each in (nobody, pipe, internal)] == ["nowhere", "", "nowhere"]


@pytest.mark.parametrize(
    ("method", "lines", "body", "sends_bodies", "expected"),
    [
        ("POST", (), b"{}", False, None),
        ("POST", (("content-length", b"2"),), b"{}", False, None),
        ("POST", (("x-envoy-auth-partial-body", b"false"), ("content-length", b"2")), b"{}", False, None),
        ("POST", (("x-envoy-auth-partial-body", b"true"),), b"{}", True, "request_too_large"),
        ("POST", (("content-length", b"3"),), b"{}", True, "not_ready"),
        ("POST", (("content-length", b"2"),), b"", True, "not_ready"),
        ("GET", (("content-length", b"2"),), b"", True, "not_ready"),
        ("POST", (("content-length", b"0"),), b"", False, None),
        ("POST", (("x-envoy-auth-partial-body", b"false"),), b"", False, None),
        ("POST", (), b"", False, "not_ready"),
        ("DELETE", (), b"", False, "not_ready"),
        ("POST", (), b"", True, None),
        ("GET", (), b"", False, None),
    ],
)
def test_a_body_is_believed_to_be_whole(
    method: str, lines: tuple[tuple[str, bytes], ...], body: bytes, sends_bodies: bool, expected: str | None
) -> None:
    """A body is believed if nothing contradicts it; none at all only if Envoy or the operator vouches for it."""
    found = read(check(method, "/orders", lines, body=body), sends_bodies=sends_bodies)
    assert code(found.body_fault) == expected
    assert found.fault is None


def test_a_body_that_came_as_text_is_its_bytes() -> None:
    """Without `pack_as_bytes` the body comes in another field."""
    request = check("POST")
    request.attributes.request.http.body = "{é}"
    assert read(request).body == "{é}".encode()


def test_an_empty_message_can_be_read() -> None:
    """A message without any request is read as one that nobody routes."""
    from durwan.gateways.envoy_protocol import envoy_protocol

    found = read(envoy_protocol().CheckRequest())
    assert (found.raw.method, found.raw.target, found.raw.peer) == ("", b"", "nowhere")
