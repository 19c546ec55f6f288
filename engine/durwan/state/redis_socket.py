"""A socket on which all reads and writes together end at one instant, however slowly octets come in.

redis-py gives each read its own time: a server that sends an octet now and then would be waited for without end.
"""

from __future__ import annotations

import socket
import time
from typing import Any


class TimedSocket:
    """A socket, plain or TLS, with an end.

    Attributes:
        end: when reads and writes end, by `time.monotonic`; None to leave them the time that the socket gives them.
    """

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self.end: float | None = None

    def recv(self, size: int) -> bytes:
        """Reads as a socket does."""
        self._hurry()
        return self._inner.recv(size)

    def recv_into(self, *arguments: Any) -> int:
        """Reads as a socket does."""
        self._hurry()
        return self._inner.recv_into(*arguments)

    def sendall(self, octets: bytes) -> None:
        """Writes as a socket does."""
        self._hurry()
        self._inner.sendall(octets)

    def __getattr__(self, name: str) -> Any:
        """Whatever else a socket has."""
        return getattr(self._inner, name)

    def _hurry(self) -> None:
        if self.end is not None:
            remaining = self.end - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            self._inner.settimeout(remaining)


__all__ = ["TimedSocket"]
