"""Envoy's external authorization, asked by a real client of gRPC as Envoy asks."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from durwan.credentials.secret import Secret
from durwan.gateways.answer import Answers
from durwan.gateways.envoy import Certificates, EnvoyListener, EnvoyListenerError, serve_envoy
from durwan.gateways.envoy_protocol import SERVICE, EnvoyNotInstalledError, envoy_protocol
from durwan.gateways.gate import Gate
from durwan.gateways.upstream import NAMES
from tests.gateways.certificates import authority
from tests.gateways.envoy_checks import check
from tests.gateways.venue import TestVenue, bearer

JSON = ("content-type", b"application/json")
NOBODY = "127.0.0.1:0"
Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
def venue(tmp_path: Path) -> TestVenue:
    return TestVenue(tmp_path)


def authorized(key: str) -> tuple[str, bytes]:
    return ("authorization", bearer(key))


def stub(channel: Any, service: str = SERVICE, method: str = "Check") -> Any:
    """A method of a service, whose messages are bytes."""
    return channel.unary_unary(f"/{service}/{method}")


@asynccontextmanager
async def answering(gate: Gate, listener: EnvoyListener | None = None, **serving: Any) -> AsyncGenerator[Ask, None]:
    """A server, and what asks it: for a `CheckRequest` or bytes it gives the `CheckResponse`."""
    server = await serve_envoy(gate, listener or EnvoyListener(address=NOBODY), **serving)
    protocol = envoy_protocol()
    async with protocol.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:

        async def ask(message: Any, **call: Any) -> Any:
            content = message if isinstance(message, bytes) else message.SerializeToString()
            return protocol.CheckResponse.FromString(await stub(channel)(content, **call))

        try:
            yield ask
        finally:
            await server.stop(0)


def asked(gate: Gate, *requests: Any, listener: EnvoyListener | None = None, **serving: Any) -> list[Any]:
    """The responses to requests, one after the other."""

    async def run() -> list[Any]:
        async with answering(gate, listener, **serving) as ask:
            return [await ask(each) for each in requests]

    return asyncio.run(run())


def told(response: Any) -> tuple[int, str]:
    """The status and the code that a client is told; 200 and nothing where the request may go on."""
    if response.status.code == 0:
        return 200, ""
    denied = response.denied_response
    return denied.status.code, json.loads(denied.body)["code"]


def headers(options: Any) -> dict[str, str]:
    """Headers that are set, each in place of what was there."""
    names = [option.header.key for option in options]
    assert all(option.append.value == (names.index(option.header.key) != place) for place, option in enumerate(options))
    assert all(option.HasField("append") and option.keep_empty_value for option in options)
    return {option.header.key: option.header.value for option in options}


def test_who_may_goes_on_with_the_gateways_headers(venue: TestVenue) -> None:
    """An allowed request gets all of the headers that only the gateway sets, in place of the client's."""
    (response,) = asked(venue.gate(), check(path="/orders/7", lines=(authorized("reader"), ("x-durwan-key", b"root"))))
    assert told(response) == (200, "")
    found = headers(response.ok_response.headers)
    assert found.pop("x-durwan-decision") == response.dynamic_metadata["decision_id"] != ""
    assert found == {
        "x-durwan-key": "reader", "x-durwan-subject": "", "x-durwan-session": "", "x-durwan-address": "203.0.113.9",
        "x-durwan-action": "orders.read", "x-durwan-obligations": "",
    }  # fmt: skip
    assert not set(response.ok_response.headers_to_remove) & set(found)
    assert response.dynamic_metadata["code"] == "allowed"


def test_who_may_not_is_told_why(venue: TestVenue) -> None:
    """A refusal is a denied response, with status, headers and problem body."""
    order = (authorized("writer"), JSON)
    requests = (
        check("POST", "/orders", order, body=b'{"quantity":2000}'),
        check("GET", "/orders/7"),
        check("POST", "/withdrawals", (authorized("writer"),)),
        check("GET", "/nothing"),
        check("PUT", "/orders"),
        *[check("GET", "/orders", (authorized("reader"),))] * 3,
    )
    denied, missing, challenged, unknown, not_allowed, *_, limited = asked(venue.gate(), *requests)
    assert told(denied) == (403, "too_large")
    assert told(missing) == (401, "credential_missing")
    assert told(challenged) == (401, "mfa_required")
    assert told(unknown) == (404, "route_unknown")
    assert told(not_allowed) == (405, "method_not_allowed")
    assert told(limited) == (429, "rate_limited")
    assert headers(denied.denied_response.headers)["content-type"] == "application/problem+json"
    assert "insufficient_user_authentication" in headers(challenged.denied_response.headers)["www-authenticate"]
    assert int(headers(limited.denied_response.headers)["retry-after"]) > 3_000
    problem = json.loads(denied.denied_response.body)
    assert (
        problem["decision_id"]
        == denied.dynamic_metadata["decision_id"]
        == headers(denied.denied_response.headers)["x-decision-id"]
    )
    assert all(each.status.code != 0 and not each.HasField("ok_response") for each in (denied, missing, limited))


def test_a_header_that_comes_twice_is_two_lines(venue: TestVenue) -> None:
    """Where two schemes are offered, the second challenge does not replace the first."""
    (response,) = asked(venue.gate(answers=Answers(schemes=("Bearer", "Signature"))), check("GET", "/orders/7"))
    found = [(each.header.key, each.append.value) for each in response.denied_response.headers]
    assert [append for name, append in found if name == "www-authenticate"] == [False, True]


@pytest.mark.parametrize("name", ["x_durwan_key", "x.durwan.key", "X_Durwan_Key", "x_durwan_decision"])
def test_a_name_that_is_nearly_the_gateways_is_refused(venue: TestVenue, name: str) -> None:
    """What some servers read as a header of the gateway does not pass."""
    (response,) = asked(venue.gate(), check(path="/orders/7", lines=(authorized("reader"), (name, b"root"))))
    assert told(response) == (400, "header_refused")


@pytest.mark.parametrize("name", ["x-durwan-role", "x_durwan_role", "x.durwan.role"])
def test_what_may_be_taken_for_the_gateways_is_removed(venue: TestVenue, name: str) -> None:
    """A header under the gateway's prefix that it does not set is taken away."""
    (response,) = asked(venue.gate(), check(path="/orders/7", lines=(authorized("reader"), (name, b"root"))))
    assert told(response) == (200, "")
    assert list(response.ok_response.headers_to_remove) == [name]


@pytest.mark.parametrize(
    "name", ["x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-prefix", "x-envoy-original-path"]
)
def test_what_would_rename_the_request_is_refused(venue: TestVenue, name: str) -> None:
    """A client cannot have another target acted upon than the one that is decided about."""
    (response,) = asked(venue.gate(), check(path="/orders/7", lines=(authorized("reader"), (name, b"/admin/halt"))))
    assert told(response) == (400, "header_refused")


@pytest.mark.parametrize(
    "path", ["//orders/7", "/orders/../admin/halt", "/orders%2f7", "/orders/7;x", "/orders/7#x", ""]
)
def test_a_path_that_can_be_read_in_two_ways_is_refused(venue: TestVenue, path: str) -> None:
    """What the upstream might read otherwise is decided about in no way."""
    (response,) = asked(venue.gate(), check(path=path, lines=(authorized("reader"),)))
    assert told(response)[0] == 400


def test_what_is_decided_about_is_what_goes_on(venue: TestVenue) -> None:
    """A path that was written in another way than the canonical one goes on in the canonical one."""
    plain, odd = asked(
        venue.gate(),
        check(path="/orders/a?x=%61", lines=(authorized("reader"),)),
        check(path="/%6frders/%61?x=%61", lines=(authorized("reader"),)),
    )
    assert ":path" not in headers(plain.ok_response.headers)
    assert headers(odd.ok_response.headers)[":path"] == "/orders/a?x=%61"
    assert headers(odd.ok_response.headers)["x-durwan-action"] == "orders.read"


def signed(venue: TestVenue, body: bytes, sent: bytes | None = None, **http: Any) -> Any:
    """A signed order; what is sent may be another one."""
    raw = venue.signed("POST", b"/orders", body)
    lines = [(name.decode().lower(), value) for name, value in raw.headers if name.lower() != b"host"]
    return check("POST", "/orders", lines, body=body if sent is None else sent, **http)


def test_a_body_that_is_signed_is_verified(venue: TestVenue) -> None:
    """A signature covers the body that Envoy sent; another one, none, or a part of it is refused."""
    body = b'{"quantity": 1}'
    partial = signed(venue, body)
    partial.attributes.request.http.header_map.headers.add(key="x-envoy-auth-partial-body", raw_value=b"true")
    responses = asked(
        venue.gate(), signed(venue, body), signed(venue, body, b'{"quantity": 2}'), signed(venue, body, b""), partial
    )
    assert [told(each) for each in responses] == [
        (200, ""), (401, "signature_invalid"), (503, "not_ready"), (400, "request_too_large"),
    ]  # fmt: skip


def test_a_body_has_a_bound(venue: TestVenue) -> None:
    """A body that is longer than the gate reads is refused, and one beyond what gRPC takes is not allowed either."""
    gate = venue.gate(most_body=1_000)
    order = (authorized("writer"), JSON)
    (response,) = asked(gate, check("POST", "/orders", order, body=b'{"quantity": 1}' + b" " * 1_000))
    assert told(response) == (400, "request_too_large")
    with pytest.raises(envoy_protocol().aio.AioRpcError) as found:
        asked(gate, check("POST", "/orders", order, body=b" " * 300_000))
    assert found.value.code() == envoy_protocol().grpc.StatusCode.RESOURCE_EXHAUSTED


def test_headers_that_were_merged_are_told_apart_or_refused(venue: TestVenue) -> None:
    """Without raw headers one credential is accepted, and what may have been two is refused."""
    token = bearer("reader").decode()
    one, two = asked(
        venue.gate(),
        check(path="/orders/7", merged={":path": "/orders/7", "authorization": token, "accept": "text/html, */*"}),
        check(path="/orders/7", merged={"authorization": f"{token},{bearer('writer').decode()}"}),
    )
    assert told(one) == (200, "")
    assert told(two) == (400, "header_refused")


def test_forwarded_addresses_are_believed_of_proxies_alone(venue: TestVenue) -> None:
    """What came before Envoy is asked for the client's address only if it is trusted."""
    lines = (authorized("reader"), ("x-forwarded-for", b"192.0.2.1, 198.51.100.7"))
    near, far, nobody = asked(
        venue.gate(trusted=("10.0.0.0/8",)),
        check(path="/orders/7", lines=lines, peer="10.1.2.3"),
        check(path="/orders/7", lines=lines, peer="203.0.113.9"),
        check(path="/orders/7", lines=lines, peer=""),
    )
    assert headers(near.ok_response.headers)["x-durwan-address"] == "198.51.100.7"
    assert headers(far.ok_response.headers)["x-durwan-address"] == "203.0.113.9"
    assert told(nobody) == (400, "address_refused")


@pytest.mark.parametrize("message", [b"\xff\xff\xff", b"\x0a\x05hello", b"\x0a\xff"])
def test_a_message_that_cannot_be_read_is_denied(venue: TestVenue, message: bytes) -> None:
    """An error of gRPC would be left to the operator's `failure_mode_allow`; a denial is not."""
    assert [told(each) for each in asked(venue.gate(), message)] == [(503, "not_ready")]


def test_an_empty_message_is_denied(venue: TestVenue) -> None:
    """A message about no request at all allows nothing."""
    (response,) = asked(venue.gate(), b"")
    assert told(response)[0] == 400


def test_a_defect_is_a_denial(venue: TestVenue, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is raised while a request is answered, the answer is no, and the log says what it was and no more."""

    def broken() -> int:
        raise ZeroDivisionError("a secret")

    assert [told(each) for each in asked(venue.gate(), check(path="/status"), clock=broken)] == [(503, "not_ready")]
    assert [each.getMessage() for each in caplog.records] == [
        "Envoy's question could not be answered: ZeroDivisionError"
    ]


def test_an_answer_that_comes_too_late_is_a_denial(venue: TestVenue) -> None:
    """A request is refused when its time is up, whether Envoy set the time or the listener did."""

    def slow(*_: Any) -> dict[str, object]:
        time.sleep(0.5)
        return {}

    async def run() -> None:
        async with answering(venue.gate(facts=slow, waits=True), EnvoyListener(address=NOBODY, longest=0.1)) as ask:
            assert told(await ask(check(path="/status"))) == (503, "not_ready")
            began = time.monotonic()
            # Both clocks run: whichever is first, it is no.
            answers: Any = await asyncio.gather(ask(check(path="/status"), timeout=0.05), return_exceptions=True)
            found = answers[0]
            if isinstance(found, envoy_protocol().aio.AioRpcError):
                assert found.code() == envoy_protocol().grpc.StatusCode.DEADLINE_EXCEEDED
            else:
                assert told(found) == (503, "not_ready")
            assert time.monotonic() - began < 0.4

    asyncio.run(run())


def test_more_calls_than_are_taken_are_not_answered(venue: TestVenue) -> None:
    """Beyond its bound the server answers with an error at once, and nothing is allowed by it."""

    def slow(*_: Any) -> dict[str, object]:
        time.sleep(0.2)
        return {}

    async def run() -> list[Any]:
        async with answering(venue.gate(facts=slow, waits=True), EnvoyListener(address=NOBODY, most_calls=2)) as ask:
            return await asyncio.gather(*(ask(check(path="/status")) for _ in range(6)), return_exceptions=True)

    found = asyncio.run(run())
    refused = [each for each in found if isinstance(each, envoy_protocol().aio.AioRpcError)]
    assert refused
    assert {each.code() for each in refused} == {envoy_protocol().grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_only_envoy_may_ask(venue: TestVenue) -> None:
    """Where a secret is asked for, whoever does not show it, or shows two, is denied."""
    listener = EnvoyListener(address="0.0.0.0:0", secret=Secret(b"between us"))
    shown: tuple[tuple[tuple[str, str], ...], ...] = (
        (),
        (("durwan-proxy-secret", "between"),),
        (("durwan-proxy-secret", "between us"), ("durwan-proxy-secret", "between us")),
        (("durwan-proxy-secret", "between us"),),
    )

    async def run() -> list[Any]:
        async with answering(venue.gate(), listener) as ask:
            return [told(await ask(check(path="/status"), metadata=each)) for each in shown]

    assert asyncio.run(run()) == [(503, "not_ready")] * 3 + [(200, "")]


@pytest.mark.parametrize("address", ["0.0.0.0:9191", "[::]:9191", "203.0.113.9:9191", "localhost:9191", "9191", ""])
def test_nobody_else_can_ask(address: str) -> None:
    """A listener that others can reach needs a secret or certificates."""
    with pytest.raises(EnvoyListenerError, match="in Envoy's place"):
        EnvoyListener(address=address)


@pytest.mark.parametrize("address", ["127.0.0.1:9191", "127.8.0.1:0", "[::1]:9191", "unix:/run/durwan.sock"])
def test_this_machine_may_ask(address: str) -> None:
    """Loopback and Unix sockets need none."""
    assert EnvoyListener(address=address).secret is None


def test_a_unix_socket_is_answered_at(venue: TestVenue, tmp_path: Path) -> None:
    """A listener may be a socket in the file system."""
    address = f"unix:{tmp_path}/envoy.sock"

    async def run() -> tuple[int, str]:
        server = await serve_envoy(venue.gate(), EnvoyListener(address=address))
        async with envoy_protocol().aio.insecure_channel(address) as channel:
            message = await stub(channel)(check(path="/status").SerializeToString())
        await server.stop(0)
        assert server.port == 0
        return told(envoy_protocol().CheckResponse.FromString(message))

    assert asyncio.run(run()) == (200, "")


def test_certificates_are_asked_for_in_both_directions(venue: TestVenue) -> None:
    """Over TLS, whoever has no certificate of the operator's does not come so far as to ask."""
    ours, theirs = authority(), authority()
    server_side = ours.issue("localhost")
    certificates = Certificates(chain=server_side.chain, key=Secret(server_side.key), clients=ours.root)

    async def asks(port: int, client: Any) -> Any:
        grpc, aio = envoy_protocol().grpc, envoy_protocol().aio
        credentials = grpc.ssl_channel_credentials(ours.root, client and client.key, client and client.chain)
        async with aio.secure_channel(f"localhost:{port}", credentials) as channel:
            return await stub(channel)(check(path="/status").SerializeToString(), timeout=5)

    async def run() -> None:
        server = await serve_envoy(venue.gate(), EnvoyListener(address="0.0.0.0:0", certificates=certificates))
        try:
            message = await asks(server.port, ours.issue("envoy"))
            assert told(envoy_protocol().CheckResponse.FromString(message)) == (200, "")
            for stranger in (None, theirs.issue("envoy")):
                with pytest.raises(envoy_protocol().aio.AioRpcError):
                    await asks(server.port, stranger)
        finally:
            await server.stop(0)

    asyncio.run(run())


def test_the_health_service_says_how_it_is(venue: TestVenue) -> None:
    """It serves, then does not while the gateway is not ready, and not any more when it stops."""
    from grpc_health.v1 import health_pb2  # type: ignore[import-untyped,unused-ignore]

    messages: Any = health_pb2

    async def run() -> list[int]:
        server = await serve_envoy(venue.gate(), EnvoyListener(address=NOBODY))
        found: list[int] = []
        async with envoy_protocol().aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            health = stub(channel, "grpc.health.v1.Health")

            async def status(service: str) -> int:
                message = await health(messages.HealthCheckRequest(service=service).SerializeToString())
                return int(messages.HealthCheckResponse.FromString(message).status)

            found.append(await status(""))
            await server.ready(is_ready=False)
            found.append(await status(SERVICE))
            await server.ready(is_ready=True)
            found.append(await status(SERVICE))
            with pytest.raises(envoy_protocol().aio.AioRpcError):
                await status("another")
        await server.stop(0)
        return found

    response = messages.HealthCheckResponse
    assert asyncio.run(run()) == [response.SERVING, response.NOT_SERVING, response.SERVING]


def test_there_is_no_other_method(venue: TestVenue) -> None:
    """Checks and health are all that the server answers: no reflection, nothing administrative."""

    async def run() -> list[Any]:
        server = await serve_envoy(venue.gate(), EnvoyListener(address=NOBODY))
        codes: list[Any] = []
        async with envoy_protocol().aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            for service, method in (
                (SERVICE, "Other"),
                ("envoy.service.auth.v2.Authorization", "Check"),
                ("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo"),
                ("grpc.channelz.v1.Channelz", "GetServers"),
            ):
                with pytest.raises(envoy_protocol().aio.AioRpcError) as found:
                    await stub(channel, service, method)(b"")
                codes.append(found.value.code())
        await server.stop(0)
        return codes

    assert set(asyncio.run(run())) == {envoy_protocol().grpc.StatusCode.UNIMPLEMENTED}


def test_an_address_that_is_taken_is_told(venue: TestVenue) -> None:
    """Two servers do not share an address unless they are told to."""

    async def run(*, shared: bool) -> None:
        first = await serve_envoy(venue.gate(), EnvoyListener(address=NOBODY, shared=shared))
        try:
            second = await serve_envoy(venue.gate(), EnvoyListener(address=f"127.0.0.1:{first.port}", shared=shared))
            await second.stop(0)
        finally:
            await first.stop(0)

    with pytest.raises(EnvoyListenerError, match="cannot be answered at"):
        asyncio.run(run(shared=False))
    asyncio.run(run(shared=True))


def test_what_was_begun_is_answered_before_it_stops(venue: TestVenue) -> None:
    """A call that came before the server was stopped gets its answer within the grace."""

    def slow(*_: Any) -> dict[str, object]:
        time.sleep(0.3)
        return {}

    async def run() -> tuple[int, str]:
        server = await serve_envoy(venue.gate(facts=slow, waits=True), EnvoyListener(address=NOBODY))
        async with envoy_protocol().aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            call = asyncio.ensure_future(stub(channel)(check(path="/status").SerializeToString()))
            await asyncio.sleep(0.15)
            await server.stop(5)
            return told(envoy_protocol().CheckResponse.FromString(await call))

    assert asyncio.run(run()) == (200, "")


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gRPC there is a sentence that says how to install it."""
    envoy_protocol.cache_clear()
    monkeypatch.setitem(sys.modules, "grpc_health.v1.health", None)
    with pytest.raises(EnvoyNotInstalledError, match=r"pip install 'durwan\[envoy\]'"):
        envoy_protocol()


def test_the_headers_are_those_that_the_gateway_sets() -> None:
    """The names under which others would be believed are few, and known."""
    assert all(name.startswith(b"x-durwan-") and name == name.lower() for name in NAMES)
