"""What stands behind a proxy: an application that keeps all that reaches it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn


@dataclass(frozen=True)
class Reached:
    """A request as it reached the application."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def values(self, name: str) -> list[bytes]:
        """The values of all header lines of a name, or of one that may be taken for it."""
        return [value for each, value in self.headers if fold(each) == name.encode()]

    def value(self, name: str) -> bytes:
        """The one value of a name; empty where it has none."""
        values = self.values(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else b""


def fold(name: bytes) -> bytes:
    """A name as servers that are careless give it to applications."""
    return name.lower().replace(b"_", b"-").replace(b".", b"-")


@dataclass
class Upstream:
    """The application."""

    port: int = 0
    reached: list[Reached] = field(default_factory=list[Reached])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body = b""
        while True:
            message: Any = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        self.reached.append(Reached(scope["method"], target, tuple(map(tuple, scope["headers"])), body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-reached", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": b"reached"})

    def taken(self) -> list[Reached]:
        """What has reached it since it was asked the last time."""
        found, self.reached = self.reached, []
        return found


@contextmanager
def upstream() -> Generator[Upstream, None, None]:
    """The application, answering in a thread on a port of its own."""
    application = Upstream()
    config = uvicorn.Config(
        application, port=0, ws="none", lifespan="off", log_config=None, proxy_headers=False, timeout_keep_alive=120
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    application.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield application
    finally:
        server.should_exit = True
        thread.join()


__all__ = ["Reached", "Upstream", "fold", "upstream"]
