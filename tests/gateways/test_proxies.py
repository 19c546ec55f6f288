"""Real proxies, configured as the guides say, in front of a real application, asking `durwan serve`.

Whatever a client sends: what reaches the application was allowed, is what was decided about, and carries of the
gateway's headers those of the gateway alone.
"""

from __future__ import annotations

import base64
import json
import socket
import time
from pathlib import Path
from typing import Any, Final

import pytest

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.gateways.upstream import NAMES
from durwan.routing.router import Router
from durwan.routing.routes_file import load_routes
from durwan.routing.rules import RequestRules
from tests.gateways.proxies import SENDS_BODIES, Reply, Stand, read_reply
from tests.gateways.upstream import Reached, fold
from tests.gateways.venue import TOKENS, bearer

READER: Final = b"Authorization: " + bearer("reader")
WRITER: Final = b"Authorization: " + bearer("writer")
JSON: Final = b"Content-Type: application/json"
SPOOF: Final = b"spoofed"
CORPUS: Final[list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "corpora" / "http_raw.json").read_text("utf-8")
)["cases"]
PATHS: Final[list[str]] = [
    row["raw_target"]
    for row in json.loads((Path(__file__).parents[1] / "corpora" / "paths.json").read_text("utf-8"))
    if len(row["raw_target"]) < 4_000
]
# How long two questions may take, in seconds, when nobody answers, with something for a machine that is busy.
PATIENCE: Final = {"nginx": 4.0, "caddy": 4.0, "envoy": 4.0}
# What the client is told when durwan hangs, and when it is gone, as guides/README.md says.
HANGS: Final = {"nginx": 503, "caddy": 504, "envoy": 503}
GONE: Final = {"nginx": 503, "traefik": 500, "caddy": 502, "envoy": 503}


def problem(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply.body)
    return found


def check_decided(stand: Stand, reached: Reached, host: bytes) -> None:
    """What has reached the application is what was decided about: the same action, by our own reading of the target."""
    router = Router(load_routes(stand.venue.folder / "routes.yaml"), RequestRules())
    found = router.read(RawRequest(reached.method, reached.target, ((b"Host", host),), b"", "203.0.113.9", 0))
    assert not isinstance(found, Refusal), f"{reached.target!r} reached the application"
    assert reached.value("x-durwan-action").decode() == found.route.action


def check_untouched(reached: Reached) -> None:
    """Nothing that the client said in the gateway's name, or to rename the request, has come through."""
    for name, value in reached.headers:
        folded = fold(name)
        ours = folded.startswith((b"x-durwan-", b"x-original-", b"x-rewrite-", b"x-envoy-original"))
        if ours or folded in {b"x-forwarded-uri", b"x-forwarded-method", b"x-forwarded-prefix", b"forwarded"}:
            assert SPOOF not in value, (name, value)
    for name in NAMES:
        assert len(reached.values(name.decode())) <= 1


# ------------------------------------------------------------------------------------------------------- answers


def test_who_may_reaches_the_application(stand: Stand) -> None:
    """An allowed request goes on as it was, and the application is told who asks."""
    reply = stand.ask("GET", "/orders/7?x=%41&y=", READER, b"X-Tag: 1", b"X-Tag: 2")
    assert (reply.status, reply.body) == (200, b"reached")
    (reached,) = stand.application.taken()
    assert (reached.method, reached.target) == ("GET", b"/orders/7?x=%41&y=")
    assert reached.value("x-durwan-key") == b"reader"
    assert reached.value("x-durwan-action") == b"orders.read"
    assert reached.value("x-durwan-decision") != b""
    assert b",".join(reached.values("x-tag")).replace(b" ", b"") == b"1,2"


def test_who_may_not_is_told_why(stand: Stand) -> None:
    """A refusal reaches the client with its status and its problem body, and the application hears nothing of it."""
    for expected, reply in (
        ((403, "no_rule_allows"), stand.ask("POST", "/admin/halt", READER)),
        ((404, "route_unknown"), stand.ask("GET", "/nothing", READER)),
        ((405, "method_not_allowed"), stand.ask("PUT", "/orders", READER)),
        ((401, "credential_missing"), stand.ask("GET", "/orders/7")),
        ((401, "token_invalid"), stand.ask("GET", "/orders/7", b"Authorization: Bearer " + TOKENS["reader"][:-1])),
    ):
        found = problem(reply)
        assert (reply.status, found["code"]) == expected
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.headers["cache-control"] == "no-store"
        assert found["decision_id"]
        assert found["status"] == reply.status
    assert stand.application.taken() == []


def test_a_challenge_says_what_is_missing(stand: Stand) -> None:
    """`WWW-Authenticate` reaches the client, and the problem body says what would do."""
    reply = stand.ask("POST", "/withdrawals", WRITER)
    assert reply.status == 401
    assert 'error="insufficient_user_authentication"' in reply.headers["www-authenticate"]
    assert problem(reply)["remedies"] == [{"kind": "mfa", "within": 300_000}]
    assert stand.application.taken() == []


def test_a_limit_says_when_to_come_again(stand: Stand) -> None:
    """What is used up is 429 with `Retry-After` and the RateLimit headers, and what is not is counted once."""
    replies = [stand.ask("GET", "/orders", READER) for _ in range(4)]
    assert [each.status for each in replies] == [200, 200, 429, 429]
    assert int(replies[-1].headers["retry-after"]) > 3_000
    assert replies[-1].headers["ratelimit-policy"] == '"lists";q=2;w=3600'
    assert problem(replies[-1])["violated-policies"] == ["lists"]
    assert len(stand.application.taken()) == 2


# -------------------------------------------------------------------------------------------------------- bodies


def test_a_body_that_a_rule_reads(stand: Stand) -> None:
    """Where the proxy sends bodies, rules look into them; where it does not, such a request is refused."""
    small, large = (stand.ask("POST", "/orders", WRITER, JSON, body=b'{"quantity": %d}' % each) for each in (1, 2_000))
    reached = stand.application.taken()
    if SENDS_BODIES[stand.name]:
        assert (small.status, large.status, problem(large)["code"]) == (200, 403, "too_large")
        assert [each.body for each in reached] == [b'{"quantity": 1}']
    else:
        assert small.status == large.status == 503
        assert problem(small)["code"] == "not_ready"
        assert reached == []


def signed(stand: Stand, method: str, target: str, body: bytes, sent: bytes | None = None) -> Reply:
    """The reply to a signed request; what is sent may have another body."""
    # A gateway that has just begun does not know what came before: it takes what can only have been signed since.
    raw = stand.venue.signed(method, target.encode(), body, stand.host, ahead=4_900)
    lines = [name + b": " + value for name, value in raw.headers if name.lower() != b"host"]
    return stand.ask(method, target, *lines, body=body if sent is None else sent)


def test_a_body_that_is_signed(stand: Stand) -> None:
    """A body goes on if it is the one that was signed; where the proxy sends none, nothing signed with one does."""
    body = b'{"quantity": 1}'
    right = signed(stand, "POST", "/orders", body)
    others = (
        signed(stand, "POST", "/orders", body, b'{"quantity": 2}'),
        signed(stand, "POST", "/orders", b"", body),
        signed(stand, "DELETE", "/orders/7", b"", body),
    )
    reached = stand.application.taken()
    if SENDS_BODIES[stand.name]:
        assert right.status == 200
        assert [each.body for each in reached] == [body]
    else:
        assert (right.status, problem(right)["code"]) == (503, "not_ready")
        assert reached == []
    assert all(each.status in {400, 401, 403, 503} for each in others)


def test_a_signed_request_without_a_body(stand: Stand) -> None:
    """What needs no body is verified behind every proxy: path, query and host are as they were signed."""
    assert signed(stand, "GET", "/orders/7?b=2&a=1", b"").status == 200
    (reached,) = stand.application.taken()
    assert (reached.target, reached.value("x-durwan-key")) == (b"/orders/7?b=2&a=1", b"signer")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_goes_on(stand: Stand, chunked: bool) -> None:
    """A body that nothing has to look at reaches the application whole, however it is framed."""
    body = bytes(range(256)) * 2_000
    if chunked:
        head = stand.head("POST", "/withdrawals", WRITER, b"Transfer-Encoding: chunked")
        assert stand.send(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)).status == 401
        assert stand.application.taken() == []
        head = stand.head("DELETE", "/orders/7", WRITER, b"Transfer-Encoding: chunked")
        reply = stand.send(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    else:
        reply = stand.ask("DELETE", "/orders/7", WRITER, body=body)
    # The rule of this action looks for a quantity, and finds none: what is shown is that nothing hangs or is half sent.
    assert reply.status == 403
    assert stand.application.taken() == []


# ---------------------------------------------------------------------------------------------- what is spoofed

IDENTITY: Final = [
    b"X-Durwan-Key: spoofed",
    b"x-durwan-key: spoofed",
    b"X_Durwan_Key: spoofed",
    b"X.Durwan.Key: spoofed",
    b"X-Durwan_Key: spoofed",
    b"X-Durwan-Key : spoofed",
    b"X-Durwan-Key:\tspoofed\r\nX-Durwan-Key: spoofed",
    b"X-Durwan-Role: spoofed",
    b"X_Durwan_Role: spoofed",
    b"X-Tag: 1\r\n X-Durwan-Key: spoofed",
    b"X-Durwan-Decision: spoofed",
    b"X-Durwan-Obligations: spoofed",
    b"Connection: x-durwan-key, x-durwan-action, x-durwan-decision",
    b"Connection: authorization",
    b"X-Auth-Target: /spoofed\r\nX-Auth-Status: 200",
]
RENAMING: Final = [
    b"X-Original-URL: /spoofed",
    b"X-Original-URI: /spoofed",
    b"X_Original_URL: /spoofed",
    b"X-Original-Method: spoofed",
    b"X-Original-Host: spoofed",
    b"X-Rewrite-URL: /spoofed",
    b"X-Forwarded-Uri: /spoofed",
    b"X-Forwarded-Method: spoofed",
    b"X-Forwarded-Prefix: /spoofed",
    b"X-Envoy-Original-Path: /spoofed",
    b"X-Forwarded-Host: spoofed",
    b"X-Forwarded-Proto: spoofed",
    b"Forwarded: for=spoofed;host=spoofed",
    b"X-HTTP-Method-Override: DELETE",
]


@pytest.mark.parametrize("lines", [*IDENTITY, *RENAMING])
def test_nobody_speaks_in_the_gateways_name(stand: Stand, lines: bytes) -> None:
    """A header of the gateway, under its name or one that is taken for it, comes from the gateway or does not come."""
    stand.ask("GET", "/orders/7", READER, lines)
    for reached in stand.application.taken():
        check_untouched(reached)
        check_decided(stand, reached, stand.host)
        assert reached.value("x-durwan-key") == b"reader"


@pytest.mark.parametrize("line", [b"X-Forwarded-For: 10.9.8.7", b"Forwarded: for=10.9.8.7", b"X-Real-IP: 10.9.8.7"])
def test_nobody_comes_from_elsewhere(stand: Stand, line: bytes) -> None:
    """The address that is decided about is that of the connection, whatever the client says of it."""
    stand.ask("GET", "/orders/7", READER, line)
    for reached in stand.application.taken():
        assert reached.value("x-durwan-address") == b"127.0.0.1"


def test_two_credentials_are_none(stand: Stand) -> None:
    """A credential that comes twice is refused, in whichever way the proxy passes the two on."""
    assert stand.ask("GET", "/orders/7", READER, WRITER).status in {400, 401}
    assert stand.application.taken() == []


# ------------------------------------------------------------------------------------------------------- targets


def targets() -> list[str]:
    """The targets of the corpus, and what they are like under a route that exists."""
    below = [target.replace("/admin", "/admin/halt") for target in PATHS if "/admin" in target]
    more = [
        "/orders/../admin/halt",
        "/%6frders/7",
        "/orders/%37",
        "/orders/7/",
        "/orders/7?_method=DELETE",
        "/orders//7",
    ]
    return list(dict.fromkeys([*PATHS, *below, *more]))


def test_what_goes_on_is_what_was_decided_about(stand: Stand) -> None:
    """For each target of the corpus: it is refused, or the application gets what the decision was about."""
    passed = 0
    for target in targets():
        for method, credential in (("GET", READER), ("POST", WRITER)):
            reply = stand.send(stand.head(method, target, credential, b"Connection: close"))
            reached = stand.application.taken()
            assert (reply.status == 200) == bool(reached), target
            for each in reached:
                passed += 1
                check_decided(stand, each, stand.host)
                assert each.value("x-durwan-action") != b"admin.halt"
    assert passed > 0


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case["name"])
def test_malformed_requests_do_not_pass(stand: Stand, case: dict[str, Any]) -> None:
    """Each raw request of the corpus, aimed at what the credential may read: refused, or what was decided about."""
    raw = base64.b64decode(case.get("raw_b64", "")) or stand.head("GET", "/", b"X-Big: " + b"a" * 65_536)
    first, _, rest = raw.partition(b"\n")
    first = first.replace(b" / ", b" /orders/7 ").replace(b"/admin", b"/orders/7").replace(b" admin", b" orders/7")
    raw = first + b"\n" + READER + b"\r\n" + rest.replace(b"Host: x", b"Host: " + stand.host)
    stand.send(raw)
    for reached in stand.application.taken():
        check_untouched(reached)
        check_decided(stand, reached, stand.host)


def test_each_request_of_a_connection_is_asked_about(stand: Stand) -> None:
    """What was allowed on a connection says nothing of the next request on it."""
    with socket.create_connection(("127.0.0.1", stand.proxy.port), timeout=10) as connection:
        found: list[int] = []
        for credential in (READER, b"X-None: 1", READER, b"Authorization: Bearer x"):
            connection.sendall(stand.head("GET", "/orders/7", credential))
            found.append(read_reply(connection).status)
    assert found == [200, 401, 200, 401]
    assert len(stand.application.taken()) == 2


def test_pipelined_requests_are_each_asked_about(stand: Stand) -> None:
    """Requests that were sent at once are answered one by one, each by its own credential."""
    content = stand.head("GET", "/orders/7", READER) + stand.head("POST", "/admin/halt", READER)
    stand.send(content + stand.head("GET", "/orders/8", b"Connection: close"))
    assert [each.target for each in stand.application.taken()] == [b"/orders/7"]


# -------------------------------------------------------------------------------------------------------- faults


def test_a_gateway_that_hangs_lets_nothing_through(stand: Stand) -> None:
    """While durwan is stopped, requests are refused within the proxy's patience; afterwards all is as it was."""
    if stand.name not in PATIENCE:
        pytest.skip("Traefik waits 30 seconds, which cannot be set: see test_traefik_waits_for_long")
    with stand.durwan.stopped():
        began = time.monotonic()
        replies = [stand.ask("GET", target, READER) for target in ("/orders/7", "/status")]
        assert time.monotonic() - began < PATIENCE[stand.name]
        assert [reply.status for reply in replies] == [HANGS[stand.name]] * 2
        assert stand.application.taken() == []
    assert stand.ask("GET", "/orders/7", READER).status == 200
    # What was asked while nobody answered is not carried out late.
    assert [each.target for each in stand.application.taken()] == [b"/orders/7"]


def test_traefik_waits_for_long(stand: Stand) -> None:
    """Traefik's patience is longer than a test; until it ends nobody is let through."""
    if stand.name in PATIENCE:
        pytest.skip("this is about Traefik alone")
    with stand.durwan.stopped(), pytest.raises(TimeoutError):
        stand.send(stand.head("GET", "/orders/7", READER), timeout=1.5)
    assert stand.ask("GET", "/orders/8", READER).status == 200
    assert [each.target for each in stand.application.taken()] == [b"/orders/8"]


def test_a_gateway_that_is_gone_lets_nothing_through(stand: Stand) -> None:
    """Without durwan every request is refused at once; when it is back, it is asked again."""
    stand.durwan.end()
    try:
        began = time.monotonic()
        replies = [stand.ask("GET", target, READER) for target in ("/orders/7", "/status", "/nothing")]
        assert time.monotonic() - began < 5
        assert [reply.status for reply in replies] == [GONE[stand.name]] * 3
        assert stand.application.taken() == []
    finally:
        stand.start_durwan()
    stand.await_routes()
    assert stand.ask("GET", "/orders/7", READER).status == 200
