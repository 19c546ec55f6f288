"""Forward authentication: a proxy asks for each request whether it may go on, and tells what it is about in headers.

Three ways of asking are answered. *Forwarded* is that of Traefik and Caddy, and of nginx by configuration: the request
stands in `X-Forwarded-Method`, `-Host` and `-Uri`. In the *nginx* form of it, `auth_request`, nothing but 2xx, 401 and
403 is understood, and headers alone are kept: status, code and body stand in headers then. *Prefixed* is that of Envoy
over HTTP: method, host and headers are those of the request itself, and its target stands behind a prefix.

What the proxy says is believed, since the server lets nobody else come so far; what the client says is not.

A body comes along if the proxy sends it. Where none comes, there may be one nevertheless that goes on to the application
unseen, and a request whose body has to be looked at is refused, unless the operator says that bodies are sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from time import perf_counter
from typing import Final

from durwan.credentials.raw_request import Headers, RawRequest
from durwan.credentials.refusals import Refusal, refuse
from durwan.gateways.answer import Answer
from durwan.gateways.gate import Begun, Gate
from durwan.gateways.serving.exchange import Receive, Reply, Scope, TooLargeError, read_body
from durwan.gateways.upstream import NAMES, is_identity_header
from durwan.routing.address import client_address
from durwan.routing.rules import RequestRules

Original = Callable[[Scope], RawRequest | Refusal]

# What a proxy says of a request; what is never the client's own.
_METHOD, _HOST, _TARGET = b"x-forwarded-method", b"x-forwarded-host", b"x-forwarded-uri"
_SAID: Final = frozenset({_METHOD, _HOST, _TARGET, b"x-forwarded-proto"})
# The connection is the proxy's: its length is that of the body that it sends, if any, and so are these.
_HOP_BY_HOP: Final = frozenset({b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"transfer-encoding"})
_NOT_SAID: Final = refuse("request_malformed", "the proxy did not say what the request is about")
_TOO_LARGE: Final = refuse("request_too_large")
_NOT_SENT: Final = refuse("not_ready", "the proxy does not send the body, by which this request is decided about")
_OURS: Final = refuse("header_refused", "a header has a name that only the gateway uses")
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
# Their content means nothing (RFC 9110 §9.3.1).
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})
_UNREAD: Final = RawRequest("", b"", (), b"", "", 0)
_LEFT: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class ForwardAuth:
    """Answers proxies by a gate, with whatever the gate answers.

    Args:
        gate: what answers.
        original: makes the request of what the proxy sent.
        sends_bodies: whether the proxy sends the body of each request that has one.
    """

    methods: Final = None

    def __init__(self, gate: Gate, original: Original, *, sends_bodies: bool = False) -> None:
        self._gate = gate
        self._original = original
        self._sends_bodies = sends_bodies

    async def __call__(self, scope: Scope, receive: Receive) -> Reply:
        """The reply to a proxy: 200 with headers for what stands behind it, or the refusal for the client."""
        answer = await self.answer(scope, receive)
        if answer.allowed:
            return Reply(200, (*answer.upstream, *answer.headers))
        return Reply(answer.status, answer.headers, answer.body)

    async def answer(self, scope: Scope, receive: Receive) -> Answer:
        """The answer of the gate."""
        gate = self._gate
        raw = self._original(scope)
        if isinstance(raw, Refusal):
            return await gate.finish_async(Begun(raw=_UNREAD, refusal=raw, started=perf_counter()), b"")
        begun = gate.begin(raw)
        if not begun.needs_body:
            return await gate.finish_async(begun, b"")
        if not self._has_body_sent(scope, raw.method):
            return await gate.finish_async(begun.refused(_NOT_SENT), b"")
        return await self._with_body(begun, scope, receive)

    def _has_body_sent(self, scope: Scope, method: str) -> bool:
        """Whether what is sent as the body is all that there is."""
        if self._sends_bodies or method in _WITHOUT_BODY:
            return True
        return any(name in _FRAMING for name, _ in scope["headers"])

    async def _with_body(self, begun: Begun, scope: Scope, receive: Receive) -> Answer:
        try:
            body = await read_body(scope, receive, self._gate.most_body)
        except TooLargeError:
            return await self._gate.finish_async(begun.refused(_TOO_LARGE), b"")
        return await self._gate.finish_async(begun, body)


class NginxAuth:
    """The same for `auth_request` of nginx: 200, 401 or 403, and all else in headers.

    `X-Auth-Status`, `X-Auth-Code` and `X-Auth-Body` are what the client should be answered. `X-Auth-Target` is the
    target that was decided about, in its canonical form, which is what should go on.
    """

    methods: Final = None

    def __init__(self, inner: ForwardAuth) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive) -> Reply:
        """The reply to nginx."""
        answer = await self._inner.answer(scope, receive)
        if answer.allowed:
            return Reply(200, (*answer.upstream, *answer.headers, (b"x-auth-target", _target(answer))))
        status = answer.status if answer.status in _LEFT else HTTPStatus.FORBIDDEN
        kept = [each for each in answer.headers if each[0] != b"content-type"]
        said = (
            (b"x-auth-status", b"%d" % answer.status),
            (b"x-auth-code", shown_code(answer)),
            # Of one line, and ASCII: JSON without spaces is both.
            (b"x-auth-body", answer.body),
        )
        return Reply(status, (*kept, *said))


def _target(answer: Answer) -> bytes:
    """The target that was decided about; empty where there is none, which leaves the proxy's own."""
    routed = answer.routed
    return b"" if routed is None else routed.path.encode() + (b"?" + routed.query if routed.query else b"")


def shown_code(answer: Answer) -> bytes:
    """The code that the client sees, which may be coarser than the exact one."""
    return next((value for name, value in answer.headers if name == b"x-decision-code"), b"")


class Forwarded:
    """The request that a proxy says it is asking for.

    Args:
        rules: which further proxies are passed over in the header that says from where a request came.
        clock: milliseconds since the epoch.
        own: the header, in lower case, by which proxies show who they are; it is for nobody else.
    """

    def __init__(self, rules: RequestRules, clock: Callable[[], int], own: bytes) -> None:
        self._client = Client(rules)
        self._clock = clock
        self._own = own

    def __call__(self, scope: Scope) -> RawRequest | Refusal:
        """The request, without the headers that the proxy put there to describe it."""
        said: dict[bytes, bytes] = {}
        kept: list[tuple[bytes, bytes]] = []
        hops: list[bytes] = []
        for line in scope["headers"]:
            name = line[0]
            if name in _SAID:
                if name in said:
                    return _NOT_SAID
                said[name] = line[1]
            elif name == self._client.header:
                hops.append(line[1])
            elif is_identity_header(name) and name not in NAMES:
                # A proxy replaces the names that it knows. One of ours that it does not know would go on.
                return _OURS
            elif name not in _HOP_BY_HOP and name not in {b"host", self._own}:
                kept.append(line)
        if not said.keys() >= {_METHOD, _HOST, _TARGET}:
            return _NOT_SAID
        address = self._client.address(hops)
        if isinstance(address, Refusal):
            return address
        headers = ((b"host", said[_HOST]), *kept)
        method = said[_METHOD].decode("ascii", "replace")
        return RawRequest(method, said[_TARGET], headers, b"", address, self._clock())


class Prefixed:
    """The request as it stands, but for a prefix of its target.

    Args:
        prefix: what stands before the target, as `/envoy`.
        rules: as for `Forwarded`.
        clock: milliseconds since the epoch.
        own: as for `Forwarded`.
    """

    def __init__(self, prefix: bytes, rules: RequestRules, clock: Callable[[], int], own: bytes) -> None:
        self._prefix = prefix
        self._client = Client(rules)
        self._clock = clock
        self._own = own

    def __call__(self, scope: Scope) -> RawRequest | Refusal:
        """The request, without its prefix and what the connection alone needs."""
        hops = [value for name, value in scope["headers"] if name == self._client.header]
        address = self._client.address(hops)
        if isinstance(address, Refusal):
            return address
        if any(is_identity_header(name) and name not in NAMES for name, _ in scope["headers"]):
            return _OURS
        dropped = {self._client.header, self._own, b"x-forwarded-proto", *_HOP_BY_HOP}
        headers: Headers = tuple(each for each in scope["headers"] if each[0] not in dropped and not _of_envoy(each[0]))
        query = scope["query_string"]
        target = scope["raw_path"][len(self._prefix) :] + (b"?" + query if query else b"")
        return RawRequest(scope["method"], target, headers, b"", address, self._clock())


class Client:
    """From where a request came, as the proxy says.

    Args:
        rules: which further proxies are passed over, and in which header they stand.
    """

    def __init__(self, rules: RequestRules) -> None:
        # Whoever is heard at all has been let in: so it is as if nobody stood between.
        self._rules = replace(rules, unix_socket=True)
        self.header = rules.forwarded.encode()

    def address(self, lines: list[bytes]) -> str | Refusal:
        """The address of the client; a refusal where none was said, or not one that can be read."""
        return client_address(self._rules, "", lines)


def _of_envoy(name: bytes) -> bool:
    """Whether a header is one that Envoy itself puts there."""
    return name.startswith(b"x-envoy-")


__all__ = ["Client", "ForwardAuth", "Forwarded", "NginxAuth", "Prefixed", "shown_code"]
