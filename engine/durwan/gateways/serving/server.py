"""One process that answers: uvicorn around the application, with the ends that it has.

uvicorn is told nothing that it would do by itself to a request: it rewrites no address by what headers say, adds no
header of its own, speaks no WebSocket, and writes no log of accesses. Signals are ours: on SIGTERM it is first not
ready any more, so that whoever balances load goes elsewhere, and only then takes no more connections; what runs is
finished, and the record closed. SIGHUP reads policies, routes and keys again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Final

from durwan.errors import DurwanError
from durwan.gateways.envoy import EnvoyServer, serve_envoy
from durwan.gateways.serving.assembly import Service
from durwan.gateways.serving.kinds import Listener
from durwan.gateways.serving.reading import Loaded

# Longer than proxies keep a connection that nobody uses: whoever closes it should be the one who opens it.
_KEEP_ALIVE: Final = 75
_BACKLOG: Final = 2_048
_LOOK_EVERY: Final = 1.0
_TELL_EVERY: Final = 0.1
# What headers may be together. Those of the request that it is about have a closer bound, which is the gate's.
_MOST_HEAD: Final = 64 << 10
_SECOND: Final = 1_000
_MODE: Final = 0o660


class ServerNotInstalledError(DurwanError):
    """The packages are missing that speak HTTP."""

    command = "pip install 'durwan[server]'"

    def __init__(self) -> None:
        super().__init__(f"durwan serve speaks HTTP with the package uvicorn: {self.command}")


def open_socket(listener: Listener) -> socket.socket:
    """A socket that listens, and is handed on to the processes that answer.

    Raises:
        DurwanError: it cannot be had.
    """
    family = socket.AF_UNIX if listener.path else socket.AF_INET6 if ":" in listener.address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if listener.path:
            _clear(Path(listener.path))
            made.bind(listener.path)
            Path(listener.path).chmod(_MODE)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((listener.address, listener.port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise DurwanError(f"nothing can be answered at {listener}: {error.strerror or error}") from None
    made.set_inheritable(True)
    return made


def name_of(opened: socket.socket) -> str:
    """Where a socket is, with the port that it was given."""
    found: Any = opened.getsockname()
    return f"unix:{found}" if opened.family == socket.AF_UNIX else str(Listener(address=found[0], port=found[1]))


def _clear(path: Path) -> None:
    """Removes a socket that a process left which is not there any more; anything else stays, and is in the way."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        if other.connect_ex(str(path)) == 0:
            raise DurwanError(f"somebody answers at unix:{path} already")
    path.unlink()


class Process:
    """Answers until it is told to stop.

    Args:
        service: what answers.
        sockets: where.
        admin: where operators ask; None without.
        ready: called once requests are answered.
    """

    def __init__(
        self,
        service: Service,
        sockets: Sequence[socket.socket],
        admin: socket.socket | None,
        ready: Callable[[], object],
    ) -> None:
        self._service = service
        self._sockets = list(sockets)
        self._admin = admin
        self._ready = ready
        self._stopping = False
        self._ending = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self) -> None:
        """Answers; returns when it was told to stop, and what ran has ended.

        Raises:
            ServerNotInstalledError: the extra is missing.
        """
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._main())
        finally:
            self._service.close()

    async def _main(self) -> None:
        loaded = self._service.loaded
        servers = [_server(self._service.application, loaded, tls=True)]
        sockets = [self._sockets]
        if self._admin is not None and self._service.admin is not None:
            servers.append(_server(self._service.admin, loaded, tls=False))
            sockets.append([self._admin])
        envoy = await self._answer_envoy()
        self._listen_to_signals(servers)
        running = [asyncio.create_task(each.serve(where)) for each, where in zip(servers, sockets, strict=True)]
        while not all(each.started for each in servers) and not any(each.done() for each in running):  # noqa: ASYNC110
            await asyncio.sleep(0.005)  # uvicorn has no event for it
        self._service.readiness.is_open = not self._stopping
        self._ready()
        self._spawn(self._look())
        if envoy is not None:
            self._spawn(self._tell(envoy))
            running.append(asyncio.create_task(self._end(envoy)))
        await asyncio.gather(*running)

    # ------------------------------------------------------------------------------------------------------- Envoy

    async def _answer_envoy(self) -> EnvoyServer | None:
        listener = self._service.envoy
        return None if listener is None else await serve_envoy(self._service.gate, listener)

    async def _tell(self, envoy: EnvoyServer) -> None:
        """Has the health service say how it is."""
        while not self._ending.is_set():
            await envoy.ready(is_ready=self._service.is_ready)
            await asyncio.sleep(_TELL_EVERY)

    async def _end(self, envoy: EnvoyServer) -> None:
        """Ends with the servers of HTTP."""
        await self._ending.wait()
        await envoy.stop(self._service.loaded.configuration.stop.grace / _SECOND)

    # ----------------------------------------------------------------------------------------------------- signals

    def _listen_to_signals(self, servers: Sequence[Any]) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: self._spawn(self._stop(servers)))
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(asyncio.to_thread(self._service.reload)))

    async def _stop(self, servers: Sequence[Any]) -> None:
        """Not ready any more; after the time to drain, no more connections. Asked again, at once."""
        drains = not self._stopping
        self._stopping = True
        self._service.readiness.is_open = False
        if drains:
            await asyncio.sleep(self._service.loaded.configuration.stop.drain / _SECOND)
        for server in servers:
            server.should_exit = True
        self._ending.set()

    async def _look(self) -> None:
        """Follows the file of keys."""
        while not self._stopping:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                await asyncio.to_thread(self._service.look)
            except DurwanError as error:
                self._service.log.event("keys_reload_failed", level="error", problem=str(error))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - an extra, and not everywhere
    except ImportError:
        return None
    return uvloop.new_event_loop


def _server(application: Any, loaded: Loaded, *, tls: bool) -> Any:
    try:
        import uvicorn  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ServerNotInstalledError from error

    class Server(uvicorn.Server):
        """One that leaves signals alone."""

        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            """They are ours."""
            yield

    configuration = loaded.configuration
    certificate = configuration.tls if tls else None
    settings = uvicorn.Config(
        application,
        loop="none",
        http=_http(),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(configuration.stop.grace // _SECOND, 1),
        ssl_certfile=None if certificate is None else loaded.file(certificate.certificate),
        ssl_keyfile=None if certificate is None else loaded.file(certificate.key),
    )
    return Server(settings)


def _http() -> Any:
    """The parser in C where it is there, with a bound: by itself it collects whatever comes before the headers end."""
    try:
        import httptools  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport] - whether it is there
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # noqa: PLC0415 - an extra
    except ImportError:
        return "h11"

    class Bounded(HttpToolsProtocol):
        """One that closes connections whose headers do not end."""

        _bytes = 0
        _is_head = True

        def data_received(self, data: bytes) -> None:
            """Some bytes came."""
            if self._is_head:
                self._bytes += len(data)
                if self._bytes > _MOST_HEAD:
                    self.send_400_response("The headers are too large.")
                    return
            super().data_received(data)

        def on_message_begin(self) -> None:
            """A request begins."""
            self._is_head, self._bytes = True, 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            """Its headers have ended."""
            self._is_head = False
            super().on_headers_complete()

    return Bounded


__all__ = ["Process", "ServerNotInstalledError", "name_of", "open_socket"]
