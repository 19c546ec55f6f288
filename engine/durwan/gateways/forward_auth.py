"""Forward authentication: a proxy asks for each request whether it may go on, and tells what it is about in headers.

Three ways of asking are answered. *Forwarded* is that of Traefik and Caddy, and of nginx by configuration: the request
stands in `X-Forwarded-Method`, `-Host` and `-Uri`. In the *nginx* form of it, `auth_request`, nothing but 2xx, 401 and
403 is understood, and headers alone are kept: status, code and body stand in headers then. *Prefixed* is that of Envoy
over HTTP: method, host and headers are those of the request itself, and its target stands behind a prefix.

What the proxy says is believed, since the server lets nobody else come so far; what the client says is not.

A body comes along if the proxy sends it. Where none comes, there may be one nevertheless that goes on to the
application unseen, and a request whose body has to be looked at is refused, unless the operator says that bodies are
sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
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
_SCHEME: Final = b"x-forwarded-proto"
_SAID: Final = frozenset({_METHOD, _HOST, _TARGET, _SCHEME})
_LENGTHS: Final = frozenset({b"content-length", b"transfer-encoding"})
_MOST_REMEMBERED, _MOST_REMEMBERED_BYTES = 512, 2_048
_MOST_ADDRESSES, _MOST_LINE = 4_096, 64
# The connection is the proxy's: its length is that of the body that it sends, if any, and so are these.
_HOP_BY_HOP: Final = frozenset({b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"transfer-encoding"})
_NOT_SAID: Final = refuse("request_malformed", "the proxy did not say what the request is about")
_TOO_LARGE: Final = refuse("request_too_large")
_NOT_SENT: Final = refuse("not_ready", "the proxy does not send the body, by which this request is decided about")
_OURS: Final = refuse("header_refused", "a header has a name that only the gateway uses")
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
        return any(name in _LENGTHS for name, _ in scope["headers"])

    async def _with_body(self, begun: Begun, scope: Scope, receive: Receive) -> Answer:
        # Without a length there is no body (RFC 9112, section 6.3).
        if not any(name in _LENGTHS for name, _ in scope["headers"]):
            return await self._gate.finish_async(begun, b"")
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


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where what stands in headers of these names."""

    method: int
    host: int
    target: int
    hops: tuple[int, ...]
    kept: tuple[int, ...]


class Forwarded:
    """The request that a proxy says it is asking for.

    A proxy sends the same headers in the same order for clients of one kind, so where what stands among them is worked
    out once for their names and remembered: the result of a pure function, in a memory that is bounded and is forgotten
    as a whole when it is full.

    Args:
        rules: which further proxies are passed over in the header that says from where a request came.
        clock: milliseconds since the epoch.
        own: the header, in lower case, by which proxies show who they are; it is for nobody else.
    """

    def __init__(self, rules: RequestRules, clock: Callable[[], int], own: bytes) -> None:
        self._client = Client(rules)
        self._clock = clock
        self._own = own
        self._plans: dict[tuple[bytes, ...], _Plan | Refusal] = {}

    def __call__(self, scope: Scope) -> RawRequest | Refusal:
        """The request, without the headers that the proxy put there to describe it."""
        lines: list[tuple[bytes, bytes]] = scope["headers"]
        names = tuple([name for name, _ in lines])
        plan = self._plans[names] if names in self._plans else self._learned(names)
        if isinstance(plan, Refusal):
            return plan
        address = self._client.address([lines[place][1] for place in plan.hops])
        if isinstance(address, Refusal):
            return address
        method = lines[plan.method][1].decode("ascii", "replace")
        headers = ((b"host", lines[plan.host][1]), *[lines[place] for place in plan.kept])
        return RawRequest(method, lines[plan.target][1], headers, b"", address, self._clock())

    def _learned(self, names: tuple[bytes, ...]) -> _Plan | Refusal:
        plan = self._plan(names)
        if sum(map(len, names)) <= _MOST_REMEMBERED_BYTES:
            if len(self._plans) >= _MOST_REMEMBERED:
                self._plans.clear()
            self._plans[names] = plan
        return plan

    def _plan(self, names: tuple[bytes, ...]) -> _Plan | Refusal:
        """The plan; a refusal where what the proxy has to say is missing, or is said twice."""
        said = {name: [place for place, each in enumerate(names) if each == name] for name in _SAID}
        if any(len(said[name]) != 1 for name in (_METHOD, _HOST, _TARGET)) or len(said[_SCHEME]) > 1:
            return _NOT_SAID
        if _has_stray(names):
            return _OURS
        dropped = {*_SAID, *_HOP_BY_HOP, self._client.header, self._own, b"host"}
        return _Plan(
            method=said[_METHOD][0],
            host=said[_HOST][0],
            target=said[_TARGET][0],
            hops=tuple(place for place, name in enumerate(names) if name == self._client.header),
            kept=tuple(place for place, name in enumerate(names) if name not in dropped),
        )


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
        if _has_stray(name for name, _ in scope["headers"]):
            return _OURS
        dropped = {self._client.header, self._own, _SCHEME, *_HOP_BY_HOP}
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
        self._known: dict[bytes, str | Refusal] = {}
        self.header = rules.forwarded.encode()

    def address(self, lines: list[bytes]) -> str | Refusal:
        """The address of the client; a refusal where none was said, or not one that can be read."""
        if len(lines) != 1 or len(lines[0]) > _MOST_LINE:
            return client_address(self._rules, "", lines)
        line = lines[0]
        found = self._known.get(line)
        if found is None:
            found = client_address(self._rules, "", lines)
            if len(self._known) >= _MOST_ADDRESSES:
                self._known.clear()
            self._known[line] = found
        return found


def _has_stray(names: Iterable[bytes]) -> bool:
    """Whether a header has a name of ours that is not one of those that a proxy replaces, and so would go on."""
    return any(is_identity_header(name) and name not in NAMES for name in names)


def _of_envoy(name: bytes) -> bool:
    """Whether a header is one that Envoy itself puts there."""
    return name.startswith(b"x-envoy-")


__all__ = ["Client", "ForwardAuth", "Forwarded", "NginxAuth", "Prefixed", "shown_code"]
