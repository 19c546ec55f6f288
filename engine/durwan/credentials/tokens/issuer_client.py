"""Asking an issuer over HTTP: bounded in time and in size, never redirected, for callers with and without event loop.

All of it runs in one event loop in a thread of its own: a total deadline over name, connection, headers and body can
be held only where the whole of it can be cancelled, and connections that stay open serve both kinds of callers.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit
from weakref import WeakSet

from durwan.errors import DurwanError

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

MOST_ANSWER_BYTES: Final = 65_536
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_GRACE: Final = 0.25


class IssuerUnavailableError(DurwanError):
    """An issuer gave no answer, or none that can be used; the text says why, and holds nothing of the exchange."""


class InvalidIssuerUrlError(DurwanError):
    """An address at which no issuer may be asked; the text says why."""


class HttpNotInstalledError(DurwanError):
    """An issuer is to be asked over HTTP, and the extra that does that is not installed."""

    command = "pip install 'durwan[oidc]'"

    def __init__(self) -> None:
        super().__init__(f"issuers are asked over HTTP with the package httpx2: {self.command}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an issuer answered.

    Attributes:
        status: the status of HTTP.
        body: all of it.
    """

    status: int
    body: bytes = field(repr=False)


class IssuerClient:
    """Asks issuers. One serves all of a gateway; it starts nothing before it is used, and starts anew after a fork."""

    def __init__(
        self,
        *,
        deadline: float = 2.0,
        tls: ssl.SSLContext | None = None,
        allow_loopback_http: bool = False,
    ) -> None:
        """Makes a client.

        Args:
            deadline: seconds after which an exchange is given up, whatever it is waiting for.
            tls: whom to trust; without it, the authorities that the system trusts.
            allow_loopback_http: whether an issuer on this very machine may be asked without TLS, as in tests.

        Raises:
            HttpNotInstalledError: the extra is missing.
        """
        try:
            import httpx2  # noqa: PLC0415 - a gateway that asks no issuer never loads it
        except ImportError as error:
            raise HttpNotInstalledError from error
        self._httpx2 = httpx2
        self.deadline = deadline
        self._tls = tls
        self._allow_loopback_http = allow_loopback_http
        self._home: _Home | None = None

    def check_url(self, url: str) -> str:
        """The address, at which an issuer may be asked.

        Raises:
            InvalidIssuerUrlError: it is not `https`, or holds a name, a password or a fragment.
        """
        try:
            parts = urlsplit(url)
            local = parts.hostname in _LOOPBACK and self._allow_loopback_http
            fine = (
                parts.hostname and parts.port != 0 and (parts.scheme == "https" or (local and parts.scheme == "http"))
            )
        except ValueError:
            raise InvalidIssuerUrlError("the address of an issuer is no URL") from None
        if not fine:
            raise InvalidIssuerUrlError("the address of an issuer is one of https")
        if "@" in parts.netloc or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
            raise InvalidIssuerUrlError("the address of an issuer has no user, no password, no fragment and no spaces")
        return url

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Has some work, which asks by `get` and `post`, done in the client's own event loop."""
        home = self._started()
        future = asyncio.run_coroutine_threadsafe(work, home.loop)
        with process_lock():
            home.work.add(future)
        return future

    def wait(self, future: Future[T]) -> T:
        """The result of such work.

        Raises:
            IssuerUnavailableError: it was not there in time.
        """
        try:
            return future.result(self.deadline + _GRACE)
        except (TimeoutError, CancelledError):
            raise IssuerUnavailableError("the issuer did not answer in time") from None

    async def wait_async(self, future: Future[T]) -> T:
        """As `wait`. That the caller gives up does not end the work, for which others may wait as well."""
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), self.deadline + _GRACE)
        except TimeoutError:
            raise IssuerUnavailableError("the issuer did not answer in time") from None
        except asyncio.CancelledError:
            # Either whoever waits was cancelled, or the work was, by `close`.
            if not future.cancelled():
                raise
            raise IssuerUnavailableError("the issuer is not asked any more") from None

    async def get(self, url: str) -> Answer:
        """What a `GET` of an address gives; to be awaited by work of this client alone.

        Raises:
            IssuerUnavailableError: nothing in time, or too much, or in a form that was not asked for.
        """
        return await self._exchange("GET", url, {"accept": "application/json"}, None)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What a `POST` of a form to an address gives; as `get` otherwise."""
        form = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        return await self._exchange("POST", url, {**form, **headers}, body)

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        # Nothing is to be unpacked: a few bytes can stand for very many.
        asked = {**headers, "accept-encoding": "identity"}
        try:
            async with (
                asyncio.timeout(self.deadline),
                self._http().stream(method, url, headers=asked, content=body) as response,
            ):
                return Answer(response.status_code, await _bounded(response))
        except TimeoutError:
            raise IssuerUnavailableError("the issuer did not answer in time") from None
        except (self._httpx2.HTTPError, self._httpx2.InvalidURL, OSError) as error:
            raise IssuerUnavailableError(f"the issuer cannot be asked: {type(error).__name__}") from None

    def _http(self) -> httpx2.AsyncClient:
        """The connections of the loop that this runs in."""
        home = self._started()
        if home.http is None:
            # The environment could name a proxy; whom we ask is configured, and nothing stands between.
            home.http = self._httpx2.AsyncClient(
                verify=self._tls or True, trust_env=False, follow_redirects=False, timeout=self.deadline
            )
        return home.http

    def _started(self) -> _Home:
        home = self._home
        if home is None or home.process != os.getpid():
            with process_lock():
                if self._home is None or self._home.process != os.getpid():
                    self._home = _Home()
                home = self._home
        return home

    def close(self) -> None:
        """Ends all work and closes all connections. Asked again, the client starts anew."""
        home, self._home = self._home, None
        if home is not None and home.process == os.getpid():
            home.close()


class _Home:
    """An event loop in a thread of its own, and the connections that belong to it."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.http: httpx2.AsyncClient | None = None
        self.work: WeakSet[Future[Any]] = WeakSet()
        self._thread = Thread(target=self._run, name="durwan-issuers", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(self._end())
        finally:
            self.loop.close()

    async def _end(self) -> None:
        # What was started is cancelled already, and ends the tasks that it has in turn.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=_GRACE)
        if self.http is not None:
            await self.http.aclose()

    def close(self) -> None:
        with process_lock():
            work = tuple(self.work)
        for future in work:
            future.cancel()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()


async def _bounded(response: httpx2.Response) -> bytes:
    """The body, given up as soon as it is longer than it may be."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise IssuerUnavailableError("the issuer answers in a form that was not asked for")
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > MOST_ANSWER_BYTES:
            raise IssuerUnavailableError(f"the issuer answers with more than {MOST_ANSWER_BYTES} bytes")
    return bytes(body)


_locks: Final = [RLock()]


def process_lock() -> RLock:
    """Held for the few steps in which something is started that a process needs once."""
    return _locks[0]


def _after_fork() -> None:
    # A thread of the other process, which is not here, may have held the lock.
    _locks[0] = RLock()


if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(after_in_child=_after_fork)
