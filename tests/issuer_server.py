"""An issuer on the loopback, which answers as a test tells it to: well, badly, slowly or not at all."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

Answering = Callable[["Handler"], None]


@dataclass
class Issuer:
    """A server that is running.

    `answer` may be replaced at any time; `asked` are the method, the path, the headers and the body of every request.
    """

    answer: Answering
    url: str = ""
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list[Any])
    over: Event = field(default_factory=Event)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    issuer: Issuer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.issuer.asked.append((self.command, self.path, headers, body))
        try:
            self.issuer.answer(self)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library names it
        """Says nothing."""


def document(body: bytes, status: int = 200, **headers: str) -> Answering:
    """Answers with a body."""

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def dripping_body(handler: Handler) -> None:
    """A slow loris: announces a body, and sends a byte of it now and then, without end."""
    handler.send_response(200)
    handler.send_header("content-length", "60000")
    handler.end_headers()
    _drip(handler, b" ")


def dripping_headers(handler: Handler) -> None:
    """A slow loris of the other kind: never comes to the end of the headers."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
    _drip(handler, b"a")


def endless_body(handler: Handler) -> None:
    """Ten megabytes, in pieces of no announced size."""
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    for _ in range(160):
        handler.wfile.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


def silent(handler: Handler) -> None:
    """Takes the request and says nothing."""
    handler.issuer.over.wait(30)
    handler.close_connection = True


def _drip(handler: Handler, drop: bytes) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and not handler.issuer.over.wait(0.05):
        handler.wfile.write(drop)
        handler.wfile.flush()
    handler.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing of clients that went away."""


@contextmanager
def issuer_server(answer: Answering, tls: ssl.SSLContext | None = None) -> Generator[Issuer]:
    """A server that answers so, until the end of the block."""
    issuer = Issuer(answer)
    kind = type("_Handler", (Handler,), {"issuer": issuer})
    server = _Server(("127.0.0.1", 0), kind)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    issuer.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuer
    finally:
        issuer.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
