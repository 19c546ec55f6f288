"""Forward authentication: what a proxy is answered, of what it says, by the server itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import pytest

from tests.serving import Response, Running
from tests.venues import CLIENT, HOST, Venue, forwarded

Headers = Mapping[str, str] | Sequence[tuple[str, str]]
FORWARD, NGINX, ENVOY = "/forward-auth", "/nginx", "/envoy"


def asked(
    server: Running, method: str, target: str, headers: Headers = (), *, way: str = FORWARD, **said: str
) -> tuple[int, dict[str, str], bytes]:
    """What the server answers a proxy."""
    own = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    response = server.send("GET", way, [*forwarded(method, target, **said), *own])
    return response.status, dict(response.headers), response.body


def test_a_signed_request_goes_on_with_who_asks(server: Running, venue: Venue) -> None:
    """200 with all headers for what stands behind, whatever the client sent of them."""
    spoofed = [("x-durwan-subject", "root")]
    status, headers, body = asked(server, "GET", "/orders/7?x=1", [*venue.signed("GET", "/orders/7?x=1"), *spoofed])
    assert (status, body) == (200, b"")
    assert (headers["x-durwan-key"], headers["x-durwan-subject"]) == ("desk-7", "")
    assert (headers["x-durwan-address"], headers["x-durwan-action"]) == (CLIENT, "orders.read")


def test_a_token_goes_on(server: Running, venue: Venue) -> None:
    """A key whose whole credential is a token, and a route that asks for none."""
    assert asked(server, "GET", "/orders", venue.bearer)[0] == 200
    assert asked(server, "GET", "/status")[0] == 200


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/orders", 401, "credential_missing"),
        ("GET", "/nowhere", 404, "route_unknown"),
        ("PUT", "/orders", 405, "method_not_allowed"),
        ("GET", "/orders/../account", 400, "target_refused"),
        ("GET", "/orders/%2e%2e/account", 400, "target_refused"),
        ("GET", "/orders//7", 400, "target_refused"),
        ("GET", "orders", 400, "target_refused"),
        ("get", "/orders", 400, "method_refused"),
        ("DELETE", "/orders", 405, "method_not_allowed"),
    ],
)
def test_a_refusal_goes_to_the_client_as_it_is(
    server: Running, method: str, target: str, status: int, code: str
) -> None:
    """Status, headers and a problem body, of which the proxy needs to understand nothing."""
    found, headers, body = asked(server, method, target)
    assert (found, json.loads(body)["code"]) == (status, code)
    assert headers["content-type"] == "application/problem+json"
    assert ("www-authenticate" in headers) is (status == HTTPStatus.UNAUTHORIZED)


def test_what_a_rule_refuses_is_told_with_its_code(server: Running, venue: Venue) -> None:
    """The key's networks, and a scope that it does not have."""
    status, _, body = asked(server, "GET", "/orders", venue.bearer, client="198.51.100.1")
    assert (status, json.loads(body)["code"]) == (403, "ip_not_allowed")


def test_a_request_is_signed_for_what_it_is(server: Running, venue: Venue) -> None:
    """A signature over another method, path, query or host is worth nothing, and none is worth anything twice."""
    signed = venue.signed("GET", "/orders/7")
    assert asked(server, "GET", "/orders/8", signed)[0] == 401
    assert asked(server, "GET", "/orders/7?a=1", signed)[0] == 401
    assert asked(server, "GET", "/orders/7", signed)[0] == 200
    again = asked(server, "GET", "/orders/7", signed)
    assert (again[0], json.loads(again[2])["code"]) == (401, "nonce_replayed")
    other = asked(server, "GET", "/orders/7", venue.signed("GET", "/orders/7", host="evil.example.com"))
    assert other[0] == 401


@pytest.mark.parametrize(
    "said",
    [
        [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/status")],
        [("x-forwarded-method", "GET"), ("x-forwarded-host", HOST)],
        [("x-forwarded-uri", "/status"), ("x-forwarded-host", HOST)],
        [*forwarded("GET", "/status")[1:], ("x-forwarded-uri", "/status")],
        [*forwarded("GET", "/status")[1:], ("x-forwarded-method", "GET")],
        [*forwarded("GET", "/status")[1:], ("x-forwarded-host", HOST)],
        forwarded("GET", "/status", host=f"{HOST}, evil.example.com")[1:],
        forwarded("GET", "/status", host="evil.example.com")[1:],
        forwarded("GET", "/status", client="nonsense")[1:],
        forwarded("GET", "/status", client="203.0.113.9, ")[1:],
        [line for line in forwarded("GET", "/status")[1:] if line[0] != "x-forwarded-for"],
        [],
    ],
)
def test_what_the_proxy_does_not_say_once_and_plainly_is_refused(server: Running, said: list[tuple[str, str]]) -> None:
    """R46: nothing is guessed of a request that anybody could have meant otherwise."""
    assert server.send("GET", FORWARD, said).status == 400
    assert server.send("GET", NGINX, said).status == 403


@pytest.mark.parametrize(
    "spoofed",
    [
        ("x-original-url", "/admin"), ("x-original-uri", "/admin"), ("x-original-method", "DELETE"),
        ("x-rewrite-url", "/admin"), ("x-http-method-override", "DELETE"), ("x_forwarded_uri", "/admin"),
        ("x-forwarded_uri", "/admin"), ("x-forwarded-prefix", "/admin"), ("x-forwarded-path", "/admin"),
        ("x-envoy-original-path", "/admin"), ("x_durwan_key", "root"), ("x-durwan.key", "root"),
        ("x_api_key", "root"), ("authorization", "Basic eDp5"),
    ],
)  # fmt: skip
def test_a_client_that_would_rename_its_request_is_refused(
    server: Running, venue: Venue, spoofed: tuple[str, str]
) -> None:
    """R45, R46: the proxy is believed what it says itself; what passes through it is the client's, and is not."""
    assert asked(server, "GET", "/orders", [*venue.bearer.items(), spoofed])[0] in {400, 401}


def test_the_nearest_hop_is_the_client(server: Running, venue: Venue) -> None:
    """R40: what stands before the address that the proxy saw, anybody may have written."""
    assert asked(server, "GET", "/orders", venue.bearer, client=f"8.8.8.8, {CLIENT}")[0] == 200
    assert asked(server, "GET", "/orders", venue.bearer, client=f"{CLIENT}, 8.8.8.8")[0] == 403


# -------------------------------------------------------------------------------------------------------------- nginx


def test_nginx_is_told_with_a_status_that_it_knows(server: Running, venue: Venue) -> None:
    """200, 401 and 403; what the client should be answered stands in headers, the body as well."""
    status, headers, _ = asked(server, "GET", "/orders", venue.bearer, way=NGINX)
    assert (status, headers["x-durwan-key"]) == (200, "reader")
    for target, left, exact, code in [
        ("/orders", 401, "401", "credential_missing"),
        ("/nowhere", 403, "404", "route_unknown"),
        ("//x", 403, "400", "target_refused"),
    ]:
        status, headers, body = asked(server, "GET", target, way=NGINX)
        assert (status, headers["x-auth-status"], headers["x-auth-code"], body) == (left, exact, code, b"")
        assert json.loads(headers["x-auth-body"])["status"] == int(exact)
    assert "www-authenticate" in asked(server, "GET", "/orders", way=NGINX)[1]


def test_a_used_up_limit_survives_nginx(server: Running, venue: Venue) -> None:
    """429 and the time to wait stand in headers; before it, Traefik and Envoy get it as it is."""
    body = b'{"symbol":"BTC-PERP","notional":"1"}'
    lines = [*forwarded("POST", "/orders"), ("content-type", "application/json")]

    def order(way: str) -> Response:
        return server.send("GET", way, [*lines, *venue.signed("POST", "/orders", body)], body)

    assert [order(NGINX).status for _ in range(3)] == [200, 200, 200]
    response = order(NGINX)
    assert (response.status, response.header("x-auth-status")) == (403, "429")
    assert int(response.header("retry-after") or 0) > 0
    again = order(FORWARD)
    assert (again.status, again.json["code"]) == (429, "order_rate")


# -------------------------------------------------------------------------------------------------------------- envoy


def test_envoy_asks_with_the_request_itself(server: Running, venue: Venue) -> None:
    """Method, host and headers as they are, the target behind a prefix, and the body where it is sent."""
    lines = [("host", HOST), ("x-forwarded-for", CLIENT), ("x-forwarded-proto", "https"), ("x-request-id", "1")]
    allowed = server.send("GET", f"{ENVOY}/orders/7?x=1", [*lines, *venue.signed("GET", "/orders/7?x=1")])
    assert (allowed.status, allowed.header("x-durwan-key")) == (200, "desk-7")
    assert server.send("GET", f"{ENVOY}/orders/7?x=1", [*lines, *venue.signed("GET", "/orders/7")]).status == 401
    for target in ("//orders", "/../forward-auth", "/orders/%2e%2e/account", ""):
        assert server.send("GET", f"{ENVOY}{target}", [*lines, *venue.bearer.items()]).status in {400, 404}


def test_a_body_that_is_too_large_is_not_read(server: Running, venue: Venue) -> None:
    """It is refused by its length alone, and where none is said, once the bound is reached."""
    lines = [*forwarded("POST", "/orders"), ("content-type", "application/json"), *venue.bearer.items()]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    said = server.exchange(
        f"POST {FORWARD} HTTP/1.1\r\n{head}content-length: 99999999\r\nconnection: close\r\n\r\n".encode()
    )
    assert b" 400 " in said.split(b"\r\n")[0]
    assert b"request_too_large" in said
