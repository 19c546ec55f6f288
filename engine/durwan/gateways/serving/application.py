"""The server as ASGI sees it: a table of paths, each answered by one endpoint, and nothing else.

Before any endpoint hears of a request, whoever sent it has to be one of those who may call: a proxy at a known address,
and, where the server can be reached from elsewhere, one that shows the secret that it shares with us.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from durwan.credentials.secret import Secret
from durwan.gateways.serving.exchange import (
    DisconnectedError,
    Endpoint,
    Lines,
    Receive,
    Reply,
    Scope,
    Send,
    problem,
    send_reply,
)
from durwan.model.address import NetworkSet, parse_address

GET: Final = frozenset({"GET", "HEAD"})
POST: Final = frozenset({"POST"})
_MOST_PEERS: Final = 1_024
_BEARER: Final = b"bearer "
_NOT_FOUND: Final = problem(404, "there is nothing at this path")
_FAULT: Final = problem(503, "the server cannot answer this at present")
_STRANGER: Final = problem(403, "this address may not call here: see `proxies.networks`")
_NO_SECRET: Final = problem(401, "whoever calls here has to show the secret", ((b"www-authenticate", b"Bearer"),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Who may call.

    Attributes:
        networks: where they are. Over a socket in the file system it is whoever can open it.
        secret: what they have to show; None where nobody else can reach the server.
        header: in which header, in lower case. Where the request's own `Authorization` is not the client's, it may also
            come there, as a bearer token.
    """

    networks: NetworkSet
    secret: Secret | None = None
    header: bytes = b"durwan-proxy-secret"
    _known: dict[str, bool] = field(default_factory=dict[str, bool], repr=False)

    def refusal(self, scope: Scope, *, bearer: bool) -> Reply | None:
        """Why somebody may not call; None where they may."""
        client = scope.get("client")
        if client is not None and not self._is_known(client[0]):
            return _STRANGER
        if self.secret is None or self._shows(scope["headers"], self.secret.reveal(), bearer=bearer):
            return None
        return _NO_SECRET

    def _is_known(self, address: str) -> bool:
        found = self._known.get(address)
        if found is None:
            packed = parse_address(address)
            found = packed is not None and packed in self.networks
            if len(self._known) >= _MOST_PEERS:
                self._known.clear()
            self._known[address] = found
        return found

    def _shows(self, lines: Lines, secret: bytes, *, bearer: bool) -> bool:
        shown = [value for name, value in lines if name == self.header]
        if bearer and not shown:
            shown = [
                value[len(_BEARER) :]
                for name, value in lines
                if name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER
            ]
        return len(shown) == 1 and hmac.compare_digest(shown[0], secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What is answered at a path.

    Attributes:
        endpoint: by what.
        methods: to which methods; None for any.
        open: whether anybody may ask: for what says nothing of anybody.
        bearer: whether the secret of a caller may come as a bearer token.
    """

    endpoint: Endpoint
    methods: frozenset[str] | None = None
    open: bool = False
    bearer: bool = False


class Application:
    """The server.

    Args:
        ways: what is answered, by path.
        prefixes: what is answered at all paths that begin so, and go on with `/`.
        callers: who may call.
    """

    def __init__(self, ways: Mapping[str, Way], callers: Callers, prefixes: Mapping[str, Way] | None = None) -> None:
        self._ways = {path.encode(): way for path, way in ways.items()}
        self._prefixes = {path.encode(): way for path, way in (prefixes or {}).items()}
        self._callers = callers

    def table(self) -> list[str]:
        """All that is answered, as `POST /access/v1/evaluation`, sorted."""
        every = [*self._ways.items(), *((path + b"/*", way) for path, way in self._prefixes.items())]
        return sorted(f"{'|'.join(sorted(way.methods or ())) or '*'} {path.decode()}" for path, way in every)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's exchange; ASGI. Nothing but HTTP is spoken."""
        if scope["type"] != "http":
            return
        try:
            reply = await self._reply(scope, receive)
        except DisconnectedError:
            return
        except Exception as error:  # noqa: BLE001 - a defect of ours: nobody passes by it
            # Nothing of its text: it may quote the request.
            _log().log(logging.ERROR, "an endpoint failed: %s", type(error).__name__)
            reply = _FAULT
        await send_reply(reply, send)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        path: bytes = scope["raw_path"]
        way = self._ways.get(path) or self._by_prefix(path)
        if way is None:
            return _NOT_FOUND
        if not way.open:
            refusal = self._callers.refusal(scope, bearer=way.bearer)
            if refusal is not None:
                return refusal
        allowed = way.methods
        if allowed is not None and scope["method"] not in allowed:
            methods = ", ".join(sorted(allowed)).encode()
            return problem(405, "this cannot be asked for with that method", ((b"allow", methods),))
        return await way.endpoint(scope, receive)

    def _by_prefix(self, path: bytes) -> Way | None:
        for prefix, way in self._prefixes.items():
            if path.startswith(prefix + b"/"):
                return way
        return None


@dataclass(frozen=True, slots=True)
class Document:
    """What is answered to GET by a function: health, readiness, metrics."""

    make: Callable[[], Reply]

    async def __call__(self, scope: Scope, receive: Receive) -> Reply:
        """The reply."""
        del receive
        reply = self.make()
        return Reply(reply.status, reply.headers) if scope["method"] == "HEAD" else reply


def _log() -> logging.Logger:
    return logging.getLogger("durwan")


__all__ = ["GET", "POST", "Application", "Callers", "Document", "Way"]
